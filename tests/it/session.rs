//! How long a connection lasts, and when there is another one.

use std::net::SocketAddr;
use std::time::Duration;

use hvreplica::auth::Credential;
use hvreplica::secret::Secret;
use hvreplica::transport::{
    Authentication, Connection, Delivery, Endpoint, Http, HttpOptions, HttpRequest, Scheme, Transport,
    TransportErrorKind,
};

use crate::support::host::{Host, PASSWORD, Say, Setup, USER};

pub(crate) fn credential(password: &str) -> Credential {
    Credential::new(USER, Secret::new(password.to_owned()))
}

pub(crate) fn endpoint(scheme: Scheme, address: SocketAddr) -> Endpoint {
    Endpoint { scheme, host: address.ip().to_string(), port: address.port(), path: "/wsman".to_owned() }
}

pub(crate) fn ntlm(host: &Host) -> Http {
    let authentication = Authentication::Ntlm(credential(PASSWORD));
    Http::new(HttpOptions::new(endpoint(Scheme::Http, host.address), authentication)).unwrap()
}

pub(crate) fn basic_in_clear(host: &Host, password: &str) -> Http {
    let authentication = Authentication::Basic(credential(password));
    let mut options = HttpOptions::new(endpoint(Scheme::Http, host.address), authentication);
    options.danger_allow_unencrypted = true;
    Http::new(options).unwrap()
}

pub(crate) fn ask(body: &str) -> HttpRequest {
    HttpRequest {
        body: body.as_bytes().to_vec(),
        timeout: Duration::from_secs(60),
        connection: Connection::Any,
        lane: String::new(),
    }
}

/// The sessions run on the test's own thread and their connections on the workers': so the next request is made
/// while the connection is still on its way back into the pool, and the pool would open another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_sessions_stay_on_their_connections() {
    let host = Host::friendly().await;
    for session in 0..200 {
        let http = ntlm(&host);
        for operation in 0..10 {
            let response = http.exchange(ask(&format!("{session}.{operation}"))).await.unwrap();
            assert_eq!(response.status, 200);
        }
    }
    let seen = host.seen();
    assert_eq!((seen.len(), host.connections(), host.handshakes()), (2000, 200, 200));
    assert!(seen.iter().all(|request| request.sealed));
}

#[tokio::test]
async fn requests_of_one_session_wait_for_each_other() {
    let host = Host::friendly().await;
    let http = ntlm(&host);
    let (first, second) = tokio::join!(http.exchange(ask("a")), http.exchange(ask("b")));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert_eq!(host.connections_of_requests(), [1, 1]);
}

#[tokio::test]
async fn a_fresh_connection_is_a_new_one() {
    let host = Host::friendly().await;
    for (http, base, handshakes) in
        [(ntlm(&host), 0, [1, 2, 2]), (basic_in_clear(&host, PASSWORD), 2, [2, 2, 2])]
    {
        http.exchange(ask("a")).await.unwrap();
        assert_eq!(host.handshakes(), handshakes[0]);
        let fresh = HttpRequest { connection: Connection::Fresh, ..ask("b") };
        http.exchange(fresh).await.unwrap();
        assert_eq!(host.handshakes(), handshakes[1]);
        http.exchange(ask("c")).await.unwrap();
        assert_eq!(host.handshakes(), handshakes[2]);
        let connections = host.connections_of_requests();
        assert_eq!(connections[connections.len() - 3..], [base + 1, base + 2, base + 2]);
    }
}

#[tokio::test]
async fn an_announced_close_is_followed_by_a_new_handshake() {
    let host =
        Host::start(Setup::default(), |_, _| Say::SoapWith("Connection: close\r\n", "<a/>".to_owned())).await;
    let http = ntlm(&host);
    for body in ["a", "b", "c"] {
        assert_eq!(http.exchange(ask(body)).await.unwrap().body, b"<a/>");
    }
    assert_eq!(host.connections_of_requests(), [1, 2, 3]);
    assert_eq!(host.handshakes(), 3);
}

/// The host closes in silence. The client may notice before it writes, and then goes on by itself; or after, and
/// then it must not send again: either way no request arrives twice.
#[tokio::test]
async fn a_hang_up_never_leads_to_a_second_request() {
    for attempt in 0..8 {
        let host = Host::start(Setup::default(), |_, _| Say::SoapThenHangUp("<a/>".to_owned())).await;
        let http = ntlm(&host);
        http.exchange(ask("first")).await.unwrap();
        let second = http.exchange(ask("second")).await;
        let arrived = host.seen().iter().filter(|seen| seen.body == "second").count();
        match second {
            Ok(response) => assert_eq!((response.body.as_slice(), arrived), (&b"<a/>"[..], 1), "{attempt}"),
            Err(error) => {
                assert_eq!(*error.kind(), TransportErrorKind::ConnectionLost);
                assert_eq!((error.delivery(), arrived), (Delivery::MayHaveRun, 0), "{attempt}");
            }
        }
    }
}

#[tokio::test]
async fn a_forgotten_session_is_authenticated_again_and_the_request_repeated_once() {
    for by_ntlm in [true, false] {
        let host = Host::start(Setup::default(), |n, _| match n {
            1 => Say::Forget,
            _ => Say::Soap(200, "<a/>".to_owned()),
        })
        .await;
        let http = if by_ntlm { ntlm(&host) } else { basic_in_clear(&host, PASSWORD) };
        http.exchange(ask("a")).await.unwrap();
        assert_eq!(http.exchange(ask("b")).await.unwrap().body, b"<a/>");
        let bodies: Vec<_> = host.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, ["a", "b", "b"]);
        assert_eq!(host.connections_of_requests(), [1, 1, 2]);
    }
}

#[tokio::test]
async fn a_second_401_is_a_refusal() {
    for by_ntlm in [true, false] {
        let host = Host::start(Setup::default(), |n, _| match n {
            0 => Say::Soap(200, "<a/>".to_owned()),
            _ => Say::Forget,
        })
        .await;
        let http = if by_ntlm { ntlm(&host) } else { basic_in_clear(&host, PASSWORD) };
        http.exchange(ask("a")).await.unwrap();
        let error = http.exchange(ask("b")).await.unwrap_err();
        let offered = vec!["Negotiate".to_owned(), "Basic".to_owned()];
        assert_eq!(*error.kind(), TransportErrorKind::Refused { offered });
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert_eq!(host.seen().len(), 3);
    }
}

#[tokio::test]
async fn after_a_bare_status_the_next_request_has_a_new_seal() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let host = Host::start(Setup::default(), move |n, _| match n {
        1 => Say::Raw(busy.to_owned()),
        _ => Say::Soap(200, "<a/>".to_owned()),
    })
    .await;
    let http = ntlm(&host);
    http.exchange(ask("a")).await.unwrap();
    let response = http.exchange(ask("b")).await.unwrap();
    assert_eq!((response.status, response.body.len()), (503, 0));
    assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
    http.exchange(ask("c")).await.unwrap();
    assert_eq!(host.connections_of_requests(), [1, 1, 2]);
}

#[tokio::test]
async fn a_dropped_exchange_leaves_no_connection_behind() {
    let host = Host::start(Setup::default(), |n, _| match n {
        1 => Say::Silence,
        _ => Say::Soap(200, "<a/>".to_owned()),
    })
    .await;
    let http = ntlm(&host);
    http.exchange(ask("a")).await.unwrap();
    let hasty = tokio::time::timeout(Duration::from_millis(50), http.exchange(ask("b"))).await;
    assert!(hasty.is_err());
    http.exchange(ask("c")).await.unwrap();
    assert_eq!(host.connections_of_requests(), [1, 1, 2]);
}

/// A reply said twice is out of step, as is everything that follows: the connection is given up.
#[tokio::test]
async fn a_replayed_reply_ends_the_connection() {
    let host = Host::start(Setup::default(), |n, _| match n {
        1 => Say::Again,
        _ => Say::Soap(200, "<a/>".to_owned()),
    })
    .await;
    let http = ntlm(&host);
    http.exchange(ask("a")).await.unwrap();
    let error = http.exchange(ask("b")).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::BrokenSeal, Delivery::MayHaveRun));
    assert_eq!(http.exchange(ask("c")).await.unwrap().body, b"<a/>");
    assert_eq!((host.connections_of_requests(), host.handshakes()), (vec![1, 1, 2], 2));
}

#[tokio::test]
async fn after_a_lost_connection_there_is_a_new_one_with_a_new_handshake() {
    for by_ntlm in [true, false] {
        let host = Host::start(Setup::default(), |n, _| match n {
            1 => Say::Cut(60, "<a/>".to_owned()),
            _ => Say::Soap(200, "<a/>".to_owned()),
        })
        .await;
        let http = if by_ntlm { ntlm(&host) } else { basic_in_clear(&host, PASSWORD) };
        http.exchange(ask("a")).await.unwrap();
        let error = http.exchange(ask("b")).await.unwrap_err();
        assert_eq!(*error.kind(), TransportErrorKind::ConnectionLost);
        assert_eq!(error.delivery(), Delivery::MayHaveRun);
        assert_eq!(http.exchange(ask("c")).await.unwrap().body, b"<a/>");
        let bodies: Vec<_> = host.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(
            (bodies, host.connections_of_requests()),
            (vec!["a".into(), "b".into(), "c".into()], vec![1, 1, 2])
        );
        assert_eq!(host.handshakes(), if by_ntlm { 2 } else { 0 });
    }
}
