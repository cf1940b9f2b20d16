//! Connections: each has a task and a state of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::Shared;
use super::exchange::Exchanges;
use super::reply::ReplyBody;
use super::tap::{Handle, Tap};
use super::tls::Shown;

/// Where connections come in.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) listener: TcpListener,
    /// Where redirects lead: nobody ought to come here, least of all with credentials.
    pub(super) trap: TcpListener,
}

/// Accepts connections until it is told to stop, then waits for those that are left.
pub(super) async fn accept(listeners: Listeners, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listeners.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.host().connections += 1;
                    connections.spawn(welcome(stream, Arc::clone(&shared), stopping.clone()));
                }
                // No descriptors are left; some will be.
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            accepted = listeners.trap.accept() => {
                if accepted.is_ok() {
                    shared.blame("followed-redirect", "a client went where a redirect led");
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stopping.changed() => break,
        }
    }
    drop(listeners);
    while connections.join_next().await.is_some() {}
}

async fn welcome(stream: TcpStream, shared: Arc<Shared>, stopping: watch::Receiver<bool>) {
    // Without it replies only come later.
    let _ = stream.set_nodelay(true);
    let (tap, handle) = Tap::new(stream);
    let Some(acceptor) = shared.tls.as_ref().map(|tls| tls.acceptor.clone()) else {
        return converse(tap, (handle, Shown::Nothing), shared, stopping).await;
    };
    // Who does not like the certificate goes again.
    if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(tap)).await {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let shown =
            shared.tls.as_ref().map_or(Shown::Nothing, |tls| tls.shown(chain, shared.clock.unhurried()));
        converse(stream, (handle, shown), shared, stopping).await;
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (handle, shown): (Handle, Shown),
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<bool>,
) {
    let done = Arc::new(Notify::new());
    let exchanges = Arc::new(Exchanges::new(shared, handle, shown, Arc::clone(&done)));
    let service = service_fn(move |request| answer(Arc::clone(&exchanges), request));
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).auto_date_header(false);
    let conversation = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(conversation);
    tokio::select! {
        // How a client ends a connection is its own affair.
        _ = conversation.as_mut() => return,
        () = done.notified() => {}
        _ = stopping.changed() => {}
    }
    conversation.as_mut().graceful_shutdown();
    let _ = conversation.await;
}

async fn answer(
    exchanges: Arc<Exchanges>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    Ok(exchanges.serve(request).await)
}

/// How long a client may take for TLS.
const PATIENCE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(10);
