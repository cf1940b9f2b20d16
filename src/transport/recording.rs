//! The form of a recording: a folder with an index, `recording.json`, and one file per request and response.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Delivery, TransportError, TransportErrorKind};
use crate::auth::credssp;
use crate::auth::kerberos::Failure;

/// The index of a recording.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    /// Number of this form.
    pub(super) format: u32,
    /// Program and version.
    pub(super) made_by: String,
    /// When it was made.
    pub(super) made_at: String,
    /// URL of the endpoint, as `a:To` says it.
    pub(super) host: String,
    /// What answered: the first `Server` header, or the product that Identify names.
    #[serde(default)]
    pub(super) server: Option<String>,
    /// Whether host and VM names are stand-ins.
    #[serde(default)]
    pub(super) scrubbed: bool,
    /// Elements of requests whose text may differ, as `{namespace}local`.
    #[serde(default)]
    pub(super) volatile: Vec<String>,
    /// The exchanges in the order in which they began.
    pub(super) exchanges: Vec<Entry>,
}

/// One exchange.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The lane of the request.
    #[serde(default)]
    pub(super) lane: String,
    /// File of the request.
    pub(super) request: String,
    /// File of the response's body; `None` where there is none.
    #[serde(default)]
    pub(super) response: Option<String>,
    /// `a:MessageID` of the request.
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// HTTP status; `None` where the exchange broke off.
    #[serde(default)]
    pub(super) status: Option<u16>,
    /// `Content-Type` of the file.
    #[serde(default)]
    pub(super) content_type: Option<String>,
    /// `Content-Type` as it came, where the file is encoded otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) came_as: Option<String>,
    /// `Date`, in RFC 3339.
    #[serde(default)]
    pub(super) date: Option<String>,
    /// `Retry-After` in seconds.
    #[serde(default)]
    pub(super) retry_after: Option<u64>,
    /// `Server`
    #[serde(default)]
    pub(super) server: Option<String>,
    /// What broke.
    #[serde(default)]
    pub(super) error: Option<Broken>,
}

/// How an exchange broke off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Broken {
    #[serde(flatten)]
    pub(super) kind: BrokenKind,
    pub(super) delivery: BrokenDelivery,
    /// What the errors below say, joined by colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
}

/// [`TransportErrorKind`] in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum BrokenKind {
    NameLookup,
    Connect,
    Tls,
    Proxy,
    ConnectionLost,
    TimedOut,
    Refused { offered: Vec<String> },
    NotOffered { wanted: String, offered: Vec<String> },
    Kerberos { reason: String },
    Credssp { reason: String },
    CertificateRefused { offered: Vec<String> },
    Handshake { status: u16, content_type: String },
    Forbidden,
    BadToken,
    ReplyInClear,
    BrokenSeal,
    TooLarge { limit: usize },
    Redirect { status: u16, location: String },
    NotHttp,
    Policy { reason: String },
    ReplayMismatch { difference: String },
    Recording { reason: String },
}

/// [`Delivery`] in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BrokenDelivery {
    NotSent,
    MayHaveRun,
}

impl Index {
    /// Reads the index of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, TransportError> {
        let path = folder.join(INDEX);
        let text =
            fs::read(&path).map_err(|error| failed(format!("cannot read {}", path.display()), error))?;
        let broken = |error| failed(format!("{} is no index of a recording", path.display()), error);
        let form: Form = serde_json::from_slice(&text).map_err(broken)?;
        if form.format != FORMAT {
            let reason = format!("{} has format {}, only {FORMAT} can be read", path.display(), form.format);
            return Err(recording(reason));
        }
        serde_json::from_slice(&text).map_err(broken)
    }

    /// Writes the index, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        replace(&folder.join(INDEX), &text)
    }
}

/// The number alone, which says whether the rest can be understood.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

impl Broken {
    /// What the index keeps of a failure. A location loses its query, which may carry a token.
    pub(super) fn of(error: &TransportError) -> Self {
        let kind = match error.kind().clone() {
            TransportErrorKind::NameLookup => BrokenKind::NameLookup,
            TransportErrorKind::Connect => BrokenKind::Connect,
            TransportErrorKind::Tls => BrokenKind::Tls,
            TransportErrorKind::Proxy => BrokenKind::Proxy,
            TransportErrorKind::CertificateRefused { offered } => BrokenKind::CertificateRefused { offered },
            TransportErrorKind::ConnectionLost => BrokenKind::ConnectionLost,
            TransportErrorKind::TimedOut => BrokenKind::TimedOut,
            TransportErrorKind::Refused { offered } => BrokenKind::Refused { offered },
            TransportErrorKind::NotOffered { wanted, offered } => BrokenKind::NotOffered { wanted, offered },
            TransportErrorKind::Handshake { status, content_type } => {
                BrokenKind::Handshake { status, content_type }
            }
            TransportErrorKind::Kerberos(failure) => BrokenKind::Kerberos { reason: failure.to_string() },
            TransportErrorKind::Credssp(failure) => BrokenKind::Credssp { reason: failure.to_string() },
            TransportErrorKind::Forbidden => BrokenKind::Forbidden,
            TransportErrorKind::BadToken => BrokenKind::BadToken,
            TransportErrorKind::ReplyInClear => BrokenKind::ReplyInClear,
            TransportErrorKind::BrokenSeal => BrokenKind::BrokenSeal,
            TransportErrorKind::TooLarge { limit } => BrokenKind::TooLarge { limit },
            TransportErrorKind::Redirect { status, location } => {
                let location = location.split(['?', '#']).next().unwrap_or_default().to_owned();
                BrokenKind::Redirect { status, location }
            }
            TransportErrorKind::NotHttp => BrokenKind::NotHttp,
            TransportErrorKind::Policy(reason) => BrokenKind::Policy { reason: reason.to_owned() },
            TransportErrorKind::ReplayMismatch(difference) => BrokenKind::ReplayMismatch { difference },
            TransportErrorKind::Recording(reason) => BrokenKind::Recording { reason },
        };
        let delivery = match error.delivery() {
            Delivery::NotSent => BrokenDelivery::NotSent,
            Delivery::MayHaveRun => BrokenDelivery::MayHaveRun,
        };
        Self { kind, delivery, cause: causes(error) }
    }

    /// The failure again.
    pub(super) fn into_error(self) -> TransportError {
        let kind = match self.kind {
            BrokenKind::NameLookup => TransportErrorKind::NameLookup,
            BrokenKind::Connect => TransportErrorKind::Connect,
            BrokenKind::Tls => TransportErrorKind::Tls,
            BrokenKind::Proxy => TransportErrorKind::Proxy,
            BrokenKind::CertificateRefused { offered } => TransportErrorKind::CertificateRefused { offered },
            BrokenKind::ConnectionLost => TransportErrorKind::ConnectionLost,
            BrokenKind::TimedOut => TransportErrorKind::TimedOut,
            BrokenKind::Refused { offered } => TransportErrorKind::Refused { offered },
            BrokenKind::NotOffered { wanted, offered } => TransportErrorKind::NotOffered { wanted, offered },
            BrokenKind::Handshake { status, content_type } => {
                TransportErrorKind::Handshake { status, content_type }
            }
            BrokenKind::Kerberos { reason } => TransportErrorKind::Kerberos(Failure::Library(reason)),
            BrokenKind::Credssp { reason } => TransportErrorKind::Credssp(credssp::Failure::Recorded(reason)),
            BrokenKind::Forbidden => TransportErrorKind::Forbidden,
            BrokenKind::BadToken => TransportErrorKind::BadToken,
            BrokenKind::ReplyInClear => TransportErrorKind::ReplyInClear,
            BrokenKind::BrokenSeal => TransportErrorKind::BrokenSeal,
            BrokenKind::TooLarge { limit } => TransportErrorKind::TooLarge { limit },
            BrokenKind::Redirect { status, location } => TransportErrorKind::Redirect { status, location },
            BrokenKind::NotHttp => TransportErrorKind::NotHttp,
            // The kind holds a constant of the program; here it is a sentence of the recording, once per failure.
            BrokenKind::Policy { reason } => TransportErrorKind::Policy(reason.leak()),
            BrokenKind::ReplayMismatch { difference } => TransportErrorKind::ReplayMismatch(difference),
            BrokenKind::Recording { reason } => TransportErrorKind::Recording(reason),
        };
        let delivery = match self.delivery {
            BrokenDelivery::NotSent => Delivery::NotSent,
            BrokenDelivery::MayHaveRun => Delivery::MayHaveRun,
        };
        let error = TransportError::new(kind, delivery);
        match self.cause {
            Some(cause) => error.because(cause),
            None => error,
        }
    }

    /// The texts in it that may name a host.
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let own = match &mut self.kind {
            BrokenKind::Redirect { location: text, .. }
            | BrokenKind::Kerberos { reason: text }
            | BrokenKind::Credssp { reason: text }
            | BrokenKind::ReplayMismatch { difference: text }
            | BrokenKind::Recording { reason: text } => Some(text),
            _ => None,
        };
        own.into_iter().chain(self.cause.as_mut())
    }
}

fn causes(error: &TransportError) -> Option<String> {
    let mut texts = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    if texts.is_empty() { None } else { Some(texts.join(": ")) }
}

/// Seconds of `Retry-After`.
pub(super) fn seconds(pause: Option<Duration>) -> Option<u64> {
    pause.map(|pause| pause.as_secs())
}

/// A moment as the index writes it.
pub(super) fn moment(text: &str) -> Result<Timestamp, TransportError> {
    text.parse().map_err(|error: jiff::Error| failed(format!("{text:?} is no RFC 3339 time"), error))
}

/// Replaces a file, whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, bytes)?;
    fs::rename(&fresh, path)
}

/// The recording is unusable.
pub(super) fn recording(reason: String) -> TransportError {
    TransportError::new(TransportErrorKind::Recording(reason), Delivery::NotSent)
}

/// The recording is unusable, with the cause.
pub(super) fn failed(
    reason: String,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> TransportError {
    recording(reason).because(cause)
}

/// The one form there is.
pub(super) const FORMAT: u32 = 1;
/// Name of the index.
pub(super) const INDEX: &str = "recording.json";
