//! The client: the tunnel, then the login inside of it.

use std::fmt;

use super::tunnel::Tunnel;
use super::{Context, Failure, Login, NtStatus, Step, TsRequest};
use crate::auth::Credential;
use crate::secret::Secret;

/// The client of one authentication. It goes by tokens: [`token`](Self::token) first, then [`step`](Self::step) for
/// each answer of the host, and [`finish`](Self::finish) when the host lets in.
pub struct Initiator {
    tunnel: Tunnel,
    stage: Stage,
    first: Vec<u8>,
}

/// What comes from outside.
#[derive(Debug)]
pub struct Given {
    /// The service asked for, as `WSMAN/host`.
    pub target: String,
    /// The moment, used where the host's challenge does not give its own.
    pub now: jiff::Timestamp,
    /// Random bytes that become the key of the login's session.
    pub session_key: Secret<[u8; 16]>,
    /// Random bytes that make the proofs fresh ones.
    pub nonce: [u8; 32],
}

enum Stage {
    Handshake(Box<(Credential, Given)>),
    Login(Box<Login>),
    HandedOver,
    Over,
}

impl Initiator {
    /// Starts an authentication.
    ///
    /// # Errors
    ///
    /// [`Failure::Tls`] if TLS cannot be set up.
    pub fn new(credential: Credential, given: Given) -> Result<Self, Failure> {
        let mut tunnel = Tunnel::client()?;
        let first = tunnel.take()?;
        Ok(Self { tunnel, stage: Stage::Handshake(Box::new((credential, given))), first })
    }

    /// The first token.
    pub fn token(&self) -> &[u8] {
        &self.first
    }

    /// Whether the host may answer without a token now: it has nothing to say to the end of our handshake.
    pub fn may_be_empty(&self) -> bool {
        matches!(self.stage, Stage::Handshake(_)) && !self.tunnel.is_handshaking()
    }

    /// Answers a token of the host. What it gives is sent as a token; after [`Step::Last`] the host lets in, or says
    /// in a token why not.
    ///
    /// # Errors
    ///
    /// Why the authentication is over; the password has left only after [`Step::Last`].
    pub fn step(&mut self, token: &[u8]) -> Result<Step, Failure> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let plain = self.tunnel.open(token)?;
        match stage {
            Stage::Handshake(begun) => self.shake(*begun, &plain),
            Stage::Login(mut login) => {
                let step = login.step(&plain)?;
                let (stage, step) = match step {
                    Step::Next(message) => (Stage::Login(login), Step::Next(self.tunnel.seal(&message)?)),
                    Step::Last(message) => (Stage::HandedOver, Step::Last(self.tunnel.seal(&message)?)),
                };
                self.stage = stage;
                Ok(step)
            }
            Stage::HandedOver => Err(refusal(&plain)),
            Stage::Over => Err(Failure::Malformed),
        }
    }

    fn shake(&mut self, begun: (Credential, Given), plain: &[u8]) -> Result<Step, Failure> {
        if !plain.is_empty() {
            return Err(Failure::Malformed);
        }
        let records = self.tunnel.take()?;
        if !records.is_empty() {
            self.stage = Stage::Handshake(Box::new(begun));
            return Ok(Step::Next(records));
        }
        if self.tunnel.is_handshaking() {
            return Err(Failure::Malformed);
        }
        let (credential, given) = begun;
        let (login, message) = Login::new(credential, self.tunnel.public_key()?, given)?;
        self.stage = Stage::Login(Box::new(login));
        Ok(Step::Next(self.tunnel.seal(&message)?))
    }

    /// Ends the authentication, once the host lets in; `token` is what it said besides.
    ///
    /// # Errors
    ///
    /// [`Failure::Malformed`] if the password was not handed over yet; else what the host says.
    pub fn finish(mut self, token: &[u8]) -> Result<Context, Failure> {
        let plain = self.tunnel.open(token)?;
        match self.stage {
            Stage::HandedOver if plain.is_empty() => Ok(Context::new(self.tunnel)),
            _ => Err(refusal(&plain)),
        }
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").finish_non_exhaustive()
    }
}

/// What the host says instead of letting in.
fn refusal(message: &[u8]) -> Failure {
    match TsRequest::decode(message) {
        Ok(TsRequest { error_code: Some(code), .. }) if code != 0 => Failure::Refused(NtStatus(code)),
        _ => Failure::Malformed,
    }
}
