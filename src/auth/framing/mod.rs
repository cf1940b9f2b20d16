//! `multipart/encrypted`: how WinRM carries a sealed body (MS-WSMV 2.2.9.1).
//!
//! The ciphertext may hold any bytes, boundaries included, so a body is taken apart by the lengths it states.

mod frame;

pub use frame::{Frame, frames, unframe};

use super::sealing::{SealError, Sealing};

/// The outer media type.
pub const MEDIA_TYPE: &str = "multipart/encrypted";
/// The outer media type of a message that is sealed in several pieces.
pub const MEDIA_TYPE_OF_PIECES: &str = "multipart/x-multi-encrypted";

/// By which scheme of HTTP the connection was authenticated, which names the protocol of its bodies, whatever
/// mechanism is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `Negotiate`.
    Spnego,
    /// `Kerberos`.
    Kerberos,
    /// `CredSSP`.
    Credssp,
}

impl Protocol {
    /// The protocol's media type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spnego => "application/HTTP-SPNEGO-session-encrypted",
            Self::Kerberos => "application/HTTP-Kerberos-session-encrypted",
            Self::Credssp => "application/HTTP-CredSSP-session-encrypted",
        }
    }

    /// `Content-Type` of a sealed message.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Spnego => CONTENT_TYPE,
            Self::Kerberos => concat!(
                "multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\";",
                "boundary=\"Encrypted Boundary\""
            ),
            Self::Credssp => concat!(
                "multipart/encrypted;protocol=\"application/HTTP-CredSSP-session-encrypted\";",
                "boundary=\"Encrypted Boundary\""
            ),
        }
    }
}

/// `Content-Type` of a message of that many bytes, sealed by that context.
pub fn content_type<S: Sealing + ?Sized>(context: &S, length: usize) -> &'static str {
    if length <= context.largest() { context.protocol().content_type() } else { CONTENT_TYPE_OF_PIECES }
}

/// `Content-Type` of a sealed message on connections authenticated by `Negotiate`.
pub const CONTENT_TYPE: &str = concat!(
    "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";",
    "boundary=\"Encrypted Boundary\""
);

/// `Content-Type` of a sealed message in pieces; CredSSP alone has them.
pub const CONTENT_TYPE_OF_PIECES: &str = concat!(
    "multipart/x-multi-encrypted;protocol=\"application/HTTP-CredSSP-session-encrypted\";",
    "boundary=\"Encrypted Boundary\""
);

/// Why a sealed body cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The media type is not that of a sealed body.
    #[error("the content type is not that of a sealed body")]
    NotSealed,
    /// The protocol is not the one of the connection.
    #[error("the body is sealed by another protocol")]
    WrongProtocol,
    /// A boundary is missing or wrong.
    #[error("a boundary of the sealed body is missing")]
    Boundary,
    /// The headers of a part are missing or wrong.
    #[error("the headers inside the sealed body are malformed")]
    PartHeader,
    /// A stated length does not fit the body.
    #[error("a length inside the sealed body is wrong")]
    Length,
    /// The signature does not fit.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Seals a message and gives the body, in pieces if the context takes no more at once; see [`content_type`].
///
/// # Errors
///
/// [`SealError::Spent`] if the context is of no use any more.
pub fn seal<S: Sealing + ?Sized>(
    context: &mut S,
    content_type: &str,
    message: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut body = Vec::with_capacity(message.len() + ROOM);
    let mut rest = message;
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(context.largest()));
        seal_piece(context, content_type, piece, &mut body)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    body.extend_from_slice(CLOSING.as_bytes());
    Ok(body)
}

fn seal_piece<S: Sealing + ?Sized>(
    context: &mut S,
    content_type: &str,
    piece: &[u8],
    body: &mut Vec<u8>,
) -> Result<(), SealError> {
    let mut cipher = piece.to_vec();
    let signature = context.seal(&mut cipher)?;
    let size = u32::try_from(signature.len()).map_err(|_| SealError::MalformedSignature)?;
    let protocol = context.protocol();
    // The ciphertext of CredSSP has heads of records in it, which do not count.
    let length = if protocol == Protocol::Credssp { piece.len() } else { cipher.len() };
    body.extend_from_slice(head(protocol, content_type, length).as_bytes());
    body.extend_from_slice(&size.to_le_bytes());
    body.extend_from_slice(&signature);
    body.extend_from_slice(&cipher);
    Ok(())
}

/// Opens a sealed body and gives the message with its content type.
///
/// # Errors
///
/// What is wrong with the frame or the seal. A frame that cannot be read leaves the context behind the peer's, so
/// that it is spent, too.
pub fn unseal<S: Sealing + ?Sized>(
    context: &mut S,
    content_type: &str,
    mut body: Vec<u8>,
) -> Result<(String, Vec<u8>), FramingError> {
    let opened = frames(content_type, &body).and_then(|frames| open_all(context, &frames, &mut body));
    let content_type = opened.inspect_err(|_| spend(context))?;
    Ok((content_type, body))
}

/// Opens the pieces of a body one after the other; the body is the message then.
fn open_all<S: Sealing + ?Sized>(
    context: &mut S,
    frames: &[Frame],
    body: &mut Vec<u8>,
) -> Result<String, FramingError> {
    let (first, others) = frames.split_first().ok_or(FramingError::Boundary)?;
    if first.protocol != context.protocol() {
        return Err(FramingError::WrongProtocol);
    }
    let mut more = Vec::new();
    for frame in others {
        more.push(body.get(frame.cipher.clone()).ok_or(FramingError::Length)?.to_vec());
    }
    body.truncate(first.cipher.end);
    body.drain(..first.cipher.start);
    open(context, first, body)?;
    for (frame, mut piece) in others.iter().zip(more) {
        if frame.content_type != first.content_type {
            return Err(FramingError::PartHeader);
        }
        open(context, frame, &mut piece)?;
        body.append(&mut piece);
    }
    Ok(first.content_type.clone())
}

fn open<S: Sealing + ?Sized>(
    context: &mut S,
    frame: &Frame,
    message: &mut Vec<u8>,
) -> Result<(), FramingError> {
    context.unseal(&frame.signature, message)?;
    // Other mechanisms count their padding.
    let fits = frame.protocol != Protocol::Credssp || frame.length == message.len();
    if fits { Ok(()) } else { Err(FramingError::Length) }
}

/// Makes the context useless: no mechanism opens a message without a signature.
fn spend<S: Sealing + ?Sized>(context: &mut S) {
    let _ = context.unseal(&[], &mut Vec::new());
}

/// Whether a content type is that of a sealed body.
pub fn is_sealed(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE) || is_in_pieces(content_type)
}

fn is_in_pieces(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE_OF_PIECES)
}

fn head(protocol: Protocol, content_type: &str, length: usize) -> String {
    let protocol = protocol.name();
    format!(
        "--{BOUNDARY}\r\n\tContent-Type: {protocol}\r\n\tOriginalContent: type={content_type};Length={length}\r\n\
         --{BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
    )
}

const BOUNDARY: &str = "Encrypted Boundary";
const CLOSING: &str = "--Encrypted Boundary--\r\n";
/// In bytes, for the frame of a message of one piece.
const ROOM: usize = 512;

#[cfg(test)]
mod tests {
    use super::{CONTENT_TYPE, Frame, FramingError, Protocol, is_sealed, seal, unframe, unseal};
    use crate::auth::seal::{SealContext, SealError};
    use crate::secret::Secret;

    const SOAP: &str = "application/soap+xml;charset=UTF-8";

    fn ends() -> (SealContext, SealContext) {
        let key = Secret::new([9; 16]);
        (SealContext::initiator(&key), SealContext::acceptor(&key))
    }

    fn frame(text: &str) -> Result<Frame, FramingError> {
        unframe(CONTENT_TYPE, text.as_bytes())
    }

    #[test]
    fn layout() {
        let body = seal(&mut ends().0, SOAP, b"<x/>").unwrap();
        let head = "--Encrypted Boundary\r\n\
            \tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\
            \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=4\r\n\
            --Encrypted Boundary\r\n\
            \tContent-Type: application/octet-stream\r\n\
            \x10\0\0\0";
        assert_eq!(&body[..head.len()], head.as_bytes());
        assert_eq!(body.len(), head.len() + 16 + 4 + 24);
        assert_eq!(&body[head.len() + 20..], b"--Encrypted Boundary--\r\n");
    }

    #[test]
    fn round_trip() {
        let (mut client, mut server) = ends();
        for text in [&b""[..], b"x", b"--Encrypted Boundary--\r\n", &[0xff; 100_000]] {
            let body = seal(&mut client, SOAP, text).unwrap();
            let opened = unseal(&mut server, CONTENT_TYPE, body).unwrap();
            assert_eq!(opened, (SOAP.to_owned(), text.to_vec()));
        }
    }

    /// Other hosts than Windows send NTLM in pieces, each with a signature of its own.
    #[test]
    fn pieces() {
        let (mut client, mut server) = ends();
        let outer = CONTENT_TYPE.replace("multipart/encrypted", "multipart/x-multi-encrypted");
        let mut body = Vec::new();
        for text in [b"one ", b"and ", b"two "] {
            let piece = seal(&mut server, SOAP, text).unwrap();
            body.extend_from_slice(&piece[..piece.len() - 24]);
        }
        body.extend_from_slice(b"--Encrypted Boundary--\r\n");
        let opened = unseal(&mut client, &outer, body.clone()).unwrap();
        assert_eq!(opened, (SOAP.to_owned(), b"one and two ".to_vec()));
        assert_eq!(unseal(&mut ends().0, CONTENT_TYPE, body.clone()), Err(FramingError::Boundary));
        body.truncate(body.len() - 24);
        assert_eq!(unseal(&mut ends().0, &outer, body), Err(FramingError::Boundary));
    }

    const GOOD: &str = "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\
        \tOriginalContent: type=a/b;charset=UTF-16;Length=5\r\n--Encrypted Boundary\r\n\
        \tContent-Type: application/octet-stream\r\n\x10\0\0\0SIGNATURE-OF-16BHELLO--Encrypted Boundary--\r\n";

    #[test]
    fn tolerated_forms() {
        let blank = GOOD.replace("--Encrypted Boundary", "-- Encrypted Boundary").replace("\t", "");
        let lower = GOOD.replace("Content-Type: a", "content-type:a").replace("Length", "length");
        for text in [GOOD, blank.as_str(), lower.as_str(), GOOD.trim_end()] {
            let found = frame(text).unwrap();
            assert_eq!(found.content_type, "a/b;charset=UTF-16");
            assert_eq!(found.signature, b"SIGNATURE-OF-16B");
            assert_eq!(found.protocol, Protocol::Spnego);
            assert_eq!(&text.as_bytes()[found.cipher], b"HELLO");
        }
        let spaced = CONTENT_TYPE.replace(';', " ; ").replace("multipart", "Multipart");
        assert!(unframe(&spaced, GOOD.as_bytes()).is_ok());
    }

    #[test]
    fn broken_frames() {
        let cases = [
            ("", "", FramingError::Boundary),
            ("=5", "=4", FramingError::Boundary),
            ("=5", "=6", FramingError::Boundary),
            ("=5", "=500", FramingError::Length),
            ("=5", "=18446744073709551615", FramingError::Length),
            ("=5", "=18446744073709551616", FramingError::Length),
            ("=5", "=-5", FramingError::Length),
            ("=5", "=+5", FramingError::Length),
            ("\x10\0\0\0", "\x11\0\0\0", FramingError::Boundary),
            ("\x10\0\0\0", "\0\0\0\0", FramingError::Length),
            ("\x10\0\0\0", "\x7f\x7f\x7f\x7f", FramingError::Length),
            ("OriginalContent", "Original", FramingError::PartHeader),
            ("octet-stream", "octets", FramingError::PartHeader),
            ("HTTP-SPNEGO", "HTTP-Kerberos", FramingError::WrongProtocol),
            ("--Encrypted Boundary--", "", FramingError::Boundary),
            ("--Encrypted Boundary--", "--Other--", FramingError::Boundary),
            ("Boundary--\r\n", "Boundary--\r\nmore", FramingError::Boundary),
        ];
        for (from, to, wanted) in cases {
            let text = if from.is_empty() { String::new() } else { GOOD.replace(from, to) };
            assert_eq!(frame(&text).unwrap_err(), wanted, "{from} -> {to}");
        }
        let outer = [
            ("text/html", FramingError::NotSealed),
            ("multipart/encrypted", FramingError::WrongProtocol),
            ("multipart/encrypted;protocol=\"x\";boundary=\"b\"", FramingError::WrongProtocol),
            (
                "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\"",
                FramingError::Boundary,
            ),
        ];
        for (content_type, wanted) in outer {
            assert_eq!(unframe(content_type, GOOD.as_bytes()).unwrap_err(), wanted);
        }
    }

    #[test]
    fn every_truncation_and_every_changed_payload_byte_is_refused() {
        let body = seal(&mut ends().0, SOAP, b"payload").unwrap();
        for size in 0..body.len() - 2 {
            assert!(unseal(&mut ends().1, CONTENT_TYPE, body[..size].to_vec()).is_err(), "{size}");
        }
        let cipher = unframe(CONTENT_TYPE, &body).unwrap().cipher;
        for at in cipher {
            let mut changed = body.clone();
            changed[at] ^= 0x20;
            let error = unseal(&mut ends().1, CONTENT_TYPE, changed).unwrap_err();
            assert_eq!(error, FramingError::Seal(SealError::WrongSignature));
        }
    }

    #[test]
    fn media_type() {
        assert!(is_sealed(CONTENT_TYPE));
        assert!(is_sealed("Multipart/Encrypted ; x=y"));
        assert!(!is_sealed("multipart/encrypted2"));
        assert!(!is_sealed("application/soap+xml"));
    }
}
