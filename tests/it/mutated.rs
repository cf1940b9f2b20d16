//! Ten thousand changed tokens, values and sealed replies for each mechanism: none is believed, and none panics.

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::auth::framing::{self, Protocol};
use hvreplica::auth::ntlm::{
    Acceptor, Bindings, Given, Initiator, Protection, Refusal, Requirements, nt_hash,
};
use hvreplica::auth::seal::SealContext;
use hvreplica::auth::{ChannelBinding, SealError, Sealing, basic, spnego};
use hvreplica::secret::Secret;

use crate::session::credential;
use crate::support::host::{PASSWORD, SOAP, USER, names};
use crate::tls::chain;

const CHANGES: u32 = 10_000;
const MESSAGE: &[u8] = "<s:Envelope>größer</s:Envelope>".as_bytes();

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// A message with one to four changes: bits flipped, bytes replaced, put in, removed or repeated, an end cut off, a
/// length made as large as it can be.
fn changed(numbers: &mut Numbers, message: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..=numbers.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = numbers.below(bytes.len());
        match numbers.below(10) {
            0..=3 => bytes[at] ^= 1 << numbers.below(8),
            4 | 5 => bytes[at] = numbers.byte(),
            6 => bytes.insert(at, numbers.byte()),
            7 => drop(bytes.remove(at)),
            8 if numbers.below(4) == 0 => bytes.truncate(at),
            8 => {
                let piece = bytes[at..bytes.len().min(at + 8)].to_vec();
                bytes.extend(piece);
            }
            _ => bytes.iter_mut().skip(at).take(2).for_each(|byte| *byte = 0xff),
        }
    }
    bytes
}

/// Runs a check on that many changed messages; those that came out unchanged do not count.
fn try_all(message: &[u8], mut check: impl FnMut(Vec<u8>)) {
    let mut numbers = Numbers(1);
    let mut count = 0;
    while count < CHANGES {
        let bytes = changed(&mut numbers, message);
        if bytes != message {
            check(bytes);
            count += 1;
        }
    }
}

const REQUIREMENTS: Requirements =
    Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Required([7; 16]) };

fn given(bindings: [u8; 16]) -> Given<'static> {
    let now = "2026-11-24T20:00:00Z".parse().unwrap();
    Given { target: "HTTP/hv1", now, session_key: Secret::new([3; 16]), channel_bindings: Some(bindings) }
}

fn initiator() -> Initiator {
    Initiator::new(Protection::Sealed).unwrap()
}

fn acceptor(negotiate: &[u8]) -> Option<Acceptor> {
    Acceptor::new(negotiate, &names(), [5; 8], "2026-11-24T20:00:00Z".parse().unwrap()).ok()
}

fn judge(acceptor: Acceptor, token: &[u8]) -> Result<(), Refusal> {
    let known = |_: &str, user: &str| (user == USER).then(|| nt_hash(&Secret::new(PASSWORD.to_owned())));
    acceptor.accept(token, REQUIREMENTS, known).map(drop)
}

/// Whether the host lets a client in that was given this challenge in place of its own.
fn lets_in(challenge: &[u8], bindings: [u8; 16]) -> bool {
    let client = initiator();
    let host = acceptor(client.token()).unwrap();
    match client.authenticate(challenge, &credential(PASSWORD), given(bindings)) {
        Ok(authenticated) => judge(host, &authenticated.token).is_ok(),
        Err(_) => false,
    }
}

#[test]
fn first_messages_of_ntlm() {
    let client = initiator();
    try_all(client.token(), |negotiate| {
        let Some(host) = acceptor(&negotiate) else { return };
        let answer = initiator().authenticate(host.token(), &credential(PASSWORD), given([7; 16]));
        let Ok(authenticated) = answer else { return };
        assert!(judge(host, &authenticated.token).is_err(), "{negotiate:02x?}");
    });
}

#[test]
fn challenges_of_ntlm() {
    let good = acceptor(initiator().token()).unwrap().token().to_vec();
    assert!(lets_in(&good, [7; 16]));
    try_all(&good, |challenge| assert!(!lets_in(&challenge, [7; 16]), "{challenge:02x?}"));
}

#[test]
fn last_messages_of_ntlm() {
    let client = initiator();
    let host = acceptor(client.token()).unwrap();
    let good = client.authenticate(host.token(), &credential(PASSWORD), given([7; 16])).unwrap().token;
    judge(host, &good).unwrap();
    try_all(&good, |token| {
        assert!(judge(acceptor(initiator().token()).unwrap(), &token).is_err(), "{token:02x?}");
    });
}

fn element(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let contents = pieces.concat();
    let size = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82][..], &size, &contents].concat()
}

#[test]
fn challenges_wrapped_in_spnego() {
    let challenge = acceptor(initiator().token()).unwrap().token().to_vec();
    let state = element(0xa0, &[&element(0x0a, &[&[1]])]);
    let mechanism = element(0xa1, &[&element(0x06, &[spnego::NTLM])]);
    let token = element(0xa2, &[&element(0x04, &[&challenge])]);
    let wrapped = element(0xa1, &[&element(0x30, &[&state, &mechanism, &token])]);
    assert_eq!(spnego::read(&wrapped).unwrap().token, Some(challenge.as_slice()));
    let mut around = 0;
    try_all(&wrapped, |bytes| {
        let Ok(answer) = spnego::read(&bytes) else { return };
        let inside = answer.token.unwrap_or_default();
        if inside == challenge {
            // Only what is around it has changed, and nothing of that opens a door.
            around += 1;
        } else {
            assert!(!lets_in(inside, [7; 16]), "{bytes:02x?}");
        }
    });
    assert!(around < CHANGES / 2, "{around} changes around the token");
}

#[test]
fn channel_bindings() {
    let good = acceptor(initiator().token()).unwrap().token().to_vec();
    try_all(&[7; 16], |bindings| {
        if let Ok(bindings) = bindings.try_into() {
            assert!(!lets_in(&good, bindings), "{bindings:02x?}");
        }
    });
    let leaf = chain(|_| {}).leaf;
    let right = ChannelBinding::of_certificate(&leaf);
    try_all(&leaf, |der| {
        let other = ChannelBinding::of_certificate(&der);
        assert!(other != right && other.ntlm_hash() != right.ntlm_hash(), "{der:02x?}");
    });
}

#[test]
fn values_of_basic() {
    let good = basic::authorization(&credential(PASSWORD)).unwrap();
    let right = BASE64_STANDARD.decode(good.expose().split_once(' ').unwrap().1).unwrap();
    try_all(good.expose().as_bytes(), |value| {
        let Ok(value) = String::from_utf8(value) else { return };
        let Some(found) = basic::parse(&value) else { return };
        let is_right = found.user() == USER && found.password().expose() == PASSWORD;
        let token = value.split_once(' ').unwrap().1.trim();
        assert_eq!(is_right, BASE64_STANDARD.decode(token).unwrap() == right, "{value}");
    });
}

/// A changed reply is refused, and nothing is sealed or opened afterwards, not even the right reply. The frame around
/// what is sealed has some latitude; what comes out of it then is what went in.
fn try_replies(content_type: &str, good: &[u8], client: impl Fn() -> Box<dyn Sealing>) {
    let mut same = 0;
    assert_eq!(framing::unseal(&mut client(), content_type, good.to_vec()).unwrap().1, MESSAGE);
    try_all(good, |body| {
        let mut context = client();
        match framing::unseal(&mut context, content_type, body.clone()) {
            Ok((_, message)) => {
                assert_eq!(message, MESSAGE);
                same += 1;
            }
            Err(_) => {
                assert_eq!(context.seal(&mut MESSAGE.to_vec()), Err(SealError::Spent), "{body:02x?}");
                assert!(framing::unseal(&mut context, content_type, good.to_vec()).is_err());
            }
        }
    });
    assert!(same < CHANGES / 10, "{same} changes to the frame alone");
}

#[test]
fn replies_sealed_by_ntlm() {
    let key = Secret::new([9; 16]);
    let good = framing::seal(&mut SealContext::acceptor(&key), SOAP, MESSAGE).unwrap();
    try_replies(Protocol::Spnego.content_type(), &good, || Box::new(SealContext::initiator(&key)));
}

#[cfg(feature = "kerberos")]
mod kerberos {
    use hvreplica::auth::framing::{self, Protocol};
    use hvreplica::auth::kerberos::{Context, Failure, Identity, Initiator, KeytabEntry, Principal, Proof};
    use hvreplica::auth::{SealError, Sealing, spnego};
    use hvreplica::secret::Secret;
    use picky_krb::constants::key_usages::ACCEPTOR_SEAL;
    use picky_krb::crypto::CipherSuite;

    use super::{MESSAGE, element, try_all, try_replies};
    use crate::support::host::SOAP;

    const KEY: [u8; 32] = [9; 32];

    /// The host's end, as far as one message needs it (RFC 4121 4.2.4).
    #[derive(Debug)]
    struct OfHost;

    impl Sealing for OfHost {
        fn protocol(&self) -> Protocol {
            Protocol::Kerberos
        }

        fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
            let header = |rotation: u8| [5, 4, 7, 0xff, 0, 0, 0, rotation, 0, 0, 0, 0, 0, 0, 0, 42];
            let cipher = CipherSuite::Aes256CtsHmacSha196.cipher();
            let plain = [message.as_slice(), &header(0)].concat();
            let mut sealed = cipher.encrypt(&KEY, ACCEPTOR_SEAL, &plain).unwrap();
            sealed.rotate_right(28);
            *message = sealed.split_off(44);
            Ok([&header(28)[..], &sealed].concat())
        }

        fn unseal(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), SealError> {
            Err(SealError::Unusable)
        }
    }

    #[test]
    fn replies_sealed_by_kerberos() {
        let good = framing::seal(&mut OfHost, SOAP, MESSAGE).unwrap();
        let client = || Context::new(Secret::new(KEY.to_vec()), Protocol::Kerberos, 0).unwrap();
        try_replies(Protocol::Kerberos.content_type(), &good, || Box::new(client()));
    }

    fn client() -> Initiator {
        let name = |text: &str| text.to_owned();
        let (name, realm) = (name("ops"), name("EXAMPLE.TEST"));
        let key = KeytabEntry {
            name: name.clone(),
            realm: realm.clone(),
            version: 1,
            encryption: 18,
            key: Secret::new(KEY.to_vec()),
        };
        let identity = Identity { principal: Principal { name, realm }, proof: Proof::Key(key) };
        Initiator::new(identity, "HTTP/hv1.example.test").unwrap()
    }

    /// An `AP-REP` in its frames, sealed by a key that is not the session's: all that somebody without it can send.
    #[test]
    fn answers_that_prove_nothing() {
        let number = |tag: u8, number: u8| element(tag, &[&element(0x02, &[&[number]])]);
        let cipher = CipherSuite::Aes256CtsHmacSha196.cipher().encrypt(&[1; 32], 12, &[0x7b; 60]).unwrap();
        let sealed = element(0x30, &[&number(0xa0, 18), &element(0xa2, &[&element(0x04, &[&cipher])])]);
        let fields = [number(0xa0, 5), number(0xa1, 15), element(0xa2, &[&sealed])].concat();
        let reply = element(0x6f, &[&element(0x30, &[&fields])]);
        let token = element(0x60, &[&element(0x06, &[spnego::KERBEROS]), b"\x02\x00", &reply]);
        try_all(&token, |token| {
            assert_eq!(client().finish(&token, Protocol::Kerberos).unwrap_err(), Failure::NotProven);
        });
    }
}
