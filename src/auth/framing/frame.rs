//! A sealed body, taken apart without opening it.

use std::ops::Range;

use super::{FramingError, Protocol, is_in_pieces, is_sealed};

/// What a sealed body holds and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Content type of the message itself.
    pub content_type: String,
    /// The protocol by which it is sealed.
    pub protocol: Protocol,
    /// The signature, of whatever length the mechanism has.
    pub signature: Vec<u8>,
    /// Where the ciphertext lies.
    pub cipher: Range<usize>,
    /// The stated length of the message, with its padding.
    pub length: usize,
}

/// Takes a sealed body of one piece apart, without opening the seal.
///
/// # Errors
///
/// What is wrong with the frame.
pub fn unframe(content_type: &str, body: &[u8]) -> Result<Frame, FramingError> {
    let [frame] = <[Frame; 1]>::try_from(frames(content_type, body)?).map_err(|_| FramingError::Boundary)?;
    Ok(frame)
}

/// Takes a sealed body apart, without opening the seals of its pieces.
///
/// # Errors
///
/// What is wrong with a frame.
pub fn frames(content_type: &str, body: &[u8]) -> Result<Vec<Frame>, FramingError> {
    let (protocol, boundary) = outer(content_type)?;
    let mut reader = Reader { body, at: 0 };
    let mut frames = vec![frame(&mut reader, protocol, &boundary)?];
    while reader.closing(&boundary).is_err() {
        if !is_in_pieces(content_type) {
            return Err(FramingError::Boundary);
        }
        frames.push(frame(&mut reader, protocol, &boundary)?);
    }
    Ok(frames)
}

fn frame(reader: &mut Reader<'_>, protocol: Protocol, boundary: &str) -> Result<Frame, FramingError> {
    reader.boundary(boundary)?;
    if !reader.header("content-type")?.eq_ignore_ascii_case(protocol.name()) {
        return Err(FramingError::WrongProtocol);
    }
    let (content_type, length) = original_content(reader.header("originalcontent")?)?;
    reader.boundary(boundary)?;
    if !reader.header("content-type")?.eq_ignore_ascii_case("application/octet-stream") {
        return Err(FramingError::PartHeader);
    }
    let prefix: [u8; PREFIX] = reader.take(PREFIX)?.try_into().map_err(|_| FramingError::Length)?;
    let size = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if size == 0 || size > LONGEST_SIGNATURE {
        return Err(FramingError::Length);
    }
    let sealed = if protocol == Protocol::Credssp { reader.records() } else { size.checked_add(length) };
    let sealed = sealed.filter(|sealed| *sealed >= size).ok_or(FramingError::Length)?;
    let signature = reader.take(size)?.to_vec();
    let start = reader.at;
    reader.take(sealed - size)?;
    let cipher = start..reader.at;
    Ok(Frame { content_type: content_type.to_owned(), protocol, signature, cipher, length })
}

/// Checks the outer content type and gives the boundary.
fn outer(content_type: &str) -> Result<(Protocol, String), FramingError> {
    if !is_sealed(content_type) {
        return Err(FramingError::NotSealed);
    }
    let parameter = |wanted: &str| {
        let all = content_type.split(';').skip(1).filter_map(|part| part.split_once('='));
        all.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let named = parameter("protocol").ok_or(FramingError::WrongProtocol)?;
    let known = [Protocol::Spnego, Protocol::Kerberos, Protocol::Credssp];
    let protocol = known.into_iter().find(|protocol| named.eq_ignore_ascii_case(protocol.name()));
    let protocol = protocol.ok_or(FramingError::WrongProtocol)?;
    let boundary = parameter("boundary").filter(|boundary| !boundary.is_empty());
    Ok((protocol, boundary.ok_or(FramingError::Boundary)?.to_owned()))
}

/// Reads `type=application/soap+xml;charset=UTF-8;Length=123`.
fn original_content(value: &str) -> Result<(&str, usize), FramingError> {
    let (media_type, length) = value.rsplit_once(';').ok_or(FramingError::PartHeader)?;
    let (name, length) = length.split_once('=').ok_or(FramingError::PartHeader)?;
    let (kind, media_type) = media_type.split_once('=').ok_or(FramingError::PartHeader)?;
    if !name.trim().eq_ignore_ascii_case("length") || !kind.trim().eq_ignore_ascii_case("type") {
        return Err(FramingError::PartHeader);
    }
    let length = length.trim();
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FramingError::Length);
    }
    Ok((media_type.trim(), length.parse().map_err(|_| FramingError::Length)?))
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], FramingError> {
        let end = self.at.checked_add(size).ok_or(FramingError::Length)?;
        let bytes = self.body.get(self.at..end).ok_or(FramingError::Length)?;
        self.at = end;
        Ok(bytes)
    }

    /// How many bytes the records of TLS are that begin here. What follows them begins with a hyphen, which is no
    /// type of a record.
    fn records(&self) -> Option<usize> {
        let mut size = 0;
        let mut rest = self.body.get(self.at..)?;
        while let [20..=23, 3, _, high, low, behind @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            rest = behind.get(length..)?;
            size += RECORD_HEAD + length;
        }
        Some(size)
    }

    fn line(&mut self) -> Option<&'a str> {
        let rest = self.body.get(self.at..)?;
        let window = &rest[..rest.len().min(LONGEST_LINE)];
        let end = window.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += end + 2;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// Exchange writes blanks behind the hyphens, as does the specification's example.
    fn boundary(&mut self, boundary: &str) -> Result<(), FramingError> {
        let line = self.line().and_then(|line| line.strip_prefix("--"));
        let fits = line.is_some_and(|line| line.trim() == boundary);
        if fits { Ok(()) } else { Err(FramingError::Boundary) }
    }

    fn header(&mut self, wanted: &str) -> Result<&'a str, FramingError> {
        let (name, value) =
            self.line().and_then(|line| line.split_once(':')).ok_or(FramingError::PartHeader)?;
        let fits = name.trim().eq_ignore_ascii_case(wanted);
        if fits { Ok(value.trim()) } else { Err(FramingError::PartHeader) }
    }

    fn closing(&mut self, boundary: &str) -> Result<(), FramingError> {
        let rest = std::str::from_utf8(self.body.get(self.at..).unwrap_or_default());
        let inner =
            rest.ok().and_then(|rest| rest.trim_end_matches("\r\n").strip_prefix("--")?.strip_suffix("--"));
        let fits = inner.is_some_and(|inner| inner.trim() == boundary);
        if fits { Ok(()) } else { Err(FramingError::Boundary) }
    }
}

/// The length of the signature, in bytes.
const PREFIX: usize = 4;
/// In bytes; NTLM has 16, Kerberos about 60.
const LONGEST_SIGNATURE: usize = 256;
const LONGEST_LINE: usize = 1024;
/// Of TLS: type, version, length.
const RECORD_HEAD: usize = 5;
