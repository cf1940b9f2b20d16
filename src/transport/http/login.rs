//! What a session of Kerberos is made from: tickets, names, and where to ask.

use std::path::PathBuf;

use crate::auth::Credential;

/// Kerberos: under the scheme `Kerberos` or `Negotiate`, whichever the host offers; over http with sealed bodies.
#[derive(Clone, Debug)]
pub struct Kerberos {
    /// Where tickets come from.
    pub tickets: Tickets,
    /// The realm of the user, apart from the name.
    pub realm: Option<String>,
    /// A KDC as `HOST` or `HOST:PORT`, in place of those that `krb5.conf` names.
    pub kdc: Option<String>,
    /// Names of the service, in the order to try: see [`service_names`](crate::auth::kerberos::service_names).
    pub services: Vec<String>,
}

/// Where tickets come from.
#[derive(Clone, Debug)]
pub enum Tickets {
    /// From a KDC, for the password.
    Password(Credential),
    /// From a KDC, for a key of this file.
    Keytab {
        /// The file.
        file: PathBuf,
        /// Whose key; the only one there is, if this is not given.
        user: Option<String>,
    },
    /// From the system, which has them since `kinit`.
    System {
        /// Whose; the default one, if this is not given.
        user: Option<String>,
    },
}

impl Tickets {
    /// The source in words.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Password(_) => "by password",
            Self::Keytab { .. } => "by keytab",
            Self::System { .. } => "by the system's ticket",
        }
    }
}
