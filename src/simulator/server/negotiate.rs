//! `Negotiate`: NTLM and Kerberos, bare or inside of SPNEGO.
//!
//! Kerberos is taken where it is the client's favourite, so that its first token is there; else NTLM is chosen.
//! Wrapped NTLM has to bring the integrity code of the list of mechanisms, as Windows asks for it of clients whose
//! messages have an integrity code, too.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::clock::HostClock;
use super::login::{Admitted, Doorkeeper, Session, Verdict};
use crate::auth::framing::Protocol;
use crate::auth::ntlm::{self, Acceptor};
use crate::auth::{DerError, Sealing, spnego};

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// The client's list of mechanisms; `None` for bare NTLM.
    list: Option<Vec<u8>>,
    /// `None` where another mechanism was the client's favourite, and NTLM has only been chosen.
    acceptor: Option<Acceptor>,
}

impl Doorkeeper {
    /// A leg of a handshake.
    pub(super) fn negotiate(&self, session: &mut Session, token: &[u8], clock: &HostClock) -> Verdict {
        match std::mem::take(session) {
            Session::Negotiating(negotiation) => self.next_leg(session, *negotiation, token, clock),
            _ => match spnego::read_offer(token) {
                Ok(None) if token.first() == Some(&FRAMED) => self.admit(session, token, None, clock),
                Ok(None) => self.challenge(session, None, token, clock),
                Ok(Some(offer)) => self.choose(session, offer, clock),
                Err(error) => self.malformed(error),
            },
        }
    }

    fn choose(&self, session: &mut Session, offer: spnego::Offer<'_>, clock: &HostClock) -> Verdict {
        match (offer.mechanisms.first(), offer.token) {
            (Some(&mechanism), Some(token)) if is_kerberos(mechanism) && self.tickets.is_some() => {
                self.admit(session, token, Some(mechanism), clock)
            }
            (Some(&spnego::NTLM), Some(token)) => self.challenge(session, Some(offer.list), token, clock),
            _ if offer.mechanisms.contains(&spnego::NTLM) => {
                *session =
                    Session::Negotiating(Box::new(Negotiation { list: Some(offer.list), acceptor: None }));
                leg(&spnego::Answer {
                    state: Some(spnego::State::WantsMic),
                    mechanism: Some(spnego::NTLM),
                    ..spnego::Answer::default()
                })
            }
            _ => self.refused(Some(("spnego", "the client offers no mechanism of this host".to_owned()))),
        }
    }

    /// Lets a ticket in, or not; `wrapped` is the mechanism's name in SPNEGO.
    fn admit(
        &self,
        session: &mut Session,
        token: &[u8],
        wrapped: Option<&[u8]>,
        clock: &HostClock,
    ) -> Verdict {
        let (admitted, token) = match self.by_ticket(token, Protocol::Spnego, clock) {
            Ok(done) => done,
            Err(violation) => return self.refused(violation),
        };
        *session = Session::In(admitted);
        let answer = spnego::Answer {
            state: Some(spnego::State::Completed),
            mechanism: wrapped,
            token: Some(&token),
            mic: None,
        };
        let last = if wrapped.is_some() { word(&answer.to_bytes()) } else { word(&token) };
        Verdict::Connection { last: Some(last) }
    }

    fn challenge(
        &self,
        session: &mut Session,
        list: Option<Vec<u8>>,
        token: &[u8],
        clock: &HostClock,
    ) -> Verdict {
        let Ok(challenge) = crate::auth::random::<8>() else { return self.refused(None) };
        let acceptor = match Acceptor::new(token, &self.names, *challenge.expose(), clock.now()) {
            Ok(acceptor) => acceptor,
            Err(error) => return self.refused(Some(("ntlm", error.to_string()))),
        };
        let answer = spnego::Answer {
            state: Some(spnego::State::Incomplete),
            mechanism: Some(spnego::NTLM),
            token: Some(acceptor.token()),
            mic: None,
        };
        let verdict = if list.is_some() { leg(&answer) } else { leg_of(acceptor.token()) };
        *session = Session::Negotiating(Box::new(Negotiation { list, acceptor: Some(acceptor) }));
        verdict
    }

    fn next_leg(
        &self,
        session: &mut Session,
        negotiation: Negotiation,
        token: &[u8],
        clock: &HostClock,
    ) -> Verdict {
        let Negotiation { list, acceptor } = negotiation;
        let answer = match &list {
            Some(_) if token.first() == Some(&RESPONSE) => spnego::read(token),
            Some(_) => Err(DerError),
            None => Ok(spnego::Answer { token: Some(token), ..spnego::Answer::default() }),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.malformed(error),
        };
        let inner = answer.token.unwrap_or_default();
        match acceptor {
            None => self.challenge(session, list, inner, clock),
            Some(acceptor) => {
                self.authenticate(session, acceptor, inner, list.map(|list| (list, answer.mic)))
            }
        }
    }

    /// `wrapped` is the client's list of mechanisms with its integrity code.
    fn authenticate(
        &self,
        session: &mut Session,
        acceptor: Acceptor,
        token: &[u8],
        wrapped: Option<(Vec<u8>, Option<&[u8]>)>,
    ) -> Verdict {
        let accepted = acceptor.accept(token, self.requirements, |domain, user| self.hash_of(domain, user));
        let mut context = match accepted {
            Ok(accepted) => accepted.context,
            Err(ntlm::Refusal::WrongCredential) => return self.refused(None),
            Err(refusal) => return self.refused(Some(("ntlm", refusal.to_string()))),
        };
        let mut last = None;
        if let Some((list, mic)) = wrapped {
            let (Some(context), Some(mic)) = (&mut context, mic) else {
                let reason = "the integrity code of the list of mechanisms is missing";
                return self.refused(Some(("spnego", reason.to_owned())));
            };
            let own = context.check_list(mic, &list).and_then(|()| context.sign_list(&list));
            let own = match own {
                Ok(own) => own,
                Err(error) => return self.refused(Some(("spnego", error.to_string()))),
            };
            let answer = spnego::Answer {
                state: Some(spnego::State::Completed),
                mic: Some(&own),
                ..spnego::Answer::default()
            };
            last = Some(word(&answer.to_bytes()));
        }
        let context = context.map(|context| -> Box<dyn Sealing> { Box::new(context) });
        *session = Session::In(Admitted { context, until: None });
        Verdict::Connection { last }
    }

    fn malformed(&self, error: DerError) -> Verdict {
        self.refused(Some(("spnego", error.to_string())))
    }
}

fn is_kerberos(mechanism: &[u8]) -> bool {
    [spnego::KERBEROS, spnego::KERBEROS_OF_WINDOWS].contains(&mechanism)
}

fn leg(answer: &spnego::Answer<'_>) -> Verdict {
    leg_of(&answer.to_bytes())
}

fn leg_of(token: &[u8]) -> Verdict {
    Verdict::Refused { offers: vec![word(token)], is_leg: true, violation: None }
}

fn word(token: &[u8]) -> String {
    format!("{} {}", spnego::SCHEME, BASE64_STANDARD.encode(token))
}

/// The tag of a mechanism's first token in its frame.
const FRAMED: u8 = 0x60;
/// The tag of `NegTokenResp`.
const RESPONSE: u8 = 0xa1;
