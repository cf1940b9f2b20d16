//! NTLM on both sides, bare and wrapped, and the messages of CredSSP around it: challenges at the client; what a client says at the host, where nothing but the
//! untouched messages may let anybody in.
#![no_main]

use hvreplica::auth::credssp::TsRequest;
use hvreplica::auth::ntlm::{
    Acceptor, Bindings, Given, HostNames, Initiator, Protection, Requirements, nt_hash,
};
use hvreplica::auth::{Credential, basic, spnego};
use hvreplica::secret::Secret;
use hvreplica_fuzz::changed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    match how % 7 {
        0 => answer(rest),
        1 => {
            let good = acceptor(&initiator()).token().to_vec();
            answer(&changed(&good, rest));
        }
        2 => drop(Acceptor::new(rest, &names(), [5; 8], now())),
        3 => assert!(!lets_in(rest)),
        4 => {
            let good = authenticate();
            let token = changed(&good, rest);
            assert_eq!(lets_in(&token), token == good);
        }
        5 => text(rest),
        _ => request(rest),
    }
});

/// What a client does with a token of the host.
fn answer(token: &[u8]) {
    let Ok(answer) = spnego::read(token) else { return };
    let token = answer.token.unwrap_or_default();
    initiator().authenticate(token, &ops(), given()).ok();
}

fn lets_in(token: &[u8]) -> bool {
    let requirements =
        Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Required([7; 16]) };
    let known = |_: &str, _: &str| Some(nt_hash(ops().password()));
    acceptor(&initiator()).accept(token, requirements, known).is_ok()
}

fn authenticate() -> Vec<u8> {
    let initiator = initiator();
    let challenge = acceptor(&initiator).token().to_vec();
    initiator.authenticate(&challenge, &ops(), given()).expect("a good challenge is answered").token
}

fn request(bytes: &[u8]) {
    let Ok(request) = TsRequest::decode(bytes) else { return };
    assert_eq!(TsRequest::decode(&request.encode()).as_ref(), Ok(&request));
}

fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    basic::parse(text);
    let credential = Credential::new(text, Secret::default());
    // A user of no domain whose own name has a backslash in it cannot be told from one of a domain.
    if !credential.user().contains('\\')
        && let Ok(value) = basic::authorization(&credential)
    {
        let back = basic::parse(value.expose()).expect("what is sent can be read");
        assert_eq!(back.user(), credential.user());
    }
}

fn initiator() -> Initiator {
    Initiator::new(Protection::Sealed).expect("a first message")
}

fn acceptor(initiator: &Initiator) -> Acceptor {
    Acceptor::new(initiator.token(), &names(), [5; 8], now()).expect("a good first message is answered")
}

fn ops() -> Credential {
    Credential::new(r"CORP\ops", Secret::new("secret".to_owned()))
}

fn given() -> Given<'static> {
    Given {
        target: "HTTP/hv1",
        now: now(),
        session_key: Secret::new([3; 16]),
        channel_bindings: Some([7; 16]),
    }
}

fn names() -> HostNames {
    let name = |text: &str| text.to_owned();
    HostNames {
        computer: name("HV1"),
        domain: name("CORP"),
        dns_computer: name("hv1.corp.test"),
        dns_domain: name("corp.test"),
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_521_600).expect("a moment")
}
