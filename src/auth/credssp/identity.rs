//! The certificate of the simulated host's tunnels.

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::crypto::ring as provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::{Refusal, certificate};
use crate::auth::der::{BITS, INTEGER, OBJECT, SEQUENCE, SET, UTC_TIME, UTF8, context, element};
use crate::auth::{ClientCertificate, NoRandomness};

/// A certificate and its key, for tunnels.
#[derive(Clone)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) public_key: Vec<u8>,
}

impl Identity {
    /// Makes a self-signed certificate, as Windows does, for tunnels of these versions of TLS.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tls`] if it cannot be made.
    pub fn new(name: &str, versions: &[&'static SupportedProtocolVersion]) -> Result<Self, Refusal> {
        let (leaf, key) = self_signed(name).map_err(|error| Refusal::Tls(error.to_string()))?;
        Self::with(vec![leaf], PrivatePkcs8KeyDer::from(key).into(), versions)
    }

    /// Takes a certificate and its key.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tls`] if they cannot be used.
    pub fn of(
        certificate: &ClientCertificate,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self, Refusal> {
        let key = PrivateKeyDer::try_from(certificate.key().expose().clone());
        let key = key.map_err(|error| Refusal::Tls(error.to_owned()))?;
        Self::with(certificate.chain().to_vec(), key, versions)
    }

    fn with(
        chain: Vec<Vec<u8>>,
        key: PrivateKeyDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self, Refusal> {
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        let public_key = certificate::public_key(leaf)?.to_vec();
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), public_key })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A certificate (RFC 5280) of an ECDSA key that signs itself, and the key as PKCS#8.
fn self_signed(name: &str) -> Result<(Vec<u8>, Vec<u8>), NoRandomness> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| NoRandomness)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).map_err(|_| NoRandomness)?;
    let bits = |bytes: &[u8]| element(BITS, &[&[0], bytes]);
    let object = |id: &[u8]| element(OBJECT, &[id]);
    let sequence = |pieces: &[&[u8]]| element(SEQUENCE, pieces);

    let version = element(context(0), &[&element(INTEGER, &[&[V3]])]);
    let serial = element(INTEGER, &[&[1]]);
    let signed_by = sequence(&[&object(ECDSA_WITH_SHA256)]);
    let common_name = sequence(&[&object(COMMON_NAME), &element(UTF8, &[name.as_bytes()])]);
    let name = sequence(&[&element(SET, &[&common_name])]);
    let validity = sequence(&[&element(UTC_TIME, &[SINCE]), &element(UTC_TIME, &[UNTIL])]);
    let kind = sequence(&[&object(EC_PUBLIC_KEY), &object(P256)]);
    let key = sequence(&[&kind, &bits(pair.public_key().as_ref())]);
    let body = sequence(&[&version, &serial, &signed_by, &name, &validity, &name, &key]);
    let signature = pair.sign(&random, &body).map_err(|_| NoRandomness)?;
    let leaf = sequence(&[&body, &signed_by, &bits(signature.as_ref())]);
    Ok((leaf, document.as_ref().to_vec()))
}

const V3: u8 = 2;
/// 1.2.840.10045.4.3.2
const ECDSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
/// 1.2.840.10045.3.1.7
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// 2.5.4.3
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
/// Nobody looks at the times of this certificate, but they have to be there.
const SINCE: &[u8] = b"200101000000Z";
const UNTIL: &[u8] = b"491231235959Z";

#[cfg(test)]
mod tests {
    use super::self_signed;
    use crate::auth::credssp::certificate::public_key;

    #[test]
    fn the_key_of_a_certificate() {
        let (leaf, document) = self_signed("CREDSSP-HV1").unwrap();
        let key = public_key(&leaf).unwrap();
        assert_eq!((key.len(), key[0]), (65, 4), "a point that is not compressed");
        assert!(document.windows(65).any(|window| window == key), "PKCS#8 holds it, too");
        for size in 0..leaf.len() {
            assert!(public_key(&leaf[..size]).is_err(), "{size}");
        }
    }
}
