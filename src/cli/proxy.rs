//! The proxy, and what there is to say of it.

use crate::secret::Secret;
use crate::transport::{HttpOptions, Proxy, Scheme, TransportError};

use super::args::Connection;

/// Reads `--proxy`; without it the environment decides.
pub(super) fn choose(connection: &Connection) -> Proxy {
    match &connection.proxy {
        None => Proxy::Environment,
        Some(url) if url.expose().eq_ignore_ascii_case("none") => Proxy::None,
        Some(url) => Proxy::Url(url.clone()),
    }
}

/// Says through which proxy the session goes, and what that may break.
pub(super) fn tell(options: &HttpOptions) -> Result<(), TransportError> {
    let Some(proxy) = options.proxy_in_use()? else { return Ok(()) };
    let url = &proxy.url;
    tracing::info!("through the proxy {url}");
    if !proxy.is_tunnel && options.endpoint.scheme == Scheme::Http {
        tracing::warn!(
            "the proxy {url} sends http requests on by itself: authentication works only if it keeps one connection to the host for each of ours; else use --https, a socks5 proxy or --proxy none"
        );
    }
    Ok(())
}

/// Takes the value of `--proxy`, which may hold a password.
pub(super) fn parse(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// Whether a proxy's URL holds a user name or password.
pub(super) fn has_credentials(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.split('/').next().unwrap_or_default().contains('@')
}
