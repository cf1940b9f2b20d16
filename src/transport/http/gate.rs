//! One connection per client, although the client has a pool.
//!
//! A pool opens another connection whenever the one it has is not back yet, or gone. On such a connection nobody
//! is authenticated. The gate lets the first connect through and fails all others, after a pause in which the
//! connection that is on its way back wins.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tower_layer::Layer;
use tower_service::Service;

/// The gate of one connection.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    taken: AtomicBool,
    connected: AtomicBool,
    changed: Notify,
}

impl Gate {
    /// Whether the connection was made; bytes may have left since.
    pub(super) fn is_connected(&self) -> bool {
        self.0.connected.load(Ordering::Acquire)
    }

    /// Waits until the connection is made.
    pub(super) async fn connected(&self) {
        let changed = self.0.changed.notified();
        if !self.is_connected() {
            changed.await;
        }
    }

    fn connect_made(&self) {
        self.0.connected.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, connector: S) -> Gated<S> {
        Gated { connector, gate: self.clone() }
    }
}

/// A connector behind the gate.
#[derive(Clone)]
pub(super) struct Gated<S> {
    connector: S,
    gate: Gate,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, R> Service<R> for Gated<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        if self.gate.0.taken.swap(true, Ordering::AcqRel) {
            return Box::pin(async {
                tokio::time::sleep(HOLD).await;
                Err(BoxError::from(ConnectionGone))
            });
        }
        let connecting = self.connector.call(destination);
        let gate = self.gate.clone();
        Box::pin(async move {
            let connection = connecting.await?;
            gate.connect_made();
            Ok(connection)
        })
    }
}

/// The one connection is gone, and the request was not written to it.
#[derive(Debug)]
pub(super) struct ConnectionGone;

impl fmt::Display for ConnectionGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection of the session is gone")
    }
}

impl Error for ConnectionGone {}

/// Long enough for a connection to get back into the pool on a busy machine. Too short costs a new handshake, too
/// long delays the request after a lost connection; neither sends anything twice.
const HOLD: Duration = Duration::from_millis(250);
