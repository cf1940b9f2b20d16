//! What an error of the HTTP client means.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::gate::ConnectionGone;
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// Finds the cause in the chain of errors. `connected` says whether anything can have been written.
pub(super) fn classify(error: &reqwest::Error, connected: bool) -> TransportError {
    let chain = chain(error);
    let found = if error.is_dns() {
        Some(TransportErrorKind::NameLookup)
    } else {
        chain.iter().rev().find_map(|error| kind(*error))
    };
    let default = if connected { TransportErrorKind::ConnectionLost } else { TransportErrorKind::Connect };
    let gone = chain.iter().any(|error| error.is::<ConnectionGone>());
    let delivery = if connected && !gone { Delivery::MayHaveRun } else { Delivery::NotSent };
    let cause = chain.last().map_or_else(String::new, |error| cause(*error));
    TransportError::new(found.unwrap_or(default), delivery).because(cause)
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
    if error.is::<rustls::Error>() {
        return Some(TransportErrorKind::Tls);
    }
    let parse = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    parse.then_some(TransportErrorKind::NotHttp)
}

fn cause(error: &(dyn Error + 'static)) -> String {
    let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() else {
        return error.to_string();
    };
    let text = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the host's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the host's certificate is not valid yet"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the host's certificate leads to no trusted root (it may be self-signed)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the host's certificate is for another name"
        }
        CertificateError::Revoked => "the host's certificate is revoked",
        CertificateError::ApplicationVerificationFailure => "the host's certificate is not the pinned one",
        other => return format!("the host's certificate is not accepted: {other}"),
    };
    text.to_owned()
}
