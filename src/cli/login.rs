//! `login` and `logout`: the password in the system's keyring.

use std::io::Write;

use serde_json::json;

use super::args::{Connection, Format};
use super::connect::{Account, ConnectError, Host};
use super::exit::Exit;
use super::fail::Fail;
use super::keyring;

/// Runs `login`.
pub(super) async fn login(connection: &Connection) -> Exit {
    match keep(connection).await {
        Ok(account) => say(connection.output, &account, true),
        Err(fail) => fail.end(connection.output),
    }
}

/// Runs `logout`.
pub(super) fn logout(connection: &Connection) -> Exit {
    let account = match Account::of(connection) {
        Ok(account) => account,
        Err(message) => return Fail::usage(message).end(connection.output),
    };
    match keyring::forget(&account.host, &account.user) {
        Ok(was_there) => say(connection.output, &account, was_there),
        Err(message) => Fail::usage(message).end(connection.output),
    }
}

/// Keeps the password once the host has taken it.
async fn keep(connection: &Connection) -> Result<Account, Fail> {
    if !keyring::IS_THERE {
        return Err(Fail::usage(keyring::MISSING));
    }
    let connection = Connection { asks_anew: true, ..connection.clone() };
    let account = Account::of(&connection).map_err(Fail::usage)?;
    let host = Host::new(&connection)?;
    let password =
        host.password().ok_or_else(|| Fail::usage("this method has no password that could be kept"))?;
    let client = host.client().map_err(ConnectError::from)?;
    client.identify().await.map_err(Fail::from)?;
    keyring::keep(&account.host, &account.user, &password).map_err(Fail::usage)?;
    Ok(account)
}

fn say(format: Format, account: &Account, is_done: bool) -> Exit {
    let mut out = std::io::stdout().lock();
    let Account { host, user } = account;
    let _ = match (format, is_done) {
        (Format::Human, true) => writeln!(out, "{user} at {host}: done"),
        (Format::Human, false) => writeln!(out, "{user} at {host}: there was no password in the keyring"),
        _ => writeln!(out, "{}", json!({ "format": 1, "host": host, "user": user, "changed": is_done })),
    };
    Exit::Success
}
