//! From what a session of Kerberos is made from to the first token for the host.

use std::time::Duration;

use super::login::{Kerberos, Tickets};
use crate::auth::framing::Protocol;
use crate::auth::kerberos::{Failure, Krb5Conf, principals};
use crate::auth::{ChannelBinding, Credential, Sealing};
use crate::secret::Secret;

#[cfg(feature = "gssapi")]
use crate::auth::gssapi;
#[cfg(feature = "kerberos")]
use crate::auth::kerberos::{Identity, Initiator, KeytabError, Principal, Proof, choose_key, parse_keytab};
#[cfg(feature = "kerberos")]
use crate::transport::{kdc::Kdcs, srv};

/// An authentication whose first token is there.
pub(super) struct Begun {
    pub(super) token: Vec<u8>,
    /// Whom the token speaks for.
    pub(super) principal: String,
    /// The clock of the KDC, where it said it.
    pub(super) kdc_time: Option<jiff::Timestamp>,
    initiator: Made,
}

enum Made {
    #[cfg(feature = "kerberos")]
    Own(Box<Initiator>),
    #[cfg(feature = "gssapi")]
    System(Box<gssapi::Initiator>),
}

impl Begun {
    /// Takes the host's answer and gives what seals the messages.
    #[cfg_attr(
        not(any(feature = "gssapi", feature = "kerberos")),
        expect(unused_variables, reason = "without a back-end there is no such value")
    )]
    pub(super) fn finish(self, answer: &[u8], protocol: Protocol) -> Result<Box<dyn Sealing>, Failure> {
        match self.initiator {
            #[cfg(feature = "kerberos")]
            Made::Own(initiator) => Ok(Box::new(initiator.finish(answer, protocol)?)),
            #[cfg(feature = "gssapi")]
            Made::System(initiator) => Ok(Box::new(initiator.finish(answer, protocol)?)),
        }
    }
}

/// What all authentications of a session have in common.
#[cfg_attr(
    not(feature = "kerberos"),
    expect(dead_code, reason = "the system's library finds KDCs by itself")
)]
pub(super) struct Surroundings {
    pub(super) conf: Krb5Conf,
    /// For each KDC.
    pub(super) patience: Duration,
    /// Where to ask the DNS for KDCs; none for the system's.
    pub(super) name_servers: Vec<std::net::SocketAddr>,
    /// Whether the realm's name may be looked up as that of a KDC, where nothing says where one is.
    pub(super) guesses: bool,
}

/// Gets a ticket for the service and the first token.
pub(super) async fn begin(
    login: &Kerberos,
    service: &str,
    around: &Surroundings,
    binding: Option<ChannelBinding>,
) -> Result<Begun, Failure> {
    match &login.tickets {
        Tickets::System { user } => {
            let user = user.as_deref().map(|user| principal(user, login.realm.as_deref(), &around.conf));
            system(user, with_realm(service, login, &around.conf), binding).await
        }
        #[cfg(feature = "kerberos")]
        Tickets::Password(credential) => {
            let proof = Proof::Password(credential.password().clone());
            let mut last = Failure::NoRealm;
            for principal in principals(credential, login.realm.as_deref(), &around.conf)? {
                let identity = Identity { principal, proof: proof.clone() };
                match own(identity, login, service, around, binding.as_ref()).await {
                    Err(failure @ Failure::UnknownUser { .. }) => last = failure,
                    other => return other,
                }
            }
            Err(last)
        }
        #[cfg(feature = "kerberos")]
        Tickets::Keytab { file, user } => {
            let identity = from_keytab(file, user.as_deref(), login, &around.conf)?;
            own(identity, login, service, around, binding.as_ref()).await
        }
        #[cfg(not(feature = "kerberos"))]
        Tickets::Password(_) | Tickets::Keytab { .. } => {
            Err(Failure::NotBuilt("passwords and keytabs for Kerberos"))
        }
    }
}

#[cfg(feature = "kerberos")]
async fn own(
    identity: Identity,
    login: &Kerberos,
    service: &str,
    around: &Surroundings,
    binding: Option<&ChannelBinding>,
) -> Result<Begun, Failure> {
    let kdcs = kdcs(&identity.principal.realm, login, around).await?;
    let principal = identity.principal.to_string();
    let mut initiator = Box::new(Initiator::new(identity, service)?);
    let token = initiator.token(&kdcs, binding).await?;
    Ok(Begun { token, principal, kdc_time: initiator.kdc_time(), initiator: Made::Own(initiator) })
}

#[cfg(feature = "kerberos")]
async fn kdcs(realm: &str, login: &Kerberos, around: &Surroundings) -> Result<Kdcs, Failure> {
    let patience = around.patience.min(LONGEST_PATIENCE);
    let mut addresses = match &login.kdc {
        Some(kdc) => vec![kdc.clone()],
        None => around.conf.kdcs(realm).to_vec(),
    };
    // Short names of domains are in no DNS.
    if addresses.is_empty() && realm.contains('.') && around.conf.looks_up_kdcs() {
        addresses = srv::kdcs(realm, &around.name_servers, patience).await;
    }
    if addresses.is_empty() && around.guesses && realm.contains('.') {
        // The domain of an Active Directory resolves to its controllers, each of which is a KDC.
        addresses.push(realm.to_ascii_lowercase());
    }
    if addresses.is_empty() {
        return Err(Failure::NoKdc { realm: realm.to_owned() });
    }
    Ok(Kdcs { realm: realm.to_owned(), addresses, patience })
}

#[cfg(feature = "kerberos")]
fn from_keytab(
    file: &std::path::Path,
    user: Option<&str>,
    login: &Kerberos,
    conf: &Krb5Conf,
) -> Result<Identity, Failure> {
    let bytes = std::fs::read(file).map(zeroize::Zeroizing::new);
    let bytes = bytes.map_err(|error| KeytabError::Unreadable(format!("{}: {error}", file.display())))?;
    let entries = parse_keytab(&bytes)?;
    let credential = user.map(|user| Credential::new(user, Secret::default()));
    let wanted = match &credential {
        None => None,
        // Without a realm anywhere, the keytab's own will do.
        Some(credential) => match principals(credential, login.realm.as_deref(), conf) {
            Ok(list) => list.into_iter().next_back().map(|principal| (principal.name, Some(principal.realm))),
            Err(_) => Some((credential.user().to_owned(), login.realm.clone())),
        },
    };
    let (name, realm) = match wanted {
        Some((name, realm)) => (Some(name), realm),
        None => (None, login.realm.clone()),
    };
    let entry = choose_key(entries, name.as_deref(), realm.as_deref())?;
    let principal = Principal { name: entry.name.clone(), realm: entry.realm.clone() };
    Ok(Identity { principal, proof: Proof::Key(entry) })
}

/// A user's name as the system's library knows it, which has a default realm of its own.
fn principal(user: &str, realm: Option<&str>, conf: &Krb5Conf) -> String {
    let credential = Credential::new(user, Secret::default());
    let last = principals(&credential, realm, conf).ok().and_then(|list| list.into_iter().next_back());
    last.map_or_else(|| credential.user().to_owned(), |principal| principal.to_string())
}

/// The service with the realm that the configuration puts its host into, so that nothing is looked up for that.
fn with_realm(service: &str, login: &Kerberos, conf: &Krb5Conf) -> String {
    if service.contains('@') {
        return service.to_owned();
    }
    let host = service.split_once('/').map_or(service, |(_, host)| host);
    let realm = conf.realm_of_host(host).or(login.realm.as_deref());
    realm.map_or_else(|| service.to_owned(), |realm| format!("{service}@{realm}"))
}

#[cfg(feature = "gssapi")]
async fn system(
    user: Option<String>,
    service: String,
    binding: Option<ChannelBinding>,
) -> Result<Begun, Failure> {
    let work = tokio::task::spawn_blocking(move || {
        let ticket = gssapi::Ticket::find(user.as_deref())?;
        let principal = ticket.principal().to_owned();
        let data = binding.map(|binding| binding.application_data().to_vec());
        let mut initiator = Box::new(gssapi::Initiator::new(ticket, &service, data)?);
        let token = initiator.token()?;
        Ok(Begun { token, principal, kdc_time: None, initiator: Made::System(initiator) })
    });
    work.await.unwrap_or(Err(Failure::BadKdc))
}

#[cfg(not(feature = "gssapi"))]
async fn system(_: Option<String>, _: String, _: Option<ChannelBinding>) -> Result<Begun, Failure> {
    Err(Failure::NotBuilt("the system's tickets"))
}

/// Whose ticket the system has: of `user`, or the default one. Nothing is sent.
///
/// # Errors
///
/// [`Failure::NoTicket`] and the like.
pub fn system_ticket(user: Option<&str>, realm: Option<&str>) -> Result<String, Failure> {
    let user = user.map(|user| principal(user, realm, &crate::transport::krb5_conf::read()));
    find(user.as_deref())
}

#[cfg(feature = "gssapi")]
fn find(user: Option<&str>) -> Result<String, Failure> {
    gssapi::Ticket::find(user).map(|ticket| ticket.principal().to_owned())
}

#[cfg(not(feature = "gssapi"))]
fn find(_: Option<&str>) -> Result<String, Failure> {
    Err(Failure::NotBuilt("the system's tickets"))
}

/// A KDC answers at once or not at all.
#[cfg(feature = "kerberos")]
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
