//! Connections: each has a task and a state of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::Shared;
use super::exchange::Exchanges;
use super::reply::ReplyBody;
use super::tap::Tap;

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
                    connections.spawn(converse(stream, Arc::clone(&shared), stopping.clone()));
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

async fn converse(stream: TcpStream, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    // Without it replies only come later.
    let _ = stream.set_nodelay(true);
    let (tap, handle) = Tap::new(stream);
    let done = Arc::new(Notify::new());
    let exchanges = Arc::new(Exchanges::new(shared, handle, Arc::clone(&done)));
    let service = service_fn(move |request| answer(Arc::clone(&exchanges), request));
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).auto_date_header(false);
    let conversation = builder.serve_connection(TokioIo::new(tap), service);
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

const BREATH: Duration = Duration::from_millis(10);
