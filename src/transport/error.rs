//! How an exchange can fail below the message, and whether the host may have acted.

use std::fmt;

use crate::auth::credssp;
use crate::auth::kerberos::Failure;

/// Whether the request's bytes may have reached the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing was executed: it never left, or the host refused it unread.
    NotSent,
    /// It may have been executed.
    MayHaveRun,
}

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The name cannot be resolved.
    NameLookup,
    /// No connection: refused, unreachable, or not in time.
    Connect,
    /// TLS failed; the source is a [`TlsFailure`](super::TlsFailure) that says how.
    Tls,
    /// The proxy cannot be reached, or does not let us through.
    Proxy,
    /// The connection ended before the whole response was there.
    ConnectionLost,
    /// No whole response in time.
    TimedOut,
    /// The credential was refused; `offered` is what the listener allows.
    Refused {
        /// Schemes of `WWW-Authenticate`.
        offered: Vec<String>,
    },
    /// The listener does not offer the method asked for.
    NotOffered {
        /// The method asked for, as its option spells it.
        wanted: String,
        /// Schemes of `WWW-Authenticate`.
        offered: Vec<String>,
    },
    /// Kerberos does not get in.
    Kerberos(Failure),
    /// CredSSP does not get in.
    Credssp(credssp::Failure),
    /// The host took no account for the client certificate; `offered` is what the listener allows.
    CertificateRefused {
        /// Schemes of `WWW-Authenticate`; empty with HTTP 403.
        offered: Vec<String>,
    },
    /// HTTP 403 while authenticating.
    Forbidden,
    /// Authentication was answered with a status that has no place in it: what listens is no WinRM, or is not
    /// ready to serve.
    Handshake {
        /// HTTP status.
        status: u16,
        /// `Content-Type`, as it came.
        content_type: String,
    },
    /// A security token of the host is malformed or breaks the protocol.
    BadToken,
    /// The reply to a sealed request came in clear.
    ReplyInClear,
    /// The sealed reply is damaged: framing, length, signature or sequence.
    BrokenSeal,
    /// The response is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The host answers with a redirect, which is not followed.
    Redirect {
        /// HTTP status.
        status: u16,
        /// `Location`, as it came.
        location: String,
    },
    /// What answers breaks HTTP.
    NotHttp,
    /// Nothing may leave: policy or configuration forbids it.
    Policy(&'static str),
    /// A replayed recording has no such exchange; the text shows the difference.
    ReplayMismatch(String),
    /// A recorded failure, replayed or written: the file system or the recording's format failed.
    Recording(String),
}

/// An exchange that brought no response.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    delivery: Delivery,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// An error without a cause below it.
    pub fn new(kind: TransportErrorKind, delivery: Delivery) -> Self {
        Self { kind, delivery, source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, known not to have reached the host's service.
    #[must_use]
    pub(super) fn not_sent(mut self) -> Self {
        self.delivery = Delivery::NotSent;
        self
    }

    /// What broke.
    pub fn kind(&self) -> &TransportErrorKind {
        &self.kind
    }

    /// Whether the host may have acted.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TransportErrorKind::NameLookup => f.write_str("the host name cannot be resolved"),
            TransportErrorKind::Connect => f.write_str("no connection to the host"),
            TransportErrorKind::Tls => f.write_str("TLS to the host failed"),
            TransportErrorKind::Proxy => f.write_str("no connection through the proxy"),
            TransportErrorKind::ConnectionLost => f.write_str("the connection ended before the answer"),
            TransportErrorKind::TimedOut => f.write_str("no answer in time"),
            TransportErrorKind::Refused { offered } => {
                write!(f, "the host refused the credential (it offers {})", list(offered))
            }
            TransportErrorKind::NotOffered { wanted, offered } => {
                write!(f, "the host does not offer {wanted} (it offers {})", list(offered))
            }
            TransportErrorKind::Kerberos(failure) => write!(f, "Kerberos: {failure}"),
            TransportErrorKind::Credssp(failure) => failure.fmt(f),
            TransportErrorKind::CertificateRefused { offered } if offered.is_empty() => {
                f.write_str("the host refused the client certificate")
            }
            TransportErrorKind::CertificateRefused { offered } => {
                write!(f, "the host refused the client certificate (it offers {})", list(offered))
            }
            TransportErrorKind::Forbidden => f.write_str("the host forbids this account (HTTP 403)"),
            TransportErrorKind::Handshake { status, content_type } if content_type.is_empty() => {
                write!(f, "what listens answers authentication with HTTP {status}")
            }
            TransportErrorKind::Handshake { status, content_type } => {
                write!(f, "what listens answers authentication with HTTP {status} ({content_type})")
            }
            TransportErrorKind::BadToken => f.write_str("the host's security token is malformed"),
            TransportErrorKind::ReplyInClear => f.write_str("the reply to a sealed request came in clear"),
            TransportErrorKind::BrokenSeal => f.write_str("the sealed reply is damaged"),
            TransportErrorKind::TooLarge { limit } => write!(f, "the response is larger than {limit} bytes"),
            TransportErrorKind::Redirect { status, location } => {
                write!(f, "the host redirects (HTTP {status}) to {location:?}, which is not followed")
            }
            TransportErrorKind::NotHttp => f.write_str("what answers does not speak HTTP"),
            TransportErrorKind::Policy(reason) => f.write_str(reason),
            TransportErrorKind::ReplayMismatch(difference) => {
                write!(f, "the request is not the recorded one: {difference}")
            }
            TransportErrorKind::Recording(reason) => write!(f, "recording: {reason}"),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

fn list(offered: &[String]) -> String {
    if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") }
}
