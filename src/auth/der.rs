//! As much of DER as security tokens need: tags of one byte, definite lengths, every access checked.

/// A length, a tag or a value is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is no valid DER")]
pub struct DerError;

/// Reads one element after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read yet.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// The next element: its tag and its contents.
    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8]), DerError> {
        let (tag, rest) = self.0.split_first().ok_or(DerError)?;
        if tag & 0x1f == 0x1f {
            return Err(DerError);
        }
        let (first, rest) = rest.split_first().ok_or(DerError)?;
        let (length, rest) = match usize::from(*first) {
            short @ 0..=0x7f => (short, rest),
            long => {
                let (bytes, rest) = rest.split_at_checked(long & 0x7f).ok_or(DerError)?;
                if bytes.is_empty() || bytes.len() > LONGEST_LENGTH {
                    return Err(DerError);
                }
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
        };
        let (contents, rest) = rest.split_at_checked(length).ok_or(DerError)?;
        self.0 = rest;
        Ok((*tag, contents))
    }

    /// The contents of the next element, which has to have that tag.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<Der<'a>, DerError> {
        let (tag, contents) = self.next()?;
        if tag == wanted { Ok(Der(contents)) } else { Err(DerError) }
    }
}

/// Writes one element whose contents are these pieces.
pub(super) fn element(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let size: usize = pieces.iter().map(|piece| piece.len()).sum();
    // Room for all at once: what a buffer leaves behind when it grows is not wiped.
    let mut bytes = Vec::with_capacity(size + LONGEST_HEAD);
    bytes.push(tag);
    match u8::try_from(size) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let length = size.to_be_bytes();
            let skipped = length.iter().take_while(|byte| **byte == 0).count();
            let significant = &length[skipped..];
            bytes.push(0x80 | u8::try_from(significant.len()).unwrap_or(0x7f));
            bytes.extend_from_slice(significant);
        }
    }
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

pub(super) const INTEGER: u8 = 0x02;
#[cfg(any(feature = "credssp", feature = "kerberos"))]
pub(super) const BITS: u8 = 0x03;
#[cfg(feature = "credssp")]
pub(super) const UTF8: u8 = 0x0c;
#[cfg(feature = "credssp")]
pub(super) const UTC_TIME: u8 = 0x17;
#[cfg(feature = "credssp")]
pub(super) const SET: u8 = 0x31;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
#[cfg(feature = "kerberos")]
pub(super) const TEXT: u8 = 0x1b;
#[cfg(feature = "kerberos")]
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
/// The frame of a security mechanism's first token (RFC 2743 3.1).
pub(super) const APPLICATION_0: u8 = 0x60;

/// The tag of an explicit context field.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// In bytes: a tag, and how long a length can be.
const LONGEST_HEAD: usize = 10;
/// In bytes; no token comes near.
const LONGEST_LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::{Der, DerError, OCTETS, SEQUENCE, element};

    #[test]
    fn elements_of_every_length() {
        for size in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let value = vec![7; size];
            let bytes = element(SEQUENCE, &[&element(OCTETS, &[&value]), b"\x04\x00"]);
            let mut outer = Der::new(&bytes);
            let mut inner = outer.expect(SEQUENCE).unwrap();
            assert!(outer.is_empty());
            assert_eq!(inner.expect(OCTETS).unwrap().rest(), value);
            assert_eq!(inner.next().unwrap(), (OCTETS, &[][..]));
            assert!(inner.is_empty());
        }
    }

    #[test]
    fn lengths_beyond_the_end() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x01",
            b"\x30\x80\x00",
            b"\x30\x85\0\0\0\0\0",
            b"\x30\x84\xff\xff\xff\xff",
        ] {
            assert_eq!(Der::new(bytes).next(), Err(DerError), "{bytes:?}");
        }
        assert_eq!(Der::new(b"\x1f\x01\x00").next(), Err(DerError));
        assert_eq!(Der::new(b"\x04\x00").expect(SEQUENCE).unwrap_err(), DerError);
    }
}
