//! Kerberos: the keys of the host's services, and whom their tickets let in.

use std::io::{Error, ErrorKind, Result};

use super::clock::HostClock;
use super::login::{Admitted, Doorkeeper};
use crate::auth::framing::Protocol;
use crate::auth::kerberos::KeytabEntry;

#[cfg(feature = "kerberos")]
use {
    crate::auth::kerberos::{Acceptor, Arrival},
    std::sync::{Mutex, PoisonError},
};

/// The keys.
#[derive(Debug)]
pub(super) struct Tickets {
    #[cfg(feature = "kerberos")]
    acceptor: Mutex<Acceptor>,
}

/// What is wrong about a ticket; `None` where it is another user's.
pub(super) type Violation = Option<(&'static str, String)>;

#[cfg(feature = "kerberos")]
impl Tickets {
    /// `None` without any key.
    pub(super) fn new(keytab: &[KeytabEntry]) -> Result<Option<Self>> {
        if keytab.is_empty() {
            return Ok(None);
        }
        let acceptor = Acceptor::new(keytab.to_vec());
        let acceptor = acceptor.map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        Ok(Some(Self { acceptor: Mutex::new(acceptor) }))
    }
}

#[cfg(not(feature = "kerberos"))]
impl Tickets {
    /// Fails, unless there is no key.
    pub(super) fn new(keytab: &[KeytabEntry]) -> Result<Option<Self>> {
        if keytab.is_empty() { Ok(None) } else { Err(Error::new(ErrorKind::Unsupported, NOT_BUILT)) }
    }
}

#[cfg(feature = "kerberos")]
impl Doorkeeper {
    /// Judges a ticket; gives whom it lets in, with the answer to it.
    pub(super) fn by_ticket(
        &self,
        token: &[u8],
        protocol: Protocol,
        clock: &HostClock,
    ) -> std::result::Result<(Admitted, Vec<u8>), Violation> {
        let Some(tickets) = &self.tickets else {
            return Err(Some(("kerberos", "the host has no keytab".to_owned())));
        };
        let now = clock.unhurried();
        let session_key = crate::auth::random().map_err(|error| Some(("kerberos", error.to_string())))?;
        let arrival = Arrival { now, requirements: self.requirements, protocol, session_key };
        let mut acceptor = tickets.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted =
            acceptor.accept(token, arrival).map_err(|refusal| Some(("kerberos", refusal.to_string())))?;
        if !self.admits_principal(&accepted.client) {
            return Err(None);
        }
        // The host's hours may go faster than those of the KDC.
        let until = clock.now().checked_add(accepted.ends.duration_since(now)).ok();
        Ok((Admitted { context: Some(Box::new(accepted.context)), until }, accepted.token))
    }
}

#[cfg(not(feature = "kerberos"))]
impl Doorkeeper {
    /// Takes no ticket.
    pub(super) fn by_ticket(
        &self,
        _: &[u8],
        _: Protocol,
        _: &HostClock,
    ) -> std::result::Result<(Admitted, Vec<u8>), Violation> {
        Err(Some(("kerberos", NOT_BUILT.to_owned())))
    }
}

#[cfg(not(feature = "kerberos"))]
const NOT_BUILT: &str = "this build knows no Kerberos (feature kerberos)";

#[cfg(test)]
#[cfg(feature = "kerberos")]
mod tests {
    use std::time::Duration;

    use base64::prelude::{BASE64_STANDARD, Engine};
    use jiff::Timestamp;

    use super::super::login::{Credentials, Offers, Session, Verdict};
    use super::super::tls::Shown;
    use super::super::{Server, ServerSettings};
    use super::{Admitted, Doorkeeper, HostClock};
    use crate::auth::framing::Protocol;
    use crate::auth::kerberos::minting::Mint;
    use crate::auth::spnego::{self, KERBEROS, KERBEROS_OF_WINDOWS, NTLM, State};
    use crate::secret::Secret;
    use crate::simulator::Scenario;

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn settings(user: &str) -> ServerSettings {
        let scenario = *Scenario::named("healthy").unwrap();
        let mut settings = ServerSettings::new(scenario, user, Secret::default());
        settings.offers.kerberos = true;
        settings.keytab = Mint::good(now()).keytab();
        settings
    }

    fn doorkeeper(user: &str) -> Doorkeeper {
        Doorkeeper::new(&settings(user), None).unwrap()
    }

    fn judge(
        door: &Doorkeeper,
        session: &mut Session,
        scheme: &str,
        token: &[u8],
        clock: &HostClock,
    ) -> Verdict {
        let authorization = format!("{scheme} {}", BASE64_STANDARD.encode(token));
        let credentials = Credentials { authorization: Some(&authorization), certificate: &Shown::Nothing };
        door.judge(session, credentials, clock)
    }

    /// What a request without credentials comes to.
    fn goes_on(door: &Doorkeeper, session: &mut Session, clock: &HostClock) -> bool {
        let credentials = Credentials { authorization: None, certificate: &Shown::Nothing };
        matches!(door.judge(session, credentials, clock), Verdict::Connection { last: None })
    }

    fn last_word(verdict: Verdict, scheme: &str) -> Vec<u8> {
        let Verdict::Connection { last: Some(last) } = verdict else { panic!("{verdict:?}") };
        BASE64_STANDARD.decode(last.strip_prefix(scheme).unwrap().trim()).unwrap()
    }

    fn protocol(session: &Session) -> Protocol {
        let Session::In(Admitted { context: Some(context), .. }) = session else { panic!("{session:?}") };
        context.protocol()
    }

    /// The token of a ticket, in the frame of the mechanism, begins so.
    const ANSWER: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00";

    fn is_answer(token: &[u8]) -> bool {
        token.windows(ANSWER.len()).position(|bytes| bytes == ANSWER).is_some_and(|at| at < 5)
    }

    #[test]
    fn a_ticket_under_every_scheme() {
        let clock = HostClock::new(now(), 0);
        let door = doorkeeper("operator");
        assert_eq!(door.offers(), ["Negotiate", "Kerberos"]);

        let mut session = Session::New;
        let verdict = judge(&door, &mut session, "Kerberos", &Mint::good(now()).token(), &clock);
        assert!(is_answer(&last_word(verdict, "Kerberos")));
        assert_eq!(protocol(&session), Protocol::Kerberos);
        assert!(goes_on(&door, &mut session, &clock));

        let mut session = Session::New;
        let verdict = judge(&door, &mut session, "Negotiate", &Mint::good(now()).token(), &clock);
        assert!(is_answer(&last_word(verdict, "Negotiate")));
        assert_eq!(protocol(&session), Protocol::Spnego);

        for mechanism in [KERBEROS, KERBEROS_OF_WINDOWS] {
            let mut session = Session::New;
            let token = spnego::offer(mechanism, &Mint::good(now()).token());
            let verdict = judge(&door, &mut session, "Negotiate", &token, &clock);
            let last = last_word(verdict, "Negotiate");
            let answer = spnego::read(&last).unwrap();
            assert_eq!((answer.state, answer.mechanism), (Some(State::Completed), Some(mechanism)));
            assert!(is_answer(answer.token.unwrap()));
            assert_eq!(protocol(&session), Protocol::Spnego);
        }
    }

    #[test]
    fn who_may_come_in() {
        let clock = HostClock::new(now(), 0);
        for (user, gets_in) in [
            ("operator", true),
            ("OPERATOR", true),
            (r"EXAMPLE\operator", true),
            (r"example.test\operator", true),
            ("operator@EXAMPLE.TEST", true),
            ("operator@OTHER.TEST", false),
            (r"OTHER\operator", false),
            ("eve", false),
        ] {
            let mut session = Session::New;
            let verdict =
                judge(&doorkeeper(user), &mut session, "Kerberos", &Mint::good(now()).token(), &clock);
            match verdict {
                Verdict::Connection { .. } => assert!(gets_in, "{user}"),
                Verdict::Refused { violation, .. } => {
                    assert_eq!((violation, gets_in), (None, false), "{user}")
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_refused() {
        let clock = HostClock::new(now(), 0);
        let door = doorkeeper("operator");
        let refused = |door: &Doorkeeper, scheme: &str, token: &[u8]| {
            let mut session = Session::New;
            let verdict = judge(door, &mut session, scheme, token, &clock);
            assert!(!goes_on(door, &mut session, &clock));
            match verdict {
                Verdict::Refused { violation, offers, is_leg: false } => (violation.unwrap(), offers),
                other => panic!("{other:?}"),
            }
        };
        let mut expired = Mint::good(now());
        expired.ends = "2026-11-24T11:00:00Z".parse().unwrap();
        for (scheme, token) in [
            ("Kerberos", expired.token()),
            ("Negotiate", expired.token()),
            ("Negotiate", spnego::offer(KERBEROS, &expired.token())),
        ] {
            let (violation, offers) = refused(&door, scheme, &token);
            assert_eq!(violation, ("kerberos", "the ticket has expired".to_owned()), "{scheme}");
            assert_eq!(offers, ["Negotiate", "Kerberos"]);
        }
        let shown = Mint::good(now()).token();
        judge(&door, &mut Session::New, "Kerberos", &shown, &clock);
        let again = refused(&door, "Negotiate", &spnego::offer(KERBEROS, &shown)).0;
        assert_eq!(again.1, "the token has been shown before");

        let mut without = settings("operator");
        (without.keytab, without.offers) = (Vec::new(), Offers::default());
        let without = Doorkeeper::new(&without, None).unwrap();
        let token = Mint::good(now()).token();
        assert_eq!(refused(&without, "Kerberos", &token).0.0, "auth-scheme");
        assert_eq!(refused(&without, "Negotiate", &token).0.1, "the host has no keytab");
        let wrapped = spnego::offer(KERBEROS, &token);
        assert_eq!(refused(&without, "Negotiate", &wrapped).0.0, "spnego");
        // Where NTLM is on the list, it is chosen.
        let mut session = Session::New;
        let verdict = judge(&without, &mut session, "Negotiate", &spnego::offer(NTLM, b"x"), &clock);
        assert!(matches!(verdict, Verdict::Refused { violation: Some(("ntlm", _)), .. }), "{verdict:?}");
    }

    #[test]
    fn a_session_ends_with_its_ticket() {
        let clock = HostClock::new(now(), 0);
        let door = doorkeeper("operator");
        let mut session = Session::New;
        let mint = Mint { ends: "2026-11-24T12:04:00Z".parse().unwrap(), ..Mint::good(now()) };
        judge(&door, &mut session, "Kerberos", &mint.token(), &clock);
        clock.advance(Duration::from_secs(239));
        assert!(goes_on(&door, &mut session, &clock));
        clock.advance(Duration::from_secs(1));
        assert!(!goes_on(&door, &mut session, &clock));
        assert!(matches!(session, Session::New));
    }

    /// A host whose hours go fast forgets the session, and takes a ticket of the KDC's hours anew.
    #[tokio::test(start_paused = true)]
    async fn hours_that_go_fast() {
        let clock = HostClock::new(now(), 1000);
        let door = doorkeeper("operator");
        let mut session = Session::New;
        judge(&door, &mut session, "Kerberos", &Mint::good(now()).token(), &clock);
        tokio::time::advance(Duration::from_secs(35)).await;
        assert!(goes_on(&door, &mut session, &clock));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!goes_on(&door, &mut session, &clock));
        let again = Mint { now: "2026-11-24T12:00:37Z".parse().unwrap(), ..Mint::good(now()) };
        let verdict = judge(&door, &mut session, "Kerberos", &again.token(), &clock);
        last_word(verdict, "Kerberos");
        assert!(goes_on(&door, &mut session, &clock));
    }

    #[tokio::test]
    async fn kerberos_without_a_keytab_is_not_started() {
        let mut settings = settings("operator");
        settings.keytab.clear();
        let error = Server::start(settings).await.unwrap_err();
        assert_eq!(error.to_string(), "Kerberos needs a keytab");
    }
}
