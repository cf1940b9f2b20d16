//! TLS configurations: none for http, and one for each kind of trust.
//!
//! Every connection verifies the host anew: sessions are not resumed, so that a certificate swapped in
//! between is seen. The host's own certificate is remembered for channel binding and for what errors say.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Client, ClientBuilder};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use sha2::{Digest, Sha256};

use super::options::{Scheme, TlsBackend, Trust};
use crate::auth::{ClientCertificate, LeafVerifier};
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// What all connections of a session have in common.
pub(super) enum Tls {
    /// By rustls.
    Rustls {
        /// For each connection the same, but for its verifier.
        config: Box<ClientConfig>,
        /// None for http.
        verifier: Option<Arc<dyn ServerCertVerifier>>,
    },
    /// By the system's library.
    #[cfg(feature = "native-tls")]
    Native(super::native::Native),
}

/// The host's own certificate, once a connection has seen it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf(Arc<Mutex<Option<CertificateDer<'static>>>>);

impl Tls {
    /// The settings of one connection, and where its certificate will be.
    pub(super) fn for_connection(&self) -> (ClientBuilder, Leaf) {
        let leaf = Leaf::default();
        let builder = match self {
            Self::Rustls { config, verifier } => {
                let mut config = ClientConfig::clone(config);
                if let Some(inner) = verifier {
                    let remembering = Remembering { inner: Arc::clone(inner), leaf: leaf.clone() };
                    config.dangerous().set_certificate_verifier(Arc::new(remembering));
                }
                Client::builder().tls_backend_preconfigured(config)
            }
            #[cfg(feature = "native-tls")]
            Self::Native(native) => native.for_connection(),
        };
        (builder, leaf)
    }
}

impl Leaf {
    /// The certificate in DER.
    pub(super) fn get(&self) -> Option<CertificateDer<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the certificate that a response tells.
    pub(super) fn learn(&self, info: Option<&reqwest::tls::TlsInfo>) {
        if let Some(der) = info.and_then(reqwest::tls::TlsInfo::peer_certificate) {
            self.set(CertificateDer::from(der.to_vec()));
        }
    }

    fn set(&self, leaf: CertificateDer<'static>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(leaf);
    }

    /// SHA-256 of the certificate, as `--pin-sha256` takes it.
    pub(super) fn fingerprint(&self) -> Option<String> {
        use std::fmt::Write;
        let hash = sha256(&self.get()?);
        Some(hash.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}

/// Makes the configuration. For http it trusts nobody and reads no roots, which takes time and memory.
pub(super) fn config(
    scheme: Scheme,
    trust: &Trust,
    client: Option<&ClientCertificate>,
    backend: TlsBackend,
) -> Result<Tls, TransportError> {
    if backend == TlsBackend::Native && scheme == Scheme::Https {
        return native(trust, client);
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    // After the TLS 1.3 handshake a host can ask for the certificate only by a message that rustls does not know.
    let builder = match client {
        None => builder.with_safe_default_protocol_versions(),
        Some(_) => builder.with_protocol_versions(&[&rustls::version::TLS12]),
    };
    let builder = builder.map_err(|error| no_tls("TLS cannot be set up").because(error))?;
    if scheme == Scheme::Http {
        let config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        return Ok(Tls::Rustls { config: Box::new(config), verifier: None });
    }
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Roots { extra } => Arc::new(platform(extra, provider)?),
        Trust::Pin(pin) => Arc::new(LeafVerifier::pinned(*pin, provider)),
        Trust::DangerAny => Arc::new(LeafVerifier::any(provider)),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::clone(&verifier));
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = client.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
            let key = PrivateKeyDer::try_from(client.key().expose().clone())
                .map_err(|error| no_tls("the private key is of no known kind").because(error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| no_tls("the client certificate and its key cannot be used").because(error))?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(Tls::Rustls { config: Box::new(config), verifier: Some(verifier) })
}

#[cfg(feature = "native-tls")]
fn native(trust: &Trust, client: Option<&ClientCertificate>) -> Result<Tls, TransportError> {
    super::native::Native::new(trust, client).map(Tls::Native)
}

#[cfg(not(feature = "native-tls"))]
fn native(_: &Trust, _: Option<&ClientCertificate>) -> Result<Tls, TransportError> {
    Err(no_tls("this build has no TLS of the system (feature native-tls)"))
}

fn platform(pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Verifier, TransportError> {
    let extra: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| no_tls("the trusted roots are not PEM").because(error))?;
    if extra.is_empty() && !pem.is_empty() {
        return Err(no_tls("the trusted roots hold no certificate in PEM"));
    }
    Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| no_tls("the trusted roots cannot be loaded").because(error))
}

fn no_tls(reason: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Policy(reason), Delivery::NotSent)
}

/// Remembers the certificate, whether or not it is accepted.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn ServerCertVerifier>,
    leaf: Leaf,
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.leaf.set(end_entity.clone().into_owned());
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
