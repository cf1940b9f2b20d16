//! From bytes to text: UTF-8 and UTF-16, by byte order mark, charset or the first character.

use std::borrow::Cow;

use super::XmlError;

/// Decodes a document. The byte order mark decides, then `charset` (of `Content-Type`), then the look of the
/// first bytes. Characters that XML 1.0 forbids are refused.
///
/// # Errors
/// [`XmlError::Charset`], [`XmlError::Encoding`], [`XmlError::ForbiddenCharacter`].
pub fn decode<'x>(bytes: &'x [u8], charset: Option<&str>) -> Result<Cow<'x, str>, XmlError> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes)?,
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes)?,
        _ => without_mark(bytes, charset)?,
    };
    if has_forbidden(&text) { Err(XmlError::ForbiddenCharacter) } else { Ok(text) }
}

/// Looks at blocks of bytes without leaving them early, which the compiler turns into few instructions.
fn has_forbidden(text: &str) -> bool {
    let is_control = |byte: u8| (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
    // Both characters beyond the controls begin with this byte; so do others.
    let is_suspect = |byte: u8| is_control(byte) | (byte == 0xEF);
    let mut blocks = text.as_bytes().chunks(BLOCK);
    let is_suspicious = blocks.any(|block| block.iter().fold(false, |any, byte| any | is_suspect(*byte)));
    is_suspicious && !text.chars().all(is_allowed)
}

/// Whether XML 1.0 allows the character.
pub(super) fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

fn without_mark<'x>(bytes: &'x [u8], charset: Option<&str>) -> Result<Cow<'x, str>, XmlError> {
    let name = charset.unwrap_or("utf-8").trim().trim_matches('"').to_ascii_lowercase();
    match name.as_str() {
        "utf-8" | "utf8" | "us-ascii" => utf8(bytes),
        "utf-16" | "utf-16le" => utf16(bytes, u16::from_le_bytes),
        "utf-16be" => utf16(bytes, u16::from_be_bytes),
        _ => Err(XmlError::Charset),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| XmlError::Encoding("UTF-8"))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, XmlError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(XmlError::Encoding("UTF-16"));
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .map(Cow::Owned)
        .map_err(|_| XmlError::Encoding("UTF-16"))
}

const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{XmlError, decode};

    #[test]
    fn every_spelling_of_the_encoding() {
        let units: Vec<u16> = "<a>ä😀</a>".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = |mark: &[u8], body: &[u8]| [mark, body].concat();
        for (bytes, charset) in [
            (marked(b"\xFF\xFE", &little), None),
            (marked(b"\xFE\xFF", &big), Some("utf-8")),
            (little.clone(), None),
            (big.clone(), None),
            (little, Some("UTF-16")),
            (marked(b"\xEF\xBB\xBF", "<a>ä😀</a>".as_bytes()), None),
            ("<a>ä😀</a>".into(), Some("\"utf-8\"")),
        ] {
            assert_eq!(decode(&bytes, charset).as_deref(), Ok("<a>ä😀</a>"));
        }
    }

    #[test]
    fn refuses_what_is_no_text() {
        assert_eq!(decode(b"\xFF\xFEa", None), Err(XmlError::Encoding("UTF-16")));
        assert_eq!(decode(b"\xFF\xFE\x00\xD8", None), Err(XmlError::Encoding("UTF-16")));
        assert_eq!(decode(b"<a>\xE4</a>", None), Err(XmlError::Encoding("UTF-8")));
        assert_eq!(decode(b"<a/>", Some("iso-8859-1")), Err(XmlError::Charset));
        assert_eq!(decode(b"<a>\x01</a>", None), Err(XmlError::ForbiddenCharacter));
        assert_eq!(decode("<a>\u{FFFF}</a>".as_bytes(), None), Err(XmlError::ForbiddenCharacter));
    }
}
