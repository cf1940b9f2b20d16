//! The host's side, for the simulated host.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring as provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::binding::{By, hash};
use super::login::{request, unwrap, wrap};
use super::tunnel::Tunnel;
use super::{Context, NtStatus, OLDEST_VERSION, TsRequest, certificate, password};
use crate::auth::der::DerError;
use crate::auth::ntlm::{self, Bindings, HostNames, NtHash, Protection, Requirements};
use crate::auth::seal::SealContext;
use crate::auth::{ClientCertificate, Credential, spnego};

/// The certificate of the host's tunnels, and its key.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    public_key: Vec<u8>,
}

impl Identity {
    /// Takes a certificate with its key, for tunnels of these versions of TLS.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tls`] if they cannot be used.
    pub fn new(
        certificate: &ClientCertificate,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self, Refusal> {
        let chain: Vec<_> = certificate.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
        let leaf = chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default();
        let key = PrivateKeyDer::try_from(certificate.key().expose().clone());
        let key = key.map_err(|error| Refusal::Tls(error.to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let public_key = certificate::public_key(&leaf)?.to_vec();
        Ok(Self { config: Arc::new(config), public_key })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// What the host answers with.
#[derive(Debug)]
pub struct Host<'a> {
    /// What it calls itself.
    pub names: &'a HostNames,
    /// Random bytes.
    pub server_challenge: [u8; 8],
    /// The moment.
    pub now: jiff::Timestamp,
}

/// The host's answer to a token.
#[derive(Debug)]
pub enum Answer {
    /// A token, which may be empty; another one of the client is due.
    Next(Box<Acceptor>, Vec<u8>),
    /// The client is in.
    In(Box<Delegated>),
    /// The client is not let in; the token says why, where the version can.
    Refused(Refusal, Vec<u8>),
}

/// A client that was let in.
#[derive(Debug)]
pub struct Delegated {
    /// The user and the password that were handed over.
    pub credential: Credential,
    /// Seals what follows.
    pub context: Context,
}

/// Why the host does not let the client in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The tunnel fails, in the words of the TLS library.
    #[error("the TLS inside of CredSSP fails: {0}")]
    Tls(String),
    /// A message is malformed, or not the one that is due.
    #[error("the CredSSP message is malformed, or not the one that is due")]
    Malformed,
    /// The client speaks an old version alone.
    #[error("the client speaks CredSSP of version {0}")]
    OldVersion(u32),
    /// NTLM does not let the client in.
    #[error(transparent)]
    Ntlm(#[from] ntlm::Refusal),
    /// The client proves another key than that of the tunnel, or seals wrongly.
    #[error("the client proves another key than that of the tunnel")]
    OtherKey,
}

impl From<DerError> for Refusal {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

impl From<rustls::Error> for Refusal {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.to_string())
    }
}

impl Refusal {
    /// What the client is told.
    fn status(&self) -> NtStatus {
        match self {
            Self::Ntlm(ntlm::Refusal::WrongCredential) => LOGON_FAILURE,
            Self::OldVersion(_) => UNSUPPORTED_FUNCTION,
            Self::OtherKey => MESSAGE_ALTERED,
            Self::Tls(_) | Self::Malformed | Self::Ntlm(_) => INVALID_TOKEN,
        }
    }
}

/// The host's side of one authentication.
pub struct Acceptor {
    tunnel: Tunnel,
    public_key: Vec<u8>,
    /// Whether the client can be told why it is refused.
    tells: bool,
    state: State,
}

enum State {
    Handshake,
    Challenged(Box<ntlm::Acceptor>),
    Proven(Box<SealContext>),
    Over,
}

impl Acceptor {
    /// Prepares an authentication.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tls`] if TLS cannot be set up.
    pub fn new(identity: &Identity) -> Result<Self, Refusal> {
        let tunnel = Tunnel::server(Arc::clone(&identity.config))?;
        let public_key = identity.public_key.clone();
        Ok(Self { tunnel, public_key, tells: false, state: State::Handshake })
    }

    /// Judges a token of the client. `known` looks up the hash of an account by domain and user.
    pub fn step(
        mut self,
        token: &[u8],
        host: &Host<'_>,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Answer {
        match self.judge(token, host, known) {
            Ok(Judged::Next(token)) => Answer::Next(Box::new(self), token),
            Ok(Judged::In(credential)) => {
                Answer::In(Box::new(Delegated { credential, context: Context::new(self.tunnel) }))
            }
            Err(refusal) => {
                let told = TsRequest { error_code: Some(refusal.status().0), ..request() };
                let token = if self.tells { self.tunnel.seal(&told.encode()).ok() } else { None };
                Answer::Refused(refusal, token.unwrap_or_default())
            }
        }
    }

    fn judge(
        &mut self,
        token: &[u8],
        host: &Host<'_>,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Judged, Refusal> {
        let was_handshaking = self.tunnel.is_handshaking();
        let plain = self.tunnel.open(token)?;
        if was_handshaking {
            let is_alone = plain.is_empty();
            return if is_alone { Ok(Judged::Next(self.tunnel.take()?)) } else { Err(Refusal::Malformed) };
        }
        let asked = TsRequest::decode(&plain)?;
        if asked.version < OLDEST_VERSION {
            return Err(Refusal::OldVersion(asked.version));
        }
        self.tells = asked.version > OLDEST_VERSION;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Handshake => self.challenge(&asked, host),
            State::Challenged(acceptor) => self.prove(*acceptor, &asked, known),
            State::Proven(context) => take_over(*context, &asked),
            State::Over => Err(Refusal::Malformed),
        }
    }

    fn challenge(&mut self, asked: &TsRequest, host: &Host<'_>) -> Result<Judged, Refusal> {
        let token = asked.token.as_deref().ok_or(Refusal::Malformed)?;
        let acceptor = ntlm::Acceptor::new(token, host.names, host.server_challenge, host.now);
        let acceptor = acceptor.map_err(ntlm::Refusal::from)?;
        let next = TsRequest { token: Some(acceptor.token().to_vec()), ..request() };
        self.state = State::Challenged(Box::new(acceptor));
        Ok(Judged::Next(self.tunnel.seal(&next.encode())?))
    }

    fn prove(
        &mut self,
        acceptor: ntlm::Acceptor,
        asked: &TsRequest,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Judged, Refusal> {
        let token = asked.token.as_deref().ok_or(Refusal::Malformed)?;
        let proof = asked.pub_key_auth.as_deref().ok_or(Refusal::Malformed)?;
        let nonce = asked.client_nonce.as_ref().ok_or(Refusal::Malformed)?;
        let accepted = acceptor.accept(spnego::read(token)?.token.unwrap_or_default(), SEALED, known)?;
        let mut context = Box::new(accepted.context.ok_or(Refusal::Malformed)?);
        let proven = unwrap(&mut context, proof).map_err(|_| Refusal::OtherKey)?;
        if *proven != hash(By::Client, nonce, &self.public_key) {
            return Err(Refusal::OtherKey);
        }
        let own = wrap(&mut context, &hash(By::Server, nonce, &self.public_key));
        let next = TsRequest { pub_key_auth: Some(own.map_err(|_| Refusal::OtherKey)?), ..request() };
        self.state = State::Proven(context);
        Ok(Judged::Next(self.tunnel.seal(&next.encode())?))
    }
}

/// Opens what the client hands over.
fn take_over(mut context: SealContext, asked: &TsRequest) -> Result<Judged, Refusal> {
    let sealed = asked.auth_info.as_deref().ok_or(Refusal::Malformed)?;
    let plain = unwrap(&mut context, sealed).map_err(|_| Refusal::OtherKey)?;
    Ok(Judged::In(password::decode(&plain)?))
}

/// What a token comes to.
enum Judged {
    Next(Vec<u8>),
    In(Credential),
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("tells", &self.tells).finish_non_exhaustive()
    }
}

const SEALED: Requirements =
    Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored };
const LOGON_FAILURE: NtStatus = NtStatus(0xC000_006D);
const UNSUPPORTED_FUNCTION: NtStatus = NtStatus(0x8009_0302);
const MESSAGE_ALTERED: NtStatus = NtStatus(0x8009_030F);
const INVALID_TOKEN: NtStatus = NtStatus(0x8009_0308);
