//! What can go wrong with an operation, by phase and by blame, and the questions it answers.

mod hint;

use std::fmt;

use crate::transport::{Delivery, TransportError, TransportErrorKind};
use crate::wsman::{DecodeError, EncodeError, Fault};

/// A failed operation. Ask it; do not match its text.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be written; nothing was sent.
    Encode(EncodeError),
    /// No response came.
    Transport(TransportError),
    /// An HTTP status without SOAP.
    Http {
        /// HTTP status.
        status: u16,
    },
    /// What answers is no WinRM: a body that is not SOAP by its content type, or no body.
    NotWinrm {
        /// `Content-Type`, as it came; empty for none.
        content_type: String,
    },
    /// The reply cannot be understood or believed.
    Reply(DecodeError),
    /// The host refused the message, or failed at it.
    Fault(Box<Fault>),
    /// An instance lacks a property that it must have, or has it with another type.
    Instance {
        /// Class of the instance.
        class: String,
        /// The property.
        property: &'static str,
    },
}

impl Error {
    /// Whether the host may have executed the operation. For a read the question has no weight, but the answer
    /// is as true.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Encode(_) => false,
            Self::Transport(error) => error.delivery() == Delivery::MayHaveRun,
            Self::Http { status } => !matches!(status, 400 | 401 | 404 | 405 | 411 | 413 | 415),
            Self::NotWinrm { .. } | Self::Reply(_) | Self::Instance { .. } => true,
            Self::Fault(fault) => !is_refusal(fault),
        }
    }

    /// The fault of the host.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// The failure below the message.
    pub fn transport(&self) -> Option<&TransportErrorKind> {
        match self {
            Self::Transport(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// Whether nobody was let in: the credential was refused, the host did not authenticate as it should, or the
    /// user may not do this.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Fault(fault) => fault.is_access_denied(),
            Self::Http { status } => matches!(status, 401 | 403),
            Self::Transport(error) => matches!(
                error.kind(),
                TransportErrorKind::Refused { .. }
                    | TransportErrorKind::NotOffered { .. }
                    | TransportErrorKind::Kerberos(_)
                    | TransportErrorKind::Credssp(_)
                    | TransportErrorKind::CertificateRefused { .. }
                    | TransportErrorKind::Forbidden
                    | TransportErrorKind::BadToken
            ),
            _ => false,
        }
    }

    /// Whether there is no such instance.
    pub fn is_not_found(&self) -> bool {
        self.fault().is_some_and(Fault::is_not_found)
    }

    /// Whether the same read may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fault(fault) => fault.is_transient() || fault.is_timed_out(),
            Self::Http { status } => matches!(status, 408 | 425 | 429 | 502 | 503 | 504),
            Self::Transport(error) => matches!(
                error.kind(),
                TransportErrorKind::ConnectionLost
                    | TransportErrorKind::TimedOut
                    | TransportErrorKind::Connect
            ),
            _ => false,
        }
    }

    /// Whether this machine was told to do something that it cannot or may not: nothing was sent.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self.transport(),
            Some(
                TransportErrorKind::Policy(_)
                    | TransportErrorKind::ReplayMismatch(_)
                    | TransportErrorKind::Recording(_)
            )
        ) || matches!(self, Self::Encode(_))
    }

    /// A word for what failed, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            _ if self.is_unauthorized() => "unauthorized",
            _ if self.is_configuration() => "configuration",
            Self::Encode(_) => "input",
            Self::Transport(error) => match error.kind() {
                TransportErrorKind::NameLookup => "name_lookup",
                TransportErrorKind::Connect => "connect",
                TransportErrorKind::Tls => "tls",
                TransportErrorKind::Proxy => "proxy",
                TransportErrorKind::ConnectionLost => "connection_lost",
                TransportErrorKind::TimedOut => "timed_out",
                TransportErrorKind::Redirect { .. } => "redirect",
                TransportErrorKind::TooLarge { .. } => "too_large",
                TransportErrorKind::BrokenSeal | TransportErrorKind::ReplyInClear => "untrusted_reply",
                _ => "transport",
            },
            Self::Http { .. } => "http",
            Self::NotWinrm { .. } => "not_winrm",
            Self::Reply(_) | Self::Instance { .. } => "reply",
            Self::Fault(_) => "fault",
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        hint::hint(self)
    }

    /// The error and everything below it, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            let more = source.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            next = source.source();
        }
        text
    }
}

/// Faults that come before the method is called: it did not run.
fn is_refusal(fault: &Fault) -> bool {
    fault.is_access_denied() || fault.is_not_found() || fault.is_no_such_class() || fault.has_code(&REFUSALS)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(_) => f.write_str("the request cannot be written"),
            Self::Transport(error) => error.fmt(f),
            Self::Http { status } => write!(f, "the host answers HTTP {status} without a message"),
            Self::NotWinrm { content_type } if content_type.is_empty() => {
                f.write_str("what answers is no WinRM service: its answer is empty")
            }
            Self::NotWinrm { content_type } => {
                write!(f, "what answers is no WinRM service: its answer is {content_type:?}")
            }
            Self::Reply(_) => f.write_str("the reply cannot be used"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Instance { class, property } => {
                write!(f, "the host's {class} has no usable {property}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Transport(error) => std::error::Error::source(error),
            Self::Reply(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Reply(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Malformed or unknown actions, URIs, headers, selectors and bodies; methods and parameters that do not exist.
const REFUSALS: [u32; 24] = [
    2_150_858_753,
    2_150_858_754,
    2_150_858_765,
    2_150_858_767,
    2_150_858_768,
    2_150_858_769,
    2_150_858_771,
    2_150_858_791,
    2_150_858_801,
    2_150_858_811,
    2_150_858_813,
    2_150_858_817,
    2_150_858_818,
    2_150_858_819,
    2_150_858_838,
    2_150_858_839,
    2_150_858_840,
    2_150_858_842,
    2_150_858_843,
    2_150_858_847,
    2_150_859_067,
    0x8004_102E,
    0x8004_102F,
    0x8004_1055,
];
