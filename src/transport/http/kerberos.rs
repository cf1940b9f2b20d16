//! Kerberos on a new connection, and the choice between it and NTLM.
//!
//! First one request without anything, to see what the host offers; then one with the token. Nothing that fails
//! here has been sent.

use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::handshake::{self, refusal};
use super::headers::{self, Token};
use super::login::Kerberos;
use super::tickets::{Begun, Surroundings, begin};
use super::wire::{Post, Reply, Settings, Wire};
use crate::auth::framing::Protocol;
use crate::auth::kerberos::{Failure, SCHEME, error_code_of_host};
use crate::auth::ntlm::Protection;
use crate::auth::{Credential, spnego};
use crate::secret::Secret;
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// Authenticates the connections of one session.
pub(super) struct Negotiator {
    login: Kerberos,
    prefers: Prefers,
    protection: Protection,
    around: Surroundings,
    chosen: Mutex<Option<Choice>>,
}

/// What tells one method from the other.
pub(super) struct Prefers {
    /// The scheme to speak under where both are offered.
    pub(super) scheme: Protocol,
    /// Whom NTLM speaks for, where Kerberos cannot be had.
    pub(super) fallback: Option<Credential>,
}

/// What the session's first connection came to.
#[derive(Clone, Debug)]
enum Choice {
    /// Kerberos, with the service's name.
    Kerberos(String),
    Ntlm,
}

impl Negotiator {
    pub(super) fn new(
        login: Kerberos,
        prefers: Prefers,
        protection: Protection,
        settings: &Settings,
    ) -> Self {
        let around = Surroundings {
            conf: crate::transport::krb5_conf::read(),
            patience: settings.connect_timeout,
            name_servers: settings.name_servers.clone(),
            guesses: prefers.fallback.is_none(),
        };
        Self { login, prefers, protection, around, chosen: Mutex::default() }
    }

    /// The method, as its option spells it.
    pub(super) fn name(&self) -> &'static str {
        match self.prefers.scheme {
            Protocol::Kerberos => "kerberos",
            _ => "negotiate",
        }
    }

    /// The schemes that will do.
    pub(super) fn schemes(&self) -> [&'static str; 2] {
        [SCHEME, spnego::SCHEME]
    }

    /// Makes a connection and authenticates it.
    pub(super) async fn connect(&self, settings: &Arc<Settings>) -> Result<Wire, TransportError> {
        let chosen = self.chosen().clone();
        let services = match &chosen {
            Some(Choice::Ntlm) => return self.by_ntlm(settings).await,
            Some(Choice::Kerberos(service)) => std::slice::from_ref(service),
            None => self.login.services.as_slice(),
        };
        let mut trouble = Trouble::Kerberos(Failure::NoHostName);
        for service in services {
            match self.by_kerberos(settings, service).await {
                Ok(wire) => {
                    *self.chosen() = Some(Choice::Kerberos(service.clone()));
                    return Ok(wire);
                }
                Err(Trouble::Kerberos(failure)) if failure.is_about_the_service() => {
                    tracing::debug!("kerberos: {failure}");
                    trouble = Trouble::Kerberos(failure);
                }
                Err(other) => {
                    trouble = other;
                    break;
                }
            }
        }
        match trouble {
            Trouble::Kerberos(failure)
                if failure.is_absence() && chosen.is_none() && self.prefers.fallback.is_some() =>
            {
                tracing::info!("negotiate: using NTLM: {failure}");
                *self.chosen() = Some(Choice::Ntlm);
                self.by_ntlm(settings).await
            }
            // In mid-session the KDC is one more host on the way that may come back.
            Trouble::Kerberos(failure @ Failure::KdcUnreachable { .. }) if chosen.is_some() => {
                Err(not_sent(TransportErrorKind::Connect).because(failure))
            }
            Trouble::Kerberos(failure) => Err(not_sent(TransportErrorKind::Kerberos(failure))),
            Trouble::Transport(error) => Err(error),
        }
    }

    fn chosen(&self) -> std::sync::MutexGuard<'_, Option<Choice>> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn by_ntlm(&self, settings: &Arc<Settings>) -> Result<Wire, TransportError> {
        let mut wire = Wire::new(settings)?;
        if let Some(credential) = &self.prefers.fallback {
            handshake::authenticate(&mut wire, settings, credential, self.protection).await?;
        }
        Ok(wire)
    }

    async fn by_kerberos(&self, settings: &Arc<Settings>, service: &str) -> Result<Wire, Trouble> {
        let mut wire = Wire::new(settings)?;
        let probe = leg(&wire, settings, None).await?;
        if probe.status != 401 {
            return Err(refusal(&probe, self.name(), &self.schemes()).into());
        }
        let scheme = self.scheme(&probe)?;
        let begun = begin(&self.login, service, &self.around, wire.channel_binding()).await?;
        let (principal, source) = (begun.principal.clone(), self.login.tickets.words());
        let token = match scheme {
            Protocol::Kerberos => begun.token.clone(),
            _ => spnego::offer(spnego::KERBEROS, &begun.token),
        };
        tracing::debug!(scheme = word(scheme), service, "handshake: ticket");
        let reply = leg(&wire, settings, Some((scheme, &token))).await?;
        let context = self.finish(begun, &reply, scheme, service)?;
        if reply.last {
            return Err(not_sent(TransportErrorKind::ConnectionLost).into());
        }
        wire.context = (self.protection == Protection::Sealed).then_some(context);
        if self.chosen().is_none() {
            tracing::info!("{}: using Kerberos as {principal} ({source}) for {service}", self.name());
        }
        Ok(wire)
    }

    /// The scheme to speak under: the one made for Kerberos, or the one that any method may be inside of.
    fn scheme(&self, probe: &Reply) -> Result<Protocol, TransportError> {
        let offered = headers::offered(&probe.headers);
        let offers = |scheme: &str| offered.iter().any(|offer| offer.eq_ignore_ascii_case(scheme));
        match (offers(SCHEME), offers(spnego::SCHEME)) {
            (true, true) => Ok(self.prefers.scheme),
            (true, false) => Ok(Protocol::Kerberos),
            (false, true) => Ok(Protocol::Spnego),
            (false, false) => {
                Err(not_sent(TransportErrorKind::NotOffered { wanted: self.name().to_owned(), offered }))
            }
        }
    }

    fn finish(
        &self,
        begun: Begun,
        reply: &Reply,
        scheme: Protocol,
        service: &str,
    ) -> Result<Box<dyn crate::auth::Sealing>, Trouble> {
        let token = match headers::token(&reply.headers, word(scheme)) {
            Some(Token::Bytes(token)) => token,
            Some(Token::Malformed) => return Err(bad_token().into()),
            None => Vec::new(),
        };
        let answer = spnego::read(&token).map_err(|error| bad_token().because(error))?;
        let inner = answer.token.unwrap_or_default();
        if let Some(code) = error_code_of_host(inner) {
            return Err(Trouble::Kerberos(Failure::of_host_code(code, service)));
        }
        if reply.status == 401 {
            return Err(Trouble::Kerberos(refused_ticket(&begun, reply, service)));
        }
        if !(200..=299).contains(&reply.status) {
            return Err(refusal(reply, self.name(), &self.schemes()).into());
        }
        if !matches!(answer.state, None | Some(spnego::State::Completed)) {
            return Err(bad_token().into());
        }
        Ok(begun.finish(inner, scheme)?)
    }
}

/// A refusal without a word; clocks that are apart are its commonest reason.
fn refused_ticket(begun: &Begun, reply: &Reply, service: &str) -> Failure {
    let own = begun.kdc_time.unwrap_or_else(jiff::Timestamp::now);
    let apart = headers::date(&reply.headers).map(|host| host.as_second().abs_diff(own.as_second()));
    if apart.is_some_and(|seconds| seconds > TOLERATED_SKEW) {
        return Failure::Skew;
    }
    Failure::TicketRefused { service: service.to_owned() }
}

/// Why there is no session: for reasons of Kerberos, which another name or method may mend, or others.
enum Trouble {
    Kerberos(Failure),
    Transport(TransportError),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Kerberos(failure)
    }
}

impl From<TransportError> for Trouble {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

async fn leg(
    wire: &Wire,
    settings: &Settings,
    token: Option<(Protocol, &[u8])>,
) -> Result<Reply, TransportError> {
    let authorization = token
        .map(|(scheme, token)| Secret::new(format!("{} {}", word(scheme), BASE64_STANDARD.encode(token))));
    let post = Post {
        authorization: authorization.as_ref(),
        content_type: None,
        body: Vec::new(),
        patience: settings.connect_timeout,
    };
    wire.post(post).await.map_err(TransportError::not_sent)
}

fn word(scheme: Protocol) -> &'static str {
    match scheme {
        Protocol::Kerberos => SCHEME,
        _ => spnego::SCHEME,
    }
}

fn bad_token() -> TransportError {
    not_sent(TransportErrorKind::BadToken)
}

fn not_sent(kind: TransportErrorKind) -> TransportError {
    TransportError::new(kind, Delivery::NotSent)
}

/// In seconds; what hosts tolerate unless they are told otherwise.
const TOLERATED_SKEW: u64 = 300;
