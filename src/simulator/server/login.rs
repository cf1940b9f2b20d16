//! Who is on a connection: which schemes are offered, and what became of a request's credentials.

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;

use super::ServerSettings;
use super::clock::HostClock;
use super::negotiate::Negotiation;
use super::tls::Tls;
#[cfg(feature = "credssp")]
use crate::auth::credssp;
use crate::auth::ntlm::{self, Bindings, HostNames, NtHash, Protection, Requirements};
use crate::auth::{Credential, Sealing, basic, spnego};

/// What the host offers to those who want to come in (`winrm get winrm/config/service/auth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offers {
    /// `Negotiate`: NTLM, bare or inside of SPNEGO.
    pub negotiate: bool,
    /// `Basic`, and with it bodies in clear.
    pub basic: bool,
    /// `CredSSP`, with NTLM inside.
    #[cfg(feature = "credssp")]
    pub credssp: bool,
}

impl Default for Offers {
    fn default() -> Self {
        Self {
            negotiate: true,
            basic: false,
            #[cfg(feature = "credssp")]
            credssp: false,
        }
    }
}

/// What is known of those who may come in.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    pub(super) names: HostNames,
    pub(super) requirements: Requirements,
    /// Where CredSSP is offered.
    #[cfg(feature = "credssp")]
    pub(super) identity: Option<credssp::Identity>,
    offers: Offers,
    credential: Credential,
    hash: NtHash,
    refuses_all: bool,
}

/// How far a connection has come.
#[derive(Debug, Default)]
pub(super) enum Session {
    /// Nobody.
    #[default]
    New,
    /// Another leg of `Negotiate` is due.
    Negotiating(Box<Negotiation>),
    /// Another leg of `CredSSP` is due.
    #[cfg(feature = "credssp")]
    Credssp(Box<credssp::Acceptor>),
    /// The user.
    In(Admitted),
}

/// A user who has come in with a connection.
#[derive(Debug)]
pub(super) struct Admitted {
    /// Seals the messages, where the client can.
    pub(super) context: Option<Box<dyn Sealing>>,
    /// When that is forgotten, by the host's clock.
    pub(super) until: Option<Timestamp>,
}

/// What became of a request's credentials.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The user, who has come in with the connection; over http messages are sealed then.
    Connection {
        /// The last word of the handshake, for `WWW-Authenticate`; `None` if there was none, or it ended before.
        last: Option<String>,
    },
    /// The user, by what each request carries.
    Request,
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
            names,
            requirements: match tls {
                Some(tls) => Requirements { protection: Protection::None, channel_bindings: tls.bindings },
                None => Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored },
            },
            #[cfg(feature = "credssp")]
            identity: None,
            offers: settings.offers,
            credential: Credential::new(&settings.user, settings.password.clone()),
            hash: ntlm::nt_hash(&settings.password),
            refuses_all: settings.scenario.server.rejects_credentials,
        }
    }

    /// Judges `Authorization`; `session` is brought up to date.
    pub(super) fn judge(
        &self,
        session: &mut Session,
        authorization: Option<&str>,
        clock: &HostClock,
    ) -> Verdict {
        let Some(authorization) = authorization else {
            return self.without(session, clock.now());
        };
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case(basic::SCHEME) {
            return self.by_password(authorization);
        }
        let token = BASE64_STANDARD.decode(token.trim());
        #[cfg(feature = "credssp")]
        if let (true, Ok(token)) = (scheme.eq_ignore_ascii_case(credssp::SCHEME), &token) {
            return self.credssp(session, token, clock);
        }
        if !(scheme.eq_ignore_ascii_case(spnego::SCHEME) && self.offers.negotiate) {
            return self.refused(Some(("auth-scheme", scheme.to_owned())));
        }
        match token {
            Ok(token) => self.negotiate(session, &token, clock),
            Err(_) => self.refused(Some(("auth-token", "no base64".to_owned()))),
        }
    }

    /// The offers of a 401.
    pub(super) fn offers(&self) -> Vec<String> {
        let offers = [
            (self.offers.negotiate, spnego::SCHEME.to_owned()),
            (self.offers.basic, "Basic realm=\"WSMAN\"".to_owned()),
            #[cfg(feature = "credssp")]
            (self.offers.credssp, credssp::SCHEME.to_owned()),
        ];
        offers.into_iter().filter_map(|(is_offered, value)| is_offered.then_some(value)).collect()
    }

    /// A request without credentials is that of whoever has come in with the connection.
    fn without(&self, session: &mut Session, now: Timestamp) -> Verdict {
        match session {
            Session::In(Admitted { until, .. }) if until.is_none_or(|until| now < until) => {
                Verdict::Connection { last: None }
            }
            Session::In(_) => {
                *session = Session::New;
                self.refused(None)
            }
            _ => self.refused(None),
        }
    }

    pub(super) fn refused(&self, violation: Option<(&'static str, String)>) -> Verdict {
        Verdict::Refused { offers: self.offers(), is_leg: false, violation }
    }

    fn by_password(&self, authorization: &str) -> Verdict {
        if !self.offers.basic {
            return self.refused(Some(("clear-credentials", "Basic is not offered here".to_owned())));
        }
        let Some(given) = basic::parse(authorization) else {
            return self.refused(Some(("auth-token", "malformed".to_owned())));
        };
        if self.opens(&given) { Verdict::Request } else { self.refused(None) }
    }

    /// Whether that is the user with the right password.
    pub(super) fn opens(&self, given: &Credential) -> bool {
        self.admits(given.domain(), given.user())
            && given.password().expose() == self.credential.password().expose()
    }

    /// Whether that user may come in. A domain that was not asked for is not looked at: a host outside of a domain
    /// takes any.
    pub(super) fn admits(&self, domain: &str, user: &str) -> bool {
        let own = self.credential.domain();
        !self.refuses_all
            && self.credential.user().eq_ignore_ascii_case(user)
            && (own.is_empty() || own.eq_ignore_ascii_case(domain))
    }

    /// The hash of the password of one who may come in.
    pub(super) fn hash_of(&self, domain: &str, user: &str) -> Option<NtHash> {
        self.admits(domain, user).then(|| self.hash.clone())
    }
}
