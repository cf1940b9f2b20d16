//! CredSSP on a new connection, in five or six requests without body. Nothing that fails here has been sent.

use std::sync::Arc;

use super::handshake::{leg, not_sent, refusal};
use super::headers::{self, Token};
use super::wire::{Reply, Settings, Wire};
use crate::auth::credssp::{Failure, Given, Initiator, SCHEME, Step};
use crate::auth::{Credential, random};
use crate::transport::{TransportError, TransportErrorKind};

/// Makes a connection and authenticates it. Over http the wire has a context afterwards.
pub(super) async fn connect(
    settings: &Arc<Settings>,
    credential: &Credential,
) -> Result<Wire, TransportError> {
    let mut wire = Wire::new(settings)?;
    let mut initiator = Initiator::new(credential.clone(), given(settings)?).map_err(failed)?;
    let mut step = Step::Next(initiator.token().to_vec());
    for number in 1..=LONGEST {
        let (Step::Next(token) | Step::Last(token)) = &step;
        tracing::debug!(scheme = SCHEME, number, "handshake");
        let reply = leg(&wire, settings, SCHEME, token).await?;
        match (reply.status, &step) {
            (401, _) => step = initiator.step(&answer(&reply, &initiator)?).map_err(failed)?,
            (200..=299, Step::Last(_)) => {
                let context = initiator.finish(&token_of(&reply)?.unwrap_or_default()).map_err(failed)?;
                if reply.last {
                    return Err(not_sent(TransportErrorKind::ConnectionLost));
                }
                if settings.url.scheme() == "http" {
                    wire.context = Some(Box::new(context));
                }
                return Ok(wire);
            }
            // Let in before anybody had said who they are.
            (200..=299, Step::Next(_)) => return Err(failed(Failure::Malformed)),
            _ => return Err(refused(&reply)),
        }
    }
    Err(failed(Failure::Malformed))
}

fn given(settings: &Settings) -> Result<Given, TransportError> {
    Ok(Given {
        target: format!("WSMAN/{}", settings.url.host_str().unwrap_or_default()),
        now: jiff::Timestamp::now(),
        session_key: random().map_err(no_randomness)?,
        nonce: *random().map_err(no_randomness)?.expose(),
    })
}

/// The token of a 401. Without one it is a refusal, except where the host has nothing to say to the end of our
/// handshake.
fn answer(reply: &Reply, initiator: &Initiator) -> Result<Vec<u8>, TransportError> {
    match token_of(reply)? {
        Some(token) => Ok(token),
        None if initiator.may_be_empty() => Ok(Vec::new()),
        None => Err(refused(reply)),
    }
}

fn token_of(reply: &Reply) -> Result<Option<Vec<u8>>, TransportError> {
    match headers::token(&reply.headers, SCHEME) {
        Some(Token::Bytes(token)) => Ok(Some(token)),
        Some(Token::Malformed) => Err(failed(Failure::Malformed)),
        None => Ok(None),
    }
}

fn refused(reply: &Reply) -> TransportError {
    refusal(reply, "credssp", &[SCHEME])
}

fn failed(failure: Failure) -> TransportError {
    not_sent(TransportErrorKind::Credssp(failure))
}

fn no_randomness(error: crate::auth::NoRandomness) -> TransportError {
    not_sent(TransportErrorKind::Policy("the operating system gives no random bytes")).because(error)
}

/// Requests of one authentication. It takes five or six; a login of two more legs would still fit.
const LONGEST: usize = 8;
