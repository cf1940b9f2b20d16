//! Passwords in the system's keyring, one for each user and host.

use crate::secret::Secret;

/// Looks for a password. A keyring that cannot be asked is as good as an empty one.
#[cfg(feature = "keyring")]
pub(super) fn find(host: &str, user: &str) -> Option<Secret<String>> {
    match entry(host, user).and_then(|entry| entry.get_password()) {
        Ok(password) => {
            tracing::info!("the password comes from the keyring");
            Some(Secret::new(password))
        }
        Err(keyring::Error::NoEntry) => None,
        Err(_) => {
            tracing::debug!("the keyring cannot be asked");
            None
        }
    }
}

/// Keeps a password.
#[cfg(feature = "keyring")]
pub(super) fn keep(host: &str, user: &str, password: &Secret<String>) -> Result<(), String> {
    entry(host, user).and_then(|entry| entry.set_password(password.expose())).map_err(unusable)
}

/// Forgets a password; says whether there was one.
#[cfg(feature = "keyring")]
pub(super) fn forget(host: &str, user: &str) -> Result<bool, String> {
    match entry(host, user).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring::Error::NoEntry) => Ok(false),
        Err(error) => Err(unusable(error)),
    }
}

#[cfg(feature = "keyring")]
fn entry(host: &str, user: &str) -> keyring::Result<keyring::Entry> {
    keyring::Entry::new("hvreplica", &format!("{user} at {}", host.to_lowercase()))
}

#[cfg(feature = "keyring")]
fn unusable(error: keyring::Error) -> String {
    // Other errors quote what they could not store or read.
    match error {
        keyring::Error::PlatformFailure(cause) | keyring::Error::NoStorageAccess(cause) => {
            format!("the system's keyring cannot be used: {cause}")
        }
        _ => "the system's keyring cannot be used".to_owned(),
    }
}

#[cfg(not(feature = "keyring"))]
pub(super) fn find(_: &str, _: &str) -> Option<Secret<String>> {
    None
}

#[cfg(not(feature = "keyring"))]
pub(super) fn keep(_: &str, _: &str, _: &Secret<String>) -> Result<(), String> {
    Err(MISSING.to_owned())
}

#[cfg(not(feature = "keyring"))]
pub(super) fn forget(_: &str, _: &str) -> Result<bool, String> {
    Err(MISSING.to_owned())
}

/// Whether this build knows the system's keyring.
pub(super) const IS_THERE: bool = cfg!(feature = "keyring");
/// What to say where it does not.
pub(super) const MISSING: &str =
    "this build has no keyring (feature `keyring`): use --password-file or HVREPLICA_PASSWORD";
