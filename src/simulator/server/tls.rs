//! TLS in front of the simulated host, how strictly NTLM and Kerberos are bound to it, and the certificates of
//! clients.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use tokio_rustls::TlsAcceptor;

use super::client_certificate::{Lenient, verifier};

use crate::auth::ntlm::Bindings;
use crate::auth::{ChannelBinding, ClientCertificate, certificate};

/// How the host does TLS.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// The host's certificate, what leads to its root, and its key.
    pub identity: ClientCertificate,
    /// The host's `CbtHardeningLevel`.
    pub hardening: Hardening,
}

/// `CbtHardeningLevel` of the WinRM service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hardening {
    /// Channel bindings are not looked at.
    None,
    /// They may be absent, but not wrong.
    #[default]
    Relaxed,
    /// They have to be there.
    Strict,
}

/// TLS, ready for connections.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) bindings: Bindings,
    /// Judges certificates of clients.
    pub(super) clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What a client showed in the handshake of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// No certificate.
    Nothing,
    /// One that no trusted root leads to, or that is not in force.
    Untrusted,
    /// A good one, and the account that it is for, as `name@domain`.
    Account(Option<String>),
}

impl Tls {
    /// `roots` are those of client certificates, in PEM.
    pub(super) fn new(settings: &ServerTls, roots: &[u8]) -> Result<Self> {
        let chain = settings.identity.chain();
        let key = PrivateKeyDer::try_from(settings.identity.key().expose().clone())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let provider = Arc::new(ring::default_provider());
        let clients = if roots.is_empty() { None } else { Some(verifier(roots, Arc::clone(&provider))?) };
        let asks: Arc<dyn ClientCertVerifier> = match &clients {
            Some(clients) => Arc::new(Lenient(Arc::clone(clients))),
            None => Arc::new(NoClientAuth),
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
                builder.with_client_cert_verifier(asks).with_single_cert(chain, key)
            })
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        let hash = ChannelBinding::of_certificate(leaf).ntlm_hash();
        let bindings = match settings.hardening {
            Hardening::None => Bindings::Ignored,
            Hardening::Relaxed => Bindings::RightIfAny(hash),
            Hardening::Strict => Bindings::Required(hash),
        };
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), bindings, clients })
    }

    /// What to make of the certificates that a client showed.
    pub(super) fn shown(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Shown {
        let (Some(clients), [own, others @ ..]) = (&self.clients, chain) else { return Shown::Nothing };
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        match clients.verify_client_cert(own, others, now) {
            Ok(_) => Shown::Account(certificate::account(own)),
            Err(_) => Shown::Untrusted,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("bindings", &self.bindings).finish_non_exhaustive()
    }
}
