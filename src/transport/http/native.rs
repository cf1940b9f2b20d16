//! TLS by the system's library: OpenSSL, Schannel or Secure Transport. It has the cipher suites of old hosts.
//!
//! It is no default, because what it accepts is the system's affair, and what it says about failures is text.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::tls::{Certificate, Identity, Version};
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::options::Trust;
use crate::auth::ClientCertificate;
use crate::transport::{Delivery, TlsProblem, TransportError, TransportErrorKind};

/// What all connections of a session have in common.
pub(super) struct Native {
    roots: Vec<Certificate>,
    identity: Option<Identity>,
    accepts_any: bool,
}

impl Native {
    /// Reads roots and the client's certificate.
    pub(super) fn new(trust: &Trust, client: Option<&ClientCertificate>) -> Result<Self, TransportError> {
        let (roots, accepts_any) = match trust {
            Trust::Roots { extra } => (roots(extra)?, false),
            // The library looks at chain and name whatever else is asked of it.
            Trust::Pin(_) => return Err(policy("the system's TLS cannot pin a certificate: use --ca-cert")),
            Trust::DangerAny => (Vec::new(), true),
        };
        Ok(Self { roots, identity: client.map(identity).transpose()?, accepts_any })
    }

    /// The settings of one connection, whose certificate each response tells.
    pub(super) fn for_connection(&self) -> ClientBuilder {
        let builder = Client::builder()
            .tls_backend_native()
            .tls_info(true)
            .tls_certs_merge(self.roots.iter().cloned())
            .tls_version_min(Version::TLS_1_2)
            .tls_danger_accept_invalid_certs(self.accepts_any)
            .tls_danger_accept_invalid_hostnames(self.accepts_any);
        match &self.identity {
            // As with rustls: in 1.3 a host may ask for the certificate when it is too late.
            Some(identity) => builder.identity(identity.clone()).tls_version_max(Version::TLS_1_2),
            None => builder,
        }
    }
}

fn roots(pem: &[u8]) -> Result<Vec<Certificate>, TransportError> {
    let read = CertificateDer::pem_slice_iter(pem).map(|der| {
        let der = der.map_err(|error| policy("the trusted roots are not PEM").because(error))?;
        Certificate::from_der(&der)
            .map_err(|error| policy("the trusted roots cannot be loaded").because(error))
    });
    let roots: Vec<_> = read.collect::<Result<_, _>>()?;
    if roots.is_empty() && !pem.is_empty() {
        return Err(policy("the trusted roots hold no certificate in PEM"));
    }
    Ok(roots)
}

fn identity(client: &ClientCertificate) -> Result<Identity, TransportError> {
    let key = client.key().expose();
    if pkcs8::PrivateKeyInfoRef::try_from(key.as_slice()).is_err() {
        return Err(policy("the system's TLS takes private keys in PKCS#8 alone (`openssl pkcs8 -topk8`)"));
    }
    let chain: String = client.chain().iter().map(|der| pem("CERTIFICATE", der)).collect();
    let key = zeroize::Zeroizing::new(pem("PRIVATE KEY", key));
    Identity::from_pkcs8_pem(chain.as_bytes(), key.as_bytes())
        .map_err(|error| policy("the client certificate and its key cannot be used").because(error))
}

/// What the library's words mean, as far as they are known: those of OpenSSL.
pub(super) fn problem(error: &native_tls::Error) -> TlsProblem {
    let text = error.to_string();
    let known = WORDS.iter().find(|(words, _)| text.contains(words));
    known.map(|(_, problem)| problem.clone()).unwrap_or(TlsProblem::Other(text))
}

static WORDS: [(&str, TlsProblem); 13] = [
    ("certificate has expired", TlsProblem::Expired),
    ("certificate is not yet valid", TlsProblem::NotYetValid),
    ("self-signed", TlsProblem::UnknownIssuer),
    ("self signed", TlsProblem::UnknownIssuer),
    ("unable to get local issuer", TlsProblem::UnknownIssuer),
    ("unable to verify the first", TlsProblem::UnknownIssuer),
    ("hostname mismatch", TlsProblem::OtherName(Vec::new())),
    ("IP address mismatch", TlsProblem::OtherName(Vec::new())),
    ("handshake failure", TlsProblem::NoCommonSuite),
    ("no shared cipher", TlsProblem::NoCommonSuite),
    ("unsupported protocol", TlsProblem::NoCommonVersion),
    ("alert protocol version", TlsProblem::NoCommonVersion),
    ("wrong version number", TlsProblem::NoTls),
];

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
}

fn policy(reason: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Policy(reason), Delivery::NotSent)
}
