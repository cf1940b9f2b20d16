//! Why Kerberos does not get in, by who is to blame, and what to do.

use super::keytab::KeytabError;
use super::message::code;

/// Why there is no authenticated session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// This build has no such back-end.
    #[error("this build cannot use {0}")]
    NotBuilt(&'static str),
    /// Services are known to Kerberos by name, and the host is given by address.
    #[error("the host is given by its address, which names no service")]
    NoHostName,
    /// Nothing says in which realm the user is.
    #[error("the realm of the user is not known")]
    NoRealm,
    /// Nothing says where the realm's KDC is.
    #[error("no KDC of the realm {realm} is known")]
    NoKdc {
        /// The realm.
        realm: String,
    },
    /// No KDC of the realm answers.
    #[error("no KDC of the realm {realm} answers ({tried})")]
    KdcUnreachable {
        /// The realm.
        realm: String,
        /// What was tried, and how it failed.
        tried: String,
    },
    /// A name that cannot be put into a request.
    #[error("the name {0:?} cannot be asked for without the system's library")]
    Name(String),
    /// The system has no library for tickets.
    #[error("there is no GSSAPI library to ask for tickets (tried {tried})")]
    NoLibrary {
        /// File names.
        tried: String,
    },
    /// The system has no ticket.
    #[error("there is no ticket{}: {reason}", of(.principal.as_ref()))]
    NoTicket {
        /// For whom one was looked for.
        principal: Option<String>,
        /// The library's words.
        reason: String,
    },
    /// The keytab is of no use.
    #[error(transparent)]
    Keytab(#[from] KeytabError),
    /// The KDC does not know the user.
    #[error("the KDC does not know the user {principal}")]
    UnknownUser {
        /// Who was asked for.
        principal: String,
    },
    /// The KDC wants no proof before it answers; a client without a system library insists on giving one.
    #[error("the account {principal} is set to need no pre-authentication")]
    NoPreauthentication {
        /// Who was asked for.
        principal: String,
    },
    /// The password or the key is not the user's.
    #[error("the KDC refuses the password or key of {principal}")]
    WrongKey {
        /// Who was asked for.
        principal: String,
    },
    /// The account may not log on: disabled, locked, expired, or outside of its hours.
    #[error("the KDC says that the account {principal} is disabled, locked or expired")]
    Revoked {
        /// Who was asked for.
        principal: String,
    },
    /// The password has to be changed.
    #[error("the password of {principal} has expired")]
    PasswordExpired {
        /// Who was asked for.
        principal: String,
    },
    /// The KDC knows none of the services.
    #[error("the KDC knows no service {service}")]
    UnknownService {
        /// The service's names.
        service: String,
    },
    /// The clocks are too far apart.
    #[error("the clocks of this machine, the KDC and the host are too far apart")]
    Skew,
    /// The ticket has expired.
    #[error("the ticket has expired")]
    TicketExpired,
    /// The realm is another one.
    #[error("the KDC says that this is the wrong realm")]
    WrongRealm,
    /// No encryption type in common.
    #[error("no encryption type in common: the account or the host has no AES key")]
    Encryption,
    /// The host cannot read the ticket.
    #[error(
        "the host cannot read a ticket for {service}: another account holds that name, or its key is newer"
    )]
    NotForHost {
        /// The service's name.
        service: String,
    },
    /// The host takes no ticket for that name, and does not say why.
    #[error("the host refused a ticket for {service}")]
    TicketRefused {
        /// The service's name.
        service: String,
    },
    /// The KDC's or the host's refusal, by its number.
    #[error("Kerberos error {0}")]
    Code(i32),
    /// The system's library failed, in its words.
    #[error("{0}")]
    Library(String),
    /// The host did not prove that it is the one that the ticket is for, or what it sent is malformed.
    #[error("the host's answer does not prove who it is")]
    NotProven,
    /// A message of the KDC is malformed or does not fit.
    #[error("the KDC's answer cannot be used")]
    BadKdc,
}

impl Failure {
    /// What an error code of a KDC means; `principal` and `service` are what was asked for.
    pub fn of_code(number: i32, principal: &str, service: &str) -> Self {
        let principal = principal.to_owned();
        match number {
            code::CLIENT_UNKNOWN => Self::UnknownUser { principal },
            code::SERVICE_UNKNOWN => Self::UnknownService { service: service.to_owned() },
            code::PREAUTH_FAILED | code::BAD_INTEGRITY => Self::WrongKey { principal },
            code::CLIENT_EXPIRED | code::CLIENT_REVOKED | code::POLICY => Self::Revoked { principal },
            code::KEY_EXPIRED => Self::PasswordExpired { principal },
            code::ENCRYPTION => Self::Encryption,
            code::SKEW | code::TICKET_NOT_YET_VALID | code::NEVER_VALID => Self::Skew,
            code::TICKET_EXPIRED => Self::TicketExpired,
            code::MODIFIED => Self::NotForHost { service: service.to_owned() },
            code::WRONG_REALM => Self::WrongRealm,
            other => Self::Code(other),
        }
    }

    /// What an error code of the host means: it has judged the ticket, not the user.
    pub fn of_host_code(number: i32, service: &str) -> Self {
        match number {
            code::BAD_INTEGRITY => Self::NotForHost { service: service.to_owned() },
            // Among others, where the ticket is bound to another channel.
            code::GENERIC => Self::TicketRefused { service: service.to_owned() },
            other => Self::of_code(other, "", service),
        }
    }

    /// Whether Kerberos cannot be had at all here, so that another method may be tried: nobody refused the user.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::NotBuilt(_)
                | Self::NoHostName
                | Self::NoRealm
                | Self::NoKdc { .. }
                | Self::KdcUnreachable { .. }
                | Self::Name(_)
                | Self::NoLibrary { .. }
                | Self::NoTicket { .. }
                | Self::UnknownUser { .. }
                | Self::NoPreauthentication { .. }
                | Self::UnknownService { .. }
                | Self::WrongRealm
                | Self::Encryption
                | Self::NotForHost { .. }
        )
    }

    /// Whether another name of the service may do better.
    pub fn is_about_the_service(&self) -> bool {
        matches!(self, Self::UnknownService { .. } | Self::NotForHost { .. } | Self::TicketRefused { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let text = match self {
            Self::NotBuilt(_) => "use --auth ntlm, or a build with the features kerberos and gssapi",
            Self::NoHostName => "give the host's full name as --host, or with --kerberos-host",
            Self::NoRealm => "write the user as name@REALM, or give --realm REALM",
            Self::NoKdc { .. } | Self::KdcUnreachable { .. } => {
                "give --kdc HOST[:PORT], or set kdc under [realms] in krb5.conf (KRB5_CONFIG), and check the network to port 88"
            }
            Self::Name(_) => "run kinit for that user first, and leave the password out",
            Self::NoLibrary { .. } => {
                "install MIT Kerberos (libgssapi-krb5-2, krb5-libs), or give a password or --keytab"
            }
            Self::NoTicket { principal, .. } => {
                let principal = principal.as_deref().unwrap_or("USER@REALM");
                return format!("run `kinit {principal}`, or give a password or --keytab FILE");
            }
            Self::Keytab(KeytabError::NoSuchPrincipal { .. }) => {
                "name one of these with --user; `klist -k FILE` shows them"
            }
            Self::Keytab(KeytabError::NoAesKey(_)) => {
                "make the keytab with AES keys: ktpass -crypto AES256-SHA1"
            }
            Self::Keytab(_) => "check --keytab; `klist -k FILE` reads what is whole",
            Self::UnknownUser { .. } => "check the user and the realm; a realm is written in capitals",
            Self::NoPreauthentication { .. } => {
                "let the account need it, or run kinit first and leave the password out"
            }
            Self::WrongKey { .. } => "check the password; a keytab is stale once the password was changed",
            Self::Revoked { .. } => "ask who manages the account",
            Self::PasswordExpired { .. } => "change the password (kpasswd)",
            Self::UnknownService { .. } => {
                "give the host's full name, another one with --kerberos-host, or the whole service with --spn; `setspn -L HOST` lists them"
            }
            Self::Skew => "set the clocks; five minutes are tolerated",
            Self::TicketExpired => "run kinit again (kinit -R, if it can be renewed)",
            Self::WrongRealm => "give the right one with --realm",
            Self::Encryption => {
                "let the account have AES keys: tick its AES options and change its password once"
            }
            Self::NotForHost { .. } => "try --spn WSMAN/HOST or --spn HTTP/HOST, whichever was not tried",
            Self::TicketRefused { .. } => {
                "the host's key may be newer than the ticket, or belong to another account (--spn); with --https something on the way may end TLS, so that the ticket is bound to another certificate (CbtHardeningLevel): use --http, where messages are sealed"
            }
            Self::NotProven => {
                "somebody on the way changes messages, or the host is another one: do not trust it"
            }
            Self::Code(_) | Self::Library(_) | Self::BadKdc => {
                "the KDC's log says more; `kinit` and `kvno HTTP/HOST` show whether Kerberos works without hvreplica"
            }
        };
        text.to_owned()
    }
}

fn of(principal: Option<&String>) -> String {
    principal.map_or_else(String::new, |principal| format!(" for {principal}"))
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn codes_of_a_kdc() {
        let of = |code| Failure::of_code(code, "ops@EXAMPLE.TEST", "HTTP/hv1").to_string();
        assert_eq!(of(6), "the KDC does not know the user ops@EXAMPLE.TEST");
        assert_eq!(of(7), "the KDC knows no service HTTP/hv1");
        assert_eq!(of(24), "the KDC refuses the password or key of ops@EXAMPLE.TEST");
        assert_eq!(of(37), "the clocks of this machine, the KDC and the host are too far apart");
        assert_eq!(of(60), "Kerberos error 60");
    }

    #[test]
    fn codes_of_a_host() {
        let of = |code| Failure::of_host_code(code, "HTTP/hv1").to_string();
        assert_eq!(
            of(31),
            "the host cannot read a ticket for HTTP/hv1: another account holds that name, or its key is newer"
        );
        assert_eq!(of(60), "the host refused a ticket for HTTP/hv1");
    }

    #[test]
    fn a_refusal_of_the_user_is_no_absence() {
        for code in [18, 23, 24, 31] {
            assert!(!Failure::of_code(code, "", "").is_absence(), "{code}");
        }
        for code in [6, 7, 14, 68] {
            assert!(Failure::of_code(code, "", "").is_absence(), "{code}");
        }
    }
}
