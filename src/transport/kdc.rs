//! Messages to KDCs, over TCP; over UDP where a KDC refuses that.

use std::io::{Error, ErrorKind, Result as IoResult};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::auth::kerberos::{Failure, Kdc, KdcAddress, KdcExchange, error_code};

/// The KDCs of one realm, asked in order until one answers.
#[derive(Clone, Debug)]
pub(super) struct Kdcs {
    pub(super) realm: String,
    /// `HOST` or `HOST:PORT`.
    pub(super) addresses: Vec<String>,
    /// For each of them.
    pub(super) patience: Duration,
}

impl Kdc for Kdcs {
    fn exchange<'a>(&'a self, to: &'a KdcAddress, message: &'a [u8]) -> KdcExchange<'a> {
        Box::pin(async move {
            match to {
                KdcAddress::Home => self.ask(&self.realm, &self.addresses, message).await,
                KdcAddress::Other { host, port } => {
                    let host = host.trim_matches(['[', ']']);
                    let address = if host.contains(':') {
                        format!("[{host}]:{port}")
                    } else {
                        format!("{host}:{port}")
                    };
                    self.ask("of the host", &[address], message).await
                }
            }
        })
    }
}

impl Kdcs {
    async fn ask(&self, realm: &str, addresses: &[String], message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut tried = Vec::new();
        for address in addresses {
            let address = with_port(address);
            let asked = tokio::time::timeout(self.patience, ask(&address, message)).await;
            match asked {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(error)) => tried.push(format!("{address}: {error}")),
                Err(_) => tried.push(format!("{address}: no answer in time")),
            }
        }
        Err(Failure::KdcUnreachable { realm: realm.to_owned(), tried: tried.join("; ") })
    }
}

/// The message has its length in front of it, and so has the reply.
async fn ask(address: &str, message: &[u8]) -> IoResult<Vec<u8>> {
    match by_tcp(address, message).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            // Where nothing listens at either, the first word counts.
            match by_udp(address, message).await {
                Err(other) if other.kind() == ErrorKind::ConnectionRefused => Err(error),
                other => other,
            }
        }
        other => other,
    }
}

async fn by_tcp(address: &str, message: &[u8]) -> IoResult<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(message).await?;
    let mut reply = vec![0; 4];
    stream.read_exact(&mut reply).await?;
    let length: [u8; 4] = reply.as_slice().try_into().unwrap_or([0xff; 4]);
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LARGEST_REPLY {
        return Err(Error::new(ErrorKind::InvalidData, "the answer is too large"));
    }
    reply.resize(4 + length, 0);
    stream.read_exact(&mut reply[4..]).await?;
    Ok(reply)
}

/// The same in packets, without lengths; sent again where no answer comes.
async fn by_udp(address: &str, message: &[u8]) -> IoResult<Vec<u8>> {
    let packet = message.get(4..).unwrap_or_default();
    let mut last = Error::from(ErrorKind::ConnectionRefused);
    for address in tokio::net::lookup_host(address).await? {
        let own: SocketAddr = if address.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(address).await?;
        match packets(&socket, packet).await {
            Ok(reply) => return Ok(reply),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn packets(socket: &UdpSocket, packet: &[u8]) -> IoResult<Vec<u8>> {
    let mut reply = vec![0; LARGEST_PACKET];
    for pause in PAUSES {
        socket.send(packet).await?;
        let Ok(received) = tokio::time::timeout(pause, socket.recv(&mut reply)).await else { continue };
        let size = received?;
        reply.truncate(size);
        if error_code(&reply) == Some(TOO_BIG) {
            let words = "the answer is too large for UDP, and TCP is refused";
            return Err(Error::new(ErrorKind::InvalidData, words));
        }
        let length = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        return Ok([&length[..], &reply].concat());
    }
    Err(Error::from(ErrorKind::TimedOut))
}

/// Adds the port that KDCs listen at, where none is given.
fn with_port(address: &str) -> String {
    let has_port = match address.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => address.matches(':').count() == 1,
    };
    match address {
        _ if has_port => address.to_owned(),
        _ if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{PORT}"),
        _ => format!("{address}:{PORT}"),
    }
}

const PORT: u16 = 88;
/// `KRB_ERR_RESPONSE_TOO_BIG`.
const TOO_BIG: i32 = 52;
/// In bytes; what a length of UDP can say.
const LARGEST_PACKET: usize = 65_535;
/// How long each packet is waited for.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// In bytes; tickets of users in very many groups have some tens of thousands.
const LARGEST_REPLY: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};

    use super::{Kdcs, with_port};
    use crate::auth::kerberos::{Failure, Kdc, KdcAddress};

    #[test]
    fn ports() {
        for (given, wanted) in [
            ("kdc.test", "kdc.test:88"),
            ("kdc.test:750", "kdc.test:750"),
            ("10.0.0.1", "10.0.0.1:88"),
            ("fe80::1", "[fe80::1]:88"),
            ("[fe80::1]", "[fe80::1]:88"),
            ("[fe80::1]:750", "[fe80::1]:750"),
        ] {
            assert_eq!(with_port(given), wanted);
        }
    }

    async fn answering(reply: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 6];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, *b"\0\0\0\x02hi");
            stream.write_all(reply).await.unwrap();
        });
        address
    }

    fn kdcs(addresses: Vec<String>) -> Kdcs {
        Kdcs { realm: "A.TEST".to_owned(), addresses, patience: Duration::from_secs(20) }
    }

    #[tokio::test]
    async fn the_next_kdc_is_asked_where_one_fails() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        let broken = answering(b"\0\0\0\x09cut").await;
        let good = answering(b"\0\0\0\x05reply").await;
        let reply = kdcs(vec![closed, broken, good]).exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await;
        assert_eq!(reply.unwrap(), b"\0\0\0\x05reply");
    }

    #[tokio::test]
    async fn where_none_answers_each_is_named() {
        let huge = answering(b"\xff\xff\xff\xff").await;
        let kdcs = kdcs(vec![huge.clone()]);
        let error = kdcs.exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await.unwrap_err();
        let tried = format!("{huge}: the answer is too large");
        assert_eq!(error, Failure::KdcUnreachable { realm: "A.TEST".to_owned(), tried });
    }

    /// A KDC that listens at UDP alone, and answers from the packet of that number on.
    async fn in_packets(answers: usize, reply: &'static [u8]) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut request = [0; 16];
            for number in 0.. {
                let (size, from) = socket.recv_from(&mut request).await.unwrap();
                assert_eq!(request[..size], *b"hi");
                if number >= answers {
                    socket.send_to(reply, from).await.unwrap();
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn packets_where_tcp_is_refused() {
        let address = in_packets(0, b"reply").await;
        let reply = kdcs(vec![address]).exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await;
        assert_eq!(reply.unwrap(), b"\0\0\0\x05reply");
    }

    #[tokio::test]
    async fn a_lost_packet_is_sent_again() {
        let address = in_packets(1, b"reply").await;
        let reply = kdcs(vec![address]).exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await;
        assert_eq!(reply.unwrap(), b"\0\0\0\x05reply");
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_for_packets() {
        let address = in_packets(0, b"\x7e\x07\x30\x05\xa6\x03\x02\x01\x34").await;
        let good = answering(b"\0\0\0\x05reply").await;
        let reply = kdcs(vec![address.clone(), good]).exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await;
        assert_eq!(reply.unwrap(), b"\0\0\0\x05reply");
        let error = kdcs(vec![address.clone()]).exchange(&KdcAddress::Home, b"\0\0\0\x02hi").await;
        let tried = format!("{address}: the answer is too large for UDP, and TCP is refused");
        assert_eq!(error.unwrap_err(), Failure::KdcUnreachable { realm: "A.TEST".to_owned(), tried });
    }
}
