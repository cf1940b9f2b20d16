//! A Kerberos client without a system library: the `sspi` crate makes the tickets and the tokens.
//!
//! That crate logs what it carries and may panic at malformed input, so every step of it runs without a subscriber
//! and with panics caught. Its own way to seal messages is not used: see [`Context`].

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use picky_krb::crypto::CipherSuite;
use sspi::generator::{GeneratorInitSecurityContext, GeneratorState, NetworkRequest};
use sspi::kerberos::config::KdcResolution;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation,
    KerberosConfig, KeytabIdentity, SecurityBuffer, Sspi, SspiImpl, Username,
};
use tracing::subscriber::NoSubscriber;

use super::bound::bind;
use super::keytab::AES128;
use super::message::{error_code, error_time};
use super::{Context, Failure, KeytabEntry, Principal};
use crate::auth::ChannelBinding;
use crate::auth::framing::Protocol;
use crate::secret::Secret;

/// Who asks, and how it is proven to the KDC.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub principal: Principal,
    /// The proof.
    pub proof: Proof,
}

/// What only the user has.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The password.
    Password(Secret<String>),
    /// A key made from it.
    Key(KeytabEntry),
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KdcAddress {
    /// A KDC of the user's realm.
    Home,
    /// The KDC of another realm, to which the user's referred.
    Other {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// The future of an exchange with a KDC.
pub type KdcExchange<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>>;

/// Carries messages to KDCs, in the framing of TCP: four bytes of length, then the message.
pub trait Kdc: Send + Sync {
    /// Exchanges one message for its answer.
    fn exchange<'a>(&'a self, to: &'a KdcAddress, message: &'a [u8]) -> KdcExchange<'a>;
}

/// The client of one authentication.
pub struct Initiator {
    kerberos: sspi::Kerberos,
    credentials: Option<CredentialsBuffers>,
    principal: String,
    service: String,
    kdc_time: Option<jiff::Timestamp>,
}

impl Initiator {
    /// Prepares an authentication to a service such as `HTTP/hv1.example.test`.
    ///
    /// # Errors
    ///
    /// [`Failure::Name`] for a name that is not ASCII.
    pub fn new(identity: Identity, service: &str) -> Result<Self, Failure> {
        let principal = identity.principal.to_string();
        for name in [principal.as_str(), service] {
            if name.is_empty() || !name.is_ascii() {
                return Err(Failure::Name(name.to_owned()));
            }
        }
        let credentials = credentials(identity).ok_or_else(|| Failure::Name(principal.clone()))?;
        let home = format!("tcp://{HOME}:88").parse().map_err(|_| Failure::BadKdc)?;
        let config = KerberosConfig {
            kdc_resolution: KdcResolution::KdcUrl(Some(home)),
            client_computer_name: WORKSTATION.to_owned(),
        };
        let kerberos = guarded(|| sspi::Kerberos::new_client_from_config(config));
        let kerberos = kerberos.and_then(Result::ok).ok_or(Failure::BadKdc)?;
        Ok(Self {
            kerberos,
            credentials: Some(credentials),
            principal,
            service: service.to_owned(),
            kdc_time: None,
        })
    }

    /// Asks the KDC for tickets and gives the first token for the host, bound to the TLS channel if there is one.
    ///
    /// # Errors
    ///
    /// What the KDC answers, or that it does not.
    pub async fn token(
        &mut self,
        kdc: &dyn Kdc,
        binding: Option<&ChannelBinding>,
    ) -> Result<Vec<u8>, Failure> {
        let token = self.unbound_token(kdc).await?;
        let Some(binding) = binding else { return Ok(token) };
        // Until the host has chosen another key, it is that of the ticket.
        let key = self.session_key().ok_or(Failure::BadKdc)?;
        bind(&token, &key, binding.ntlm_hash()).ok_or(Failure::Encryption)
    }

    fn session_key(&self) -> Option<Secret<Vec<u8>>> {
        let key = guarded(|| self.kerberos.query_context_session_key())?.ok()?;
        Some(Secret::new(key.session_key.as_ref().clone()))
    }

    async fn unbound_token(&mut self, kdc: &dyn Kdc) -> Result<Vec<u8>, Failure> {
        let mut refusal = None;
        let mut asks_no_proof = false;
        let mut input = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        {
            let mut builder = self
                .kerberos
                .initialize_security_context()
                .with_credentials_handle(&mut self.credentials)
                .with_context_requirements(requirements())
                .with_target_data_representation(DataRepresentation::Native)
                .with_target_name(&self.service)
                .with_input(&mut input)
                .with_output(&mut output);
            let begun = guarded(|| self.kerberos.initialize_security_context_impl(&mut builder));
            let mut work = begun.and_then(Result::ok).ok_or(Failure::BadKdc)?;
            let mut state = advance(&mut work, None);
            let result = loop {
                match state {
                    Some(GeneratorState::Suspended(request)) => {
                        let reply = ask(kdc, &request).await?;
                        let message = reply.get(4..).unwrap_or_default();
                        asks_no_proof = refusal.is_none() && message.first() == Some(&AS_REP);
                        refusal = error_code(message);
                        self.kdc_time = error_time(message).or(self.kdc_time);
                        state = advance(&mut work, Some(reply));
                    }
                    Some(GeneratorState::Completed(result)) => break result,
                    None => return Err(Failure::BadKdc),
                }
            };
            if let Err(error) = result {
                if asks_no_proof {
                    return Err(Failure::NoPreauthentication { principal: self.principal.clone() });
                }
                return Err(failed(refusal, &error, &self.principal, &self.service));
            }
        }
        let [output] = output;
        if output.buffer.is_empty() { Err(Failure::BadKdc) } else { Ok(output.buffer) }
    }

    /// The clock of the KDC, where it said it.
    pub fn kdc_time(&self) -> Option<jiff::Timestamp> {
        self.kdc_time
    }

    /// Takes the host's answer, which proves that it could read the ticket, and gives what seals the messages.
    ///
    /// # Errors
    ///
    /// [`Failure::NotProven`].
    pub fn finish(mut self, answer: &[u8], protocol: Protocol) -> Result<Context, Failure> {
        let established = guarded(|| self.establish(answer)).flatten();
        established.ok_or(Failure::NotProven)?;
        let first = u64::from(self.kerberos.next_seq_number());
        let key = self.session_key().ok_or(Failure::NotProven)?;
        Context::new(key, protocol, first).map_err(|_| Failure::Encryption)
    }

    fn establish(&mut self, answer: &[u8]) -> Option<()> {
        let mut input = [SecurityBuffer::new(answer.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = self
            .kerberos
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(requirements())
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(&self.service)
            .with_input(&mut input)
            .with_output(&mut output);
        let result =
            self.kerberos.initialize_security_context_impl(&mut builder).ok()?.resolve_to_result().ok()?;
        (result.status == sspi::SecurityStatus::Ok).then_some(())
    }
}

fn failed(refusal: Option<i32>, error: &sspi::Error, principal: &str, service: &str) -> Failure {
    match refusal {
        Some(code) => Failure::of_code(code, principal, service),
        None if error.error_type == sspi::ErrorKind::NoAuthenticatingAuthority => {
            Failure::NoKdc { realm: "of the host".to_owned() }
        }
        None => Failure::BadKdc,
    }
}

impl std::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = (&self.principal, &self.service);
        f.debug_struct("Initiator").field("for", &fields).finish_non_exhaustive()
    }
}

type State = GeneratorState<NetworkRequest, sspi::Result<sspi::InitializeSecurityContextResult>>;

/// The next step; `None` if it panicked.
fn advance(work: &mut GeneratorInitSecurityContext<'_>, reply: Option<Vec<u8>>) -> Option<State> {
    guarded(|| match reply {
        None => work.start(),
        Some(reply) => work.resume(Ok(reply)),
    })
}

async fn ask(kdc: &dyn Kdc, request: &NetworkRequest) -> Result<Vec<u8>, Failure> {
    let host = request.url.host_str().unwrap_or_default();
    let to = if host == HOME {
        KdcAddress::Home
    } else {
        KdcAddress::Other { host: host.to_owned(), port: request.url.port().unwrap_or(88) }
    };
    kdc.exchange(&to, &request.data).await
}

/// Runs a step of the crate; `None` if it panicked.
fn guarded<T>(step: impl FnOnce() -> T) -> Option<T> {
    tracing::subscriber::with_default(NoSubscriber::default(), || catch_unwind(AssertUnwindSafe(step)).ok())
}

fn credentials(identity: Identity) -> Option<CredentialsBuffers> {
    let Identity { principal, proof } = identity;
    match proof {
        Proof::Password(password) => {
            let buffers =
                AuthIdentityBuffers::from_utf8(&principal.name, &principal.realm, password.expose());
            Some(CredentialsBuffers::AuthIdentity(buffers))
        }
        Proof::Key(entry) => {
            let principal = Username::new_down_level_logon_name(&entry.name, &entry.realm).ok()?;
            let suite = if entry.encryption == AES128 {
                CipherSuite::Aes128CtsHmacSha196
            } else {
                CipherSuite::Aes256CtsHmacSha196
            };
            let key = entry.key.expose().clone().into();
            Some(CredentialsBuffers::Keytab(KeytabIdentity { principal, key, key_enctype: suite }))
        }
    }
}

fn requirements() -> ClientRequestFlags {
    ClientRequestFlags::MUTUAL_AUTH
        | ClientRequestFlags::REPLAY_DETECT
        | ClientRequestFlags::SEQUENCE_DETECT
        | ClientRequestFlags::CONFIDENTIALITY
        | ClientRequestFlags::INTEGRITY
}

/// `[APPLICATION 11]`. Where it is the first answer, the KDC gives the ticket to anybody, which the crate refuses.
const AS_REP: u8 = 0x6b;
/// Stands for the KDCs of the user's realm; no host can have this name.
const HOME: &str = "home.invalid";
/// What the KDC is told of this machine; no name of it is given away.
const WORKSTATION: &str = "hvreplica";
