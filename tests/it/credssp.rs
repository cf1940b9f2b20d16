//! CredSSP: the client against our own host in memory, every version of TLS, and tokens that somebody changed.

use hvreplica::auth::credssp::{
    Acceptor, Answer, Context, Delegated, Failure, Given, Host, HostLogin, Identity, Initiator, Judged,
    Login, NtStatus, Refusal, Step, TsRequest,
};
use hvreplica::auth::framing::{self, FramingError, Protocol};
use hvreplica::auth::ntlm::{self, Bindings, Protection, Requirements, nt_hash};
use hvreplica::auth::seal::SealContext;
use hvreplica::auth::{Credential, SealError, Sealing, spnego};
use hvreplica::secret::Secret;
use hvreplica::transport::{
    Authentication, Delivery, Http, HttpOptions, Scheme, Transport, TransportErrorKind,
};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use sha2::{Digest, Sha256};

use crate::session::{ask, endpoint};
use crate::support::host::{self, PASSWORD, SOAP, Say, Setup, USER, names};

pub(crate) const KEY: &[u8] = b"the key of the tunnel";
pub(crate) const NONCE: [u8; 32] = [7; 32];

pub(crate) fn given() -> Given {
    Given { target: "WSMAN/hv1".to_owned(), now: now(), session_key: Secret::new([3; 16]), nonce: NONCE }
}

pub(crate) fn now() -> jiff::Timestamp {
    "2026-11-24T20:00:00Z".parse().unwrap()
}

pub(crate) fn credential(password: &str) -> Credential {
    Credential::new(USER, Secret::new(password.to_owned()))
}

pub(crate) fn known(_: &str, user: &str) -> Option<ntlm::NtHash> {
    (user == USER).then(|| nt_hash(&Secret::new(PASSWORD.to_owned())))
}

pub(crate) fn identity(versions: &[&'static SupportedProtocolVersion]) -> Identity {
    Identity::new("CREDSSP-HV1", versions).unwrap()
}

/// What one authentication came to.
#[derive(Debug)]
pub(crate) enum End {
    In(Box<Context>, Box<Delegated>),
    GaveUp(Failure),
    HostRefused(Refusal, Option<Failure>),
}

/// One authentication; `change` may alter each token on the way, by number, odd ones being the client's.
pub(crate) fn authenticate(
    identity: &Identity,
    password: &str,
    mut change: impl FnMut(usize, &mut Vec<u8>),
) -> End {
    let mut client = Initiator::new(credential(password), given()).unwrap();
    let mut acceptor = Acceptor::new(identity).unwrap();
    let mut token = client.token().to_vec();
    for number in 0.. {
        change(2 * number + 1, &mut token);
        let host = Host { names: &names(), server_challenge: [5; 8], now: now() };
        let mut answer = match acceptor.step(&token, &host, known) {
            Answer::Next(next, answer) => {
                acceptor = *next;
                answer
            }
            Answer::In(delegated) => match client.finish(&[]) {
                Ok(context) => return End::In(Box::new(context), delegated),
                Err(failure) => return End::GaveUp(failure),
            },
            Answer::Refused(refusal, answer) => {
                return End::HostRefused(refusal, client.step(&answer).err());
            }
        };
        change(2 * number + 2, &mut answer);
        match client.step(&answer) {
            Ok(Step::Next(next) | Step::Last(next)) => token = next,
            Err(failure) => return End::GaveUp(failure),
        }
    }
    unreachable!()
}

pub(crate) fn contexts(identity: &Identity) -> (Context, Context) {
    match authenticate(identity, PASSWORD, |_, _| {}) {
        End::In(client, delegated) => (*client, delegated.context),
        other => panic!("{other:?}"),
    }
}

/// With the trailer of a record, and all that a record adds to a message.
const VERSIONS: [(&[&SupportedProtocolVersion], usize, usize); 2] =
    [(&[&TLS12], 16, 29), (&[&TLS13], 17, 22)];

#[test]
fn the_password_is_handed_over_in_either_version_of_tls() {
    for (versions, ..) in VERSIONS {
        let mut tokens = 0;
        let end = authenticate(&identity(versions), PASSWORD, |number, _| tokens = number);
        let End::In(_, delegated) = end else { panic!("{end:?}") };
        assert_eq!((delegated.credential.domain(), delegated.credential.user()), ("", USER));
        assert_eq!(delegated.credential.password().expose(), PASSWORD);
        assert_eq!(tokens, 9, "two of the tunnel, three of the login, each but the last with an answer");
    }
}

#[test]
fn a_wrong_password_is_refused_with_a_status() {
    for (versions, ..) in VERSIONS {
        let end = authenticate(&identity(versions), "wrong", |_, _| {});
        let End::HostRefused(refusal, failure) = end else { panic!("{end:?}") };
        assert_eq!(refusal, Refusal::Ntlm(ntlm::Refusal::WrongCredential));
        assert_eq!(
            failure.unwrap().to_string(),
            "the host refuses by CredSSP: STATUS_LOGON_FAILURE (0xC000006D)"
        );
    }
}

#[test]
fn messages_go_in_pieces_of_sixteen_kibibytes() {
    for (versions, trailer, added) in VERSIONS {
        let (mut client, mut host) = contexts(&identity(versions));
        for (size, pieces) in [(1, 1), (16_383, 1), (16_384, 1), (16_385, 2), (32_768, 2), (100_000, 7)] {
            let text: Vec<u8> = (0..=255).cycle().take(size).collect();
            for turn in 0..2 {
                let (from, to) = if turn == 0 { (&mut client, &mut host) } else { (&mut host, &mut client) };
                let outer = framing::content_type(from, size);
                let body = framing::seal(from, SOAP, &text).unwrap();
                let frames = framing::frames(outer, &body).unwrap();
                assert_eq!(frames.len(), pieces, "{size}");
                for frame in &frames {
                    assert_eq!(frame.signature.len(), trailer);
                    assert_eq!(trailer + frame.cipher.len(), frame.length + added, "one record");
                }
                assert_eq!(frames.iter().map(|frame| frame.length).sum::<usize>(), size);
                assert_eq!(outer.starts_with("multipart/x-multi-encrypted;"), pieces > 1);
                let opened = framing::unseal(to, outer, body).unwrap();
                assert_eq!(opened, (SOAP.to_owned(), text.clone()), "{size}");
            }
        }
    }
}

#[test]
fn pieces_that_are_missing_moved_or_of_another_length() {
    let identity = identity(&[&TLS13]);
    type Change = fn(&str) -> String;
    let changes: [(Change, FramingError); 3] = [
        (|text| text.replacen("Length=16384", "Length=16383", 1), FramingError::Length),
        (|text| text.replacen("Length=1\r", "Length=2\r", 1), FramingError::Length),
        (|text| text.replacen("type=application/soap+xml", "type=text/xml", 1), FramingError::PartHeader),
    ];
    for (change, wanted) in changes {
        let (mut client, mut host) = contexts(&identity);
        let body = framing::seal(&mut client, SOAP, &[b'x'; 16_385]).unwrap();
        let text: String = body.iter().map(|byte| char::from(*byte)).collect();
        let body = change(&text).chars().map(|char| u8::try_from(char).unwrap()).collect();
        let outer = framing::CONTENT_TYPE_OF_PIECES;
        assert_eq!(framing::unseal(&mut host, outer, body).unwrap_err(), wanted);
    }
    let (mut client, mut host) = contexts(&identity);
    let body = framing::seal(&mut client, SOAP, &[b'x'; 16_385]).unwrap();
    let outer = Protocol::Credssp.content_type();
    let refused = framing::unseal(&mut host, outer, body).unwrap_err();
    assert_eq!(refused, FramingError::Boundary, "several pieces under the type of one");

    let (mut client, mut host) = contexts(&identity);
    let [first, second] = [b"one", b"two"].map(|text| framing::seal(&mut client, SOAP, text).unwrap());
    let refused = framing::unseal(&mut host, outer, second).unwrap_err();
    assert_eq!(refused, FramingError::Seal(SealError::WrongSignature), "out of sequence");
    let refused = framing::unseal(&mut host, outer, first).unwrap_err();
    assert_eq!(refused, FramingError::Seal(SealError::Spent));
    assert_eq!(host.seal(&mut Vec::new()).unwrap_err(), SealError::Spent);
}

fn request(token: Vec<u8>) -> TsRequest {
    TsRequest { version: 6, token: Some(token), ..TsRequest::default() }
}

/// A client that wraps NTLM, as others than ours do; `is_favourite` is NTLM, `signs` whether it signs its list.
fn wrapped(is_favourite: bool, signs: bool) -> Result<Judged, Refusal> {
    let mut login = HostLogin::new(KEY.to_vec());
    let names = names();
    let mut say = |message: TsRequest| {
        login.step(&message.encode(), &Host { names: &names, server_challenge: [5; 8], now: now() }, known)
    };
    let initiator = ntlm::Initiator::new(Protection::Sealed).unwrap();
    let mut offer = spnego::offer(spnego::NTLM, initiator.token());
    if !is_favourite {
        let both = [&[6, 9], spnego::KERBEROS, &[6, 10], spnego::NTLM].concat();
        offer =
            [b"\x60\x27\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x1d\x30\x1b\xa0\x19\x30\x17", &both[..]].concat();
    }
    let list = spnego::read_offer(&offer).unwrap().unwrap().list;
    let mut judged = say(request(offer.clone()))?;
    if !is_favourite {
        let answer = spnego::Answer { token: Some(initiator.token()), ..spnego::Answer::default() };
        judged = say(request(answer.to_bytes()))?;
    }
    let Judged::Next(challenge) = judged else { panic!("{judged:?}") };
    let challenge = TsRequest::decode(&challenge).unwrap().token.unwrap();
    let challenge = spnego::read(&challenge).unwrap();
    let given = ntlm::Given {
        target: "WSMAN/hv1",
        now: now(),
        session_key: Secret::new([3; 16]),
        channel_bindings: None,
    };
    let authenticated =
        initiator.authenticate(challenge.token.unwrap(), &credential(PASSWORD), given).unwrap();
    let mut context = authenticated.context.unwrap();
    let mic = context.sign_list(&list).unwrap();
    let token = spnego::Answer {
        token: Some(&authenticated.token),
        mic: signs.then_some(&mic),
        ..spnego::Answer::default()
    };
    let mut own = proof("Client-To-Server", KEY);
    let signature = context.seal(&mut own).unwrap();
    let Judged::Next(answer) = say(TsRequest {
        pub_key_auth: Some([&signature[..], &own].concat()),
        client_nonce: Some(NONCE),
        ..request(token.to_bytes())
    })?
    else {
        panic!()
    };
    let answer = TsRequest::decode(&answer).unwrap();
    let last = answer.token.unwrap();
    let last = spnego::read(&last).unwrap();
    assert_eq!(last.state, Some(spnego::State::Completed));
    context.check_list(last.mic.unwrap(), &list).unwrap();
    assert_eq!(open(&mut context, &answer.pub_key_auth.unwrap()), proof("Server-To-Client", KEY));
    let mut handed = b"\x30\x1d\xa0\x03\x02\x01\x01\xa1\x16\x04\x14\x30\x12\xa0\x04\x04\x02D\0\xa1\x04\x04\x02u\0\xa2\x04\x04\x02p\0".to_vec();
    let signature = context.seal(&mut handed).unwrap();
    say(TsRequest { auth_info: Some([&signature[..], &handed].concat()), token: None, ..request(Vec::new()) })
}

#[test]
fn the_host_takes_ntlm_in_spnego() {
    for is_favourite in [true, false] {
        let Judged::In(credential) = wrapped(is_favourite, true).unwrap() else { panic!() };
        assert_eq!((credential.domain(), credential.user()), ("D", "u"));
        assert_eq!(wrapped(is_favourite, false).unwrap_err(), Refusal::List);
    }
}

/// The host of a login without a tunnel, written anew from MS-CSSP.
pub(crate) struct Bare {
    acceptor: Option<ntlm::Acceptor>,
    context: Option<SealContext>,
    version: u32,
    key: &'static [u8],
    direction: &'static str,
}

impl Bare {
    pub(crate) fn honest() -> Self {
        Self { acceptor: None, context: None, version: 6, key: KEY, direction: "Server-To-Client" }
    }

    fn answer(&self) -> TsRequest {
        TsRequest { version: self.version, ..TsRequest::default() }
    }

    pub(crate) fn challenge(&mut self, message: &[u8]) -> TsRequest {
        let token = TsRequest::decode(message).unwrap().token.unwrap();
        let acceptor = ntlm::Acceptor::new(&token, &names(), [5; 8], now()).unwrap();
        let answer = TsRequest { token: Some(acceptor.token().to_vec()), ..self.answer() };
        self.acceptor = Some(acceptor);
        answer
    }

    fn prove(&mut self, message: &[u8]) -> TsRequest {
        let asked = TsRequest::decode(message).unwrap();
        let sealed = Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored };
        let acceptor = self.acceptor.take().unwrap();
        let mut context = acceptor.accept(&asked.token.unwrap(), sealed, known).unwrap().context.unwrap();
        assert_eq!(open(&mut context, &asked.pub_key_auth.unwrap()), proof("Client-To-Server", KEY));
        assert_eq!(asked.client_nonce, Some(NONCE));
        let mut own = proof(self.direction, self.key);
        let signature = context.seal(&mut own).unwrap();
        self.context = Some(context);
        TsRequest { pub_key_auth: Some([&signature[..], &own].concat()), ..self.answer() }
    }
}

fn open(context: &mut SealContext, sealed: &[u8]) -> Vec<u8> {
    let (signature, message) = sealed.split_at(16);
    let mut message = message.to_vec();
    context.unseal(signature, &mut message).unwrap();
    message
}

fn proof(direction: &str, key: &[u8]) -> Vec<u8> {
    let magic = format!("CredSSP {direction} Binding Hash\0");
    Sha256::new().chain_update(magic).chain_update(NONCE).chain_update(key).finalize().to_vec()
}

pub(crate) fn login() -> (Login, Vec<u8>) {
    Login::new(credential(PASSWORD), KEY.to_vec(), given()).unwrap()
}

/// A login until the host's proof is due, and what the host would prove.
pub(crate) fn proven(mut host: Bare) -> Result<(Login, TsRequest, Bare), Failure> {
    let (mut login, first) = login();
    let challenge = host.challenge(&first);
    let Step::Next(message) = login.step(&challenge.encode())? else { panic!() };
    let answer = host.prove(&message);
    Ok((login, answer, host))
}

#[test]
fn nothing_but_the_right_proof_lets_the_password_out() {
    let (mut login, answer, mut host) = proven(Bare::honest()).unwrap();
    let Step::Last(last) = login.step(&answer.encode()).unwrap() else { panic!() };
    let info = TsRequest::decode(&last).unwrap().auth_info.unwrap();
    let plain = open(host.context.as_mut().unwrap(), &info);
    let wide: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(plain.windows(wide.len()).any(|window| window == wide));

    let other_key = Bare { key: b"the key of somebody else", ..Bare::honest() };
    let reflected = Bare { direction: "Client-To-Server", ..Bare::honest() };
    for host in [other_key, reflected] {
        let (mut login, answer, _) = proven(host).unwrap();
        assert_eq!(login.step(&answer.encode()).unwrap_err(), Failure::OtherKey);
        assert_eq!(login.step(&answer.encode()).unwrap_err(), Failure::Malformed, "it is over");
    }
    type Change = fn(&mut TsRequest);
    let cases: [(Change, Failure); 5] = [
        (|answer| answer.pub_key_auth = None, Failure::Malformed),
        (|answer| answer.pub_key_auth = Some(vec![1; 8]), Failure::Unproven(SealError::MalformedSignature)),
        (
            |answer| answer.pub_key_auth.as_mut().unwrap()[20] ^= 1,
            Failure::Unproven(SealError::WrongSignature),
        ),
        (|answer| answer.version = 5, Failure::ChangedVersion { from: 6, to: 5 }),
        (|answer| answer.error_code = Some(0xC000_0234), Failure::Refused(NtStatus(0xC000_0234))),
    ];
    for (change, wanted) in cases {
        let (mut login, mut answer, _) = proven(Bare::honest()).unwrap();
        change(&mut answer);
        assert_eq!(login.step(&answer.encode()).unwrap_err(), wanted);
    }
}

#[test]
fn versions() {
    for (version, is_good) in [(2, false), (3, false), (4, false), (5, true), (6, true), (7, true)] {
        let found = proven(Bare { version, ..Bare::honest() });
        assert_eq!(found.is_ok(), is_good, "{version}");
        if let Err(failure) = found {
            assert_eq!(failure, Failure::OldVersion(version));
        }
    }
}

#[test]
fn challenges_in_spnego_and_of_other_mechanisms() {
    let (mut login, first) = login();
    let token = Bare::honest().challenge(&first).token.unwrap();
    let size = u8::try_from(token.len()).unwrap();
    let wrapped =
        [&[0xa1, 0x81, size + 9, 0x30, 0x81, size + 6, 0xa2, 0x81, size + 3, 4, 0x81, size], &token[..]]
            .concat();
    let answer = TsRequest { version: 6, token: Some(wrapped), ..TsRequest::default() };
    assert!(matches!(login.step(&answer.encode()), Ok(Step::Next(_))));

    let kerberos =
        b"\xa1\x14\x30\x12\xa0\x03\x0a\x01\x01\xa1\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
    let (mut login, _) = self::login();
    let answer = TsRequest { token: Some(kerberos.to_vec()), ..answer };
    assert_eq!(login.step(&answer.encode()).unwrap_err(), Failure::NotNtlm);
}

/// What else may answer a first token.
#[tokio::test]
async fn what_is_no_credssp() {
    let offered = |schemes: &[&str]| schemes.iter().map(|scheme| (*scheme).to_owned()).collect::<Vec<_>>();
    let not_offered = |schemes: &[&str]| TransportErrorKind::NotOffered {
        wanted: "credssp".to_owned(),
        offered: offered(schemes),
    };
    let tls = "received corrupt message of type InvalidContentType".to_owned();
    let cases = [
        (
            "401 X\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos",
            not_offered(&["Negotiate", "Kerberos"]),
        ),
        (
            "401 X\r\nWWW-Authenticate: CredSSP",
            TransportErrorKind::Refused { offered: offered(&["CredSSP"]) },
        ),
        ("401 X\r\nWWW-Authenticate: CredSSP ???", TransportErrorKind::Credssp(Failure::Malformed)),
        ("401 X\r\nWWW-Authenticate: CredSSP YWJjZGVmZ2g=", TransportErrorKind::Credssp(Failure::Tls(tls))),
        ("401 X\r\nWWW-Authenticate: CredSSP FgMD", TransportErrorKind::Credssp(Failure::Malformed)),
        ("200 X", TransportErrorKind::Credssp(Failure::Malformed)),
        ("403 X", TransportErrorKind::Forbidden),
        ("404 X", TransportErrorKind::Handshake { status: 404, content_type: String::new() }),
        (
            "302 X\r\nLocation: /login",
            TransportErrorKind::Redirect { status: 302, location: "/login".to_owned() },
        ),
    ];
    for (head, wanted) in cases {
        let greeting = Some(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").into_bytes());
        let listener = host::Host::start(Setup { greeting, ..Setup::default() }, |_, _| Say::Silence).await;
        let authentication = Authentication::Credssp(credential(PASSWORD));
        let options = HttpOptions::new(endpoint(Scheme::Http, listener.address), authentication);
        let error = Http::new(options).unwrap().exchange(ask("<request/>")).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&wanted, Delivery::NotSent), "{head}");
        assert!(listener.seen().is_empty());
    }
}
