//! CredSSP, and tokens and replies that somebody changed: no panic, and nothing is taken for what it is not.

use hvreplica::auth::Sealing;
use hvreplica::auth::credssp::{
    Acceptor, Answer, Failure, Host, HostLogin, Identity, Initiator, Judged, Login, Refusal, Step, TsRequest,
};
use hvreplica::auth::framing;
use rustls::version::{TLS12, TLS13};

use crate::credssp::{
    Bare, End, KEY, NONCE, authenticate, contexts, credential, given, identity, known, login, now, proven,
};
use crate::support::host::{PASSWORD, SOAP, names};
use crate::support::mutate::Mutator;

const MUTATIONS: usize = 10_000;

/// Whatever a host says in place of a challenge, it gets a proof and never the password.
#[test]
fn challenges() {
    let mut mutator = Mutator::new(1);
    let (_, first) = login();
    let challenge = Bare::honest().challenge(&first).encode();
    for _ in 0..MUTATIONS {
        let mut changed = challenge.clone();
        mutator.change(&mut changed);
        let (mut login, _) = login();
        assert!(!matches!(login.step(&changed), Ok(Step::Last(_))));
    }
}

/// The password leaves only for the proof that the host meant.
#[test]
fn proofs_of_the_host() {
    let mut mutator = Mutator::new(2);
    for _ in 0..MUTATIONS {
        let (mut login, answer, _) = proven(Bare::honest()).unwrap();
        let mut changed = answer.encode();
        mutator.change(&mut changed);
        if let Ok(step) = login.step(&changed) {
            assert!(matches!(step, Step::Last(_)));
            assert_eq!(TsRequest::decode(&changed).unwrap(), answer);
        }
    }
}

/// A login of our client with our host, up to the client's nth message, which is not judged yet.
fn up_to(wanted: usize) -> (HostLogin, Vec<u8>) {
    let mut host = HostLogin::new(KEY.to_vec());
    let (mut client, mut message): (Login, _) = login();
    for _ in 1..wanted {
        let Judged::Next(answer) = judge(&mut host, &message).unwrap() else { panic!() };
        message = match client.step(&answer).unwrap() {
            Step::Next(message) | Step::Last(message) => message,
        };
    }
    (host, message)
}

fn judge(host: &mut HostLogin, message: &[u8]) -> Option<Judged> {
    let about = Host { names: &names(), server_challenge: [5; 8], now: now() };
    host.step(message, &about, known).ok()
}

/// Nobody gets in by a message that says something else.
#[test]
fn messages_of_the_client() {
    for number in 1..=3 {
        let mut mutator = Mutator::new(2 + u64::try_from(number).unwrap());
        for _ in 0..MUTATIONS {
            let (mut host, message) = up_to(number);
            let mut changed = message.clone();
            mutator.change(&mut changed);
            match judge(&mut host, &changed) {
                Some(Judged::In(_)) => {
                    let [changed, message] = [changed, message].map(|one| TsRequest::decode(&one).unwrap());
                    assert_eq!((number, changed.auth_info), (3, message.auth_info));
                }
                // The first message is protected by the integrity code of the second.
                Some(Judged::Next(_)) if number == 1 => {}
                Some(Judged::Next(_)) => {
                    let [changed, message] = [changed, message].map(|one| TsRequest::decode(&one).unwrap());
                    assert_eq!((changed.token, changed.pub_key_auth), (message.token, message.pub_key_auth));
                    assert_eq!((number, changed.client_nonce), (2, Some(NONCE)));
                }
                None => {}
            }
        }
    }
}

/// The first token of either side: nobody is in by it, whatever it is.
#[test]
fn hellos() {
    let mut mutator = Mutator::new(6);
    for versions in [[&TLS12], [&TLS13]] {
        let identity: Identity = identity(&versions);
        let client = Initiator::new(credential(PASSWORD), given()).unwrap();
        let hello = client.token().to_vec();
        let flight = match step(&identity, &hello) {
            Answer::Next(_, flight) => flight,
            other => panic!("{other:?}"),
        };
        for _ in 0..MUTATIONS / 10 {
            let mut changed = hello.clone();
            mutator.change(&mut changed);
            assert!(!matches!(step(&identity, &changed), Answer::In(_)));
            let mut changed = flight.clone();
            mutator.change(&mut changed);
            let mut client = Initiator::new(credential(PASSWORD), given()).unwrap();
            assert!(!matches!(client.step(&changed), Ok(Step::Last(_))));
        }
    }
}

fn step(identity: &Identity, token: &[u8]) -> Answer {
    let about = Host { names: &names(), server_challenge: [5; 8], now: now() };
    Acceptor::new(identity).unwrap().step(token, &about, known)
}

/// A token that is changed on the way ends the authentication, whichever it is.
#[test]
fn tokens_of_the_tunnel() {
    let mut mutator = Mutator::new(7);
    for versions in [[&TLS12], [&TLS13]] {
        let identity = identity(&versions);
        for number in 1..=9 {
            for _ in 0..10 {
                let mut means_the_same = false;
                let end = authenticate(&identity, PASSWORD, |at, token| {
                    if at == number {
                        let before = token.clone();
                        mutator.change(token);
                        means_the_same = differ_by_record_version(&before, token);
                    }
                });
                match end {
                    End::GaveUp(Failure::Tls(_) | Failure::Malformed)
                    | End::HostRefused(Refusal::Tls(_) | Refusal::Malformed, _) => {}
                    other => assert!(means_the_same, "token {number} of {versions:?}: {other:?}"),
                }
            }
        }
    }
}

/// Nobody looks at the version of a record, which is not protected either.
fn differ_by_record_version(one: &[u8], other: &[u8]) -> bool {
    let is_type = |at: Option<usize>| at.is_some_and(|at| matches!(one[at], 20..=23));
    let mut pairs = one.iter().zip(other).enumerate();
    one.len() == other.len()
        && pairs.all(|(at, (one, other))| {
            one == other || is_type(at.checked_sub(1)) || is_type(at.checked_sub(2))
        })
}

/// Changed replies: what only looks other may be tolerated, another message never.
#[test]
fn sealed_replies() {
    let mut mutator = Mutator::new(8);
    let identity = identity(&[&TLS13]);
    for (text, mutations) in [(b"<reply/>".to_vec(), MUTATIONS - 1000), (vec![b'x'; 17_000], 1000)] {
        let fresh = || {
            let (client, mut host) = contexts(&identity);
            let body = framing::seal(&mut host, SOAP, &text).unwrap();
            (client, framing::content_type(&host, text.len()), body)
        };
        let (mut client, outer, mut body) = fresh();
        let mut handshakes = 0;
        for _ in 0..mutations {
            let (mut outer, mut changed) = (outer.to_owned().into_bytes(), body.clone());
            let is_outer = mutator.below(10) == 0;
            mutator.change(if is_outer { &mut outer } else { &mut changed });
            let outer = String::from_utf8_lossy(&outer);
            // What gets as far as the tunnel costs a handshake, so that not all of it goes there.
            if framing::frames(&outer, &changed).is_ok() && handshakes == HANDSHAKES {
                continue;
            }
            let opened = framing::unseal(&mut client, &outer, changed);
            if let Ok((_, opened)) = &opened {
                assert_eq!(*opened, text);
            }
            if opened.is_ok() || client.seal(&mut b"?".to_vec()).is_err() {
                handshakes += 1;
                (client, _, body) = fresh();
            }
        }
        assert_eq!(handshakes, HANDSHAKES);
    }
}

const HANDSHAKES: usize = 150;
