//! A socket that can be shut in the middle of a reply.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Where the rest of the conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes that still go out.
    pub(super) left: usize,
    /// Whether the connection is then reset instead of closed.
    pub(super) reset: bool,
}

/// The handle of a tap.
#[derive(Clone, Debug, Default)]
pub(super) struct Handle(Arc<Mutex<Option<Cut>>>);

impl Handle {
    /// Has the socket shut after so many bytes.
    pub(super) fn cut(&self, cut: Cut) {
        *self.lock() = Some(cut);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Cut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket.
#[derive(Debug)]
pub(super) struct Tap {
    stream: TcpStream,
    handle: Handle,
}

impl Tap {
    pub(super) fn new(stream: TcpStream) -> (Self, Handle) {
        let handle = Handle::default();
        (Self { stream, handle: handle.clone() }, handle)
    }

    /// Bytes that may go out; `None` for any number.
    fn room(&self) -> Result<Option<usize>> {
        let Some(cut) = *self.handle.lock() else { return Ok(None) };
        if cut.left > 0 {
            return Ok(Some(cut.left));
        }
        if cut.reset {
            self.stream.set_zero_linger()?;
        }
        Err(Error::from(ErrorKind::BrokenPipe))
    }

    fn spent(&self, bytes: usize) {
        if let Some(cut) = &mut *self.handle.lock() {
            cut.left = cut.left.saturating_sub(bytes);
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let tap = self.get_mut();
        let room = tap.room()?.unwrap_or(usize::MAX).min(bytes.len());
        let written = Pin::new(&mut tap.stream).poll_write(cx, bytes.get(..room).unwrap_or_default());
        if let Poll::Ready(Ok(count)) = written {
            tap.spent(count);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let tap = self.get_mut();
        if tap.room()?.is_none() {
            return Pin::new(&mut tap.stream).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        Pin::new(tap).poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
