//! Who is on a connection.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::ServerSettings;
use super::tls::Tls;
use crate::auth::ntlm::{self, Acceptor, Bindings, HostNames, NtHash, Protection, Requirements};
use crate::auth::seal::SealContext;
use crate::auth::{Credential, basic};

/// What is known of those who may come in.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    credential: Credential,
    hash: NtHash,
    names: HostNames,
    requirements: Requirements,
    offers_basic: bool,
    refuses_all: bool,
}

/// How far a connection has come.
#[derive(Debug, Default)]
pub(super) enum Session {
    /// Nobody.
    #[default]
    New,
    /// A challenge was sent.
    Challenged(Box<Acceptor>),
    /// The user, by NTLM.
    In(Option<Box<SealContext>>),
}

/// What became of a request's credentials.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The user, over an NTLM connection; over http messages are sealed then.
    Sealed,
    /// The user, by Basic.
    Basic,
    /// Nobody: 401 with that.
    Refused {
        /// Values of `WWW-Authenticate`.
        offers: Vec<String>,
        /// Whether this is only a leg of the handshake.
        is_leg: bool,
        /// What was wrong about it.
        violation: Option<(&'static str, String)>,
    },
}

impl Doorkeeper {
    pub(super) fn new(settings: &ServerSettings, tls: Option<&Tls>) -> Self {
        let host = settings.scenario.world.host;
        let names = HostNames {
            computer: host.to_owned(),
            domain: "EXAMPLE".to_owned(),
            dns_computer: format!("{}.example.test", host.to_lowercase()),
            dns_domain: "example.test".to_owned(),
        };
        Self {
            credential: Credential::new(&settings.user, settings.password.clone()),
            hash: ntlm::nt_hash(&settings.password),
            names,
            requirements: match tls {
                Some(tls) => Requirements { protection: Protection::None, channel_bindings: tls.bindings },
                None => Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored },
            },
            offers_basic: settings.basic,
            refuses_all: settings.scenario.server.rejects_credentials,
        }
    }

    /// Judges `Authorization`; `session` is brought up to date.
    pub(super) fn judge(
        &self,
        session: &mut Session,
        authorization: Option<&str>,
        now: jiff::Timestamp,
    ) -> Verdict {
        let Some(authorization) = authorization else {
            return match session {
                Session::In(_) => Verdict::Sealed,
                Session::New | Session::Challenged(_) => self.refused(None),
            };
        };
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case(basic::SCHEME) {
            return self.by_password(authorization);
        }
        if !scheme.eq_ignore_ascii_case(ntlm::SCHEME) {
            return self.refused(Some(("auth-scheme", scheme.to_owned())));
        }
        match BASE64_STANDARD.decode(token.trim()) {
            Ok(token) => self.leg(session, &token, now),
            Err(_) => self.refused(Some(("auth-token", "no base64".to_owned()))),
        }
    }

    /// The offers of a 401.
    pub(super) fn offers(&self) -> Vec<String> {
        let negotiate = std::iter::once(ntlm::SCHEME.to_owned());
        negotiate.chain(self.offers_basic.then(|| "Basic realm=\"WSMAN\"".to_owned())).collect()
    }

    fn refused(&self, violation: Option<(&'static str, String)>) -> Verdict {
        Verdict::Refused { offers: self.offers(), is_leg: false, violation }
    }

    fn by_password(&self, authorization: &str) -> Verdict {
        if !self.offers_basic {
            return self.refused(Some(("clear-credentials", "Basic is not offered here".to_owned())));
        }
        let Some(given) = basic::parse(authorization) else {
            return self.refused(Some(("auth-token", "malformed".to_owned())));
        };
        let is_it = !self.refuses_all
            && self.is_user(given.domain(), given.user())
            && given.password().expose() == self.credential.password().expose();
        if is_it { Verdict::Basic } else { self.refused(None) }
    }

    fn leg(&self, session: &mut Session, token: &[u8], now: jiff::Timestamp) -> Verdict {
        match std::mem::take(session) {
            Session::Challenged(acceptor) => self.authenticate(session, *acceptor, token),
            Session::New | Session::In(_) => {
                let Ok(challenge) = crate::auth::random::<8>() else { return self.refused(None) };
                match Acceptor::new(token, &self.names, *challenge.expose(), now) {
                    Ok(acceptor) => {
                        let answer = BASE64_STANDARD.encode(acceptor.token());
                        *session = Session::Challenged(Box::new(acceptor));
                        let offers = vec![format!("{} {answer}", ntlm::SCHEME)];
                        Verdict::Refused { offers, is_leg: true, violation: None }
                    }
                    Err(error) => self.refused(Some(("ntlm", error.to_string()))),
                }
            }
        }
    }

    fn authenticate(&self, session: &mut Session, acceptor: Acceptor, token: &[u8]) -> Verdict {
        let requirements = self.requirements;
        let known = |domain: &str, user: &str| {
            (!self.refuses_all && self.is_user(domain, user)).then(|| self.hash.clone())
        };
        match acceptor.accept(token, requirements, known) {
            Ok(accepted) => {
                *session = Session::In(accepted.context.map(Box::new));
                Verdict::Sealed
            }
            Err(ntlm::Refusal::WrongCredential) => self.refused(None),
            Err(refusal) => self.refused(Some(("ntlm", refusal.to_string()))),
        }
    }

    /// A domain that was not asked for is not looked at: a host outside of a domain takes any.
    fn is_user(&self, domain: &str, user: &str) -> bool {
        let own = self.credential.domain();
        self.credential.user().eq_ignore_ascii_case(user)
            && (own.is_empty() || own.eq_ignore_ascii_case(domain))
    }
}
