//! A transport that answers what a test wrote down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hvreplica::client::{Client, ClientOptions, Surroundings};
use hvreplica::msvm::SCHEMA;
use hvreplica::transport::{
    Connection, Delivery, Exchange, HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind,
};
use hvreplica::wsman::{
    EnumerateReply, Fault, FaultCode, Item, Kind, Message, Reply, ReplyHeader, decode, encode_reply, ns,
};
use tokio::time::Instant;

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A message in answer to the request.
    Say(Box<Reply>),
    /// The same, with the host's wish when to come back.
    SayLater(Box<Reply>, u64),
    /// A message in answer to another request.
    Astray(Box<Reply>),
    /// A status, its `Retry-After`, and no message.
    Status(u16, Option<u64>),
    /// A status, a content type and a body.
    Raw(u16, &'static str, Vec<u8>),
    /// No response.
    Broken(TransportErrorKind, Delivery),
}

/// A request that was made.
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) connection: Connection,
    /// Since the transport was made.
    pub(crate) at: Duration,
    pub(crate) message: Message,
}

/// The transport.
pub(crate) struct Script {
    begun: Instant,
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

impl Script {
    /// Gives those answers in turn, the last one for ever.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        let options = ClientOptions::new("http://hv1:5985/wsman");
        let transport: Arc<Self> = Arc::clone(self);
        Client::new(transport, options, Surroundings::default(), SCHEMA)
    }

    /// What was asked, by kind.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.look(|asked| asked.iter().map(|one| one.kind).collect())
    }

    /// When it was asked.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.look(|asked| asked.iter().map(|one| one.at).collect())
    }

    pub(crate) fn look<R>(&self, look: impl FnOnce(&[Asked]) -> R) -> R {
        look(&self.asked.lock().unwrap())
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let text = std::str::from_utf8(&request.body).unwrap();
        let message = decode(text, &SCHEMA).unwrap();
        let id = message.headers.message_id.clone();
        let at = self.begun.elapsed();
        let asked = Asked { kind: message.kind, connection: request.connection, at, message };
        self.asked.lock().unwrap().push(asked);
        let mut answers = self.answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        match next.expect("an answer") {
            Answer::Say(reply) => Ok(said(&reply, id, None)),
            Answer::SayLater(reply, seconds) => Ok(said(&reply, id, Some(seconds))),
            Answer::Astray(reply) => Ok(said(&reply, Some("uuid:ANOTHER".to_owned()), None)),
            Answer::Status(status, retry_after) => Ok(response(status, "", retry_after, Vec::new())),
            Answer::Raw(status, content_type, body) => Ok(response(status, content_type, None, body)),
            Answer::Broken(kind, delivery) => Err(TransportError::new(kind, delivery)),
        }
    }
}

impl Transport for Script {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(async move { self.answer(&request) })
    }
}

fn said(reply: &Reply, relates_to: Option<String>, retry_after: Option<u64>) -> HttpResponse {
    let header =
        ReplyHeader { message_id: "uuid:REPLY".to_owned(), relates_to, language: "en-US".to_owned() };
    let text = encode_reply(reply, &header, &SCHEMA).unwrap();
    let status = if matches!(reply, Reply::Fault(_)) { 500 } else { 200 };
    response(status, SOAP, retry_after, text.into_bytes())
}

fn response(status: u16, content_type: &str, retry_after: Option<u64>, body: Vec<u8>) -> HttpResponse {
    HttpResponse {
        status,
        content_type: content_type.to_owned(),
        date: None,
        server: None,
        retry_after: retry_after.map(Duration::from_secs),
        body,
    }
}

/// A fault with a subcode of WS-Management and a code of WinRM.
pub(crate) fn fault(subcode: &'static str, code: Option<u32>) -> Answer {
    coded(ns::WSMAN, subcode, code)
}

/// A fault with that subcode and code.
pub(crate) fn coded(namespace: &str, subcode: &str, code: Option<u32>) -> Answer {
    let mut fault = Fault::new(FaultCode::Receiver, Some((namespace, subcode)), "words");
    fault.wsman_code = code;
    Answer::Say(Box::new(Reply::Fault(fault)))
}

pub(crate) fn timed_out() -> Answer {
    fault("TimedOut", Some(2_150_858_793))
}

pub(crate) fn quota() -> Answer {
    fault("QuotaLimit", Some(2_150_859_174))
}

pub(crate) fn context_lost() -> Answer {
    coded(ns::ENUMERATION, "InvalidEnumerationContext", Some(2_150_858_779))
}

pub(crate) fn items(items: Vec<Item>, context: Option<&str>) -> EnumerateReply {
    EnumerateReply {
        context: context.map(str::to_owned),
        items,
        end_of_sequence: context.is_none(),
        more: Vec::new(),
    }
}

pub(crate) const SOAP: &str = "application/soap+xml;charset=UTF-8";
