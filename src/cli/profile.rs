//! Profiles: named sets of options in `config.toml`, without secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use etcetera::{BaseStrategy, choose_base_strategy};
use serde::Deserialize;

use crate::secret::Secret;

use super::args::{Connection, Method};
use super::duration::parse_duration;
use super::{endpoint, environment, proxy};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    profile: BTreeMap<String, toml::Table>,
}

/// The options of one profile; keys are the long options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Profile {
    host: Option<String>,
    https: bool,
    http: bool,
    port: Option<u16>,
    auth: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    keytab: Option<PathBuf>,
    realm: Option<String>,
    kdc: Option<String>,
    spn: Option<String>,
    kerberos_host: Option<String>,
    ca_cert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    pfx: Option<PathBuf>,
    proxy: Option<String>,
    pin_sha256: Option<String>,
    danger_accept_invalid_certs: bool,
    danger_allow_unencrypted: bool,
    connect_timeout: Option<String>,
    operation_timeout: Option<String>,
    poll_interval: Option<String>,
}

/// Fills in what was not given on the command line or by the environment.
pub(super) fn apply(mut connection: Connection) -> Result<Connection, String> {
    let Some(name) = connection.profile.clone() else { return Ok(connection) };
    let file =
        connection.config.clone().or_else(usual_file).ok_or("there is no folder for a configuration")?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let profile = find(&text, &name).map_err(|error| format!("{}: {error}", file.display()))?;
    let duration = |text: Option<String>| text.as_deref().map(parse_duration).transpose();
    // Where to go is taken as a whole: a host given otherwise does not get the scheme and port of this one.
    if connection.host.is_none() {
        let (host, port) = match (&profile.host, connection.port) {
            (Some(host), Some(_)) => (Some(endpoint::without_port(host)), connection.port),
            (host, _) => (host.clone(), profile.port),
        };
        connection.host = host;
        connection.port = port;
        let names_scheme = connection.https || connection.http;
        connection.https |= profile.https && !names_scheme;
        connection.http |= profile.http && !names_scheme;
    }
    if let (None, Some(method)) = (connection.auth, &profile.auth) {
        connection.auth = Some(Method::from_str(method, false)?);
    }
    connection.user = connection.user.or(profile.user);
    if !connection.password_stdin && !environment::is_set("HVREPLICA_PASSWORD") {
        connection.password_file = connection.password_file.or(profile.password_file);
    }
    connection.keytab = connection.keytab.or(profile.keytab);
    connection.realm = connection.realm.or(profile.realm);
    connection.kdc = connection.kdc.or(profile.kdc);
    if connection.spn.is_none() && connection.kerberos_host.is_none() {
        connection.spn = profile.spn;
        connection.kerberos_host = profile.kerberos_host;
    }
    connection.ca_cert = connection.ca_cert.or(profile.ca_cert);
    if connection.cert.is_none() && connection.pfx.is_none() {
        connection.cert = profile.cert;
        connection.key = connection.key.or(profile.key);
        connection.pfx = profile.pfx;
    }
    connection.proxy = connection.proxy.or_else(|| profile.proxy.map(Secret::new));
    connection.pin_sha256 = connection.pin_sha256.or(profile.pin_sha256);
    connection.danger_accept_invalid_certs |= profile.danger_accept_invalid_certs;
    connection.danger_allow_unencrypted |= profile.danger_allow_unencrypted;
    connection.connect_timeout = connection.connect_timeout.or(duration(profile.connect_timeout)?);
    connection.operation_timeout = connection.operation_timeout.or(duration(profile.operation_timeout)?);
    connection.poll_interval = connection.poll_interval.or(duration(profile.poll_interval)?);
    Ok(connection)
}

fn find(text: &str, name: &str) -> Result<Profile, String> {
    // The error of the parser would quote the line, which may hold what does not belong there.
    let config: Config =
        toml::from_str(text).map_err(|_| "not a configuration with tables [profile.NAME]")?;
    let mut profiles = config.profile;
    let known = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    let table = profiles.remove(name).ok_or_else(|| format!("no profile {name:?}; there are: {known}"))?;
    if table.contains_key("password") {
        return Err(format!("profile {name:?} holds a password; secrets are not allowed there"));
    }
    let keys = table.keys().cloned().collect::<Vec<_>>().join(", ");
    let profile: Result<Profile, _> = table.try_into();
    let profile = profile
        .map_err(|_| format!("profile {name:?} has a key or value that is not known, among {keys}"))?;
    if profile.proxy.as_deref().is_some_and(proxy::has_credentials) {
        return Err(format!("profile {name:?} has a proxy with credentials; secrets are not allowed there"));
    }
    Ok(profile)
}

fn usual_file() -> Option<PathBuf> {
    let folder = choose_base_strategy().ok()?.config_dir();
    Some(folder.join("hvreplica").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::find;

    const TEXT: &str = "[profile.lab]\nhost = 'hv1'\nport = 1\nhttps = true\nproxy = 'http://p:1'\n[profile.x]\npassword = 'p-w'\n";

    proptest! {
        #[test]
        fn any_file_is_a_configuration_or_refused(text in any::<String>(), at in 0..TEXT.len(), byte in 0_u8..0x80) {
            let mut changed = TEXT.as_bytes().to_vec();
            changed[at] = byte;
            for text in [text.as_str(), std::str::from_utf8(&changed).unwrap()] {
                let errors = ["lab", "x"].map(|name| find(text, name).err().unwrap_or_default());
                prop_assert!(errors.iter().all(|error| !error.contains("p-w")), "{errors:?}");
            }
        }
    }

    #[test]
    fn profiles_hold_options_and_no_secrets() {
        let text = "[profile.lab]\nhost = 'hv1'\nhttps = true\nconnect-timeout = '5s'\n[profile.bad]\npassword = 'p-w'\n[profile.odd]\nx = 1\n[profile.way]\nproxy = 'http://me:p-w@p:1'";
        let lab = find(text, "lab").unwrap();
        assert_eq!((lab.host.as_deref(), lab.https), (Some("hv1"), true));
        let errors = ["bad", "odd", "way", "none"].map(|name| find(text, name).unwrap_err());
        assert!(errors.iter().all(|error| !error.contains("p-w")), "{errors:?}");
        assert!(errors[0].contains("secrets are not allowed"), "{errors:?}");
    }
}
