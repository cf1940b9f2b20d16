//! What ties an authentication to the TLS channel around it: `tls-server-end-point` (RFC 5929, section 4).

use md5::{Digest as _, Md5};
use pkcs8::der::asn1::{ContextSpecific, ObjectIdentifier};
use pkcs8::der::{AnyRef, Decode, Reader, SliceReader, TagNumber};
use pkcs8::spki::AlgorithmIdentifierRef;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

/// The binding to the server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding(Vec<u8>);

impl ChannelBinding {
    /// The binding to a certificate in DER. It is hashed by the hash of its own signature; by SHA-256 where that is
    /// MD5, SHA-1 or none that is known.
    pub fn of_certificate(der: &[u8]) -> Self {
        let hash = match signature_hash(der) {
            Some(Hash::Sha224) => Sha224::digest(der).to_vec(),
            Some(Hash::Sha384) => Sha384::digest(der).to_vec(),
            Some(Hash::Sha512) => Sha512::digest(der).to_vec(),
            Some(Hash::Sha256) | None => Sha256::digest(der).to_vec(),
        };
        Self([PREFIX, &hash].concat())
    }

    /// What GSSAPI calls the application data.
    pub fn application_data(&self) -> &[u8] {
        &self.0
    }

    /// What NTLM carries, and Kerberos likewise: MD5 of `gss_channel_bindings_struct` without addresses (MS-NLMP
    /// 3.1.5.1.2, RFC 4121 4.1.1.2).
    pub fn ntlm_hash(&self) -> [u8; 16] {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_le_bytes();
        Md5::digest([&[0; 16], &length[..], &self.0].concat()).into()
    }
}

/// Hashes that stay themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash by which a certificate is signed.
fn signature_hash(der: &[u8]) -> Option<Hash> {
    let mut reader = SliceReader::new(der).ok()?;
    let algorithm = reader.sequence(|certificate| {
        AnyRef::decode(certificate)?;
        let algorithm = AlgorithmIdentifierRef::decode(certificate)?;
        AnyRef::decode(certificate)?;
        Ok::<_, pkcs8::der::Error>(algorithm)
    });
    let algorithm = algorithm.ok()?;
    if algorithm.oid == RSASSA_PSS { hash_of_pss(algorithm.parameters?) } else { hash_of(algorithm.oid) }
}

/// The hash that RSASSA-PSS names in its parameters; left out, it is SHA-1.
fn hash_of_pss(parameters: AnyRef<'_>) -> Option<Hash> {
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    let hash = ContextSpecific::<AlgorithmIdentifierRef<'_>>::decode_explicit(&mut reader, TagNumber(0));
    hash_of(hash.ok()??.value.oid)
}

fn hash_of(oid: ObjectIdentifier) -> Option<Hash> {
    HASHES.iter().find(|(known, _)| *known == oid).map(|(_, hash)| *hash)
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const PREFIX: &[u8] = b"tls-server-end-point:";
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
/// RSA, ECDSA, DSA, and the hashes alone.
const HASHES: [(ObjectIdentifier, Hash); 15] = [
    (oid("1.2.840.113549.1.1.14"), Hash::Sha224),
    (oid("1.2.840.113549.1.1.11"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.12"), Hash::Sha384),
    (oid("1.2.840.113549.1.1.13"), Hash::Sha512),
    (oid("1.2.840.10045.4.3.1"), Hash::Sha224),
    (oid("1.2.840.10045.4.3.2"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.3"), Hash::Sha384),
    (oid("1.2.840.10045.4.3.4"), Hash::Sha512),
    (oid("2.16.840.1.101.3.4.3.2"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.3.3"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.3.4"), Hash::Sha512),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];

#[cfg(test)]
mod tests {
    use super::{ChannelBinding, Hash, signature_hash};

    /// A certificate with nothing in it but its signature algorithm.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let mut der = vec![0x30, u8::try_from(algorithm.len()).unwrap() + 5, 0x30, 0];
        der.extend_from_slice(algorithm);
        der.extend_from_slice(&[0x03, 1, 0]);
        der
    }

    const SHA256_RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
    const SHA1_RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];
    const ECDSA_SHA512: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
    const PSS_SHA384: &[u8] = &[
        0x30, 28, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 15, 0xa0, 13, 0x30, 11, 6, 9,
        0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2,
    ];
    const PSS_OF_OLD: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10, 0x30, 0];
    const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (algorithm, wanted, length) in [
            (SHA256_RSA, Some(Hash::Sha256), 32),
            (SHA1_RSA, None, 32),
            (ECDSA_SHA512, Some(Hash::Sha512), 64),
            (PSS_SHA384, Some(Hash::Sha384), 48),
            (PSS_OF_OLD, None, 32),
            (ED25519, None, 32),
        ] {
            let der = certificate(algorithm);
            assert_eq!(signature_hash(&der), wanted, "{algorithm:x?}");
            let binding = ChannelBinding::of_certificate(&der);
            assert_eq!(binding.application_data().len(), "tls-server-end-point:".len() + length);
        }
    }

    #[test]
    fn what_is_no_certificate_is_bound_all_the_same() {
        for der in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"no certificate"] {
            assert_eq!(ChannelBinding::of_certificate(der).application_data().len(), 21 + 32);
        }
    }

    #[test]
    fn ntlm_hashes_the_struct_of_gssapi() {
        let binding = ChannelBinding(b"tls-server-end-point:".to_vec());
        // MD5 of sixteen zeros, 15 00 00 00 and the text, by md5sum.
        let wanted = 0x2ea6_e9ae_9674_d953_e9d2_3afa_f703_e260_u128;
        assert_eq!(u128::from_be_bytes(binding.ntlm_hash()), wanted);
    }
}
