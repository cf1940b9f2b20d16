//! Why CredSSP does not get in.

use std::fmt;

use crate::auth::SealError;
use crate::auth::der::DerError;
use crate::auth::ntlm::NtlmError;

/// Why CredSSP does not get in. In none of these cases did the password leave, except where the host refuses it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The tunnel fails, in the words of the TLS library.
    #[error("the TLS inside of CredSSP fails: {0}")]
    Tls(String),
    /// The certificate of the tunnel cannot be read.
    #[error("the certificate of the TLS inside of CredSSP cannot be read")]
    Certificate,
    /// A message is malformed, or not the one that is due.
    #[error("the host's CredSSP message is malformed, or not the one that is due")]
    Malformed,
    /// The host speaks an older version alone, in which a man in the middle can have commands run.
    #[error("the host speaks CredSSP of version {0}, which is open to a man in the middle (CVE-2018-0886)")]
    OldVersion(u32),
    /// The host names one version first and another one later.
    #[error("the host changes the version of CredSSP from {from} to {to}")]
    ChangedVersion {
        /// The first.
        from: u32,
        /// The later.
        to: u32,
    },
    /// The host wants another mechanism than NTLM.
    #[error("the host takes no NTLM inside of CredSSP, and Kerberos inside is not possible")]
    NotNtlm,
    /// The host's challenge is of no use.
    #[error(transparent)]
    Ntlm(#[from] NtlmError),
    /// What the host proves is sealed wrongly: it does not know the password's session.
    #[error("the host cannot prove that the CredSSP session is its own: {0}")]
    Unproven(SealError),
    /// The host proves another key than that of the tunnel: somebody stands between.
    #[error("the host proves another key than that of the CredSSP session: somebody stands between")]
    OtherKey,
    /// The host refuses.
    #[error("the host refuses by CredSSP: {0}")]
    Refused(NtStatus),
    /// One of these, in the words of a recording.
    #[error("{0}")]
    Recorded(String),
}

impl From<DerError> for Failure {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.to_string())
    }
}

impl Failure {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Recorded(_) => return None,
            Self::Tls(_) | Self::Certificate => {
                "something on the way changes the tokens, or the host's CredSSP shares no TLS 1.2 or 1.3 suite with this program: use --auth negotiate"
            }
            Self::Malformed => "the host, or something in front of it, does not speak CredSSP as it should",
            Self::OldVersion(_) => {
                "install the host's updates since March 2018 (CredSSP encryption oracle remediation), or use --auth negotiate"
            }
            Self::ChangedVersion { .. } | Self::Unproven(_) | Self::OtherKey => {
                "the password was not handed over. Somebody on the way changes messages: do not go on from this network"
            }
            Self::NotNtlm => NTLM_ALONE,
            Self::Ntlm(_) => "the host, or something in front of it, does not speak NTLM as it should",
            Self::Refused(status) => status.hint(),
        })
    }
}

/// A status of Windows: an NTSTATUS, or an error of its security interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NtStatus(pub u32);

impl NtStatus {
    /// Its name, where it is one that is met here.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|(_, name, _)| *name)
    }

    fn hint(self) -> &'static str {
        self.row().map_or(UNKNOWN, |(_, _, hint)| hint)
    }

    fn row(self) -> Option<&'static (u32, &'static str, &'static str)> {
        STATUSES.iter().find(|(code, ..)| *code == self.0)
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:08X})", self.0),
            None => write!(f, "status 0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NtStatus(0x{:08X})", self.0)
    }
}

/// Codes of MS-ERREF 2.1 and 2.3 that a host answers a login with.
const STATUSES: [(u32, &str, &str); 27] = [
    (0xC000_006D, "STATUS_LOGON_FAILURE", ACCOUNT),
    (0xC000_006A, "STATUS_WRONG_PASSWORD", ACCOUNT),
    (0xC000_0064, "STATUS_NO_SUCH_USER", ACCOUNT),
    (0x8009_030C, "SEC_E_LOGON_DENIED", ACCOUNT),
    (0x8009_030E, "SEC_E_NO_CREDENTIALS", ACCOUNT),
    (0xC000_0071, "STATUS_PASSWORD_EXPIRED", "change the password"),
    (0xC000_0224, "STATUS_PASSWORD_MUST_CHANGE", "change the password"),
    (0xC000_0072, "STATUS_ACCOUNT_DISABLED", "enable the account"),
    (0xC000_0193, "STATUS_ACCOUNT_EXPIRED", "the account has expired"),
    (0xC000_0234, "STATUS_ACCOUNT_LOCKED_OUT", "unlock the account, or wait; more attempts keep it locked"),
    (0xC000_006E, "STATUS_ACCOUNT_RESTRICTION", RIGHTS),
    (0xC000_006F, "STATUS_INVALID_LOGON_HOURS", RIGHTS),
    (0xC000_0070, "STATUS_INVALID_WORKSTATION", RIGHTS),
    (0xC000_0022, "STATUS_ACCESS_DENIED", RIGHTS),
    (0xC000_015B, "STATUS_LOGON_TYPE_NOT_GRANTED", RIGHTS),
    (0xC000_0413, "STATUS_AUTHENTICATION_FIREWALL_FAILED", RIGHTS),
    (0xC000_005E, "STATUS_NO_LOGON_SERVERS", "the host reaches no domain controller: look at its network"),
    (0xC000_0133, "STATUS_TIME_DIFFERENCE_AT_DC", "set the clocks of the host and its domain controller"),
    (0xC000_0418, "STATUS_NTLM_BLOCKED", NTLM_ALONE),
    (0x8009_035F, "SEC_E_POLICY_NLTM_ONLY", DELEGATION),
    (0x8009_035E, "SEC_E_DELEGATION_POLICY", DELEGATION),
    (0x8009_0345, "SEC_E_DELEGATION_REQUIRED", DELEGATION),
    (0xC000_0388, "STATUS_DOWNGRADE_DETECTED", ORACLE),
    (0x8009_0302, "SEC_E_UNSUPPORTED_FUNCTION", ORACLE),
    (0x8009_0308, "SEC_E_INVALID_TOKEN", ON_THE_WAY),
    (0xC000_000D, "STATUS_INVALID_PARAMETER", ON_THE_WAY),
    (0x8009_030F, "SEC_E_MESSAGE_ALTERED", ON_THE_WAY),
];

const ACCOUNT: &str =
    "check the user and the password; a local account is .\\name, one of a domain DOMAIN\\name or name@realm";
const RIGHTS: &str = "the account may not log on to this host in this way or at this time: see its policies, or use another account";
const NTLM_ALONE: &str =
    "hvreplica does CredSSP with NTLM inside alone; where NTLM is switched off, use --auth kerberos";
const DELEGATION: &str = "a policy does not let this host take the password (CredSSP delegation to an untrusted target): see Computer Configuration, System, Credentials Delegation, or use --auth negotiate";
const ORACLE: &str = "the host's policy on CredSSP (encryption oracle remediation, AllowEncryptionOracle) does not fit: update the host, or use --auth negotiate";
const ON_THE_WAY: &str = "the host cannot read what it got: something on the way changes the tokens, or the host wants another login";
const UNKNOWN: &str = "look the status up in the host's Security event log (4625) and the event log of WinRM; --auth negotiate may do";

#[cfg(test)]
mod tests {
    use super::{Failure, NtStatus, STATUSES};

    #[test]
    fn statuses() {
        let refusal = |code| Failure::Refused(NtStatus(code));
        let known = refusal(0xC000_006D);
        assert_eq!(known.to_string(), "the host refuses by CredSSP: STATUS_LOGON_FAILURE (0xC000006D)");
        assert!(known.hint().unwrap().starts_with("check the user"));
        assert_eq!(refusal(0xC007_0001).to_string(), "the host refuses by CredSSP: status 0xC0070001");
        assert!(refusal(0xC007_0001).hint().unwrap().contains("4625"));
        for (at, (code, ..)) in STATUSES.iter().enumerate() {
            assert_eq!(STATUSES.iter().position(|(other, ..)| other == code), Some(at), "{code:x}");
        }
    }
}
