//! Kerberos 5: names, keytabs, `krb5.conf`, refusals, and, with the feature `kerberos`, a client of its own.
//!
//! The client ([`Initiator`]) makes tickets from a password or a key through the `sspi` crate. It opens no socket: a
//! step that needs the KDC is handed to a [`Kdc`]. What seals the messages afterwards is [`Context`]. Tickets that
//! the system has already are the affair of `auth::gssapi`. The simulated host judges tickets by [`Acceptor`].

#[cfg(feature = "kerberos")]
mod acceptor;
#[cfg(feature = "kerberos")]
mod bound;
mod conf;
#[cfg(feature = "kerberos")]
mod context;
mod failure;
#[cfg(feature = "kerberos")]
mod initiator;
mod keytab;
mod message;
#[cfg(test)]
#[cfg(feature = "kerberos")]
pub(crate) mod minting;
mod principal;
#[cfg(feature = "kerberos")]
mod ticket;
#[cfg(any(feature = "gssapi", feature = "kerberos"))]
pub(super) mod wrap;

#[cfg(feature = "kerberos")]
pub use acceptor::{Accepted, Acceptor, Arrival, Refusal};
pub use conf::{Include, Krb5Conf};
#[cfg(feature = "kerberos")]
pub use context::Context;
pub use failure::Failure;
#[cfg(feature = "kerberos")]
pub use initiator::{Identity, Initiator, Kdc, KdcAddress, KdcExchange, Proof};
pub use keytab::{KeytabEntry, KeytabError, choose_key, parse_keytab};
pub use message::{error_code, error_code_of_host};
pub use principal::{Principal, principals, service_names};

/// The scheme of bare Kerberos tokens in `Authorization` and `WWW-Authenticate`.
pub const SCHEME: &str = "Kerberos";
