//! A WinRM listener on loopback that authenticates as a real one does and then says what a test wants it to say.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::auth::ntlm::{self, Acceptor, Bindings, HostNames, Protection, Requirements};
use hvreplica::auth::seal::SealContext;
use hvreplica::auth::{basic, certificate, framing};
use hvreplica::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const USER: &str = "ops";
pub(crate) const PASSWORD: &str = "Pä55 wörd";
/// The first byte of a client that wants TLS.
const TLS_HANDSHAKE: u8 = 22;
pub(crate) const SOAP: &str = "application/soap+xml;charset=UTF-8";

/// A request that got past authentication, opened.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) sealed: bool,
    pub(crate) body: String,
}

/// What the listener answers.
#[derive(Clone)]
pub(crate) enum Say {
    /// A SOAP message, sealed if the request was.
    Soap(u16, String),
    /// The same with more headers.
    SoapWith(&'static str, String),
    /// The same, then the connection is closed without having said so.
    SoapThenHangUp(String),
    /// The same, sent up to this many bytes of the response, then the connection is closed.
    Cut(usize, String),
    /// A sealed SOAP message whose frame is changed on the way.
    Mangled(fn(&mut Vec<u8>)),
    /// The answer before this one, byte for byte.
    Again,
    /// Head and body as they are.
    Raw(String),
    /// Nothing at all.
    Silence,
    /// 401 with the offers; the connection is not authenticated any more.
    Forget,
}

type Script = dyn Fn(usize, &Seen) -> Say + Send + Sync;

/// How the listener is set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) offers: &'static [&'static str],
    /// Sent in answer to the first request of each connection.
    pub(crate) greeting: Option<Vec<u8>>,
    pub(crate) protection: Protection,
    /// None for http; else each connection takes the next, and the last one for good.
    pub(crate) tls: Vec<Arc<rustls::ServerConfig>>,
    /// Whoever got through TLS is in, once its certificate is pointed to.
    pub(crate) takes_certificates: bool,
    /// What NTLM has to carry, as CbtHardeningLevel=Strict asks for.
    pub(crate) channel_bindings: Bindings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            offers: &["Negotiate", "Basic realm=\"WSMAN\""],
            greeting: None,
            protection: Protection::Sealed,
            tls: Vec::new(),
            takes_certificates: false,
            channel_bindings: Bindings::Ignored,
        }
    }
}

/// A listener; it ends with the test's runtime.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    setup: Setup,
    script: Box<Script>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    connections: usize,
    handshakes: usize,
    tls_versions: Vec<rustls::ProtocolVersion>,
    last_answer: Vec<u8>,
}

impl Host {
    /// Starts a listener that answers the nth request (from 0) as the script says.
    pub(crate) async fn start(
        setup: Setup,
        script: impl Fn(usize, &Seen) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { setup, script: Box::new(script), log: Mutex::default() });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let number = accepting.count_connection();
                tokio::spawn(serve(socket, number, Arc::clone(&accepting)));
            }
        });
        Self { address, shared }
    }

    /// A listener that answers everything with a small message.
    pub(crate) async fn friendly() -> Self {
        Self::start(Setup::default(), |n, _| Say::Soap(200, format!("<answer n='{n}'/>"))).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.log.lock().unwrap().seen.clone()
    }

    /// Connections on which each request came, in order.
    pub(crate) fn connections_of_requests(&self) -> Vec<usize> {
        self.seen().iter().map(|seen| seen.connection).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.log.lock().unwrap().connections
    }

    pub(crate) fn tls_versions(&self) -> Vec<rustls::ProtocolVersion> {
        self.shared.log.lock().unwrap().tls_versions.clone()
    }

    pub(crate) fn handshakes(&self) -> usize {
        self.shared.log.lock().unwrap().handshakes
    }
}

impl Shared {
    fn count_connection(&self) -> usize {
        let mut log = self.log.lock().unwrap();
        log.connections += 1;
        log.connections
    }

    /// Notes a request and gives its number among all.
    fn note(&self, seen: &Seen) -> usize {
        let mut log = self.log.lock().unwrap();
        log.seen.push(seen.clone());
        log.seen.len() - 1
    }

    fn refusal(&self) -> String {
        let offers = self.setup.offers.iter().map(|offer| format!("WWW-Authenticate: {offer}\r\n"));
        format!("HTTP/1.1 401 Unauthorized\r\n{}Content-Length: 0\r\n\r\n", offers.collect::<String>())
    }
}

#[derive(Default)]
enum Session {
    #[default]
    New,
    Challenged(Box<Acceptor>),
    In(Option<Box<SealContext>>),
}

async fn serve(socket: tokio::net::TcpStream, number: usize, shared: Arc<Shared>) {
    let tls = &shared.setup.tls;
    match tls.get(number - 1).or_else(|| tls.last()).cloned() {
        None => talk(socket, number, &shared).await,
        Some(config) => {
            if let Ok(socket) = tokio_rustls::TlsAcceptor::from(config).accept(socket).await {
                shared.log.lock().unwrap().tls_versions.extend(socket.get_ref().1.protocol_version());
                talk(socket, number, &shared).await
            }
        }
    }
}

async fn talk(mut socket: impl AsyncRead + AsyncWrite + Unpin, number: usize, shared: &Shared) {
    let mut session = Session::default();
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut socket, &mut buffer).await {
        if let Some(greeting) = &shared.setup.greeting {
            socket.write_all(greeting).await.ok();
            continue;
        }
        let (answer, go_on) = handle(&mut session, &head, body, number, shared);
        shared.log.lock().unwrap().last_answer.clone_from(&answer);
        if socket.write_all(&answer).await.is_err() || !go_on {
            break;
        }
    }
    socket.shutdown().await.ok();
}

fn handle(
    session: &mut Session,
    head: &str,
    body: Vec<u8>,
    connection: usize,
    shared: &Shared,
) -> (Vec<u8>, bool) {
    let authorization = header(head, "authorization");
    if let Some(token) = authorization.strip_prefix("Negotiate ") {
        assert!(body.is_empty(), "a handshake leg carries a body");
        return (negotiate(session, token, shared).into_bytes(), true);
    }
    let by_basic = basic::parse(&authorization)
        .is_some_and(|given| given.user() == USER && given.password().expose() == PASSWORD);
    let by_certificate = shared.setup.takes_certificates && authorization == certificate::AUTHORIZATION;
    if !by_basic && !by_certificate && !matches!(session, Session::In(_)) {
        return (shared.refusal().into_bytes(), true);
    }
    let sealed = framing::is_sealed(&header(head, "content-type"));
    let body = match session {
        Session::In(Some(context)) if sealed => {
            framing::unseal(context, &header(head, "content-type"), body).unwrap().1
        }
        _ => body,
    };
    let seen = Seen { connection, sealed, body: String::from_utf8(body).unwrap() };
    let number = shared.note(&seen);
    let context = match session {
        Session::In(Some(context)) if sealed => Some(&mut **context),
        _ => None,
    };
    let soap = |status, more: &str, text: &str| soap(context, status, more, text);
    match (shared.script)(number, &seen) {
        Say::Soap(status, text) => (soap(status, "", &text), true),
        Say::SoapWith(more, text) => (soap(200, more, &text), !more.contains("Connection: close")),
        Say::SoapThenHangUp(text) => (soap(200, "", &text), false),
        Say::Cut(size, text) => {
            let mut answer = soap(200, "", &text);
            answer.truncate(size);
            (answer, false)
        }
        Say::Mangled(change) => {
            let mut answer = soap(200, "", "<answer/>");
            change(&mut answer);
            (answer, true)
        }
        Say::Again => (shared.log.lock().unwrap().last_answer.clone(), true),
        Say::Raw(text) => (text.into_bytes(), true),
        Say::Silence => (Vec::new(), true),
        Say::Forget => {
            *session = Session::New;
            (shared.refusal().into_bytes(), true)
        }
    }
}

fn negotiate(session: &mut Session, token: &str, shared: &Shared) -> String {
    let token = BASE64_STANDARD.decode(token).unwrap();
    match std::mem::take(session) {
        Session::Challenged(acceptor) => {
            let Setup { protection, channel_bindings, .. } = shared.setup;
            let requirements = Requirements { protection, channel_bindings };
            let known = |_: &str, user: &str| {
                (user == USER).then(|| ntlm::nt_hash(&Secret::new(PASSWORD.to_owned())))
            };
            match acceptor.accept(&token, requirements, known) {
                Ok(accepted) => {
                    shared.log.lock().unwrap().handshakes += 1;
                    *session = Session::In(accepted.context.map(Box::new));
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                Err(_) => shared.refusal(),
            }
        }
        _ if !shared.setup.offers.contains(&"Negotiate") => shared.refusal(),
        _ => {
            let now = "2026-11-24T20:00:00Z".parse().unwrap();
            let acceptor = Acceptor::new(&token, &names(), *b"8 random", now).unwrap();
            let challenge = BASE64_STANDARD.encode(acceptor.token());
            *session = Session::Challenged(Box::new(acceptor));
            format!(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate {challenge}\r\nContent-Length: 0\r\n\r\n"
            )
        }
    }
}

pub(crate) fn names() -> HostNames {
    HostNames {
        computer: "HV1".to_owned(),
        domain: "CORP".to_owned(),
        dns_computer: "hv1.corp.example".to_owned(),
        dns_domain: "corp.example".to_owned(),
    }
}

fn soap(context: Option<&mut SealContext>, status: u16, more: &str, text: &str) -> Vec<u8> {
    let (content_type, body) = match context {
        Some(context) => (framing::CONTENT_TYPE, framing::seal(context, SOAP, text.as_bytes()).unwrap()),
        None => (SOAP, text.as_bytes().to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn header(head: &str, wanted: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim());
    found.collect::<Vec<_>>().join(", ")
}

async fn read_request(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<(String, Vec<u8>)> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        if buffer.first() == Some(&TLS_HANDSHAKE) {
            return Some((String::new(), std::mem::take(buffer)));
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    assert!(head.starts_with("POST /wsman HTTP/1.1\r\n"), "{head}");
    let size: usize = header(&head, "content-length").parse().expect("one Content-Length");
    while buffer.len() < end + size {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let rest = buffer.split_off(end + size);
    let body = buffer.split_off(end);
    *buffer = rest;
    assert!(buffer.is_empty(), "a request was sent before the one before it was answered");
    Some((head, body))
}
