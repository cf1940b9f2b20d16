//! A certificate that stands for an account, and its private key.

use pkcs8::der::{Decode, SecretDocument};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::der::{Der, OBJECT, OCTETS, SEQUENCE, context};
use crate::secret::Secret;

/// The value of `Authorization` that says: look at my certificate (MS-WSMV 3.1.4.1.23).
pub const AUTHORIZATION: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// A certificate with what leads to its root, and its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    chain: Vec<Vec<u8>>,
    key: Secret<Vec<u8>>,
}

/// Why there is no certificate or no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No certificate in it.
    #[error("there is no certificate in PEM")]
    NoCertificate,
    /// No key in it.
    #[error("there is no private key in PEM")]
    NoKey,
    /// The key or the file is encrypted.
    #[error("the private key is encrypted and needs its passphrase")]
    Encrypted,
    /// The key cannot be opened: mostly a wrong passphrase.
    #[error("the private key cannot be decrypted: the passphrase is wrong, or the encryption is not known")]
    WrongPassphrase,
    /// The encryption of old, which leaves the passphrase open to guessing.
    #[error("the private key is encrypted in OpenSSL's old way; `openssl pkcs8 -topk8` turns it into PKCS#8")]
    OldEncryption,
    /// It cannot be read.
    #[error("the file is malformed")]
    Malformed,
    /// The PFX file cannot be read.
    #[error("the PFX file cannot be read: the passphrase is wrong, or the encryption is not known")]
    Pfx,
    /// The PFX file holds no key with a certificate.
    #[error("the PFX file holds no private key with its certificate")]
    EmptyPfx,
}

impl ClientCertificate {
    /// Reads certificates and a key from PEM, which may be the same text. The key may be PKCS#8, also encrypted,
    /// PKCS#1 or SEC1.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Encrypted`] if the key needs a passphrase and none is given; else what is wrong.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        passphrase: Option<&Secret<String>>,
    ) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .map(|der| der.map(|der| der.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Malformed)?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        Ok(Self { chain, key: read_key(key, passphrase)? })
    }

    /// Reads a PFX file (PKCS#12), as Windows exports it.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Pfx`] for a wrong passphrase, too: the file does not tell.
    #[cfg(feature = "pfx")]
    pub fn from_pfx(file: &[u8], passphrase: &Secret<String>) -> Result<Self, CertificateError> {
        let policy = p12_keystore::Pkcs12ImportPolicy::Relaxed;
        let store = p12_keystore::KeyStore::from_pkcs12(file, passphrase.expose(), policy);
        let store = store.map_err(|_| CertificateError::Pfx)?;
        let (_, found) = store.private_key_chain().ok_or(CertificateError::EmptyPfx)?;
        let chain: Vec<_> = found.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect();
        if chain.is_empty() {
            return Err(CertificateError::EmptyPfx);
        }
        Ok(Self { chain, key: Secret::new(found.key().as_der().to_vec()) })
    }

    /// The certificate and what leads to its root, in DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The key in DER: PKCS#8, PKCS#1 or SEC1.
    pub fn key(&self) -> &Secret<Vec<u8>> {
        &self.key
    }
}

/// The account that a certificate in DER is for: the principal name in its subject's alternative names
/// (`1.3.6.1.4.1.311.20.2.3`), as `name@domain`. `None` where there is none, or the certificate is malformed.
pub fn account(der: &[u8]) -> Option<String> {
    let mut certificate = Der::new(der).expect(SEQUENCE).ok()?;
    let mut fields = certificate.expect(SEQUENCE).ok()?;
    while !fields.is_empty() {
        let (tag, value) = fields.next().ok()?;
        if tag == context(3) {
            return account_in(Der::new(value).expect(SEQUENCE).ok()?);
        }
    }
    None
}

fn account_in(mut extensions: Der<'_>) -> Option<String> {
    while !extensions.is_empty() {
        let mut extension = extensions.expect(SEQUENCE).ok()?;
        if extension.expect(OBJECT).ok()?.rest() != ALTERNATIVE_NAMES {
            continue;
        }
        let (mut tag, mut value) = extension.next().ok()?;
        // Whether it is critical may stand before it.
        if tag != OCTETS {
            (tag, value) = extension.next().ok()?;
        }
        let mut names = (tag == OCTETS).then(|| Der::new(value).expect(SEQUENCE).ok()).flatten()?;
        while !names.is_empty() {
            let (tag, value) = names.next().ok()?;
            let mut name = Der::new(value);
            if tag == context(0) && name.expect(OBJECT).ok()?.rest() == PRINCIPAL_NAME {
                let text = name.expect(context(0)).ok()?.expect(UTF8).ok()?.rest();
                return std::str::from_utf8(text).map(str::to_owned).ok();
            }
        }
    }
    None
}

fn read_key(pem: &[u8], passphrase: Option<&Secret<String>>) -> Result<Secret<Vec<u8>>, CertificateError> {
    let text = std::str::from_utf8(pem).map_err(|_| CertificateError::Malformed)?;
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::OldEncryption);
    }
    let Some(section) = encrypted_section(text) else {
        return match PrivateKeyDer::from_pem_slice(pem) {
            Ok(key) => Ok(Secret::new(key.secret_der().to_vec())),
            Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(CertificateError::NoKey),
            Err(_) => Err(CertificateError::Malformed),
        };
    };
    let (_, document) = SecretDocument::from_pem(section).map_err(|_| CertificateError::Malformed)?;
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
    let encrypted = encrypted.map_err(|_| CertificateError::Malformed)?;
    let passphrase = passphrase.ok_or(CertificateError::Encrypted)?;
    let key = encrypted.decrypt(passphrase.expose()).map_err(|_| CertificateError::WrongPassphrase)?;
    // A wrong passphrase now and then leaves padding that looks right.
    PrivateKeyInfoRef::from_der(key.as_bytes()).map_err(|_| CertificateError::WrongPassphrase)?;
    Ok(Secret::new(key.as_bytes().to_vec()))
}

fn encrypted_section(text: &str) -> Option<&str> {
    let start = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----")?;
    let section = text.get(start..)?;
    let end = section.find(END).map_or(section.len(), |end| end + END.len());
    section.get(..end)
}

/// 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = b"\x55\x1d\x11";
/// 1.3.6.1.4.1.311.20.2.3.
const PRINCIPAL_NAME: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03";
const UTF8: u8 = 0x0c;
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
