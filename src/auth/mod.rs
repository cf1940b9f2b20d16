//! Credentials, security tokens and the sealing of bodies: bytes in, bytes out.
//!
//! Basic header values, client certificates, the binding to a TLS channel, both sides of NTLMv2 ([`ntlm`]) with its
//! session security ([`seal`]), Kerberos ([`kerberos`], [`gssapi`]), the wrapping that `Negotiate` puts around both
//! ([`spnego`]), CredSSP ([`credssp`]), and the `multipart/encrypted` form in which WinRM carries sealed bodies
//! ([`framing`]). It knows no connection, no HTTP status and no SOAP: which leg comes next is the transport's affair.
//! Time is an argument.

pub mod basic;
pub mod certificate;
mod channel;
mod credential;
pub mod credssp;
mod der;
pub mod framing;
#[cfg(feature = "gssapi")]
pub mod gssapi;
pub mod kerberos;
mod leaf;
pub mod ntlm;
mod random;
pub mod seal;
mod sealing;
pub mod spnego;

pub use certificate::ClientCertificate;
pub use channel::ChannelBinding;
pub use credential::Credential;
pub use der::DerError;
pub(crate) use leaf::LeafVerifier;
pub use random::{NoRandomness, random};
pub use sealing::{SealError, Sealing};
