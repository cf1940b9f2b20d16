//! TLS in front of the simulated host, and how strictly NTLM is bound to it.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::auth::ntlm::Bindings;
use crate::auth::{ChannelBinding, ClientCertificate};

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
}

impl Tls {
    pub(super) fn new(settings: &ServerTls) -> Result<Self> {
        let chain = settings.identity.chain();
        let key = PrivateKeyDer::try_from(settings.identity.key().expose().clone())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
                builder.with_no_client_auth().with_single_cert(chain, key)
            })
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        let hash = ChannelBinding::of_certificate(leaf).ntlm_hash();
        let bindings = match settings.hardening {
            Hardening::None => Bindings::Ignored,
            Hardening::Relaxed => Bindings::RightIfAny(hash),
            Hardening::Strict => Bindings::Required(hash),
        };
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), bindings })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("bindings", &self.bindings).finish_non_exhaustive()
    }
}
