//! What an error of the HTTP client means.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::gate::ConnectionGone;
use crate::transport::{Delivery, TlsFailure, TlsProblem, TransportError, TransportErrorKind};

/// What is known of the connection on which an error came up.
pub(super) struct Circumstances {
    /// Something can have been written.
    pub(super) connected: bool,
    /// SHA-256 of the host's certificate, if it has shown one.
    pub(super) fingerprint: Option<String>,
    /// There is a proxy in between.
    pub(super) by_proxy: bool,
}

/// Finds the cause in the chain of errors.
pub(super) fn classify(error: &reqwest::Error, circumstances: &Circumstances) -> TransportError {
    let connected = circumstances.connected;
    let chain = chain(error);
    let gone = chain.iter().any(|error| error.is::<ConnectionGone>());
    let delivery = if connected && !gone { Delivery::MayHaveRun } else { Delivery::NotSent };
    if let Some(error) = chain.iter().rev().find_map(|error| error.downcast_ref::<rustls::Error>()) {
        let is_about_it = matches!(error, rustls::Error::InvalidCertificate(_));
        let fingerprint = circumstances.fingerprint.clone().filter(|_| is_about_it);
        let failure = TlsFailure { problem: problem(error), fingerprint };
        return TransportError::new(TransportErrorKind::Tls, delivery).because(failure);
    }
    #[cfg(feature = "native-tls")]
    if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<native_tls::Error>()) {
        let failure = TlsFailure { problem: super::native::problem(error), fingerprint: None };
        return TransportError::new(TransportErrorKind::Tls, delivery).because(failure);
    }
    let found = chain.iter().rev().find_map(|error| kind(*error));
    let kind = match found {
        Some(kind) => kind,
        None if connected => TransportErrorKind::ConnectionLost,
        None if circumstances.by_proxy => TransportErrorKind::Proxy,
        None if error.is_dns() => TransportErrorKind::NameLookup,
        None => TransportErrorKind::Connect,
    };
    let cause = chain.last().map_or_else(String::new, ToString::to_string);
    TransportError::new(kind, delivery).because(cause)
}

/// All errors from the outermost to the root, those inside of I/O errors included.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        chain.push(error);
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => {
                let inner: &(dyn Error + 'static) = inner;
                Some(inner)
            }
            None => error.source(),
        };
    }
    chain
}

fn kind(error: &(dyn Error + 'static)) -> Option<TransportErrorKind> {
    if error.is::<ConnectionGone>() {
        return Some(TransportErrorKind::ConnectionLost);
    }
    let parse = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    parse.then_some(TransportErrorKind::NotHttp)
}

/// What the TLS library says, as a problem of ours.
fn problem(error: &rustls::Error) -> TlsProblem {
    match error {
        rustls::Error::InvalidCertificate(reason) => certificate_problem(reason),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                TlsProblem::NoCommonSuite
            }
            AlertDescription::ProtocolVersion => TlsProblem::NoCommonVersion,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired => TlsProblem::ClientCertificate(format!("{alert:?}")),
            alert => TlsProblem::Other(format!("the host ends TLS with the alert {alert:?}")),
        },
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => TlsProblem::NoCommonVersion,
        rustls::Error::InvalidMessage(_) => TlsProblem::NoTls,
        other => TlsProblem::Other(other.to_string()),
    }
}

fn certificate_problem(reason: &CertificateError) -> TlsProblem {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsProblem::NotYetValid
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::UnknownIssuer,
        CertificateError::NotValidForName => TlsProblem::OtherName(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsProblem::OtherName(presented.iter().map(|name| bare(name).to_owned()).collect())
        }
        CertificateError::Revoked => TlsProblem::Revoked,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            TlsProblem::UnknownSignature
        }
        CertificateError::ApplicationVerificationFailure => TlsProblem::NotPinned,
        // The type below it belongs to a crate that is none of ours; its name is all there is to go by.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsProblem::Authority,
        other => TlsProblem::Certificate(other.to_string()),
    }
}

/// `DnsName("hv1")` without what is around it.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}
