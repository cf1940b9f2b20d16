//! Why the simulated host does not let a client in.

use super::NtStatus;
use crate::auth::der::DerError;
use crate::auth::ntlm;

/// Why the host does not let the client in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The tunnel fails, in the words of the TLS library.
    #[error("the TLS inside of CredSSP fails: {0}")]
    Tls(String),
    /// A message is malformed, or not the one that is due.
    #[error("the CredSSP message is malformed, or not the one that is due")]
    Malformed,
    /// The client speaks an old version alone.
    #[error("the client speaks CredSSP of version {0}")]
    OldVersion(u32),
    /// The client offers other mechanisms than NTLM alone.
    #[error("the client offers no NTLM")]
    NotNtlm,
    /// NTLM does not let the client in.
    #[error(transparent)]
    Ntlm(#[from] ntlm::Refusal),
    /// The integrity code of SPNEGO's list of mechanisms is missing or wrong.
    #[error("the integrity code of the list of mechanisms is missing or wrong")]
    List,
    /// The client proves another key than that of the tunnel, or seals wrongly.
    #[error("the client proves another key than that of the tunnel")]
    OtherKey,
}

impl From<DerError> for Refusal {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

impl From<rustls::Error> for Refusal {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.to_string())
    }
}

impl Refusal {
    /// What the client is told.
    pub fn status(&self) -> NtStatus {
        match self {
            Self::Ntlm(ntlm::Refusal::WrongCredential) => LOGON_FAILURE,
            Self::OldVersion(_) => UNSUPPORTED_FUNCTION,
            Self::OtherKey | Self::List => MESSAGE_ALTERED,
            Self::Tls(_) | Self::Malformed | Self::NotNtlm | Self::Ntlm(_) => INVALID_TOKEN,
        }
    }
}

const LOGON_FAILURE: NtStatus = NtStatus(0xC000_006D);
const UNSUPPORTED_FUNCTION: NtStatus = NtStatus(0x8009_0302);
const MESSAGE_ALTERED: NtStatus = NtStatus(0x8009_030F);
const INVALID_TOKEN: NtStatus = NtStatus(0x8009_0308);
