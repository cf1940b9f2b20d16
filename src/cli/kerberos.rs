//! From arguments to Kerberos, and to the choice between it and NTLM.

use std::io::Write;

use crate::auth::kerberos::{Failure, service_names};
use crate::transport::{
    Authentication, Delivery, Kerberos, Tickets, TransportError, TransportErrorKind, system_ticket,
};

use super::args::Connection;
use super::connect::ConnectError;
use super::credential;

/// `--auth kerberos`: a keytab, else a password that was given, else the system's ticket, else a password asked for.
pub(super) fn kerberos(connection: &Connection, host: &str) -> Result<Authentication, ConnectError> {
    let services = services(connection, host).map_err(|failure| format!("{failure}: {}", failure.hint()))?;
    if let Some(tickets) = keytab(connection) {
        return Ok(Authentication::Kerberos(login(connection, services, tickets)));
    }
    if credential::is_given(connection) || connection.asks_anew {
        let tickets = Tickets::Password(credential::read(connection, host)?);
        return Ok(Authentication::Kerberos(login(connection, services, tickets)));
    }
    let tickets = match ticket(connection) {
        Ok(tickets) => tickets,
        Err(failure) => {
            tracing::info!("kerberos: {failure}");
            Tickets::Password(credential::read(connection, host).map_err(|_| failed(failure))?)
        }
    };
    Ok(Authentication::Kerberos(login(connection, services, tickets)))
}

/// `--auth negotiate`: Kerberos where it may be had, else NTLM.
pub(super) fn negotiate(connection: &Connection, host: &str) -> Result<Authentication, ConnectError> {
    let services = match services(connection, host) {
        Ok(services) => services,
        Err(failure) => return ntlm(connection, host, &failure.to_string()),
    };
    if let Some(tickets) = keytab(connection) {
        say(connection, "negotiate: using Kerberos with the keytab");
        return Ok(Authentication::Negotiate(login(connection, services, tickets), None));
    }
    if !credential::is_given(connection) && !connection.asks_anew {
        match ticket(connection) {
            Ok(tickets) => {
                say(connection, "negotiate: using Kerberos with the ticket of the system's cache");
                return Ok(Authentication::Negotiate(login(connection, services, tickets), None));
            }
            Err(failure) if connection.user.is_none() => {
                let text = "no user given: use --user NAME or HVREPLICA_USER; and";
                return Err(ConnectError::Usage(format!("{text} {failure}: {}", failure.hint())));
            }
            Err(failure) => tracing::info!("negotiate: {failure}"),
        }
    }
    if connection.user.as_deref().is_some_and(|user| user.starts_with(".\\")) {
        return ntlm(connection, host, "the user is an account of the host itself");
    }
    let credential = credential::read(connection, host)?;
    let login = login(connection, services, Tickets::Password(credential.clone()));
    Ok(Authentication::Negotiate(login, Some(credential)))
}

fn ntlm(connection: &Connection, host: &str, reason: &str) -> Result<Authentication, ConnectError> {
    say(connection, &format!("negotiate: using NTLM: {reason}"));
    Ok(Authentication::Ntlm(credential::read(connection, host)?))
}

/// Which method was chosen, and why.
fn say(connection: &Connection, text: &str) {
    if !connection.quiet {
        let _ = writeln!(std::io::stderr().lock(), "hvreplica: {text}");
    }
}

fn services(connection: &Connection, host: &str) -> Result<Vec<String>, Failure> {
    match &connection.spn {
        Some(service) => Ok(vec![service.clone()]),
        None => service_names(connection.kerberos_host.as_deref().unwrap_or(host)),
    }
}

fn keytab(connection: &Connection) -> Option<Tickets> {
    let file = connection.keytab.clone()?;
    credential::warn_of_readers(&file);
    Some(Tickets::Keytab { file, user: connection.user.clone() })
}

fn ticket(connection: &Connection) -> Result<Tickets, Failure> {
    let user = connection.user.clone();
    system_ticket(user.as_deref(), connection.realm.as_deref()).map(|_| Tickets::System { user })
}

fn login(connection: &Connection, services: Vec<String>, tickets: Tickets) -> Kerberos {
    Kerberos { tickets, realm: connection.realm.clone(), kdc: connection.kdc.clone(), services }
}

fn failed(failure: Failure) -> ConnectError {
    TransportError::new(TransportErrorKind::Kerberos(failure), Delivery::NotSent).into()
}
