//! Messages to KDCs, over TCP.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::auth::kerberos::{Failure, Kdc, KdcAddress, KdcExchange};

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
async fn ask(address: &str, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(message).await?;
    let mut reply = vec![0; 4];
    stream.read_exact(&mut reply).await?;
    let length: [u8; 4] = reply.as_slice().try_into().unwrap_or([0xff; 4]);
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LARGEST_REPLY {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is too large"));
    }
    reply.resize(4 + length, 0);
    stream.read_exact(&mut reply[4..]).await?;
    Ok(reply)
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
/// In bytes; tickets of users in very many groups have some tens of thousands.
const LARGEST_REPLY: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

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
}
