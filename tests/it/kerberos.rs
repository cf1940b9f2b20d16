//! Hostile KDCs and hosts against our own Kerberos client: whatever they send, it neither panics nor lets anybody in.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hvreplica::auth::Credential;
use hvreplica::auth::framing::Protocol;
use hvreplica::auth::kerberos::{
    Failure, Identity, Initiator, Kdc, KdcAddress, KdcExchange, Principal, Proof, error_code,
    error_code_of_host, parse_keytab,
};
use hvreplica::auth::spnego;
use hvreplica::secret::Secret;
use hvreplica::transport::{
    Authentication, Http, HttpOptions, Kerberos, Scheme, Tickets, Transport, TransportErrorKind,
};
use proptest::prelude::{Strategy, any};
use proptest::{collection, prop_assert, proptest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::session::{ask, endpoint};
use crate::support::host::Host;

/// Answers in order, the last one for ever.
struct Canned(Vec<Vec<u8>>, AtomicUsize);

impl Kdc for Canned {
    fn exchange<'a>(&'a self, to: &'a KdcAddress, message: &'a [u8]) -> KdcExchange<'a> {
        assert_eq!(*to, KdcAddress::Home);
        let length = u32::from_be_bytes(message[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), message.len() - 4);
        let at = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
        let framed = [&u32::try_from(self.0[at].len()).unwrap().to_be_bytes()[..], &self.0[at]].concat();
        Box::pin(async move { Ok(framed) })
    }
}

fn client() -> Initiator {
    let principal = Principal { name: "ops".to_owned(), realm: "EXAMPLE.TEST".to_owned() };
    let proof = Proof::Password(Secret::new("secret".to_owned()));
    Initiator::new(Identity { principal, proof }, "HTTP/hv1.example.test").unwrap()
}

fn ask_kdc(answers: Vec<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let kdc = Canned(answers, AtomicUsize::new(0));
    runtime.block_on(async { client().token(&kdc, None).await })
}

fn element(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let contents = pieces.concat();
    let size = contents.len();
    let length = if size < 0x80 { vec![size.to_le_bytes()[0]] } else { vec![0x81, size.to_le_bytes()[0]] };
    [&[tag][..], &length, &contents].concat()
}

/// A `KRB-ERROR` with all its fields, as MIT's KDC writes it.
fn refusal(code: u8) -> Vec<u8> {
    let text = |text: &str| element(0x1b, &[text.as_bytes()]);
    let name = |kind: u8, parts: &[&str]| {
        let parts: Vec<u8> = parts.iter().flat_map(|part| text(part)).collect();
        let (kind, parts) = (element(0x02, &[&[kind]]), element(0x30, &[&parts]));
        element(0x30, &[&element(0xa0, &[&kind]), &element(0xa1, &[&parts])])
    };
    let fields = [
        element(0xa0, &[&element(0x02, &[&[5]])]),
        element(0xa1, &[&element(0x02, &[&[30]])]),
        element(0xa4, &[&element(0x18, &[b"20261124213022Z"])]),
        element(0xa5, &[&element(0x02, &[&[1]])]),
        element(0xa6, &[&element(0x02, &[&[code]])]),
        element(0xa7, &[&text("EXAMPLE.TEST")]),
        element(0xa8, &[&name(1, &["ops"])]),
        element(0xa9, &[&text("EXAMPLE.TEST")]),
        element(0xaa, &[&name(2, &["krbtgt", "EXAMPLE.TEST"])]),
        element(0xab, &[&text("no")]),
    ];
    element(0x7e, &[&element(0x30, &[&fields.concat()])])
}

const PREAUTHENTICATION_REQUIRED: u8 = 25;

#[test]
fn refusals_have_their_names() {
    let required = refusal(PREAUTHENTICATION_REQUIRED);
    let principal = "ops@EXAMPLE.TEST".to_owned();
    for (code, wanted) in [
        (6, Failure::UnknownUser { principal: principal.clone() }),
        (18, Failure::Revoked { principal: principal.clone() }),
        (23, Failure::PasswordExpired { principal: principal.clone() }),
        (24, Failure::WrongKey { principal }),
        (14, Failure::Encryption),
        (68, Failure::WrongRealm),
        (60, Failure::Code(60)),
    ] {
        assert_eq!(error_code(&refusal(code)), Some(i32::from(code)));
        assert_eq!(ask_kdc(vec![required.clone(), refusal(code)]), Err(wanted));
    }
}

#[test]
fn a_kdc_of_nonsense_gives_no_ticket() {
    for answer in
        [&b""[..], b"\x6b", b"\x6b\x00", b"\x7e\x80", b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0xff; 5000]]
    {
        assert_eq!(
            ask_kdc(vec![answer.to_vec()])
                .map_err(|failure| matches!(failure, Failure::BadKdc | Failure::NoPreauthentication { .. })),
            Err(true),
            "{answer:?}"
        );
    }
}

#[test]
fn a_token_of_the_host_without_a_ticket_proves_nothing() {
    for token in [&b""[..], b"\x60\x00", b"NTLMSSP\0", &[0x60; 300]] {
        assert_eq!(client().finish(token, Protocol::Spnego).unwrap_err(), Failure::NotProven);
    }
}

/// Up to eight changes of a message: a byte replaced, removed or put in, or the end cut off.
fn changed(message: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    collection::vec((any::<u8>(), any::<proptest::sample::Index>(), 0..4_u8), 1..8).prop_map(move |changes| {
        let mut message = message.clone();
        for (byte, at, how) in changes {
            if message.is_empty() {
                break;
            }
            let at = at.index(message.len());
            match how {
                0 | 1 => message[at] = byte,
                2 => message.insert(at, byte),
                _ if byte < 16 => message.truncate(at),
                _ => drop(message.remove(at)),
            }
        }
        message
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn no_answer_of_a_kdc_panics_or_gives_a_token(
        first in changed(refusal(PREAUTHENTICATION_REQUIRED)),
        second in changed(refusal(24)),
    ) {
        prop_assert!(ask_kdc(vec![first, second]).is_err());
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_token_panics(
        token in changed(spnego::offer(spnego::KERBEROS, &refusal(37))),
        answer in changed(element(0xa1, &[&element(0x30, &[&element(0xa2, &[&element(0x04, &[b"NTLMSSP\0"])])])])),
        bytes in collection::vec(any::<u8>(), 0..200),
    ) {
        for token in [&token, &answer, &bytes] {
            spnego::read(token).ok();
            error_code(token);
            error_code_of_host(token);
            parse_keytab(token).ok();
        }
    }
}

/// A name server to which every KDC is on this machine, at that port.
async fn name_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut question = [0; 512];
        loop {
            let (_, from) = socket.recv_from(&mut question).await.unwrap();
            let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
            assert!(question[12..].starts_with(b"\x09_kerberos\x04_"), "{question:x?}");
            let mut reply =
                [&question[..2], &[0x84, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &question[12..end]].concat();
            reply.extend(b"\xc0\x0c\0\x21\0\x01\0\0\0\x3c\0\x11\0\0\0\0");
            reply.extend(port.to_be_bytes());
            reply.extend(b"\x09localhost\0");
            socket.send_to(&reply, from).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn the_kdc_of_the_dns_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kdc = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let unknown = refusal(6);
            socket.write_all(&u32::try_from(unknown.len()).unwrap().to_be_bytes()).await.unwrap();
            socket.write_all(&unknown).await.unwrap();
            // Until the client has read it.
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.ok();
        }
    });
    let host = Host::friendly().await;
    let credential = Credential::new("ops@DNS-LOOKUP.TEST", Secret::new("secret".to_owned()));
    let login = Kerberos {
        tickets: Tickets::Password(credential),
        realm: None,
        kdc: None,
        services: vec!["HTTP/hv1.dns-lookup.test".to_owned()],
    };
    let endpoint = endpoint(Scheme::Http, host.address);
    let mut options = HttpOptions::new(endpoint, Authentication::Kerberos(login));
    options.name_servers = vec![name_server(kdc.port()).await];
    let error = Http::new(options).unwrap().exchange(ask("<a/>")).await.unwrap_err();
    let principal = "ops@DNS-LOOKUP.TEST".to_owned();
    assert_eq!(error.kind(), &TransportErrorKind::Kerberos(Failure::UnknownUser { principal }));
}
