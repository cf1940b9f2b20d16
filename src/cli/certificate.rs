//! The client certificate of `--cert`, `--key` and `--pfx`.

use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use crate::auth::ClientCertificate;
use crate::auth::certificate::CertificateError;
use crate::secret::Secret;

use super::args::Connection;
use super::{credential, environment};

/// Reads the certificate and its key.
pub(super) fn read(connection: &Connection) -> Result<ClientCertificate, String> {
    match (&connection.cert, &connection.pfx) {
        (Some(cert), _) => from_pem(cert, connection.key.as_deref().unwrap_or(cert)),
        (None, Some(pfx)) => from_pfx(pfx),
        (None, None) => Err("--auth certificate needs --cert FILE and --key FILE, or --pfx FILE".to_owned()),
    }
}

/// Reads PEM; asks for a passphrase where the key needs one.
pub(super) fn from_pem(cert: &Path, key: &Path) -> Result<ClientCertificate, String> {
    let (certificates, private) = (read_file(cert)?, read_file(key)?);
    credential::warn_of_readers(key);
    let read = |passphrase: Option<&Secret<String>>| {
        ClientCertificate::from_pem(&certificates, &private, passphrase)
    };
    let found = match read(None) {
        Err(CertificateError::Encrypted) => read(Some(&passphrase(key)?)),
        found => found,
    };
    found.map_err(|error| {
        let file = if error == CertificateError::NoCertificate { cert } else { key };
        format!("{}: {error}", file.display())
    })
}

#[cfg(feature = "pfx")]
fn from_pfx(file: &Path) -> Result<ClientCertificate, String> {
    let bytes = read_file(file)?;
    credential::warn_of_readers(file);
    // Many a PFX file has an empty passphrase, which nobody can give by the environment.
    let found = match ClientCertificate::from_pfx(&bytes, &Secret::default()) {
        Err(CertificateError::Pfx) => ClientCertificate::from_pfx(&bytes, &passphrase(file)?),
        found => found,
    };
    found.map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(not(feature = "pfx"))]
fn from_pfx(_: &Path) -> Result<ClientCertificate, String> {
    Err("this build reads no PFX files: turn it into PEM with `openssl pkcs12`, for --cert and --key"
        .to_owned())
}

fn passphrase(file: &Path) -> Result<Secret<String>, String> {
    if let Some(passphrase) = environment::text("HVREPLICA_KEY_PASSPHRASE") {
        return Ok(Secret::new(passphrase));
    }
    if std::io::stdin().is_terminal() {
        let asked = rpassword::prompt_password(format!("Passphrase of {}: ", file.display()));
        return asked
            .map(Secret::new)
            .map_err(|error| format!("the passphrase cannot be asked for: {error}"));
    }
    Err(format!("{} needs a passphrase: use HVREPLICA_KEY_PASSPHRASE", file.display()))
}

fn read_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    std::fs::read(file).map(Zeroizing::new).map_err(|error| format!("{}: {error}", file.display()))
}
