//! What goes over the wire: status, headers, bytes, and how the connection goes on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, SERVER};
use tokio::sync::Notify;

use super::tap::Cut;

/// A reply of HTTP.
#[derive(Debug, Default)]
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// The connection is closed after it, and it says so.
    pub(super) closes: bool,
    /// The connection is closed after it.
    pub(super) hangs_up: bool,
    /// Whether it comes in chunks.
    pub(super) chunked: bool,
    /// Where it ends, if not at its end.
    pub(super) cut: Option<Cut>,
}

impl HttpReply {
    /// A reply without a body.
    pub(super) fn bare(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A reply that lets a connection end before anything of it has gone out.
    pub(super) fn dropped() -> Self {
        Self { cut: Some(Cut { left: 0, reset: false }), ..Self::bare(OK) }
    }

    #[must_use]
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response, with `done` to be told when it hangs up.
    pub(super) fn into_response(self, date: &str, done: &Arc<Notify>) -> Response<ReplyBody> {
        let body = ReplyBody {
            pieces: if self.chunked { pieces(&self.body) } else { VecDeque::from([Bytes::from(self.body)]) },
            chunked: self.chunked,
            done: self.hangs_up.then(|| Arc::clone(done)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = hyper::StatusCode::from_u16(self.status).unwrap_or_default();
        let close = self.closes.then(|| (CONNECTION, "close".to_owned()));
        let own = [(SERVER, "Microsoft-HTTPAPI/2.0".to_owned()), (DATE, date.to_owned())];
        let content_type = self.content_type.map(|value| (CONTENT_TYPE, value.to_owned()));
        let all = content_type.into_iter().chain(own).chain(close).chain(self.headers);
        for (name, value) in all {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// A body in pieces. Tells when nobody needs it any more.
#[derive(Debug)]
pub(super) struct ReplyBody {
    pieces: VecDeque<Bytes>,
    chunked: bool,
    done: Option<Arc<Notify>>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.get_mut().pieces.pop_front();
        Poll::Ready(next.filter(|piece| !piece.is_empty()).map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked {
            return SizeHint::default();
        }
        let left: usize = self.pieces.iter().map(Bytes::len).sum();
        SizeHint::with_exact(u64::try_from(left).unwrap_or_default())
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let Some(done) = &self.done {
            done.notify_one();
        }
    }
}

/// Chunks of very different sizes, one byte among them.
fn pieces(body: &[u8]) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    let mut rest = body;
    for size in [1, 7, 100, 4096].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at(rest.len().min(size));
        pieces.push_back(Bytes::copy_from_slice(piece));
        rest = more;
    }
    pieces
}

const OK: u16 = 200;
