//! Both sides of NTLM against each other, and against tokens that somebody changed.

use hvreplica::auth::Credential;
use hvreplica::auth::ntlm::{
    Accepted, Acceptor, Bindings, Given, Initiator, NtlmError, Protection, Refusal, Requirements, nt_hash,
};
use hvreplica::secret::Secret;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use crate::support::host::{PASSWORD, USER, names};

const SEALED: Requirements =
    Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored };

fn now() -> jiff::Timestamp {
    "2026-11-24T20:00:00Z".parse().unwrap()
}

fn given(channel_bindings: Option<[u8; 16]>) -> Given<'static> {
    Given { target: "HTTP/hv1", now: now(), session_key: Secret::new([3; 16]), channel_bindings }
}

fn acceptor(negotiate: &[u8]) -> Acceptor {
    Acceptor::new(negotiate, &names(), [5; 8], now()).unwrap()
}

/// One handshake; `change` may alter the three messages on the way.
fn handshake(
    name: &str,
    password: &str,
    bindings: Option<[u8; 16]>,
    requirements: Requirements,
    change: impl Fn(u8, &mut Vec<u8>),
) -> Result<(Option<hvreplica::auth::seal::SealContext>, Accepted), Refusal> {
    let credential = Credential::new(name, Secret::new(password.to_owned()));
    let initiator = Initiator::new(requirements.protection)?;
    let mut negotiate = initiator.token().to_vec();
    change(1, &mut negotiate);
    let acceptor = acceptor(&negotiate);
    let mut challenge = acceptor.token().to_vec();
    change(2, &mut challenge);
    let authenticated = initiator.authenticate(&challenge, &credential, given(bindings))?;
    let mut authenticate = authenticated.token;
    change(3, &mut authenticate);
    let accepted = acceptor.accept(&authenticate, requirements, |_, user| {
        (user == USER).then(|| nt_hash(&Secret::new(PASSWORD.to_owned())))
    })?;
    Ok((authenticated.context, accepted))
}

fn unchanged(_: u8, _: &mut Vec<u8>) {}

#[test]
fn names_and_sealing() {
    for (name, domain) in [("ops", ""), (r"CORP\ops", "CORP"), (r".\ops", "")] {
        let (client, accepted) = handshake(name, PASSWORD, None, SEALED, unchanged).unwrap();
        assert_eq!((accepted.domain.as_str(), accepted.user.as_str()), (domain, "ops"));
        assert_eq!(accepted.target, "HTTP/hv1");
        let (mut client, mut server) = (client.unwrap(), accepted.context.unwrap());
        let mut text = *b"secret";
        let signature = client.seal(&mut text).unwrap();
        server.unseal(&signature, &mut text).unwrap();
        assert_eq!(&text, b"secret");
    }
}

#[test]
fn wrong_credentials() {
    for (name, password) in [("ops", "wrong"), ("ops", ""), ("nobody", PASSWORD)] {
        let refusal = handshake(name, password, None, SEALED, unchanged).unwrap_err();
        assert_eq!(refusal, Refusal::WrongCredential);
    }
}

#[test]
fn channel_bindings() {
    let strict = Requirements { channel_bindings: Bindings::Required([1; 16]), protection: Protection::None };
    assert!(handshake("ops", PASSWORD, Some([1; 16]), strict, unchanged).is_ok());
    for bindings in [None, Some([0; 16])] {
        let refusal = handshake("ops", PASSWORD, bindings, strict, unchanged).unwrap_err();
        assert_eq!(refusal, Refusal::WrongChannelBindings);
    }
    let relaxed =
        Requirements { channel_bindings: Bindings::RightIfAny([1; 16]), protection: Protection::None };
    for (bindings, is_right) in
        [(None, true), (Some([1; 16]), true), (Some([0; 16]), false), (Some([2; 16]), false)]
    {
        assert_eq!(handshake("ops", PASSWORD, bindings, relaxed, unchanged).is_ok(), is_right);
    }
}

#[test]
fn a_weaker_challenge_is_refused() {
    let flags = [0x1_u32, 0x10, 0x20, 0x200, 0x8_0000, 0x2000_0000, 0x4000_0000];
    for bit in flags {
        let refusal = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
            if kind == 2 {
                clear_flag(token, 20, bit);
            }
        });
        let error = refusal.unwrap_err();
        // Without Unicode the crate cannot read the target's name.
        let wanted = if bit == 1 { NtlmError::Malformed } else { NtlmError::MissingFlags(bit) };
        assert_eq!(error, Refusal::Message(wanted), "{bit:x}");
    }
    let refusal = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
        if kind == 2 {
            clear_flag(token, 20, 0x80_0000);
        }
    });
    assert_eq!(refusal.unwrap_err(), Refusal::Message(NtlmError::NoTargetInformation));
}

#[test]
fn flags_taken_out_on_the_way_are_noticed() {
    let refusal = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
        if kind == 1 {
            clear_flag(token, 12, 0x8000);
        }
    });
    assert_eq!(refusal.unwrap_err(), Refusal::WrongIntegrityCode);
    let refusal = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
        if kind == 3 {
            clear_flag(token, 60, 0x20);
        }
    });
    assert_eq!(refusal.unwrap_err(), Refusal::Message(NtlmError::MissingFlags(0x20)));
}

fn clear_flag(token: &mut [u8], at: usize, bit: u32) {
    let flags = u32::from_le_bytes(token[at..at + 4].try_into().unwrap());
    assert_ne!(flags & bit, 0, "{bit:x} is not set");
    token[at..at + 4].copy_from_slice(&(flags & !bit).to_le_bytes());
}

/// A client as the crate alone would make it: right password, no integrity code.
#[test]
fn a_client_without_integrity_code_is_refused() {
    let initiator = Initiator::new(Protection::None).unwrap();
    let acceptor = acceptor(initiator.token());
    let message = ntlmclient::Message::try_from(acceptor.token()).unwrap();
    let ntlmclient::Message::Challenge(challenge) = message else { panic!("no challenge") };
    let target: Vec<u8> = challenge.target_information.iter().flat_map(|entry| entry.to_bytes()).collect();
    let credentials = ntlmclient::Credentials {
        username: USER.to_owned(),
        password: PASSWORD.to_owned(),
        domain: String::new(),
    };
    let mut response = ntlmclient::respond_challenge_ntlm_v2(challenge.challenge, &target, 0, &credentials);
    response.session_key = vec![0; 16];
    let token = response.to_message(&credentials, "", challenge.flags).to_bytes().unwrap();
    let known = |_: &str, _: &str| Some(nt_hash(&Secret::new(PASSWORD.to_owned())));
    let none = Requirements { protection: Protection::None, channel_bindings: Bindings::Ignored };
    assert_eq!(acceptor.accept(&token, none, known).unwrap_err(), Refusal::NoIntegrityCode);
}

#[test]
fn foreign_tokens() {
    let credential = Credential::new("ops", Secret::default());
    let cases: [(&[u8], NtlmError); 6] = [
        (b"", NtlmError::NotNtlm),
        (b"NTLMSSP", NtlmError::NotNtlm),
        (b"NTLMSSP\0\x02\0", NtlmError::Malformed),
        (b"NTLMSSP\0\x01\0\0\0", NtlmError::WrongMessage),
        (b"NTLMSSP\0\x02\0\0\0", NtlmError::Malformed),
        (b"\xa1\x14\x30\x12", NtlmError::Wrapped),
    ];
    for (token, wanted) in cases {
        let initiator = Initiator::new(Protection::Sealed).unwrap();
        let error = initiator.authenticate(token, &credential, given(None)).unwrap_err();
        assert_eq!(error, wanted, "{token:?}");
    }
}

#[test]
fn names_that_are_too_long() {
    let name = "x".repeat(40_000);
    let refusal = handshake(&name, PASSWORD, None, SEALED, unchanged).unwrap_err();
    assert_eq!(refusal, Refusal::Message(NtlmError::NameTooLong));
}

#[test]
fn every_changed_byte_of_the_last_message_is_refused() {
    let size = {
        let initiator = Initiator::new(Protection::Sealed).unwrap();
        let challenge = acceptor(initiator.token()).token().to_vec();
        let credential = Credential::new("ops", Secret::new(PASSWORD.to_owned()));
        initiator.authenticate(&challenge, &credential, given(None)).unwrap().token.len()
    };
    for at in 0..size {
        let refused = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
            if kind == 3 {
                token[at] ^= 0x81;
            }
        });
        assert!(refused.is_err(), "byte {at}");
        let cut = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
            if kind == 3 {
                token.truncate(at);
            }
        });
        assert!(cut.is_err(), "cut at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_challenges_never_let_anybody_in(at in 0_usize..200, bits in 1_u8.., size in 0_usize..400) {
        let result = handshake("ops", PASSWORD, None, SEALED, |kind, token| {
            if kind == 2 {
                let place = at % token.len();
                token[place] ^= bits;
                token.truncate(size.max(1));
            }
        });
        prop_assert!(result.is_err());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 1_u8..4) {
        let mut token = [b"NTLMSSP\0", [kind, 0, 0, 0].as_slice()].concat();
        token.extend(&bytes);
        let credential = Credential::new("ops", Secret::default());
        let initiator = Initiator::new(Protection::Sealed).unwrap();
        let mine = acceptor(initiator.token());
        prop_assert!(mine.accept(&token, SEALED, |_, _| Some(Secret::new([0; 16]))).is_err());
        initiator.authenticate(&token, &credential, given(None)).ok();
        Acceptor::new(&token, &names(), [0; 8], now()).ok();
    }
}
