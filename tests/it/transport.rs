//! What the HTTP transport makes of answers, good and bad.

use std::time::Duration;

use hvreplica::transport::{
    Authentication, Delivery, Http, HttpOptions, HttpRequest, Scheme, Transport, TransportErrorKind,
};
use tokio::net::TcpListener;

use crate::session::{ask, basic_in_clear, credential, endpoint, ntlm};
use crate::support::host::{Host, PASSWORD, SOAP, Say, Setup};

const SEALED_TYPE_LENGTH: usize = 118;

async fn answer(say: Say) -> Host {
    Host::start(Setup::default(), move |_, _| say.clone()).await
}

async fn failure(host: &Host) -> (TransportErrorKind, Delivery) {
    let error = ntlm(host).exchange(ask("<request/>")).await.unwrap_err();
    (error.kind().clone(), error.delivery())
}

#[tokio::test]
async fn a_sealed_exchange() {
    let more = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: Microsoft-HTTPAPI/2.0\r\n";
    let host = answer(Say::SoapWith(more, "<größe/>".to_owned())).await;
    let response = ntlm(&host).exchange(ask("<anfrage ß='1'/>")).await.unwrap();
    assert_eq!((response.status, response.content_type.as_str()), (200, SOAP));
    assert_eq!(response.body, "<größe/>".as_bytes());
    assert_eq!(response.date, Some("1994-11-06T08:49:37Z".parse().unwrap()));
    assert_eq!((response.server.as_deref(), response.retry_after), (Some("Microsoft-HTTPAPI/2.0"), None));
    let seen = host.seen();
    assert_eq!((seen.len(), seen[0].sealed, seen[0].body.as_str()), (1, true, "<anfrage ß='1'/>"));
}

#[tokio::test]
async fn a_sealed_fault_is_a_response() {
    let host = answer(Say::Soap(500, "<fault/>".to_owned())).await;
    let response = ntlm(&host).exchange(ask("<request/>")).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (500, &b"<fault/>"[..]));
}

#[tokio::test]
async fn basic_with_the_danger_flag() {
    let host = answer(Say::Soap(200, "<a/>".to_owned())).await;
    let response = basic_in_clear(&host, PASSWORD).exchange(ask("<request/>")).await.unwrap();
    assert_eq!((response.content_type.as_str(), response.body.as_slice()), (SOAP, &b"<a/>"[..]));
    assert!(!host.seen()[0].sealed);
}

#[tokio::test]
async fn basic_over_http_is_refused_before_anything_leaves() {
    let host = Host::friendly().await;
    let options =
        HttpOptions::new(endpoint(Scheme::Http, host.address), Authentication::Basic(credential(PASSWORD)));
    let error = Http::new(options).err().unwrap();
    assert!(matches!(error.kind(), TransportErrorKind::Policy(_)));
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn replies_in_clear_are_not_believed() {
    for (status, content_type) in [(200, SOAP), (500, SOAP), (200, "text/html"), (202, "")] {
        let clear =
            format!("HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: 4\r\n\r\n<a/>");
        let host = answer(Say::Raw(clear)).await;
        assert_eq!(failure(&host).await, (TransportErrorKind::ReplyInClear, Delivery::MayHaveRun));
    }
}

#[tokio::test]
async fn bare_statuses_are_responses_without_body() {
    for status in [200, 400, 403, 404, 413, 500, 503] {
        let text = if [200, 500].contains(&status) { "" } else { "<html/>" };
        let raw = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        let host = answer(Say::Raw(raw)).await;
        let response = ntlm(&host).exchange(ask("<request/>")).await.unwrap();
        assert_eq!((response.status, response.content_type.as_str()), (status, "text/html"));
        assert_eq!(response.body, b"");
    }
}

#[tokio::test]
async fn damaged_seals() {
    let changes: [fn(&mut Vec<u8>); 5] = [
        |answer| {
            let at = answer.len() - 26;
            answer[at] ^= 0x55;
        },
        |answer| {
            let at = answer.len() - 24 - 9 - 8;
            answer[at] ^= 0x55;
        },
        |answer| replace(answer, b"Length=9", b"Length=8"),
        |answer| replace(answer, b"--Encrypted Boundary--\r\n", b"--Encrypted Boundxry--\r\n"),
        |answer| replace(answer, b"\x10\0\0\0", b"\xff\xff\xff\x7f"),
    ];
    for change in changes {
        let host = answer(Say::Mangled(change)).await;
        assert_eq!(failure(&host).await, (TransportErrorKind::BrokenSeal, Delivery::MayHaveRun));
    }
}

fn replace(answer: &mut [u8], from: &[u8], to: &[u8]) {
    let at = answer.windows(from.len()).position(|window| window == from).expect("the bytes to change");
    answer[at..at + to.len()].copy_from_slice(to);
}

#[tokio::test]
async fn a_cut_response_is_a_lost_one_and_the_request_went_once() {
    let whole = 200 + SEALED_TYPE_LENGTH;
    for size in [0, 1, 10, 60, 120, whole, whole + 50] {
        let host = answer(Say::Cut(size, "<a/>".repeat(100))).await;
        assert_eq!(
            failure(&host).await,
            (TransportErrorKind::ConnectionLost, Delivery::MayHaveRun),
            "{size}"
        );
        assert_eq!(host.seen().len(), 1);
    }
}

#[tokio::test]
async fn silence_ends_in_time() {
    let host = answer(Say::Silence).await;
    let request = HttpRequest { timeout: Duration::from_millis(50), ..ask("<request/>") };
    let error = ntlm(&host).exchange(request).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::TimedOut, Delivery::MayHaveRun));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://{}/wsman", trap.local_addr().unwrap());
    for status in [301, 302, 307, 308] {
        let raw = format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let wanted = TransportErrorKind::Redirect { status, location: location.clone() };
        let host = answer(Say::Raw(raw.clone())).await;
        assert_eq!(failure(&host).await, (wanted.clone(), Delivery::MayHaveRun));
        let host = greeting(&raw).await;
        assert_eq!(failure(&host).await, (wanted, Delivery::NotSent));
    }
    let visited = tokio::time::timeout(Duration::from_millis(1), trap.accept()).await;
    assert!(visited.is_err());
}

#[tokio::test]
async fn responses_beyond_the_limit() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n".to_owned();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "A".repeat(1 << 16));
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(17));
    for raw in [announced + &"A".repeat(1000), endless] {
        let host = answer(Say::Raw(raw)).await;
        let mut options = HttpOptions::new(
            endpoint(Scheme::Http, host.address),
            Authentication::Ntlm(credential(PASSWORD)),
        );
        options.response_limit = 1 << 20;
        let error = Http::new(options).unwrap().exchange(ask("<request/>")).await.unwrap_err();
        assert_eq!(*error.kind(), TransportErrorKind::TooLarge { limit: 1 << 20 });
        assert_eq!(error.delivery(), Delivery::MayHaveRun);
    }
}

async fn greeting(raw: &str) -> Host {
    let setup = Setup { greeting: Some(raw.as_bytes().to_vec()), ..Setup::default() };
    Host::start(setup, |_, _| Say::Silence).await
}

#[tokio::test]
async fn what_is_no_winrm() {
    let handshake = |status, content_type: &str| TransportErrorKind::Handshake {
        status,
        content_type: content_type.to_owned(),
    };
    let cases = [
        ("SSH-2.0-OpenSSH_9.6\r\n", TransportErrorKind::NotHttp),
        ("\x15\x03\x03\0\x02\x02\x46", TransportErrorKind::NotHttp),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a/>",
            handshake(200, "text/html"),
        ),
        ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", handshake(404, "")),
        ("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", handshake(503, "")),
        ("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", TransportErrorKind::Forbidden),
        (
            "HTTP/1.1 401 X\r\nWWW-Authenticate: Kerberos\r\nContent-Length: 0\r\n\r\n",
            TransportErrorKind::NotOffered {
                wanted: "ntlm".to_owned(),
                offered: vec!["Kerberos".to_owned()],
            },
        ),
        (
            "HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate ???\r\nContent-Length: 0\r\n\r\n",
            TransportErrorKind::BadToken,
        ),
        (
            "HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate oRQwEqADCgEBoQsGCSqGSIL3EgECAg==\r\nContent-Length: 0\r\n\r\n",
            TransportErrorKind::BadToken,
        ),
    ];
    for (raw, wanted) in cases {
        assert_eq!(failure(&greeting(raw).await).await, (wanted, Delivery::NotSent), "{raw}");
    }
}

#[tokio::test]
async fn wrong_password_and_method_not_offered() {
    let offered = || vec!["Negotiate".to_owned(), "Basic".to_owned()];
    let host = Host::friendly().await;
    let wrong = Authentication::Ntlm(credential("wrong"));
    let http = Http::new(HttpOptions::new(endpoint(Scheme::Http, host.address), wrong)).unwrap();
    for http in [http, basic_in_clear(&host, "wrong")] {
        let error = http.exchange(ask("<request/>")).await.unwrap_err();
        assert_eq!(*error.kind(), TransportErrorKind::Refused { offered: offered() });
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    assert!(host.seen().is_empty());
    let setup = Setup { offers: &["Kerberos"], ..Setup::default() };
    let host = Host::start(setup, |_, _| Say::Silence).await;
    for (http, wanted) in [(ntlm(&host), "ntlm"), (basic_in_clear(&host, "wrong"), "basic")] {
        let error = http.exchange(ask("<request/>")).await.unwrap_err();
        let kind = TransportErrorKind::NotOffered {
            wanted: wanted.to_owned(),
            offered: vec!["Kerberos".to_owned()],
        };
        assert_eq!(*error.kind(), kind);
    }
}

#[tokio::test]
async fn no_connection() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut nowhere = endpoint(Scheme::Http, unused);
    nowhere.host = "no-such-host.invalid".to_owned();
    let cases = [
        (endpoint(Scheme::Http, unused), TransportErrorKind::Connect),
        (endpoint(Scheme::Https, unused), TransportErrorKind::Connect),
        (nowhere, TransportErrorKind::NameLookup),
    ];
    for (endpoint, wanted) in cases {
        let http = Http::new(HttpOptions::new(endpoint, Authentication::Ntlm(credential(PASSWORD)))).unwrap();
        let error = http.exchange(ask("<request/>")).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&wanted, Delivery::NotSent));
    }
}

#[tokio::test]
async fn hosts_that_never_answer() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let cases = [(Scheme::Http, TransportErrorKind::TimedOut), (Scheme::Https, TransportErrorKind::Connect)];
    for (scheme, wanted) in cases {
        let mut options =
            HttpOptions::new(endpoint(scheme, address), Authentication::Ntlm(credential(PASSWORD)));
        options.connect_timeout = Duration::from_millis(50);
        let error = Http::new(options).unwrap().exchange(ask("<request/>")).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&wanted, Delivery::NotSent));
    }
}

#[tokio::test]
async fn tls_to_a_port_without_tls() {
    let host = greeting("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let authentication = Authentication::Basic(credential(PASSWORD));
    let options = HttpOptions::new(endpoint(Scheme::Https, host.address), authentication);
    let error = Http::new(options).unwrap().exchange(ask("<request/>")).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
}

#[test]
fn options_show_no_password() {
    let address = "127.0.0.1:5985".parse().unwrap();
    let options =
        HttpOptions::new(endpoint(Scheme::Http, address), Authentication::Ntlm(credential(PASSWORD)));
    assert!(!format!("{options:?}").contains(PASSWORD));
}
