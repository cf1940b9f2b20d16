//! `CredSSP`, with NTLM inside.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::ServerSettings;
use super::clock::HostClock;
use super::login::{Admitted, Doorkeeper, Session, Verdict};
use crate::auth::credssp::{Acceptor, Answer, Delegated, Host, Identity, Refusal, SCHEME};
use crate::auth::ntlm;

/// The certificate of the host's tunnels: that of its TLS, or one of its own making.
pub(super) fn identity(settings: &ServerSettings) -> std::io::Result<Identity> {
    let identity = match &settings.tls {
        Some(tls) => Identity::of(&tls.identity, rustls::ALL_VERSIONS),
        None => Identity::new(&format!("CREDSSP-{}", settings.scenario.world.host), rustls::ALL_VERSIONS),
    };
    identity.map_err(std::io::Error::other)
}

impl Doorkeeper {
    /// A leg of a handshake.
    pub(super) fn credssp(&self, session: &mut Session, token: &[u8], clock: &HostClock) -> Verdict {
        let acceptor = match (std::mem::take(session), &self.identity) {
            (Session::Credssp(acceptor), _) => Ok(*acceptor),
            (_, Some(identity)) => Acceptor::new(identity),
            (_, None) => return self.refused(Some(("auth-scheme", SCHEME.to_owned()))),
        };
        let (acceptor, challenge) = match (acceptor, crate::auth::random::<8>()) {
            (Ok(acceptor), Ok(challenge)) => (acceptor, challenge),
            (Err(refusal), _) => return self.refused(Some(("credssp", refusal.to_string()))),
            (_, Err(_)) => return self.refused(None),
        };
        let host = Host { names: &self.names, server_challenge: *challenge.expose(), now: clock.now() };
        match acceptor.step(token, &host, |domain, user| self.hash_of(domain, user)) {
            Answer::Next(acceptor, token) => {
                *session = Session::Credssp(acceptor);
                Verdict::Refused { offers: vec![word(&token)], is_leg: true, violation: None }
            }
            Answer::In(delegated) => self.take_over(session, *delegated),
            Answer::Refused(refusal, token) => {
                let offers = if token.is_empty() { self.offers() } else { vec![word(&token)] };
                let is_known = refusal == Refusal::Ntlm(ntlm::Refusal::WrongCredential);
                let violation = (!is_known).then(|| ("credssp", refusal.to_string()));
                Verdict::Refused { offers, is_leg: false, violation }
            }
        }
    }

    /// Lets in whoever has handed over what opens this host.
    fn take_over(&self, session: &mut Session, delegated: Delegated) -> Verdict {
        let Delegated { credential, context } = delegated;
        if !self.opens(&credential) {
            let reason = "the password that was handed over is not that of the login";
            return self.refused(Some(("credssp", reason.to_owned())));
        }
        *session = Session::In(Admitted { context: Some(Box::new(context)), until: None });
        Verdict::Connection { last: None }
    }
}

fn word(token: &[u8]) -> String {
    format!("{SCHEME} {}", BASE64_STANDARD.encode(token))
}
