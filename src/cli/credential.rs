//! Where the password comes from: never from an argument.

use std::io::{IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::auth::Credential;
use crate::secret::Secret;

use super::args::Connection;
use super::{environment, keyring};

/// The credential: the name from `--user`, the password from standard input, a file, the environment, the system's
/// keyring, or asked for on the terminal.
pub(super) fn read(connection: &Connection, host: &str) -> Result<Credential, String> {
    let user = connection.user.as_deref().ok_or(NO_USER)?;
    Ok(Credential::new(user, password(connection, host, user)?))
}

/// Whether a password was given, or is what this is about, so that no ticket takes its place.
pub(super) fn is_given(connection: &Connection) -> bool {
    connection.asks_anew
        || connection.password_stdin
        || connection.password_file.is_some()
        || environment::is_set("HVREPLICA_PASSWORD")
}

fn password(connection: &Connection, host: &str, user: &str) -> Result<Secret<String>, String> {
    if connection.password_stdin {
        let mut text = Zeroizing::new(String::new());
        let mut input = std::io::stdin().lock().take(LONGEST);
        input.read_to_string(&mut text).map_err(|_| "standard input is no text")?;
        return Ok(first_line(&text));
    }
    if let Some(file) = &connection.password_file {
        return read_file(file);
    }
    if let Some(password) = environment::text("HVREPLICA_PASSWORD") {
        return Ok(Secret::new(password));
    }
    if !connection.asks_anew
        && let Some(password) = keyring::find(host, user)
    {
        return Ok(password);
    }
    if std::io::stdin().is_terminal() {
        let asked = rpassword::prompt_password(format!("Password of {user}: "));
        return asked.map(Secret::new).map_err(|error| format!("the password cannot be asked for: {error}"));
    }
    Err("no password given: use --password-stdin, --password-file or HVREPLICA_PASSWORD".to_owned())
}

fn read_file(file: &Path) -> Result<Secret<String>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = Zeroizing::new(text);
    warn_of_readers(file);
    Ok(first_line(&text))
}

/// Says so where others can read a file that holds a secret.
pub(super) fn warn_of_readers(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let is_open = std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o077 != 0);
        if is_open {
            tracing::warn!("{} can be read by others; chmod 600 it", file.display());
        }
    }
    #[cfg(not(unix))]
    let _ = file;
}

fn first_line(text: &str) -> Secret<String> {
    Secret::new(text.split(['\r', '\n']).next().unwrap_or_default().to_owned())
}

/// What is missing without `--user`.
pub(super) const NO_USER: &str = "no user given: use --user NAME or HVREPLICA_USER";
const LONGEST: u64 = 64 * 1024;
