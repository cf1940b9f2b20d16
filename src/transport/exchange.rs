//! Request, response, and the trait between them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

use super::TransportError;

/// Which connection a request may travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The session's own, or a new one where there is none.
    Any,
    /// A new one, authenticated for this request: an idle connection may have been closed by the host, and
    /// what is written into a closed connection is lost without an answer.
    Fresh,
}

/// One SOAP request in clear, as UTF-8.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The envelope.
    pub body: Vec<u8>,
    /// How long to wait for the whole response, from the moment the request is written.
    pub timeout: Duration,
    /// The connection to use.
    pub connection: Connection,
    /// What the request is part of, such as the id of a VM; empty for what concerns the host. A recording
    /// keeps the order within a lane.
    pub lane: String,
}

/// What came back, unsealed. A status other than 200 is a response too: faults come with 500.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` of the message itself, as it came.
    pub content_type: String,
    /// `Date`: the host's clock, to the second.
    pub date: Option<Timestamp>,
    /// `Server`, as it came.
    pub server: Option<String>,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// The future of an exchange; boxed, so that the trait stays usable as `dyn Transport`.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'a>>;

/// Carries one request to the host and brings its response. Duties below it: name lookup, connections, TLS,
/// authentication, sealing, limits of size and time. A 401 in mid-session is answered by one new
/// authentication and one repetition, since it proves that nothing ran; nothing else is ever sent twice.
pub trait Transport: Send + Sync {
    /// Exchanges one request for its response.
    fn exchange(&self, request: HttpRequest) -> Exchange<'_>;
}
