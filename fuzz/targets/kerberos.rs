//! Kerberos: answers of a KDC, one after the other, and tokens of a host and of a client; none of them gives a ticket or a
//! session.
#![no_main]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use hvreplica::auth::framing::Protocol;
use hvreplica::auth::kerberos::{
    Acceptor, Arrival, Identity, Initiator, Kdc, KdcAddress, KdcExchange, KeytabEntry, Principal, Proof,
    error_code, error_code_of_host,
};
use hvreplica::auth::ntlm::{Bindings, Protection, Requirements};
use hvreplica::auth::spnego;
use hvreplica::secret::Secret;
use hvreplica_fuzz::let_panics_unwind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let_panics_unwind();
    let Some((how, rest)) = bytes.split_first() else { return };
    error_code(rest);
    error_code_of_host(rest);
    spnego::read(rest).ok();
    if how % 4 == 0 {
        assert!(client().finish(rest, Protocol::Spnego).is_err(), "a session without a ticket");
    } else if how % 4 == 1 {
        assert!(!lets_in(rest), "a ticket by no key of the host");
    } else {
        let kdc = Canned { answers: rest.split(|byte| byte == how).collect(), next: AtomicUsize::new(0) };
        let mut client = client();
        let mut work = pin!(client.token(&kdc, None));
        let done = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(done, Poll::Ready(Err(_))), "a ticket that no KDC has made");
    }
});

/// What a host makes of a client's token.
fn lets_in(token: &[u8]) -> bool {
    let arrival = Arrival {
        now: jiff::Timestamp::UNIX_EPOCH,
        requirements: Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored },
        protocol: Protocol::Kerberos,
        session_key: Secret::new([3; 32]),
    };
    Acceptor::new(vec![key("HTTP/hv1")]).expect("a key of a service").accept(token, arrival).is_ok()
}

/// Answers in order, the last one for ever.
struct Canned<'b> {
    answers: Vec<&'b [u8]>,
    next: AtomicUsize,
}

impl Kdc for Canned<'_> {
    fn exchange<'a>(&'a self, _: &'a KdcAddress, _: &'a [u8]) -> KdcExchange<'a> {
        let at = self.next.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let answer = self.answers[at];
        let length = u32::try_from(answer.len()).unwrap_or(u32::MAX).to_be_bytes();
        let framed = [&length[..], answer].concat();
        Box::pin(async move { Ok(framed) })
    }
}

/// By a key, since making one of a password takes thousands of hashes.
fn client() -> Initiator {
    let principal = Principal { name: "ops".to_owned(), realm: REALM.to_owned() };
    let identity = Identity { principal, proof: Proof::Key(key("ops")) };
    Initiator::new(identity, "HTTP/hv1.example.test").expect("a client")
}

fn key(name: &str) -> KeytabEntry {
    KeytabEntry {
        name: name.to_owned(),
        realm: REALM.to_owned(),
        version: 1,
        encryption: 18,
        key: Secret::new(vec![7; 32]),
    }
}

const REALM: &str = "EXAMPLE.TEST";
