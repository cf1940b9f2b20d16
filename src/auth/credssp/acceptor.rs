//! The host, for the simulated one: the tunnel, then the login inside of it.

use std::fmt;
use std::sync::Arc;

use super::host_login::{Host, HostLogin, Judged};
use super::identity::Identity;
use super::tunnel::Tunnel;
use super::{Context, Refusal};
use crate::auth::Credential;
use crate::auth::ntlm::NtHash;

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

/// The host's side of one authentication.
pub struct Acceptor {
    tunnel: Tunnel,
    login: HostLogin,
}

impl Acceptor {
    /// Prepares an authentication.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tls`] if TLS cannot be set up.
    pub fn new(identity: &Identity) -> Result<Self, Refusal> {
        let tunnel = Tunnel::server(Arc::clone(&identity.config))?;
        Ok(Self { tunnel, login: HostLogin::new(identity.public_key.clone()) })
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
                let told = self.login.refuse(&refusal).and_then(|told| self.tunnel.seal(&told).ok());
                Answer::Refused(refusal, told.unwrap_or_default())
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
        match self.login.step(&plain, host, known)? {
            Judged::Next(message) => Ok(Judged::Next(self.tunnel.seal(&message)?)),
            judged @ Judged::In(_) => Ok(judged),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}
