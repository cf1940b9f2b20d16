//! Where to go, as whom, and whom to trust.

use std::net::SocketAddr;
use std::time::Duration;

use super::login::Kerberos;
use crate::auth::{ClientCertificate, Credential};
use crate::secret::Secret;
use crate::transport::TransportError;
#[cfg(doc)]
use crate::transport::TransportErrorKind;

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear; bodies are sealed, or not sent.
    Http,
    /// Inside TLS.
    Https,
}

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The scheme.
    pub scheme: Scheme,
    /// Name or address; an IPv6 address with or without brackets.
    pub host: String,
    /// Port; by custom 5985, with TLS 5986.
    pub port: u16,
    /// Path; by custom `/wsman`.
    pub path: String,
}

/// How to prove who asks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Authentication {
    /// The password itself, with every request. Refused over http unless
    /// [`danger_allow_unencrypted`](HttpOptions::danger_allow_unencrypted) is set.
    Basic(Credential),
    /// NTLMv2 under the `Negotiate` scheme; over http with sealed bodies.
    Ntlm(Credential),
    /// Kerberos, under `Kerberos` if that is offered, else under `Negotiate`; over http with sealed bodies.
    Kerberos(Kerberos),
    /// The same, under `Negotiate` if that is offered; where Kerberos cannot be had, NTLM for the credential.
    Negotiate(Kerberos, Option<Credential>),
    /// CredSSP with NTLM inside: hands the password over to the host, once the host has proven that nobody stands
    /// between; over http with sealed bodies.
    #[cfg(feature = "credssp")]
    Credssp(Credential),
    /// A certificate that the host maps to an account; over https only, and with TLS 1.2.
    Certificate(ClientCertificate),
}

/// Which proxy to go through.
#[derive(Clone, Debug)]
pub enum Proxy {
    /// None, whatever the environment says.
    None,
    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in either case.
    Environment,
    /// `http://`, `socks5://` or `socks5h://`, with user name and password where it wants them. With `socks5h` the
    /// proxy looks up the host's name, as an http proxy does.
    Url(Secret<String>),
}

/// Which certificates of the host are good.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that lead to a root of the platform or of `extra`, are valid now, and are for the host's name.
    Roots {
        /// More roots, as PEM; may be empty.
        extra: Vec<u8>,
    },
    /// Exactly the one with this SHA-256, whatever else it says.
    Pin([u8; 32]),
    /// Any. Whoever is on the way can then read and change everything.
    DangerAny,
}

/// Who does TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsBackend {
    /// rustls: TLS 1.2 and 1.3 with forward secrecy and authenticated encryption alone.
    Rustls,
    /// The system's library, in a build with the feature `native-tls`: with the cipher suites of old hosts, without
    /// pinned certificates.
    Native,
}

/// What an [`Http`](super::Http) transport is made from.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where the service listens.
    pub endpoint: Endpoint,
    /// How to prove who asks.
    pub authentication: Authentication,
    /// Which certificates are good.
    pub trust: Trust,
    /// Who does TLS.
    pub tls_backend: TlsBackend,
    /// Which proxy to go through.
    pub proxy: Proxy,
    /// Lets Basic and its bodies cross plain http.
    pub danger_allow_unencrypted: bool,
    /// For the connection with its TLS, and for each leg of authentication.
    pub connect_timeout: Duration,
    /// Name servers to ask for KDCs, where neither the options nor `krb5.conf` name one; none for the system's.
    pub name_servers: Vec<SocketAddr>,
    /// The largest response body in bytes.
    pub response_limit: usize,
}

impl HttpOptions {
    /// Options with nothing dangerous in them: platform roots, no proxy, 30 s to connect, responses up to 16 MiB.
    pub fn new(endpoint: Endpoint, authentication: Authentication) -> Self {
        Self {
            endpoint,
            authentication,
            trust: Trust::Roots { extra: Vec::new() },
            tls_backend: TlsBackend::Rustls,
            proxy: Proxy::None,
            danger_allow_unencrypted: false,
            connect_timeout: Duration::from_secs(30),
            name_servers: Vec::new(),
            response_limit: 16 * 1024 * 1024,
        }
    }
}

impl HttpOptions {
    /// The proxy that the session will go through, without its credentials.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Policy`] for a proxy that is none.
    pub fn proxy_in_use(&self) -> Result<Option<ProxyInUse>, TransportError> {
        let route = super::proxy::route(&self.proxy, &super::url(&self.endpoint)?)?;
        Ok(route.map(|route| ProxyInUse { url: route.shown().to_owned(), is_tunnel: route.is_tunnel() }))
    }
}

/// A proxy on the way to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyInUse {
    /// Its URL, without credentials.
    pub url: String,
    /// Whether it carries bytes (CONNECT, SOCKS), rather than requests one by one, which it may spread over
    /// connections.
    pub is_tunnel: bool,
}

impl Endpoint {
    /// The URL, with its port.
    pub fn url(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{scheme}://{host}:{}/{}", self.port, self.path.trim_start_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Scheme};

    #[test]
    fn urls() {
        let cases = [
            (Scheme::Http, "hv1", 5985, "/wsman", "http://hv1:5985/wsman"),
            (Scheme::Https, "fe80::1", 5986, "wsman", "https://[fe80::1]:5986/wsman"),
            (Scheme::Https, "[::1]", 5986, "/a/b", "https://[::1]:5986/a/b"),
        ];
        for (scheme, host, port, path, wanted) in cases {
            let endpoint = Endpoint { scheme, host: host.to_owned(), port, path: path.to_owned() };
            assert_eq!(endpoint.url(), wanted);
        }
    }
}
