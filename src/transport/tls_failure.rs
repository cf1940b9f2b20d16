//! Why TLS to the host failed.

use std::fmt;

/// A failed TLS handshake: the cause of [`TransportErrorKind::Tls`](super::TransportErrorKind::Tls).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// What is wrong.
    pub problem: TlsProblem,
    /// SHA-256 of the host's certificate in hexadecimal digits, where the certificate is the problem.
    pub fingerprint: Option<String>,
}

/// What is wrong with TLS, or with the host's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The certificate has expired.
    #[error("the host's certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the host's certificate is not valid yet")]
    NotYetValid,
    /// No known root vouches for it.
    #[error("the host's certificate leads to no trusted root (it may be self-signed)")]
    UnknownIssuer,
    /// It says of itself that it is an authority, which may not stand for a host.
    #[error("the host's certificate is that of an authority (CA:TRUE), which may not stand for a host")]
    Authority,
    /// It is for other names.
    #[error("the host's certificate is for another name{}", names(.0))]
    OtherName(Vec<String>),
    /// It is not the pinned one.
    #[error("the host's certificate is not the pinned one")]
    NotPinned,
    /// It is revoked.
    #[error("the host's certificate is revoked")]
    Revoked,
    /// It is signed in a way that is not known here.
    #[error("the host's certificate is signed by an algorithm that this program does not have")]
    UnknownSignature,
    /// It is not accepted for another reason.
    #[error("the host's certificate is not accepted: {0}")]
    Certificate(String),
    /// The host shares no cipher suite with us, or wants none of our parameters.
    #[error("the host has no cipher suite in common with this program")]
    NoCommonSuite,
    /// The host speaks older or newer versions alone.
    #[error("the host has no TLS version in common with this program")]
    NoCommonVersion,
    /// The host wants a certificate of ours, or does not like the one it got.
    #[error("the host's TLS does not accept the client certificate ({0})")]
    ClientCertificate(String),
    /// What answers does not speak TLS.
    #[error("what answers does not speak TLS")]
    NoTls,
    /// Anything else, in the words of the TLS library.
    #[error("{0}")]
    Other(String),
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)?;
        match &self.fingerprint {
            Some(fingerprint) => write!(f, "; its SHA-256 is {fingerprint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TlsFailure {}

fn names(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
