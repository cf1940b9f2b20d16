//! A host, or somebody in its place, that plays with HTTP: it is contained, and gets nothing that it may not have.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hvreplica::transport::{
    Authentication, Connection, Delivery, Http, HttpOptions, HttpRequest, HttpResponse, Scheme, Transport,
    TransportError, TransportErrorKind,
};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::session::{ask, credential, endpoint};
use crate::support::host::{Host, PASSWORD, SOAP, Say, Setup};
use crate::support::raw::{is_authorized, read_request, refusal};

/// What a listener sends: bytes at once, or one piece after the other with a pause before each, for ever.
#[derive(Clone)]
enum Answer {
    Once(Vec<u8>),
    ThenClose(Vec<u8>),
    Slowly(Vec<u8>, &'static [u8], Duration),
}

/// A listener of no manners. Requests without credentials are told what it offers.
struct Raw {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    offer: &'static str,
    answer: Box<Answers>,
    count: AtomicUsize,
    /// Heads of all requests, each with the number of its connection.
    heads: Mutex<Vec<(usize, String)>>,
}

type Answers = dyn Fn(usize) -> Answer + Send + Sync;

impl Raw {
    /// `answer` is for the nth request that carries credentials, from 0.
    async fn start(offer: &'static str, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, heads) = (Box::new(answer), Mutex::default());
        let shared = Arc::new(Shared { offer, answer, count: AtomicUsize::new(0), heads });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            for connection in 1.. {
                let (socket, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move { talk(socket, connection, &shared).await });
            }
        });
        Self { address, shared }
    }

    /// A session that may send the password in clear.
    fn basic(&self) -> Http {
        let authentication = Authentication::Basic(credential(PASSWORD));
        let mut options = HttpOptions::new(endpoint(Scheme::Http, self.address), authentication);
        options.danger_allow_unencrypted = true;
        Http::new(options).unwrap()
    }

    fn heads(&self) -> Vec<(usize, String)> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// Connections of the requests with credentials.
    fn let_in(&self) -> Vec<usize> {
        let heads = self.heads().into_iter();
        heads.filter(|(_, head)| is_authorized(head)).map(|(connection, _)| connection).collect()
    }
}

async fn talk(mut socket: TcpStream, connection: usize, shared: &Shared) -> Option<()> {
    loop {
        let (head, _) = read_request(&mut socket).await?;
        let may_come_in = is_authorized(&head);
        shared.heads.lock().unwrap().push((connection, head));
        if !may_come_in {
            socket.write_all(refusal(shared.offer).as_bytes()).await.ok()?;
            continue;
        }
        match (shared.answer)(shared.count.fetch_add(1, Ordering::Relaxed)) {
            Answer::Once(bytes) => socket.write_all(&bytes).await.ok()?,
            Answer::ThenClose(bytes) => {
                socket.write_all(&bytes).await.ok()?;
                return None;
            }
            Answer::Slowly(bytes, piece, pause) => {
                socket.write_all(&bytes).await.ok()?;
                loop {
                    tokio::time::sleep(pause).await;
                    socket.write_all(piece).await.ok()?;
                }
            }
        }
    }
}

fn reply(more: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: {SOAP}\r\n{more}Content-Length: {length}\r\n\r\n{body}").into()
}

/// What the first request brings.
async fn first(send: Answer) -> Result<HttpResponse, TransportError> {
    let host = Raw::start("Basic realm=\"WSMAN\"", move |_| send.clone()).await;
    host.basic().exchange(ask("<request/>")).await
}

async fn failure(send: Answer) -> (TransportErrorKind, Delivery) {
    let error = first(send).await.unwrap_err();
    (error.kind().clone(), error.delivery())
}

#[tokio::test]
async fn a_password_stays_here_where_basic_is_not_offered() {
    for offer in ["Negotiate", "Kerberos, Digest realm=\"Basic\"", "BasicX"] {
        let host = Raw::start(offer, |_| Answer::Once(reply("", "<a/>"))).await;
        let error = host.basic().exchange(ask("<request/>")).await.unwrap_err();
        let TransportErrorKind::NotOffered { wanted, .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!((wanted.as_str(), error.delivery()), ("basic", Delivery::NotSent));
        assert_eq!(host.let_in(), [0; 0]);
    }
}

#[tokio::test]
async fn every_connection_in_clear_is_asked_first() {
    let host = Raw::start("Negotiate, Basic", |_| Answer::Once(reply("", "<a/>"))).await;
    let http = host.basic();
    for connection in [Connection::Any, Connection::Any, Connection::Fresh] {
        http.exchange(HttpRequest { connection, ..ask("<request/>") }).await.unwrap();
    }
    let heads = host.heads();
    let seen: Vec<_> = heads.iter().map(|(number, head)| (*number, is_authorized(head))).collect();
    assert_eq!(seen, [(1, false), (1, true), (1, true), (2, false), (2, true)]);
    assert!(heads[0].1.contains("content-length: 0\r\n"), "{}", heads[0].1);
}

#[tokio::test]
async fn a_password_is_not_taken_on_to_where_a_redirect_points() {
    let trap = Raw::start("Basic", |_| Answer::Once(reply("", "<a/>"))).await;
    for status in [301, 302, 303, 307, 308] {
        for place in [format!("http://{}/wsman", trap.address), "/other".to_owned()] {
            let head = format!("HTTP/1.1 {status} X\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
            let host = Raw::start("Basic", move |_| Answer::Once(head.clone().into())).await;
            let error = host.basic().exchange(ask("<request/>")).await.unwrap_err();
            assert_eq!(*error.kind(), TransportErrorKind::Redirect { status, location: place });
            assert_eq!(host.let_in(), [1]);
        }
    }
    assert_eq!(trap.heads().len(), 0);
}

#[tokio::test]
async fn heads_beyond_all_bounds() {
    let long = format!("X-Long: {}\r\n", "x".repeat(4 << 20));
    let many = "X-Many: x\r\n".repeat(1_000_000);
    for more in [long.as_str(), &many] {
        let sent = Answer::Once(reply(more, "<a/>"));
        assert_eq!(failure(sent).await, (TransportErrorKind::NotHttp, Delivery::MayHaveRun));
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX-Long: ".as_slice(), &[b'x'; 1 << 20]].concat();
    assert_eq!(failure(Answer::Once(endless)).await.0, TransportErrorKind::NotHttp);
}

#[tokio::test(start_paused = true)]
async fn one_byte_per_second_is_not_waited_for_longer_than_the_operation() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {SOAP}\r\nContent-Length: 100000\r\n\r\n");
    let interim = b"HTTP/1.1 102 Processing\r\n\r\n".as_slice();
    for (begin, piece) in
        [(head.as_bytes(), &b"x"[..]), (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), (b"", interim)]
    {
        let begun = tokio::time::Instant::now();
        let sent = Answer::Slowly(begin.to_vec(), piece, Duration::from_secs(1));
        assert_eq!(failure(sent).await, (TransportErrorKind::TimedOut, Delivery::MayHaveRun));
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}

#[tokio::test]
async fn bodies_in_odd_but_right_forms() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n4;name=value\r\n<a/>\r\n0\r\nX-After: 1\r\nContent-Length: 7\r\n\r\n";
    let interim =
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", &*reply("", "<a/>")];
    for sent in [
        Answer::Once(chunked.into()),
        Answer::Once(interim.concat()),
        Answer::Once(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n<a/>".to_vec()),
        Answer::ThenClose(b"HTTP/1.0 200 OK\r\n\r\n<a/>".to_vec()),
    ] {
        let response = first(sent).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, &b"<a/>"[..]));
    }
}

#[tokio::test]
async fn what_is_compressed_is_not_blown_up() {
    let squeezed = reply("Content-Encoding: gzip\r\n", "\u{1f}not quite gzip");
    assert_eq!(first(Answer::Once(squeezed)).await.unwrap().body, "\u{1f}not quite gzip".as_bytes());
}

#[tokio::test]
async fn lengths_that_contradict_each_other() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n<a/>x";
    let negative = "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n<a/>";
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n<a/>";
    for sent in [length, negative, chunk] {
        let kind = failure(Answer::ThenClose(sent.into())).await.0;
        let is_refused = matches!(kind, TransportErrorKind::NotHttp | TransportErrorKind::ConnectionLost);
        assert!(is_refused, "{sent}: {kind:?}");
    }
}

#[tokio::test]
async fn more_than_one_answer_to_one_request() {
    let smuggled = reply("", "<smuggled/>");
    for more in [&smuggled[..], b"garbage", b"\r\n\r\n", b"HTTP/1.1 401 No\r\n\r\n"] {
        let twice = [&reply("", "<first/>")[..], more].concat();
        let host = Raw::start("Basic", move |n| {
            Answer::Once(if n == 0 { twice.clone() } else { reply("", "<second/>") })
        })
        .await;
        let http = host.basic();
        assert_eq!(http.exchange(ask("a")).await.unwrap().body, b"<first/>");
        assert_eq!(http.exchange(ask("b")).await.unwrap().body, b"<second/>");
        assert_eq!(host.let_in(), [1, 2]);
    }
}

/// Carries the first connection to one place and all others to another.
async fn switch(first: SocketAddr, then: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for place in std::iter::once(first).chain(std::iter::repeat(then)) {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut host = TcpStream::connect(place).await.unwrap();
                copy_bidirectional(&mut client, &mut host).await.ok();
            });
        }
    });
    address
}

#[tokio::test]
async fn in_mid_session_basic_is_not_what_it_falls_back_to() {
    let basic_only =
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"WSMAN\"\r\nContent-Length: 0\r\n\r\n";
    let host = Host::start(Setup::default(), move |n, _| match n {
        0 => Say::Soap(200, "<a/>".to_owned()),
        _ => Say::Raw(basic_only.to_owned()),
    })
    .await;
    let trap = Raw::start("Basic realm=\"WSMAN\"", |_| Answer::Once(basic_only.into())).await;
    let address = switch(host.address, trap.address).await;
    let authentication = Authentication::Ntlm(credential(PASSWORD));
    let http = Http::new(HttpOptions::new(endpoint(Scheme::Http, address), authentication)).unwrap();
    http.exchange(ask("a")).await.unwrap();
    let error = http.exchange(ask("b")).await.unwrap_err();
    let offered = vec!["Basic".to_owned()];
    assert_eq!(*error.kind(), TransportErrorKind::NotOffered { wanted: "ntlm".to_owned(), offered });
    assert!(host.seen().iter().all(|seen| seen.sealed));
    let heads = trap.heads();
    assert!(!heads.is_empty());
    assert!(heads.iter().all(|(_, head)| !head.contains("authorization: basic")));
}
