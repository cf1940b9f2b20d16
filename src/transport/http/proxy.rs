//! Which proxy a session goes through.

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Url;

use super::options::Proxy;
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// A way through a proxy.
pub(super) struct Route {
    proxy: reqwest::Proxy,
    shown: String,
    is_tunnel: bool,
}

impl Route {
    pub(super) fn proxy(&self) -> reqwest::Proxy {
        self.proxy.clone()
    }

    /// The proxy without its credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the proxy carries bytes, rather than requests which it reads and sends on as it likes.
    pub(super) fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }
}

/// Finds the proxy for a host, if there is one.
pub(super) fn route(choice: &Proxy, url: &Url) -> Result<Option<Route>, TransportError> {
    let matcher = match choice {
        Proxy::None => return Ok(None),
        Proxy::Environment => Matcher::from_env(),
        Proxy::Url(url) => Matcher::builder().all(url.expose().as_str()).build(),
    };
    let destination: Uri =
        url.as_str().parse().map_err(|_| policy("host, port and path do not make a URL"))?;
    match (matcher.intercept(&destination), choice) {
        (Some(found), _) => through(&found, url.scheme() == "https").map(Some),
        (None, Proxy::Url(_)) => Err(policy(UNKNOWN)),
        (None, _) => Ok(None),
    }
}

fn through(found: &Intercept, is_https: bool) -> Result<Route, TransportError> {
    let uri = found.uri();
    let scheme = uri.scheme_str().unwrap_or_default();
    if !["http", "socks5", "socks5h"].contains(&scheme) {
        return Err(policy(UNKNOWN));
    }
    let shown = format!("{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str()));
    let mut proxy = reqwest::Proxy::all(&shown).map_err(|error| policy(UNKNOWN).because(error))?;
    if let Some(value) = found.basic_auth() {
        proxy = proxy.custom_http_auth(value.clone());
    }
    if let Some((user, password)) = found.raw_auth() {
        proxy = proxy.basic_auth(user, password);
    }
    Ok(Route { proxy, shown, is_tunnel: is_https || scheme != "http" })
}

/// A connection that is lost between two legs was closed by a proxy that passes on requests one by one.
pub(super) fn blame(error: TransportError, route: Option<&Route>) -> TransportError {
    let is_lost = *error.kind() == TransportErrorKind::ConnectionLost;
    if is_lost && route.is_some_and(|route| !route.is_tunnel) {
        let cause = "it does not keep connections, and NTLM lives on one";
        return TransportError::new(TransportErrorKind::Proxy, Delivery::NotSent).because(cause);
    }
    error
}

fn policy(reason: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Policy(reason), Delivery::NotSent)
}

const UNKNOWN: &str =
    "the proxy is none that is known: http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT";

#[cfg(test)]
mod tests {
    use super::{Proxy, route};

    fn find(proxy: &str, url: &str) -> Result<(String, bool), String> {
        let choice = Proxy::Url(proxy.to_owned().into());
        match route(&choice, &url.parse().unwrap()) {
            Ok(route) => {
                route.map(|route| (route.shown().to_owned(), route.is_tunnel())).ok_or_else(String::new)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn forms_of_a_proxy() {
        for (proxy, url, shown, is_tunnel) in [
            ("http://p:3128", "https://hv1:5986/wsman", "http://p:3128", true),
            ("p:3128", "http://hv1:5985/wsman", "http://p:3128", false),
            ("http://user:secret@p:3128/", "http://hv1:5985/wsman", "http://p:3128", false),
            ("socks5://user:secret@[::1]:1080", "http://hv1:5985/wsman", "socks5://[::1]:1080", true),
            ("socks5h://p:1080", "https://hv1:5986/wsman", "socks5h://p:1080", true),
        ] {
            assert_eq!(find(proxy, url), Ok((shown.to_owned(), is_tunnel)), "{proxy}");
        }
    }

    #[test]
    fn what_is_no_proxy() {
        for proxy in ["https://user:secret@p:443", "ftp://p", "", "http://", "socks4://p:1080"] {
            let error = find(proxy, "https://hv1:5986/wsman").unwrap_err();
            assert!(error.starts_with("the proxy is none that is known"), "{proxy}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
