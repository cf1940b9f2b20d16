//! How the simulated host's connections behave, and what is planned to happen to them.

use std::io::ErrorKind;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::auth::ntlm::{Given, Initiator, Protection};
use hvreplica::secret::Secret;
use hvreplica::simulator::{
    Accident, Action, BadReply, Hits, Injection, Matcher, Operation, PlannedFault, Server, TARGET,
};
use hvreplica::transport::{Authentication, TransportErrorKind};
use hvreplica::wsman::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{PASSWORD, client, client_as, credential, settings};
use super::server_rules::{envelope, get, headers, post};

/// A host that takes Basic and does that to every Identify.
async fn disturbed(injections: &'static [Injection]) -> Server {
    let mut settings = settings("healthy");
    settings.offers.basic = true;
    settings.scenario.injections = injections;
    Server::start(settings).await.unwrap()
}

const fn on_identify(action: Action) -> Injection {
    Injection { on: Matcher::Operation(Operation::Identify), hits: Hits::ALL, action }
}

/// Sends Identify on a connection that may stay, and reads until the host closes it.
async fn identify(server: &Server) -> (Vec<u8>, Option<ErrorKind>) {
    let body = envelope(server, &Request::Identify);
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let head =
        format!("POST /wsman HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n", headers(), body.len());
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let error = socket.read_to_end(&mut reply).await.err().map(|error| error.kind());
    (reply, error)
}

#[tokio::test]
async fn a_reply_ends_where_it_is_cut() {
    const CUT: &[Injection] = &[on_identify(Action::DropReply { bytes: 100, reset: false })];
    const RESET: &[Injection] = &[on_identify(Action::DropReply { bytes: 0, reset: true })];
    const DROP: &[Injection] = &[on_identify(Action::DropRequest)];
    for (injections, bytes, error, executed) in
        [(CUT, 100, None, true), (RESET, 0, Some(ErrorKind::ConnectionReset), true), (DROP, 0, None, false)]
    {
        let server = disturbed(injections).await;
        let (reply, found) = identify(&server).await;
        assert_eq!((reply.len(), found), (bytes, error));
        assert_eq!(server.truth().requests[0].executed, executed);
    }
}

#[tokio::test]
async fn connections_close_with_and_without_a_word() {
    const ANNOUNCED: &[Injection] = &[on_identify(Action::Close { announced: true })];
    const SILENT: &[Injection] = &[on_identify(Action::Close { announced: false })];
    for (injections, announced) in [(ANNOUNCED, true), (SILENT, false)] {
        let server = disturbed(injections).await;
        let (reply, error) = identify(&server).await;
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.ends_with("</s:Envelope>"), "{reply}");
        assert_eq!((reply.contains("Connection: close"), error), (announced, None), "{reply}");
    }
}

#[tokio::test]
async fn replies_come_in_chunks_and_in_utf16() {
    let mut settings = settings("hostile-mix");
    settings.offers.basic = true;
    let server = Server::start(settings).await.unwrap();
    let (head, _) = raw(&server).await;
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert!(head.contains("application/soap+xml;charset=UTF-16"), "{head}");
    let client = client_as(&server, Authentication::Basic(credential(PASSWORD)));
    assert_eq!(client.identify().await.unwrap().product_vendor, "Microsoft Corporation");
}

async fn raw(server: &Server) -> (String, Vec<u8>) {
    let body = envelope(server, &Request::Identify);
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let (headers, length) = (headers(), body.len());
    let head = format!(
        "POST /wsman HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply).await.unwrap();
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(reply[..end].to_vec()).unwrap(), reply[end + 4..].to_vec())
}

#[tokio::test]
async fn a_giant_is_refused_by_the_client() {
    const GIANT: &[Injection] = &[on_identify(Action::Reply(BadReply::Giant(17_000_000)))];
    let server = disturbed(GIANT).await;
    let client = client_as(&server, Authentication::Basic(credential(PASSWORD)));
    let error = client.identify().await.unwrap_err();
    assert!(matches!(error.transport(), Some(TransportErrorKind::TooLarge { .. })), "{error}");
}

#[tokio::test]
async fn a_late_reply_times_out_in_host_time() {
    const LATE: Action = Action::Delay { by: Duration::from_secs(90), ignores_timeout: false };
    const INJECTIONS: &[Injection] =
        &[Injection { on: Matcher::Operation(Operation::Enumerate), hits: Hits::FIRST, action: LATE }];
    let mut settings = settings("healthy");
    settings.scenario.injections = INJECTIONS;
    let server = Server::start(settings).await.unwrap();
    let client = client(&server);
    let asking =
        tokio::spawn(async move { client.enumerate(&uri("Msvm_ComputerSystem"), Default::default()).await });
    while server.truth().requests.is_empty() {
        tokio::task::yield_now().await;
    }
    server.advance(Duration::from_secs(59));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    server.advance(Duration::from_secs(1));
    let error = asking.await.unwrap().unwrap_err();
    assert!(error.fault().unwrap().is_timed_out());
    assert!(!server.truth().requests[0].executed);
}

fn uri(class: &str) -> String {
    hvreplica::msvm::resource_uri(class)
}

#[tokio::test]
async fn planned_faults_may_be_executed_or_not() {
    const fn failing(executed: bool) -> Injection {
        on_identify(Action::Fault { fault: PlannedFault::TimedOut, executed })
    }
    const EXECUTED: &[Injection] = &[failing(true)];
    const NOT_EXECUTED: &[Injection] = &[failing(false)];
    for (injections, executed) in [(EXECUTED, true), (NOT_EXECUTED, false)] {
        let server = disturbed(injections).await;
        let client = client_as(&server, Authentication::Basic(credential(PASSWORD)));
        let error = client.identify().await.unwrap_err();
        assert!(error.fault().unwrap().is_timed_out());
        assert_eq!(server.truth().requests[0].executed, executed);
    }
}

#[tokio::test]
async fn a_followed_redirect_is_noted() {
    let mut settings = settings("redirect");
    settings.offers.basic = true;
    let server = Server::start(settings).await.unwrap();
    let (head, _) = post(&server, &headers(), &get(&server)).await;
    assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
    let location = head.lines().find_map(|line| line.strip_prefix("Location: http://")).unwrap();
    let mut socket = TcpStream::connect(location.trim_end_matches("/wsman")).await.unwrap();
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(server.truth().violations[0].rule, "followed-redirect");
}

/// A message in clear after a handshake whose messages have to be sealed.
#[tokio::test]
async fn ntlm_without_a_seal_is_a_bare_500() {
    let server = Server::start(settings("healthy")).await.unwrap();
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let initiator = Initiator::new(Protection::Sealed).unwrap();
    let first = leg(&mut socket, initiator.token()).await;
    assert!(first.starts_with("HTTP/1.1 401 "), "{first}");
    let challenge = first.lines().find_map(|line| line.strip_prefix("Www-Authenticate: Negotiate ")).unwrap();
    let given = Given {
        session_key: Secret::new([7; 16]),
        target: "HTTP/hvsim01",
        channel_bindings: None,
        now: server.now(),
    };
    let done = initiator
        .authenticate(&BASE64_STANDARD.decode(challenge).unwrap(), &credential(PASSWORD), given)
        .unwrap();
    assert!(leg(&mut socket, &done.token).await.starts_with("HTTP/1.1 200 "));
    let body = get(&server);
    let head = format!("{SOAP}Content-Length: {}\r\n\r\n", body.len());
    let reply = send(&mut socket, &format!("{head}{body}")).await;
    assert!(reply.starts_with("HTTP/1.1 500 ") && reply.contains("Content-Length: 0\r\n"), "{reply}");
    let truth = server.truth();
    assert_eq!((truth.handshakes, truth.requests), (1, vec![]));
    assert_eq!(truth.violations[0].rule, "clear-body");
}

async fn leg(socket: &mut TcpStream, token: &[u8]) -> String {
    let token = BASE64_STANDARD.encode(token);
    send(socket, &format!("Authorization: Negotiate {token}\r\nContent-Length: 0\r\n\r\n")).await
}

/// Sends a request; its reply has no body.
async fn send(socket: &mut TcpStream, rest: &str) -> String {
    socket.write_all(format!("POST /wsman HTTP/1.1\r\nHost: x\r\n{rest}").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut head).await.unwrap(), 0);
    }
    String::from_utf8(head).unwrap()
}

const SOAP: &str = "Content-Type: application/soap+xml;charset=UTF-8\r\n";

#[tokio::test]
async fn what_befalls_the_target_is_seen() {
    let server = Server::start(settings("already-resyncing")).await.unwrap();
    let client = client(&server);
    let vm = hvreplica::replica::find(&client, TARGET).await.unwrap();
    server.befall(Accident::Suspend);
    let again = hvreplica::replica::find(&client, &vm.id).await.unwrap();
    assert_ne!(vm.replica.unwrap().state, again.replica.unwrap().state);
}

#[tokio::test]
async fn a_stopped_host_and_a_dropped_one_are_gone() {
    for stops in [true, false] {
        let server = Server::start(settings("healthy")).await.unwrap();
        let address = server.address();
        let mut idle = TcpStream::connect(address).await.unwrap();
        while server.truth().connections == 0 {
            tokio::task::yield_now().await;
        }
        if stops {
            server.stop().await;
        } else {
            drop(server);
        }
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
