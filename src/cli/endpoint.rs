//! From what a person writes to an endpoint.

use crate::transport::{Endpoint, Scheme};

use super::args::Connection;

/// Reads `--host` with `--http`, `--https` and `--port`.
pub(super) fn parse(host: &str, connection: &Connection) -> Result<Endpoint, String> {
    let (scheme, rest) = match host.split_once("://") {
        Some(("http", rest)) => (Some(Scheme::Http), rest),
        Some(("https", rest)) => (Some(Scheme::Https), rest),
        Some((other, _)) => return Err(format!("--host has the scheme {other:?}; http and https are known")),
        None => (None, host),
    };
    let scheme = match (scheme, connection.https, connection.http) {
        (Some(Scheme::Http), true, _) | (Some(Scheme::Https), _, true) => {
            return Err("--host and --http or --https contradict each other".to_owned());
        }
        (Some(scheme), _, _) => scheme,
        (None, true, _) => Scheme::Https,
        (None, false, _) => Scheme::Http,
    };
    let (authority, path) = rest.split_once('/').map_or((rest, "wsman"), |(authority, path)| {
        (authority, if path.is_empty() { "wsman" } else { path })
    });
    if authority.contains('@') {
        return Err("--host may not hold a user name; give --user".to_owned());
    }
    let (name, port) = split_port(authority)?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("--host {host:?} names no host"));
    }
    let usual = match scheme {
        Scheme::Http => 5985,
        Scheme::Https => 5986,
    };
    let port = match (connection.port, port) {
        (Some(wanted), Some(port)) if wanted != port => {
            return Err("--host and --port contradict each other".to_owned());
        }
        (wanted, port) => wanted.or(port).unwrap_or(usual),
    };
    Ok(Endpoint { scheme, host: name.to_owned(), port, path: format!("/{path}") })
}

/// A host as it may be written, without its port.
pub(super) fn without_port(host: &str) -> String {
    let (scheme, rest) = host.split_once("://").map_or(("", host), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let Ok((name, Some(_))) = split_port(authority) else { return host.to_owned() };
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("{scheme}{name}{path}")
}

/// Splits `NAME:PORT`, `[ADDRESS]:PORT`, and leaves a bare IPv6 address whole.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let bad = |port: &str| format!("{port:?} is no port");
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) =
            rest.split_once(']').ok_or_else(|| "--host lacks a closing bracket".to_owned())?;
        return match port.strip_prefix(':') {
            Some(port) => Ok((address, Some(port.parse().map_err(|_| bad(port))?))),
            None => Ok((address, None)),
        };
    }
    match authority.split_once(':') {
        Some((name, port)) if !port.contains(':') => Ok((name, Some(port.parse().map_err(|_| bad(port))?))),
        _ => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, parse};

    #[test]
    fn a_port_is_taken_off() {
        for (host, wanted) in [
            ("hv1:1234", "hv1"),
            ("hv1", "hv1"),
            ("https://[::1]:99/wsman", "https://[::1]/wsman"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(super::without_port(host), wanted);
        }
    }

    #[test]
    fn every_form_of_a_host() {
        let tls = Connection { https: true, ..Connection::default() };
        let plain = Connection::default();
        for (host, connection, wanted) in [
            ("hv1", &plain, "http://hv1:5985/wsman"),
            ("hv1", &tls, "https://hv1:5986/wsman"),
            ("hv1:80", &plain, "http://hv1:80/wsman"),
            ("fe80::1", &plain, "http://[fe80::1]:5985/wsman"),
            ("[::1]:1234", &tls, "https://[::1]:1234/wsman"),
            ("https://hv1/", &plain, "https://hv1:5986/wsman"),
            ("http://hv1:8080/a/b", &plain, "http://hv1:8080/a/b"),
        ] {
            assert_eq!(parse(host, connection).unwrap().url(), wanted, "{host}");
        }
        let port = Connection { port: Some(1), ..Connection::default() };
        for (host, connection) in [
            ("ftp://hv1", &plain),
            ("http://hv1", &tls),
            ("hv1:2", &port),
            ("hv1:x", &plain),
            ("", &plain),
            ("u@hv1", &plain),
        ] {
            assert!(parse(host, connection).is_err(), "{host}");
        }
    }
}
