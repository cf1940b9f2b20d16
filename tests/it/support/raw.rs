//! Requests and refusals by hand, for hosts that keep no rules.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The next request: its head in lower case, and its body. `None` where the client is gone.
pub(crate) async fn read_request(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    socket.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// Whether a request carries credentials of any kind.
pub(crate) fn is_authorized(head: &str) -> bool {
    head.contains("\r\nauthorization:")
}

/// What a request without them is told.
pub(crate) fn refusal(offer: &str) -> String {
    format!("HTTP/1.1 401 No\r\nWWW-Authenticate: {offer}\r\nContent-Length: 0\r\n\r\n")
}
