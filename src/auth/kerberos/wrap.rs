//! Sealed messages of Kerberos (RFC 4121 4.2.4) in the layout of WinRM: token, rotated tail and confounder first, as
//! the "signature"; then the ciphertext, as long as the text (MS-KILE 3.4.5.4.1).

use crate::auth::SealError;

/// The beginning of a sealed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) struct Header {
    pub(in crate::auth) flags: u8,
    pub(in crate::auth) extra: u16,
    pub(in crate::auth) rotation: u16,
    pub(in crate::auth) sequence: u64,
}

impl Header {
    /// Reads the first 16 bytes of a token.
    pub(in crate::auth) fn read(token: &[u8]) -> Result<Self, SealError> {
        let bytes: &[u8; HEADER] = token.first_chunk().ok_or(SealError::MalformedSignature)?;
        let [5, 4, flags, 0xff, e1, e2, r1, r2, sequence @ ..] = *bytes else {
            return Err(SealError::MalformedSignature);
        };
        Ok(Self {
            flags,
            extra: u16::from_be_bytes([e1, e2]),
            rotation: u16::from_be_bytes([r1, r2]),
            sequence: u64::from_be_bytes(sequence),
        })
    }

    pub(in crate::auth) fn to_bytes(self) -> [u8; HEADER] {
        let [e1, e2] = self.extra.to_be_bytes();
        let [r1, r2] = self.rotation.to_be_bytes();
        let [s1, s2, s3, s4, s5, s6, s7, s8] = self.sequence.to_be_bytes();
        [5, 4, self.flags, 0xff, e1, e2, r1, r2, s1, s2, s3, s4, s5, s6, s7, s8]
    }
}

/// Splits a token of a security library for a text of that length: rotates it so that the tail stands first, and
/// cuts the signature off. Tokens of older encryption types have the tail in front already, and one byte of padding.
#[cfg(feature = "gssapi")]
pub(in crate::auth) fn split(mut token: Vec<u8>, text: usize) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let overhead = token.len().checked_sub(text).ok_or(SealError::MalformedSignature)?;
    let at = match Header::read(&token) {
        Ok(header) if header.extra == 0 => {
            let tail = overhead.checked_sub(HEADER + CONFOUNDER).ok_or(SealError::MalformedSignature)?;
            let rest = &mut token[HEADER..];
            let turned = usize::from(header.rotation) % rest.len();
            rest.rotate_left(turned);
            rest.rotate_right(tail);
            let rotation = u16::try_from(tail).map_err(|_| SealError::MalformedSignature)?;
            token[..HEADER].copy_from_slice(&Header { rotation, ..header }.to_bytes());
            overhead
        }
        Ok(_) => return Err(SealError::MalformedSignature),
        Err(_) => overhead.checked_sub(1).ok_or(SealError::MalformedSignature)?,
    };
    let cipher = token.split_off(at);
    Ok((token, cipher))
}

/// Set in messages of the host.
#[cfg(feature = "kerberos")]
pub(in crate::auth) const SENT_BY_ACCEPTOR: u8 = 1;
/// Set where the text is encrypted.
#[cfg(feature = "kerberos")]
pub(in crate::auth) const SEALED: u8 = 2;
/// Set where the key is the one that the host chose.
#[cfg(feature = "kerberos")]
pub(in crate::auth) const ACCEPTOR_KEY: u8 = 4;
pub(in crate::auth) const HEADER: usize = 16;
#[cfg(feature = "gssapi")]
const CONFOUNDER: usize = 16;

#[cfg(test)]
#[cfg(feature = "gssapi")]
mod tests {
    use super::{Header, split};
    use crate::auth::SealError;

    #[test]
    fn a_token_of_a_library_is_turned() {
        // Token, confounder C, text T, copy of the header H, checksum M.
        let token = |rotation: usize| {
            let mut bytes =
                Header { flags: 6, extra: 0, rotation: u16::try_from(rotation).unwrap(), sequence: 9 }
                    .to_bytes()
                    .to_vec();
            let mut rest = [&[b'C'; 16][..], b"TTTTT", &[b'H'; 16], &[b'M'; 12]].concat();
            rest.rotate_right(rotation % 49);
            bytes.extend(rest);
            bytes
        };
        for rotation in [0, 12, 28, 49, 77] {
            let (signature, cipher) = split(token(rotation), 5).unwrap();
            assert_eq!(cipher, b"TTTTT");
            assert_eq!(signature.len(), 60);
            assert_eq!(signature[..8], [5, 4, 6, 0xff, 0, 0, 0, 28]);
            assert_eq!(signature[16..], [&[b'H'; 16][..], &[b'M'; 12], &[b'C'; 16]].concat());
        }
    }

    #[test]
    fn tokens_of_older_types_have_a_byte_of_padding() {
        let (signature, cipher) = split(b"\x60SIGNATURE-TEXT\x01".to_vec(), 4).unwrap();
        assert_eq!((signature.as_slice(), cipher.as_slice()), (&b"\x60SIGNATURE-"[..], &b"TEXT\x01"[..]));
    }

    #[test]
    fn odd_tokens() {
        let odd = |extra| Header { flags: 6, extra, rotation: 0, sequence: 0 }.to_bytes().to_vec();
        for (token, text) in [(odd(0), 0), (odd(16), 0), (odd(0), 20), (Vec::new(), 0), (vec![1], 1)] {
            assert_eq!(split(token, text), Err(SealError::MalformedSignature));
        }
    }
}
