//! NTLM inside of SPNEGO, as other clients than ours speak it, and what the simulated host refuses about it.

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::auth::ntlm::{Authenticated, Given, Initiator, Protection};
use hvreplica::auth::spnego::{self, Answer, State};
use hvreplica::auth::{SealError, framing};
use hvreplica::secret::Secret;
use hvreplica::simulator::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{PASSWORD, credential, start};
use super::server_rules::get;

/// One connection, over which requests are written by hand.
struct Line(TcpStream);

struct Said {
    status: u16,
    /// Tokens of `WWW-Authenticate: Negotiate`, or nothing where the offer stands alone.
    negotiate: Vec<Vec<u8>>,
    content_type: String,
    body: Vec<u8>,
}

impl Line {
    async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.address()).await.unwrap())
    }

    async fn leg(&mut self, token: &[u8]) -> Said {
        self.post(&format!("Authorization: Negotiate {}\r\n", BASE64_STANDARD.encode(token)), b"").await
    }

    async fn post(&mut self, headers: &str, body: &[u8]) -> Said {
        let head =
            format!("POST /wsman HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        self.0.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let values = |name: &'static str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(move |line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1.to_owned())
        };
        let tokens = values("WWW-Authenticate").filter_map(|value| {
            value.strip_prefix("Negotiate ").map(|token| BASE64_STANDARD.decode(token).unwrap())
        });
        let mut body = vec![0; values("Content-Length").next().unwrap().parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        Said {
            status: head[9..12].parse().unwrap(),
            negotiate: tokens.collect(),
            content_type: values("Content-Type").next().unwrap_or_default(),
            body,
        }
    }
}

fn authenticate(initiator: Initiator, challenge: &[u8], password: &str) -> Authenticated {
    let given = Given {
        target: "HTTP/hv1",
        now: "2026-11-24T12:00:00Z".parse().unwrap(),
        session_key: Secret::new([9; 16]),
        channel_bindings: None,
    };
    initiator.authenticate(challenge, &credential(password), given).unwrap()
}

/// The list of mechanisms that an offer carries.
fn list_of(offer: &[u8]) -> Vec<u8> {
    spnego::read_offer(offer).unwrap().unwrap().list
}

fn answer(token: &[u8], mic: Option<&[u8]>) -> Vec<u8> {
    Answer { token: Some(token), mic, ..Answer::default() }.to_bytes()
}

#[tokio::test]
async fn wrapped_ntlm_gets_in_and_seals() {
    let server = start("healthy").await;
    let mut line = Line::open(&server).await;
    let initiator = Initiator::new(Protection::Sealed).unwrap();
    let offer = spnego::offer(spnego::NTLM, initiator.token());
    let said = line.leg(&offer).await;
    let challenge = spnego::read(&said.negotiate[0]).unwrap();
    assert_eq!((said.status, challenge.state), (401, Some(State::Incomplete)));
    assert_eq!(challenge.mechanism, Some(spnego::NTLM));

    let Authenticated { token, context } = authenticate(initiator, challenge.token.unwrap(), PASSWORD);
    let mut context = context.unwrap();
    let mic = context.sign_list(&list_of(&offer)).unwrap();
    let said = line.leg(&answer(&token, Some(&mic))).await;
    let last = spnego::read(&said.negotiate[0]).unwrap();
    assert_eq!((said.status, last.state, last.token), (200, Some(State::Completed), None));
    context.check_list(last.mic.unwrap(), &list_of(&offer)).unwrap();

    let sealed =
        framing::seal(&mut context, "application/soap+xml;charset=UTF-8", get(&server).as_bytes()).unwrap();
    let said = line.post(&format!("Content-Type: {}\r\n", framing::CONTENT_TYPE), &sealed).await;
    let (_, reply) = framing::unseal(&mut context, &said.content_type, said.body).unwrap();
    assert_eq!((said.status, said.negotiate.len()), (200, 0));
    assert!(String::from_utf8(reply).unwrap().contains("Msvm_ComputerSystem"));
    let truth = server.truth();
    assert_eq!((truth.handshakes, truth.violations), (1, vec![]));
}

/// NTLM that is not the client's favourite: the host chooses it without a look at the favourite's token.
#[tokio::test]
async fn ntlm_behind_kerberos() {
    let server = start("healthy").await;
    let mut line = Line::open(&server).await;
    // An offer of NTLM alone, with Kerberos put in front of it.
    let mut list = spnego::offer(spnego::NTLM, b"ticket");
    let at = list.windows(2).position(|bytes| bytes == [0x06, 0x0a]).unwrap();
    let kerberos = [&[0x06, 0x09], spnego::KERBEROS].concat();
    list.splice(at..at, kerberos.iter().copied());
    for outer in [1, at - 1, at - 3, at - 5, at - 7] {
        list[outer] += 11;
    }
    let said = line.leg(&list).await;
    let chosen = spnego::read(&said.negotiate[0]).unwrap();
    assert_eq!((said.status, chosen.state), (401, Some(State::WantsMic)));
    assert_eq!((chosen.mechanism, chosen.token), (Some(spnego::NTLM), None));

    let initiator = Initiator::new(Protection::Sealed).unwrap();
    let said = line.leg(&answer(initiator.token(), None)).await;
    let challenge = spnego::read(&said.negotiate[0]).unwrap().token.unwrap().to_vec();
    let Authenticated { token, context } = authenticate(initiator, &challenge, PASSWORD);
    let mic = context.unwrap().sign_list(&list_of(&list)).unwrap();
    assert_eq!(line.leg(&answer(&token, Some(&mic))).await.status, 200);
    assert_eq!(server.truth().violations, []);
}

#[tokio::test]
async fn what_is_refused_about_wrapped_ntlm() {
    let without = |_: &[u8]| None;
    let of_another = |list: &[u8]| Some([list, b"\0"].concat());
    let right = |list: &[u8]| Some(list.to_vec());
    type Case = (&'static str, fn(&[u8]) -> Option<Vec<u8>>, Vec<(&'static str, String)>);
    let cases: [Case; 3] = [
        (
            PASSWORD,
            without,
            vec![("spnego", "the integrity code of the list of mechanisms is missing".into())],
        ),
        (PASSWORD, of_another, vec![("spnego", SealError::WrongSignature.to_string())]),
        ("another", right, vec![]),
    ];
    for (password, signed, wanted) in cases {
        let server = start("healthy").await;
        let mut line = Line::open(&server).await;
        let initiator = Initiator::new(Protection::Sealed).unwrap();
        let offer = spnego::offer(spnego::NTLM, initiator.token());
        let said = line.leg(&offer).await;
        let challenge = spnego::read(&said.negotiate[0]).unwrap().token.unwrap().to_vec();
        let Authenticated { token, context } = authenticate(initiator, &challenge, password);
        let mut context = context.unwrap();
        let mic = signed(&list_of(&offer)).map(|list| context.sign_list(&list).unwrap());
        let said = line.leg(&answer(&token, mic.as_ref().map(|mic| &mic[..]))).await;
        assert_eq!((said.status, said.negotiate.len()), (401, 0));
        let truth = server.truth();
        let seen: Vec<_> = truth.violations.iter().map(|one| (one.rule, one.text.clone())).collect();
        assert_eq!((seen, truth.handshakes), (wanted, 0), "{password}");
    }
}

#[tokio::test]
async fn other_mechanisms_and_odd_tokens() {
    let foreign = spnego::offer(spnego::KERBEROS, b"ticket");
    let cut = &foreign[..foreign.len() - 1];
    for (token, wanted) in
        [(&foreign[..], "the client offers no mechanism of this host"), (cut, "the token is no valid DER")]
    {
        let server = start("healthy").await;
        let said = Line::open(&server).await.leg(token).await;
        assert_eq!((said.status, said.negotiate.len()), (401, 0));
        let violations = server.truth().violations;
        assert_eq!(
            (violations[0].rule, violations[0].text.as_str(), violations.len()),
            ("spnego", wanted, 1)
        );
    }
}

/// A client that goes on bare after it has begun wrapped.
#[tokio::test]
async fn a_wrapped_handshake_stays_wrapped() {
    let server = start("healthy").await;
    let mut line = Line::open(&server).await;
    let initiator = Initiator::new(Protection::Sealed).unwrap();
    let said = line.leg(&spnego::offer(spnego::NTLM, initiator.token())).await;
    let challenge = spnego::read(&said.negotiate[0]).unwrap().token.unwrap().to_vec();
    let authenticated = authenticate(initiator, &challenge, PASSWORD);
    assert_eq!(line.leg(&authenticated.token).await.status, 401);
    assert_eq!(server.truth().handshakes, 0);
}

/// Flags taken out on the way: of the first message the challenge tells, of the last the integrity code.
#[tokio::test]
async fn downgraded_flags() {
    for (message, flag) in [(1, 0x0008_0000_u32), (1, 0x20), (3, 0x0008_0000), (3, 0x20), (3, 0x2000_0000)] {
        let server = start("healthy").await;
        let mut line = Line::open(&server).await;
        let initiator = Initiator::new(Protection::Sealed).unwrap();
        let mut first = initiator.token().to_vec();
        let without = |token: &mut [u8], at: usize| {
            let flags = u32::from_le_bytes(token[at..at + 4].try_into().unwrap()) & !flag;
            token[at..at + 4].copy_from_slice(&flags.to_le_bytes());
        };
        if message == 1 {
            without(&mut first, 12);
        }
        let said = line.leg(&first).await;
        if let (3, Some(challenge)) = (message, said.negotiate.first()) {
            let mut last = authenticate(initiator, challenge, PASSWORD).token;
            without(&mut last, 60);
            assert_eq!(line.leg(&last).await.status, 401);
        } else if let Some(challenge) = said.negotiate.first() {
            // A client of good faith would not go on; one that does is refused for what the host's answer lacks.
            let error = initiator.authenticate(
                challenge,
                &credential(PASSWORD),
                Given {
                    target: "HTTP/hv1",
                    now: "2026-11-24T12:00:00Z".parse().unwrap(),
                    session_key: Secret::new([9; 16]),
                    channel_bindings: None,
                },
            );
            assert!(error.is_err(), "{flag:x}");
        }
        assert_eq!(server.truth().handshakes, 0, "{message} {flag:x}");
    }
}
