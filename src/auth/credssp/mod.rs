//! CredSSP (MS-CSSP) with NTLM inside: a TLS tunnel carried in tokens, in it a login that is bound to the tunnel's
//! key, and the user's password handed over to the host.
//!
//! With the feature `credssp` there are the client (`Initiator`) and the simulated host (`Acceptor`). The tunnel also
//! seals the messages afterwards. The host's certificate is not judged by who issued it; what counts is that the host
//! proves, by the user's own password, that the key of the tunnel is its own. Nothing but that proof lets the password
//! out. Kerberos inside and smart cards are not spoken.

#[cfg(feature = "credssp")]
mod acceptor;
#[cfg(feature = "credssp")]
mod binding;
#[cfg(feature = "credssp")]
mod certificate;
mod failure;
#[cfg(feature = "credssp")]
mod host_login;
#[cfg(feature = "credssp")]
mod identity;
#[cfg(feature = "credssp")]
mod initiator;
#[cfg(feature = "credssp")]
mod login;
#[cfg(feature = "credssp")]
mod password;
#[cfg(feature = "credssp")]
mod refusal;
#[cfg(feature = "credssp")]
mod request;
#[cfg(feature = "credssp")]
mod tunnel;

#[cfg(feature = "credssp")]
pub use acceptor::{Acceptor, Answer, Delegated};
pub use failure::{Failure, NtStatus};
#[cfg(feature = "credssp")]
pub use host_login::{Host, HostLogin, Judged};
#[cfg(feature = "credssp")]
pub use identity::Identity;
#[cfg(feature = "credssp")]
pub use initiator::{Given, Initiator};
#[cfg(feature = "credssp")]
pub use login::{Login, Step};
#[cfg(feature = "credssp")]
pub use refusal::Refusal;
#[cfg(feature = "credssp")]
pub use request::TsRequest;
#[cfg(feature = "credssp")]
pub use tunnel::Context;

/// The scheme that carries the tokens in `Authorization` and `WWW-Authenticate`.
pub const SCHEME: &str = "CredSSP";

/// What is spoken.
#[cfg(feature = "credssp")]
const VERSION: u32 = 6;

/// Before it the proof was no hash, and a man in the middle could have the host take the client's for a message of
/// his own (CVE-2018-0886).
#[cfg(feature = "credssp")]
const OLDEST_VERSION: u32 = 5;
