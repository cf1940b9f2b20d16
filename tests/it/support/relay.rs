//! A proxy on loopback that writes down every byte it carries: CONNECT, SOCKS5, requests one by one, or a plain relay.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How it is asked to reach the host.
#[derive(Clone)]
pub(crate) enum Ask {
    /// By an http proxy's methods: CONNECT, or a request with the whole URL. With the value that
    /// `Proxy-Authorization` has to have.
    Http(Option<&'static str>),
    /// The same without CONNECT, and each connection carries one request only.
    HttpOnce,
    /// By SOCKS5, with user name and password where they are given.
    Socks(Option<(&'static str, &'static str)>),
    /// Not at all: it always goes there.
    Nothing(SocketAddr),
}

/// The proxy; it ends with the test's runtime.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    connections: usize,
    wanted: Vec<String>,
    bytes: Vec<u8>,
}

type Shared = Arc<Mutex<Log>>;

impl Relay {
    pub(crate) async fn start(ask: Ask) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Shared::default();
        let shared = Arc::clone(&log);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                tokio::spawn(serve(socket, ask.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, log }
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }

    /// What it was asked to reach, or its own refusal.
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.log.lock().unwrap().wanted.clone()
    }

    /// Every byte that it carried, in both directions.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.log.lock().unwrap().bytes.clone()
    }
}

/// Ends quietly whenever either side does.
async fn serve(mut client: TcpStream, ask: Ask, log: Shared) -> Option<()> {
    let host = match ask {
        Ask::Nothing(host) => TcpStream::connect(host).await.ok()?,
        Ask::Socks(credentials) => socks(&mut client, credentials, &log).await?,
        Ask::Http(authorization) => return http(client, authorization, false, &log).await,
        Ask::HttpOnce => return http(client, None, true, &log).await,
    };
    carry(client, host, &log).await;
    Some(())
}

async fn carry(client: TcpStream, host: TcpStream, log: &Shared) {
    let (from_client, to_client) = client.into_split();
    let (from_host, to_host) = host.into_split();
    tokio::join!(copy(from_client, to_host, log), copy(from_host, to_client, log));
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    log: &Mutex<Log>,
) -> Option<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let size = from.read(&mut buffer).await.unwrap_or(0);
        if size == 0 {
            return to.shutdown().await.ok();
        }
        log.lock().unwrap().bytes.extend_from_slice(&buffer[..size]);
        to.write_all(&buffer[..size]).await.ok()?;
    }
}

async fn http(mut client: TcpStream, authorization: Option<&str>, once: bool, log: &Shared) -> Option<()> {
    let mut host = None;
    loop {
        let head = read_head(&mut client).await?;
        let target = head.split(' ').nth(1)?.to_owned();
        log.lock().unwrap().wanted.push(target.clone());
        let line = |line: &str| line.to_ascii_lowercase().starts_with("proxy-authorization:");
        let given = head.lines().find(|found| line(found)).and_then(|found| found.split_once(": "));
        if given.map(|(_, value)| value) != authorization {
            let refusal = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return client.write_all(refusal.as_bytes()).await.ok();
        }
        if head.starts_with("CONNECT ") {
            let Ok(host) = TcpStream::connect(target).await else {
                let refusal = "HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n";
                return client.write_all(refusal.as_bytes()).await.ok();
            };
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.ok()?;
            carry(client, host, log).await;
            return Some(());
        }
        let (authority, path) = target.strip_prefix("http://")?.split_once('/')?;
        let host = match &mut host {
            Some(host) => host,
            none => none.insert(TcpStream::connect(authority).await.ok()?),
        };
        pass_on(&head.replacen(&target, &format!("/{path}"), 1), &mut client, host).await?;
        let answer = read_head(host).await?;
        if once {
            let closing = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            return pass_on(&closing, host, &mut client).await;
        }
        pass_on(&answer, host, &mut client).await?;
    }
}

/// Sends on a head, and the body that follows it.
async fn pass_on(head: &str, from: &mut TcpStream, to: &mut TcpStream) -> Option<()> {
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).await.ok()?;
    to.write_all(head.as_bytes()).await.ok()?;
    to.write_all(&body).await.ok()
}

async fn read_head(from: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn socks(client: &mut TcpStream, credentials: Option<(&str, &str)>, log: &Shared) -> Option<TcpStream> {
    let greeting = read_some(client, 2).await?;
    let methods = read_some(client, greeting[1].into()).await?;
    let method = if credentials.is_some() { 2 } else { 0 };
    assert!(methods.contains(&method));
    client.write_all(&[5, method]).await.ok()?;
    if let Some((user, password)) = credentials {
        let length = read_some(client, 2).await?[1];
        let given_user = read_some(client, length.into()).await?;
        let length = client.read_u8().await.ok()?;
        let given = (given_user, read_some(client, length.into()).await?);
        let is_right = given == (user.into(), password.into());
        client.write_all(&[1, u8::from(!is_right)]).await.ok()?;
        if !is_right {
            return None;
        }
    }
    let request = read_some(client, 4).await?;
    let host = match request[3] {
        1 => {
            let address: [u8; 4] = read_some(client, 4).await?.try_into().ok()?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let length = client.read_u8().await.ok()?;
            String::from_utf8(read_some(client, length.into()).await?).ok()?
        }
        _ => return None,
    };
    let wanted = format!("{host}:{}", client.read_u16().await.ok()?);
    log.lock().unwrap().wanted.push(wanted.clone());
    let host = TcpStream::connect(wanted).await.ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    Some(host)
}

async fn read_some(from: &mut TcpStream, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size];
    from.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}
