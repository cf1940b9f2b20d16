//! One connection to the host, and the requests on it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};

use super::failure::{Circumstances, classify};
use super::gate::Gate;
use super::headers;
use super::proxy::Route;
use super::tls::{Leaf, Tls};
use crate::auth::{ChannelBinding, Sealing};
use crate::secret::Secret;
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// What all connections of a session have in common.
pub(super) struct Settings {
    pub(super) url: Url,
    pub(super) tls: Tls,
    pub(super) route: Option<Route>,
    pub(super) connect_timeout: Duration,
    pub(super) name_servers: Vec<std::net::SocketAddr>,
    pub(super) response_limit: usize,
}

/// One connection. It is made by the first request; when it is gone, so is the `Wire`.
pub(super) struct Wire {
    client: Client,
    gate: Gate,
    leaf: Leaf,
    settings: Arc<Settings>,
    /// Seals the bodies, once a connection in clear is authenticated.
    pub(super) context: Option<Box<dyn Sealing>>,
}

/// One request on the wire.
pub(super) struct Post<'a> {
    pub(super) authorization: Option<&'a Secret<String>>,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// From the moment there is a connection to the end of the response.
    pub(super) patience: Duration,
}

/// A whole response.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The host closes the connection.
    pub(super) last: bool,
}

impl Wire {
    pub(super) fn new(settings: &Arc<Settings>) -> Result<Self, TransportError> {
        let gate = Gate::default();
        let (client, leaf) = settings.tls.for_connection();
        let client = match &settings.route {
            None => client.no_proxy(),
            Some(route) => client.proxy(route.proxy()),
        };
        let client = client
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(1)
            .connect_timeout(settings.connect_timeout)
            .connector_layer(gate.clone())
            .build()
            .map_err(|error| {
                let kind = TransportErrorKind::Policy("the HTTP client cannot be set up");
                TransportError::new(kind, Delivery::NotSent).because(error)
            })?;
        Ok(Self { client, gate, leaf, settings: Arc::clone(settings), context: None })
    }

    /// Sends one request and reads the whole response. After an error the connection is of no use.
    pub(super) async fn post(&self, post: Post<'_>) -> Result<Reply, TransportError> {
        let patience = post.patience;
        let mut work = pin!(self.perform(post));
        tokio::select! {
            biased;
            reply = &mut work => reply,
            () = self.gate.connected() => match tokio::time::timeout(patience, work).await {
                Ok(reply) => reply,
                Err(_) => Err(TransportError::new(TransportErrorKind::TimedOut, Delivery::MayHaveRun)),
            },
        }
    }

    async fn perform(&self, post: Post<'_>) -> Result<Reply, TransportError> {
        let request = self.request(post)?;
        let response = self.client.execute(request).await;
        let mut response = response.map_err(|error| self.failed(error))?;
        self.leaf.learn(response.extensions().get());
        let status = response.status().as_u16();
        let last = response.version() < reqwest::Version::HTTP_11 || headers::closes(response.headers());
        let limit = self.settings.response_limit;
        let announced = response.content_length().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let mut body = Vec::new();
        if announced <= limit {
            body.reserve(announced);
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if announced.max(body.len() + chunk.len()) > limit {
                return Err(TransportError::new(
                    TransportErrorKind::TooLarge { limit },
                    Delivery::MayHaveRun,
                ));
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(status, bytes = body.len(), "response");
        Ok(Reply { status, headers: std::mem::take(response.headers_mut()), body, last })
    }

    fn request(&self, post: Post<'_>) -> Result<reqwest::Request, TransportError> {
        tracing::debug!(bytes = post.body.len(), "request");
        let mut request = reqwest::Request::new(reqwest::Method::POST, self.settings.url.clone());
        let head = request.headers_mut();
        if let Some(value) = post.authorization {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
                let kind = TransportErrorKind::Policy("the credential cannot be put into a header");
                TransportError::new(kind, Delivery::NotSent)
            })?;
            value.set_sensitive(true);
            head.insert(AUTHORIZATION, value);
        }
        if let Some(value) = post.content_type {
            head.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        head.insert(CONTENT_LENGTH, HeaderValue::from(post.body.len()));
        *request.body_mut() = Some(post.body.into());
        Ok(request)
    }

    fn failed(&self, error: reqwest::Error) -> TransportError {
        classify(
            &error,
            &Circumstances {
                connected: self.gate.is_connected(),
                fingerprint: self.leaf.fingerprint(),
                by_proxy: self.settings.route.is_some(),
            },
        )
    }

    /// What ties an authentication to the TLS of this connection; none in clear, or before the first answer.
    pub(super) fn channel_binding(&self) -> Option<ChannelBinding> {
        self.leaf.get().map(|leaf| ChannelBinding::of_certificate(&leaf))
    }
}

const USER_AGENT: &str = concat!("hvreplica/", env!("CARGO_PKG_VERSION"));
