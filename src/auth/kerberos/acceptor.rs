//! The host's side, for the simulated host: the verdict on a ticket and its authenticator, without a KDC.
//!
//! The checks are made here, message by message, so that the host's clock and its TLS channel are arguments; only
//! the encryption is the library's.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use picky_krb::constants::key_usages::{AP_REP_ENC, AP_REQ_AUTHENTICATOR, TICKET_REP};
use picky_krb::crypto::CipherSuite;
use sha2::{Digest, Sha256};

use super::context::suite_of;
use super::keytab::{AES128, AES256};
use super::ticket::{Authenticator, Encrypted, Key, Request, Ticket, reply};
use super::{Context, KeytabEntry, KeytabError, Principal};
use crate::auth::DerError;
use crate::auth::framing::Protocol;
use crate::auth::ntlm::{Protection, Requirements};
use crate::secret::Secret;

/// A host with the keys of its services.
///
/// It remembers which tokens it has seen, for as long as they would pass for fresh.
#[derive(Debug)]
pub struct Acceptor {
    keys: Vec<KeytabEntry>,
    /// Hashes of authenticators, and when they are too old to be of use.
    seen: VecDeque<(Timestamp, [u8; 32])>,
}

/// What the host knows besides the token.
#[derive(Debug)]
pub struct Arrival {
    /// The host's clock.
    pub now: Timestamp,
    /// What the host insists on; channel bindings of all zeros are none, unless the client says that it knows of them.
    pub requirements: Requirements,
    /// By which name bodies are sealed.
    pub protocol: Protocol,
    /// Random bytes, of which the key of the session is made.
    pub session_key: Secret<[u8; 32]>,
}

/// A client that was let in, for what the ticket says.
#[derive(Debug)]
pub struct Accepted {
    /// Who it is.
    pub client: Principal,
    /// The service that it wanted to reach.
    pub service: Principal,
    /// When the ticket ends.
    pub ends: Timestamp,
    /// The answer, which proves that the host could read the ticket.
    pub token: Vec<u8>,
    /// Seals what follows.
    pub context: Context,
}

/// Why the host does not let the client in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token cannot be read.
    #[error("the Kerberos token is malformed")]
    Malformed,
    /// The keytab has no such key.
    #[error("the keytab has no key of {service} that the ticket is encrypted with")]
    NoKey {
        /// The service that the ticket is for.
        service: String,
    },
    /// The ticket was not encrypted with the key of the keytab.
    #[error("the ticket for {service} cannot be read with the key of the keytab")]
    WrongKey {
        /// The service that the ticket is for.
        service: String,
    },
    /// The authenticator was not made by the one that the ticket is of.
    #[error("the authenticator does not belong to the ticket")]
    WrongAuthenticator,
    /// The ticket may not be used before the KDC has validated it.
    #[error("the ticket is not valid")]
    Invalid,
    /// The ticket has ended.
    #[error("the ticket has expired")]
    Expired,
    /// The ticket begins later.
    #[error("the ticket is not yet valid")]
    NotYetValid,
    /// The client's clock is too far from the host's.
    #[error("the clocks of the client and the host are {0} seconds apart")]
    Skew(u64),
    /// The token has been shown before.
    #[error("the token has been shown before")]
    Replayed,
    /// The authenticator does not say what kind of session the client wants.
    #[error("the authenticator lacks the checksum of GSSAPI")]
    NoChecksum,
    /// The client asks for less than the host insists on; the bits are those of GSSAPI.
    #[error("the client leaves out capabilities of GSSAPI (0x{0:x})")]
    MissingFlags(u32),
    /// The handshake would have a third message, which HTTP has no place for.
    #[error("the client wants the handshake of DCE")]
    DceStyle,
    /// The channel bindings are missing or those of another channel.
    #[error("the channel bindings do not fit")]
    WrongChannelBindings,
    /// The encryption type is not spoken here, or the encryption fails.
    #[error("the encryption type is not AES with SHA-1")]
    Encryption,
}

impl From<DerError> for Refusal {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

impl Acceptor {
    /// A host with these keys.
    ///
    /// # Errors
    ///
    /// [`KeytabError::NoAesKey`] where none of them is of a type that is spoken here.
    pub fn new(keys: Vec<KeytabEntry>) -> Result<Self, KeytabError> {
        let names = keys.first().map_or_else(String::new, |key| key.name.clone());
        let keys: Vec<_> = keys.into_iter().filter(KeytabEntry::is_aes).collect();
        if keys.is_empty() {
            Err(KeytabError::NoAesKey(names))
        } else {
            Ok(Self { keys, seen: VecDeque::new() })
        }
    }

    /// Judges the first and only token of a client.
    ///
    /// # Errors
    ///
    /// Why the client is not let in.
    pub fn accept(&mut self, token: &[u8], arrival: Arrival) -> Result<Accepted, Refusal> {
        let request = Request::read(token)?;
        let ticket = Ticket::read(&self.open(&request)?)?;
        check_times(&ticket, arrival.now)?;
        let suite = suite(ticket.key.encryption)?;
        let plain = decrypt(&suite, &ticket.key.value, AP_REQ_AUTHENTICATOR, request.authenticator.cipher);
        let authenticator = Authenticator::read(&plain.ok_or(Refusal::WrongAuthenticator)?)?;
        if authenticator.client != ticket.client {
            return Err(Refusal::WrongAuthenticator);
        }
        let apart = arrival.now.duration_since(authenticator.time.0);
        if apart.abs() > TOLERATED {
            return Err(Refusal::Skew(apart.abs().as_secs().unsigned_abs()));
        }
        self.remember(request.authenticator.cipher, arrival.now)?;
        check_wishes(&authenticator, arrival.requirements)?;
        answer(request.service, ticket, &authenticator, &suite, arrival)
    }

    /// Decrypts the ticket.
    fn open(&self, request: &Request<'_>) -> Result<Vec<u8>, Refusal> {
        let Encrypted { encryption, version, cipher } = request.ticket;
        let suite = suite(encryption)?;
        let service = || request.service.name.clone();
        let fits = |key: &&KeytabEntry| {
            key.name.eq_ignore_ascii_case(&request.service.name)
                && key.realm.eq_ignore_ascii_case(&request.service.realm)
                && i64::from(key.encryption) == encryption
                && version.is_none_or(|version| i64::from(key.version) == version)
        };
        let mut fitting = self.keys.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(Refusal::NoKey { service: service() });
        }
        let mut opened = fitting.filter_map(|key| decrypt(&suite, &key.key, TICKET_REP, cipher));
        opened.next().ok_or_else(|| Refusal::WrongKey { service: service() })
    }

    fn remember(&mut self, authenticator: &[u8], now: Timestamp) -> Result<(), Refusal> {
        while self.seen.front().is_some_and(|(until, _)| *until < now) {
            self.seen.pop_front();
        }
        let hash = Sha256::digest(authenticator).into();
        if self.seen.iter().any(|(_, seen)| *seen == hash) {
            return Err(Refusal::Replayed);
        }
        // A clock ahead by what is tolerated makes it fresh for twice as long.
        let until = now.checked_add(TOLERATED + TOLERATED).unwrap_or(Timestamp::MAX);
        self.seen.push_back((until, hash));
        Ok(())
    }
}

fn check_times(ticket: &Ticket, now: Timestamp) -> Result<(), Refusal> {
    if ticket.is_invalid {
        return Err(Refusal::Invalid);
    }
    if ticket.begins.duration_since(now) > TOLERATED {
        return Err(Refusal::NotYetValid);
    }
    if now.duration_since(ticket.ends) > TOLERATED { Err(Refusal::Expired) } else { Ok(()) }
}

fn check_wishes(authenticator: &Authenticator, requirements: Requirements) -> Result<(), Refusal> {
    let wishes = authenticator.checksum.ok_or(Refusal::NoChecksum)?;
    let wanted = match requirements.protection {
        Protection::Sealed => MUTUAL | CONFIDENTIAL | INTEGRITY,
        Protection::None => MUTUAL,
    };
    let missing = wanted & !wishes.flags;
    if missing != 0 {
        return Err(Refusal::MissingFlags(missing));
    }
    if wishes.flags & DCE_STYLE != 0 {
        return Err(Refusal::DceStyle);
    }
    // Who knows of bindings and gives none has lost them on the way.
    let is_given = wishes.bindings != [0; 16] || authenticator.knows_of_bindings;
    let bindings = is_given.then_some(&wishes.bindings[..]);
    if requirements.channel_bindings.fit(bindings) { Ok(()) } else { Err(Refusal::WrongChannelBindings) }
}

/// Chooses the key of the session and says so.
fn answer(
    service: Principal,
    ticket: Ticket,
    authenticator: &Authenticator,
    suite: &CipherSuite,
    arrival: Arrival,
) -> Result<Accepted, Refusal> {
    // As strong as the key that the client chose, where it chose one.
    let encryption = authenticator.key.as_ref().map_or(ticket.key.encryption, |key| key.encryption);
    let size = if encryption == i64::from(AES128) { 16 } else { 32 };
    self::suite(encryption)?;
    let value = Secret::new(arrival.session_key.expose()[..size].to_vec());
    let key = Key { encryption, value: value.clone() };
    let token = reply(authenticator.time, &key, FIRST, ticket.key.encryption, |part| {
        let sealed = suite.cipher().encrypt(ticket.key.value.expose(), AP_REP_ENC, part);
        sealed.map_err(|_| Refusal::Encryption)
    })?;
    let due = u64::from(authenticator.sequence);
    let context = Context::acceptor(value, arrival.protocol, u64::from(FIRST), due);
    let context = context.map_err(|_| Refusal::Encryption)?;
    Ok(Accepted { client: ticket.client, service, ends: ticket.ends, token, context })
}

fn suite(encryption: i64) -> Result<CipherSuite, Refusal> {
    match u16::try_from(encryption) {
        Ok(AES128) => Ok(CipherSuite::Aes128CtsHmacSha196),
        Ok(AES256) => Ok(CipherSuite::Aes256CtsHmacSha196),
        _ => Err(Refusal::Encryption),
    }
}

fn decrypt(suite: &CipherSuite, key: &Secret<Vec<u8>>, usage: i32, cipher: &[u8]) -> Option<Vec<u8>> {
    let fits = suite_of(key.expose().len()).as_ref() == Some(suite) && cipher.len() >= SHORTEST;
    fits.then(|| suite.cipher().decrypt(key.expose(), usage, cipher).ok()).flatten()
}

/// Between the clocks of client and host.
const TOLERATED: SignedDuration = SignedDuration::from_secs(300);
/// The host's first sequence number.
const FIRST: u32 = 1;
/// In bytes: confounder and checksum.
const SHORTEST: usize = 28;
/// Flags of GSSAPI (RFC 4121 4.1.1.1).
const MUTUAL: u32 = 2;
const CONFIDENTIAL: u32 = 16;
const INTEGRITY: u32 = 32;
const DCE_STYLE: u32 = 0x1000;

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use picky_krb::constants::key_usages::AP_REP_ENC;

    use super::super::minting::{Mint, REALM, open};
    use super::{Accepted, Acceptor, Arrival, Refusal};
    use crate::auth::Sealing;
    use crate::auth::der::{Der, OCTETS, SEQUENCE, context};
    use crate::auth::framing::Protocol;
    use crate::auth::kerberos::{Context, KeytabError};
    use crate::auth::ntlm::{Bindings, Protection, Requirements};
    use crate::secret::Secret;

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn arrival() -> Arrival {
        Arrival {
            now: now(),
            requirements: Requirements {
                protection: Protection::Sealed,
                channel_bindings: Bindings::Ignored,
            },
            protocol: Protocol::Kerberos,
            session_key: Secret::new([0x55; 32]),
        }
    }

    fn judge(token: &[u8], arrival: Arrival) -> Result<Accepted, Refusal> {
        Acceptor::new(Mint::good(now()).keytab()).unwrap().accept(token, arrival)
    }

    fn judged(change: impl FnOnce(&mut Mint)) -> Result<Accepted, Refusal> {
        let mut mint = Mint::good(now());
        change(&mut mint);
        judge(&mint.token(), arrival())
    }

    #[test]
    fn a_good_ticket() {
        let accepted = judged(|_| {}).unwrap();
        let names = (accepted.client.to_string(), accepted.service.to_string());
        assert_eq!(names, (format!("operator@{REALM}"), format!("HTTP/hv1@{REALM}")));
        assert_eq!(accepted.ends, now() + SignedDuration::from_hours(10));

        // The client finds the key of the session in the answer.
        let mut framed = Der::new(&accepted.token).expect(0x60).unwrap();
        framed.next().unwrap();
        let reply = framed.rest().strip_prefix(b"\x02\x00").unwrap();
        let mut fields = Der::new(reply).expect(0x6f).unwrap().expect(SEQUENCE).unwrap();
        let mut cipher = loop {
            let (tag, contents) = fields.next().unwrap();
            if tag == context(2) {
                let mut encrypted = Der::new(contents).expect(SEQUENCE).unwrap();
                encrypted.expect(context(0)).unwrap();
                break encrypted.expect(context(2)).unwrap();
            }
        };
        let cipher = cipher.expect(OCTETS).unwrap().rest();
        let part = open(&[0x32; 32], AP_REP_ENC, cipher);
        assert!(part.windows(15).any(|bytes| bytes == b"20261124120000Z"));
        assert!(part.windows(4).any(|bytes| bytes == [0x02, 0x02, 0x12, 0x34]));
        assert!(part.windows(32).any(|bytes| bytes == [0x55; 32]));

        let (mut host, key) = (accepted.context, Secret::new(vec![0x55; 32]));
        let mut client = Context::new(key, Protocol::Kerberos, 77).unwrap();
        let mut message = b"message".to_vec();
        let signature = client.seal(&mut message).unwrap();
        host.unseal(&signature, &mut message).unwrap();
        assert_eq!(message, b"message");
    }

    #[test]
    fn a_ticket_of_the_weaker_key() {
        let mut mint = Mint::good(now());
        mint.service_key = vec![0x33; 16];
        mint.session_key = vec![0x34; 16];
        let mut host = Acceptor::new(mint.keytab()).unwrap();
        host.accept(&mint.token(), arrival()).unwrap();
    }

    #[test]
    fn tickets_that_are_refused() {
        let service = || "HTTP/hv1".to_owned();
        let at = |seconds| now() + SignedDuration::from_secs(seconds);
        type Case = (&'static str, fn(&mut Mint), Refusal);
        let cases: [Case; 12] = [
            ("name", |m| m.service = "HTTP/hv2", Refusal::NoKey { service: "HTTP/hv2".to_owned() }),
            ("version", |m| m.version = 4, Refusal::NoKey { service: service() }),
            ("type", |m| m.service_key = vec![0x31; 16], Refusal::NoKey { service: service() }),
            ("key", |m| m.service_key[0] = 0, Refusal::WrongKey { service: service() }),
            ("client", |m| m.clients = ["eve", "operator"], Refusal::WrongAuthenticator),
            ("flag", |m| m.flags = 1, Refusal::Invalid),
            ("checksum", |m| m.checksum_type = [0, 0x80, 0x04], Refusal::NoChecksum),
            ("mutual", |m| m.wishes &= !2, Refusal::MissingFlags(2)),
            ("sealing", |m| m.wishes &= !16, Refusal::MissingFlags(16)),
            ("integrity", |m| m.wishes &= !32, Refusal::MissingFlags(32)),
            ("DCE", |m| m.wishes |= 0x1000, Refusal::DceStyle),
            ("skew", |m| m.now = "2026-11-24T12:05:01Z".parse().unwrap(), Refusal::Skew(301)),
        ];
        for (name, change, wanted) in cases {
            assert_eq!(judged(change).unwrap_err(), wanted, "{name}");
        }
        for (ends, wanted) in [(-300, None), (-301, Some(Refusal::Expired))] {
            assert_eq!(judged(|m| m.ends = at(ends)).err(), wanted, "{ends}");
        }
        for (begins, wanted) in [(300, None), (301, Some(Refusal::NotYetValid))] {
            assert_eq!(judged(|m| m.begins = at(begins)).err(), wanted, "{begins}");
        }
        for (clock, wanted) in [(-300, None), (300, None), (-301, Some(Refusal::Skew(301)))] {
            assert_eq!(judged(|m| m.now = at(clock)).err(), wanted, "{clock}");
        }
    }

    #[test]
    fn tokens_are_shown_once() {
        let mint = Mint::good(now());
        let mut host = Acceptor::new(mint.keytab()).unwrap();
        let token = mint.token();
        host.accept(&token, arrival()).unwrap();
        host.accept(&mint.token(), arrival()).unwrap();
        assert_eq!(host.accept(&token, arrival()).unwrap_err(), Refusal::Replayed);
        // It is forgotten only when it is too old in any case.
        let later = Arrival { now: now() + SignedDuration::from_secs(601), ..arrival() };
        assert_eq!(host.accept(&token, later).unwrap_err(), Refusal::Skew(601));
        let fresh = Mint::good(now() + SignedDuration::from_secs(601)).token();
        let later = Arrival { now: now() + SignedDuration::from_secs(601), ..arrival() };
        host.accept(&fresh, later).unwrap();
        assert_eq!(host.seen.len(), 1);
    }

    #[test]
    fn channel_bindings_as_strict_as_asked_for() {
        let (own, other, none) = ([1; 16], [2; 16], [0; 16]);
        for (bindings, right, wrong, absent) in [
            (Bindings::Ignored, true, true, true),
            (Bindings::RightIfAny(own), true, false, true),
            (Bindings::Required(own), true, false, false),
        ] {
            for (given, knows, gets_in) in [
                (own, false, right),
                (own, true, right),
                (other, false, wrong),
                (other, true, wrong),
                (none, false, absent),
                (none, true, wrong),
            ] {
                let mut arrival = arrival();
                arrival.requirements =
                    Requirements { protection: Protection::None, channel_bindings: bindings };
                let mut mint = Mint::good(now());
                mint.bindings = given;
                mint.knows_of_bindings = knows;
                mint.wishes = 2;
                let error = judge(&mint.token(), arrival).err();
                let wanted = (!gets_in).then_some(Refusal::WrongChannelBindings);
                assert_eq!(error, wanted, "{bindings:?} {given:?} {knows}");
            }
        }
    }

    #[test]
    fn a_keytab_without_aes() {
        let mut keytab = Mint::good(now()).keytab();
        keytab[0].encryption = 23;
        let error = Acceptor::new(keytab).unwrap_err();
        assert_eq!(error, KeytabError::NoAesKey("HTTP/hv1".to_owned()));
    }

    #[test]
    fn no_change_of_a_token_gets_in_or_panics() {
        let token = Mint::good(now()).token();
        for size in 0..token.len() {
            assert!(judge(&token[..size], arrival()).is_err(), "{size}");
        }
        let masks: Vec<u8> = (0..8).map(|bit| 1 << bit).chain((3..=255).step_by(14)).collect();
        assert!(token.len() * (1 + masks.len()) >= 10_000);
        for at in 0..token.len() {
            for mask in &masks {
                let mut changed = token.clone();
                changed[at] ^= mask;
                if let Ok(accepted) = judge(&changed, arrival()) {
                    // Versions, options and types of names are not protected, and mean nothing here.
                    assert_eq!(accepted.client.to_string(), format!("operator@{REALM}"), "{at} {mask}");
                }
            }
        }
    }
}
