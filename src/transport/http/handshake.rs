//! NTLM on a new connection, in two requests without body. Nothing that fails here has been sent.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::headers::{self, Token};
use super::wire::{Post, Reply, Settings, Wire};
use crate::auth::ntlm::{Given, Initiator, Protection, SCHEME};
use crate::auth::{Credential, random, spnego};
use crate::secret::Secret;
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// Authenticates a new connection. With [`Protection::Sealed`] the wire has a context afterwards.
pub(super) async fn authenticate(
    wire: &mut Wire,
    settings: &Settings,
    credential: &Credential,
    protection: Protection,
) -> Result<(), TransportError> {
    let initiator = Initiator::new(protection).map_err(bad_token)?;
    tracing::debug!(scheme = SCHEME, "handshake: negotiate");
    let reply = leg(wire, settings, SCHEME, initiator.token()).await?;
    let challenge = challenge(&reply)?;
    let given = Given {
        target: &format!("HTTP/{}", settings.url.host_str().unwrap_or_default()),
        now: jiff::Timestamp::now(),
        session_key: random().map_err(bad_token)?,
        channel_bindings: wire.channel_binding().map(|binding| binding.ntlm_hash()),
    };
    let authenticated = initiator.authenticate(&challenge, credential, given).map_err(bad_token)?;
    tracing::debug!(scheme = SCHEME, "handshake: authenticate");
    let reply = leg(wire, settings, SCHEME, &authenticated.token).await?;
    if !(200..=299).contains(&reply.status) {
        return Err(refused(&reply));
    }
    if reply.last {
        return Err(not_sent(TransportErrorKind::ConnectionLost));
    }
    if let Some(context) = authenticated.context {
        wire.context = Some(Box::new(context));
    }
    Ok(())
}

/// A request without body that carries a token.
pub(super) async fn leg(
    wire: &Wire,
    settings: &Settings,
    scheme: &str,
    token: &[u8],
) -> Result<Reply, TransportError> {
    let authorization = Secret::new(format!("{scheme} {}", BASE64_STANDARD.encode(token)));
    let post = Post {
        authorization: Some(&authorization),
        content_type: None,
        body: Vec::new(),
        patience: settings.connect_timeout,
    };
    wire.post(post).await.map_err(TransportError::not_sent)
}

fn challenge(reply: &Reply) -> Result<Vec<u8>, TransportError> {
    if reply.status != 401 {
        return Err(refused(reply));
    }
    match headers::token(&reply.headers, SCHEME) {
        Some(Token::Bytes(token)) => {
            let answer = spnego::read(&token).map_err(bad_token)?;
            // An answer without a token asks for another mechanism than NTLM.
            answer.token.map(<[u8]>::to_vec).ok_or_else(|| not_sent(TransportErrorKind::BadToken))
        }
        Some(Token::Malformed) => Err(not_sent(TransportErrorKind::BadToken)),
        None => Err(refused(reply)),
    }
}

fn refused(reply: &Reply) -> TransportError {
    refusal(reply, "ntlm", &[SCHEME])
}

/// What an answer means that does not go on with the handshake; `wanted` is the method, any of whose schemes would do.
pub(super) fn refusal(reply: &Reply, wanted: &str, schemes: &[&str]) -> TransportError {
    let status = reply.status;
    not_sent(match status {
        401 => {
            let offered = headers::offered(&reply.headers);
            let is_offered = |scheme: &&str| offered.iter().any(|offer| offer.eq_ignore_ascii_case(scheme));
            if schemes.iter().any(is_offered) {
                TransportErrorKind::Refused { offered }
            } else {
                TransportErrorKind::NotOffered { wanted: wanted.to_owned(), offered }
            }
        }
        403 => TransportErrorKind::Forbidden,
        407 => TransportErrorKind::Proxy,
        300..=399 => TransportErrorKind::Redirect { status, location: headers::location(&reply.headers) },
        _ => TransportErrorKind::Handshake { status, content_type: headers::content_type(&reply.headers) },
    })
}

pub(super) fn not_sent(kind: TransportErrorKind) -> TransportError {
    TransportError::new(kind, Delivery::NotSent)
}

fn bad_token(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    not_sent(TransportErrorKind::BadToken).because(error)
}
