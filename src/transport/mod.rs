//! The seam: one plaintext SOAP request out, one reply back.
//!
//! Authentication, sealing, TLS and connections live below it, so that recording and replaying wrap it from
//! outside and never see a token. It refuses to know what a message says.

mod error;
mod exchange;
mod http;
#[cfg(feature = "kerberos")]
mod kdc;
mod krb5_conf;
mod record;
mod recording;
mod replay;
mod scrub;
mod scrub_learn;
#[cfg(feature = "kerberos")]
mod srv;
mod tls_failure;

pub use error::{Delivery, TransportError, TransportErrorKind};
pub use exchange::{Connection, Exchange, HttpRequest, HttpResponse, Transport};
pub use http::{
    Authentication, Endpoint, Http, HttpOptions, Kerberos, Offers, Proxy, ProxyInUse, Scheme, Tickets,
    TlsBackend, Trust, system_ticket,
};
pub use record::{Recorder, RecorderOptions, Recording};
pub use replay::Replayer;
pub use tls_failure::{TlsFailure, TlsProblem};
