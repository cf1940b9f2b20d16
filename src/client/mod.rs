//! One operation: a request with its id out, its reply in, faults turned into errors, reads tried again.
//!
//! A read may go again within bounds; an Invoke is sent once and never again, whatever comes back. The room
//! knows no class and no command. A host that fails again and again is left alone for a while, by all clients of it.

mod circuit;
mod clock;
mod enumeration;
mod ids;
mod retry;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use circuit::Circuit;
pub use clock::{Clock, RealClock, Sleep, VirtualClock};
pub use enumeration::Pages;
pub use ids::{Ids, RandomIds, RecordedIds};
pub use retry::Retry;

use circuit::Gate;

use crate::cim::{Instance, Reference, Schema};
use crate::error::Error;
use crate::transport::{Connection, HttpRequest, HttpResponse, Transport};
use crate::wsman::{
    self, Body, Enumerate, Identity, Invocation, Invoke, Item, Message, Request, RequestHeader, decode_reply,
};

/// How a client asks.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// URL of the endpoint, as `a:To` says it.
    pub endpoint: String,
    /// How long the host may work on one operation.
    pub operation_timeout: Duration,
    /// Largest reply in bytes.
    pub max_envelope_size: u32,
    /// Items of an enumeration in one reply, at most.
    pub max_elements: u32,
    /// How reads are tried again.
    pub retry: Retry,
    /// When a host that fails is left alone; `None` where it is always asked.
    pub circuit: Option<Circuit>,
}

impl ClientOptions {
    /// The usual ones: 60 s, 500 KiB, as Windows' own client asks.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            operation_timeout: Duration::from_secs(60),
            max_envelope_size: 512_000,
            max_elements: 1000,
            retry: Retry::default(),
            circuit: Some(Circuit::default()),
        }
    }
}

/// What a client needs from outside: time and ids.
#[derive(Clone)]
pub struct Surroundings {
    /// Waits and measures.
    pub clock: Arc<dyn Clock>,
    /// Makes message ids.
    pub ids: Arc<dyn Ids>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { clock: Arc::new(RealClock::default()), ids: Arc::new(RandomIds) }
    }
}

/// A WS-Management client of one host.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    options: Arc<ClientOptions>,
    surroundings: Surroundings,
    schema: Schema,
    lane: String,
    host_time: Arc<Mutex<Option<Timestamp>>>,
    gate: Arc<Gate>,
    /// How many reads there were.
    reads: Arc<AtomicU32>,
}

impl Client {
    /// A client over that transport. The schema gives values their types.
    pub fn new(
        transport: Arc<dyn Transport>,
        options: ClientOptions,
        surroundings: Surroundings,
        schema: Schema,
    ) -> Self {
        Self {
            transport,
            gate: Arc::new(Gate::new(options.circuit)),
            options: Arc::new(options),
            surroundings,
            schema,
            lane: String::new(),
            host_time: Arc::default(),
            reads: Arc::default(),
        }
    }

    /// The same client, its requests being part of that lane.
    #[must_use]
    pub fn in_lane(&self, lane: impl Into<String>) -> Self {
        Self { lane: lane.into(), ..self.clone() }
    }

    /// A client of the same host over another connection; what is known of the host, such as its clock, is shared.
    #[must_use]
    pub fn over(&self, transport: Arc<dyn Transport>) -> Self {
        Self { transport, ..self.clone() }
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.surroundings.clock
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// URL of the endpoint.
    pub fn endpoint(&self) -> &str {
        &self.options.endpoint
    }

    /// How long the host may work on one operation.
    pub fn operation_timeout(&self) -> Duration {
        self.options.operation_timeout
    }

    /// The host's clock at its last reply, to the second (HTTP `Date`).
    pub fn host_time(&self) -> Option<Timestamp> {
        *self.host_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks what answers there.
    ///
    /// # Errors
    /// No reply, or not one of WS-Management.
    pub async fn identify(&self) -> Result<Identity, Error> {
        match self.read(&Request::Identify).await?.body {
            Body::Identity(identity) => Ok(identity),
            _ => Err(wrong(&Request::Identify)),
        }
    }

    /// Reads one instance.
    ///
    /// # Errors
    /// [`Error::is_not_found`] where there is none; otherwise as any read.
    pub async fn get(&self, reference: &Reference) -> Result<Instance, Error> {
        let request = Request::Get(reference.clone());
        match self.read(&request).await?.body {
            Body::Instance(instance) => Ok(instance),
            _ => Err(wrong(&request)),
        }
    }

    /// Begins an enumeration, to be read page by page.
    pub fn pages(&self, resource_uri: impl Into<String>, body: Enumerate) -> Pages<'_> {
        Pages::new(self, resource_uri.into(), body)
    }

    /// Reads a whole enumeration. Where its context is lost on the way it begins anew, within bounds.
    ///
    /// # Errors
    /// As any read.
    pub async fn enumerate(&self, resource_uri: &str, body: Enumerate) -> Result<Vec<Item>, Error> {
        enumeration::collect(self, resource_uri, body).await
    }

    /// Calls a method: once, over a fresh connection. After an error ask [`Error::may_have_run`], and look at
    /// the host's state; there is no way to send it again from here.
    ///
    /// # Errors
    /// No usable reply, or a fault.
    pub async fn invoke(&self, invoke: Invoke) -> Result<Invocation, Error> {
        let request = Request::Invoke(invoke);
        let message = self.exchange(&request, Connection::Fresh).await?;
        match message.body {
            Body::Invocation(invocation) => Ok(invocation),
            _ => Err(wrong(&request)),
        }
    }

    /// Calls a method that only reads, such as `GetErrorEx`: it may go again like any read.
    ///
    /// # Errors
    /// As any read.
    pub async fn invoke_read(&self, invoke: Invoke) -> Result<Invocation, Error> {
        let request = Request::Invoke(invoke);
        match self.read(&request).await?.body {
            Body::Invocation(invocation) => Ok(invocation),
            _ => Err(wrong(&request)),
        }
    }

    /// The envelope that an operation would send, for people to look at.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn envelope(&self, request: &Request) -> Result<String, Error> {
        Ok(wsman::encode(request, &self.header(), &self.schema)?)
    }

    /// Sends a read, unless the host is left alone just now.
    async fn read(&self, request: &Request) -> Result<Message, Error> {
        let passage = self.gate.ask(self.clock().elapsed())?;
        let retry = if passage.is_probe { Retry::NEVER } else { self.options.retry };
        let result = self.tried(request, retry).await;
        passage.end(result.as_ref().err(), self.clock().elapsed());
        result
    }

    /// Sends a read, again where that may help.
    async fn tried(&self, request: &Request, retry: Retry) -> Result<Message, Error> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        let mut tries = retry.begin(self.clock().elapsed(), number);
        loop {
            match self.exchange(request, Connection::Any).await {
                Ok(message) => return Ok(message),
                Err(Failure(error, retry_after)) => {
                    match tries.next_pause(&error, retry_after, self.clock().elapsed()) {
                        Some(pause) => {
                            tracing::info!(operation = request.kind().name(), error = %error, ?pause, "trying again");
                            self.clock().sleep(pause).await;
                        }
                        None => return Err(error),
                    }
                }
            }
        }
    }

    async fn exchange(&self, request: &Request, connection: Connection) -> Result<Message, Failure> {
        let header = self.header();
        let envelope = wsman::encode(request, &header, &self.schema).map_err(Error::from)?;
        let sent = HttpRequest {
            body: envelope.into_bytes(),
            timeout: self.options.operation_timeout + NETWORK_DELAY,
            connection,
            lane: self.lane.clone(),
        };
        let response = self.transport.exchange(sent).await.map_err(Error::from)?;
        tracing::debug!(
            operation = request.kind().name(),
            status = response.status,
            bytes = response.body.len(),
            "reply"
        );
        if let Some(date) = response.date {
            *self.host_time.lock().unwrap_or_else(PoisonError::into_inner) = Some(date);
        }
        let message = self.message(request, &header.message_id, &response)?;
        match message.body {
            Body::Fault(fault) => Err(Failure(Error::Fault(fault), response.retry_after)),
            _ => Ok(message),
        }
    }

    fn message(&self, request: &Request, id: &str, response: &HttpResponse) -> Result<Message, Failure> {
        let is_soap = is_soap(&response.content_type);
        if response.body.is_empty() || !is_soap {
            let is_empty = response.body.is_empty();
            let content_type = if is_empty { String::new() } else { response.content_type.clone() };
            let error = match response.status {
                200..=299 => Error::NotWinrm { content_type },
                status => Error::Http { status },
            };
            return Err(Failure(error, response.retry_after));
        }
        let charset = charset(&response.content_type);
        let document = crate::xml::decode(&response.body, charset).map_err(wsman::DecodeError::from);
        let document = document.map_err(Error::from)?;
        Ok(decode_reply(&document, request, id, &self.schema).map_err(Error::from)?)
    }

    fn header(&self) -> RequestHeader {
        RequestHeader {
            to: self.options.endpoint.clone(),
            message_id: self.surroundings.ids.message_id(),
            operation_timeout: self.options.operation_timeout,
            max_envelope_size: self.options.max_envelope_size,
        }
    }
}

/// An error with the host's wish when to come back.
struct Failure(Error, Option<Duration>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error, None)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

fn wrong(request: &Request) -> Error {
    Error::Reply(wsman::DecodeError::WrongReply(request.kind()))
}

fn is_soap(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/soap+xml") || media_type.eq_ignore_ascii_case("text/xml")
}

fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// How much later than the operation's own timeout its answer may come (WinRM's `NetworkDelayms`).
const NETWORK_DELAY: Duration = Duration::from_secs(5);
