//! Who is on a connection: which schemes are offered, and what became of a request's credentials.

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;

use super::ServerSettings;
use super::clock::HostClock;
use super::negotiate::Negotiation;
use super::tickets::Tickets;
use super::tls::{Shown, Tls};
#[cfg(feature = "credssp")]
use crate::auth::credssp;
use crate::auth::framing::Protocol;
use crate::auth::kerberos::Principal;
use crate::auth::ntlm::{self, Bindings, HostNames, NtHash, Protection, Requirements};
use crate::auth::{Credential, Sealing, basic, certificate, kerberos, spnego};

/// What the host offers to those who want to come in (`winrm get winrm/config/service/auth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offers {
    /// `Negotiate`: NTLM, bare or inside of SPNEGO, and Kerberos where there is a keytab.
    pub negotiate: bool,
    /// `Kerberos`; needs a keytab.
    pub kerberos: bool,
    /// `Basic`, and with it bodies in clear.
    pub basic: bool,
    /// `CredSSP`, with NTLM inside.
    #[cfg(feature = "credssp")]
    pub credssp: bool,
    /// Client certificates; needs TLS and the roots of those who may come in.
    pub certificate: bool,
}

impl Default for Offers {
    fn default() -> Self {
        Self {
            negotiate: true,
            kerberos: false,
            basic: false,
            #[cfg(feature = "credssp")]
            credssp: false,
            certificate: false,
        }
    }
}

/// What is known of those who may come in.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    pub(super) names: HostNames,
    pub(super) requirements: Requirements,
    pub(super) tickets: Option<Tickets>,
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
    /// Nobody, and TLS would have to be begun anew: 403.
    Forbidden(&'static str),
}

/// What a request brings to show who it is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    /// `Authorization`.
    pub(super) authorization: Option<&'a str>,
    /// What was shown in the handshake of TLS.
    pub(super) certificate: &'a Shown,
}

impl Doorkeeper {
    pub(super) fn new(settings: &ServerSettings, tls: Option<&Tls>) -> std::io::Result<Self> {
        let host = settings.scenario.world.host;
        let names = HostNames {
            computer: host.to_owned(),
            domain: "EXAMPLE".to_owned(),
            dns_computer: format!("{}.example.test", host.to_lowercase()),
            dns_domain: "example.test".to_owned(),
        };
        let tickets = Tickets::new(&settings.keytab)?;
        let lacks = match settings.offers {
            Offers { kerberos: true, .. } if tickets.is_none() => Some("Kerberos needs a keytab"),
            Offers { certificate: true, .. } if tls.is_none_or(|tls| tls.clients.is_none()) => {
                Some("client certificates need TLS and their roots")
            }
            _ => None,
        };
        if let Some(lacks) = lacks {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, lacks));
        }
        Ok(Self {
            names,
            requirements: match tls {
                Some(tls) => Requirements { protection: Protection::None, channel_bindings: tls.bindings },
                None => Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored },
            },
            #[cfg(feature = "credssp")]
            identity: if settings.offers.credssp { Some(super::credssp::identity(settings)?) } else { None },
            tickets,
            offers: settings.offers,
            credential: Credential::new(&settings.user, settings.password.clone()),
            hash: ntlm::nt_hash(&settings.password),
            refuses_all: settings.scenario.server.rejects_credentials,
        })
    }

    /// Judges a request's credentials; `session` is brought up to date.
    pub(super) fn judge(
        &self,
        session: &mut Session,
        credentials: Credentials<'_>,
        clock: &HostClock,
    ) -> Verdict {
        let Some(authorization) = credentials.authorization else {
            return self.without(session, clock.now());
        };
        if authorization == certificate::AUTHORIZATION && self.offers.certificate {
            return self.by_certificate(credentials.certificate);
        }
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case(basic::SCHEME) {
            return self.by_password(authorization);
        }
        let token = BASE64_STANDARD.decode(token.trim());
        #[cfg(feature = "credssp")]
        if let (true, Ok(token)) = (scheme.eq_ignore_ascii_case(credssp::SCHEME), &token) {
            return self.credssp(session, token, clock);
        }
        let is_negotiate = scheme.eq_ignore_ascii_case(spnego::SCHEME) && self.offers.negotiate;
        let is_kerberos = scheme.eq_ignore_ascii_case(kerberos::SCHEME) && self.offers.kerberos;
        match token {
            _ if !is_negotiate && !is_kerberos => self.refused(Some(("auth-scheme", scheme.to_owned()))),
            Ok(token) if is_negotiate => self.negotiate(session, &token, clock),
            Ok(token) => self.ticket(session, &token, clock),
            Err(_) => self.refused(Some(("auth-token", "no base64".to_owned()))),
        }
    }

    /// The offers of a 401.
    pub(super) fn offers(&self) -> Vec<String> {
        let offers = [
            (self.offers.negotiate, spnego::SCHEME.to_owned()),
            (self.offers.kerberos, kerberos::SCHEME.to_owned()),
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

    /// The whole handshake of `Kerberos`: a ticket, and the answer to it.
    fn ticket(&self, session: &mut Session, token: &[u8], clock: &HostClock) -> Verdict {
        match self.by_ticket(token, Protocol::Kerberos, clock) {
            Ok((admitted, answer)) => {
                *session = Session::In(admitted);
                let last = format!("{} {}", kerberos::SCHEME, BASE64_STANDARD.encode(answer));
                Verdict::Connection { last: Some(last) }
            }
            Err(violation) => self.refused(violation),
        }
    }

    /// A certificate without an account is refused as a password is; without a good one there is nobody to refuse.
    fn by_certificate(&self, shown: &Shown) -> Verdict {
        match shown {
            Shown::Nothing => Verdict::Forbidden("no client certificate was shown"),
            Shown::Untrusted => {
                Verdict::Forbidden("the client certificate is not of a trusted issuer, or not in force")
            }
            Shown::Account(account) => match account.as_deref().map(principal) {
                Some(account) if self.admits_principal(&account) => Verdict::Request,
                _ => self.refused(None),
            },
        }
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

    /// Whether an account of a domain may come in; its realm is that domain's name in the DNS.
    pub(super) fn admits_principal(&self, client: &Principal) -> bool {
        let own = self.credential.domain();
        let short = client.realm.split('.').next().unwrap_or_default();
        let domain = if short.eq_ignore_ascii_case(own) { short } else { &client.realm };
        self.admits(domain, &client.name) || self.admits("", &client.to_string())
    }

    /// The hash of the password of one who may come in.
    pub(super) fn hash_of(&self, domain: &str, user: &str) -> Option<NtHash> {
        self.admits(domain, user).then(|| self.hash.clone())
    }
}

/// `name@realm`.
fn principal(account: &str) -> Principal {
    let (name, realm) = account.rsplit_once('@').unwrap_or((account, ""));
    Principal { name: name.to_owned(), realm: realm.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Doorkeeper, HostClock, Session, Shown, Verdict, certificate};
    use crate::secret::Secret;
    use crate::simulator::{Scenario, Server, ServerSettings};

    fn settings(user: &str) -> ServerSettings {
        ServerSettings::new(*Scenario::named("healthy").unwrap(), user, Secret::default())
    }

    #[test]
    fn certificates() {
        let mut door = Doorkeeper::new(&settings(r"EXAMPLE\operator"), None).unwrap();
        let clock = HostClock::new("2026-11-24T12:00:00Z".parse().unwrap(), 0);
        let account = |name: &str| Shown::Account(Some(name.to_owned()));
        let judge = |door: &Doorkeeper, shown: &Shown| {
            let authorization = Some(certificate::AUTHORIZATION);
            match door.judge(&mut Session::New, Credentials { authorization, certificate: shown }, &clock) {
                Verdict::Request => "200".to_owned(),
                Verdict::Forbidden(why) => format!("403 {why}"),
                Verdict::Refused { violation, .. } => format!("401 {:?}", violation.map(|one| one.0)),
                Verdict::Connection { .. } => "connection".to_owned(),
            }
        };
        let is_not_offered = judge(&door, &account("operator@example.test"));
        assert_eq!(is_not_offered, "401 Some(\"auth-scheme\")");
        door.offers.certificate = true;
        for (shown, wanted) in [
            (account("operator@example.test"), "200"),
            (account("Operator@EXAMPLE.TEST"), "200"),
            (account("operator@other.test"), "401 None"),
            (account("operator"), "401 None"),
            (account("eve@example.test"), "401 None"),
            (Shown::Account(None), "401 None"),
            (Shown::Nothing, "403 no client certificate was shown"),
            (Shown::Untrusted, "403 the client certificate is not of a trusted issuer, or not in force"),
        ] {
            assert_eq!(judge(&door, &shown), wanted, "{shown:?}");
        }
    }

    #[tokio::test]
    async fn certificates_without_tls_are_not_started() {
        let mut settings = settings("operator");
        settings.offers.certificate = true;
        let error = Server::start(settings).await.unwrap_err();
        assert_eq!(error.to_string(), "client certificates need TLS and their roots");
    }
}
