//! Sessions through proxies: they stay on one connection, and nothing is sealed less.

use std::error::Error;
use std::net::SocketAddr;

use hvreplica::transport::{
    Authentication, Delivery, Http, HttpOptions, Proxy, Scheme, Transport, TransportError,
    TransportErrorKind, Trust,
};
use tokio::net::TcpListener;

use crate::session::{ask, credential, endpoint};
use crate::support::host::{Host, PASSWORD};
use crate::support::relay::{Ask, Relay};
use crate::tls::{chain, listen};

async fn visit(host: &Host, scheme: Scheme, proxy: Proxy) -> Result<(), TransportError> {
    let mut options =
        HttpOptions::new(endpoint(scheme, host.address), Authentication::Ntlm(credential(PASSWORD)));
    options.proxy = proxy;
    options.trust = Trust::DangerAny;
    let http = Http::new(options)?;
    for body in ["first", "second", "third"] {
        assert_eq!(http.exchange(ask(body)).await?.status, 200);
    }
    Ok(())
}

fn through(scheme: &str, relay: &Relay) -> Proxy {
    Proxy::Url(format!("{scheme}{}", relay.address).into())
}

/// An address where nobody listens.
async fn unused() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// `me:Wort` in Basic.
const GIVEN: &str = "Basic bWU6V29ydA==";

#[tokio::test]
async fn http_proxies_carry_tls() {
    let host = listen(&chain(|_| {})).await;
    for (authorization, scheme) in [(None, "http://"), (Some(GIVEN), "http://me:Wort@")] {
        let relay = Relay::start(Ask::Http(authorization)).await;
        visit(&host, Scheme::Https, through(scheme, &relay)).await.unwrap();
        assert_eq!((relay.connections(), relay.wanted()), (1, vec![host.address.to_string()]));
    }
    assert_eq!((host.connections(), host.handshakes()), (2, 2));
}

#[tokio::test]
async fn http_proxies_pass_on_sealed_requests() {
    let host = Host::friendly().await;
    for (authorization, scheme) in [(None, "http://"), (Some(GIVEN), "http://me:Wort@")] {
        let relay = Relay::start(Ask::Http(authorization)).await;
        visit(&host, Scheme::Http, through(scheme, &relay)).await.unwrap();
        let url = format!("http://{}/wsman", host.address);
        assert_eq!((relay.connections(), relay.wanted()), (1, vec![url; 5]));
    }
    assert_eq!((host.connections(), host.handshakes()), (2, 2));
    assert!(host.seen().iter().all(|seen| seen.sealed));
}

#[tokio::test]
async fn socks_carries_both() {
    let tls = listen(&chain(|_| {})).await;
    let plain = Host::friendly().await;
    for (host, scheme) in [(&tls, Scheme::Https), (&plain, Scheme::Http)] {
        for (credentials, url) in
            [(None, "socks5://"), (None, "socks5h://"), (Some(("me", "Wort")), "socks5://me:Wort@")]
        {
            let relay = Relay::start(Ask::Socks(credentials)).await;
            visit(host, scheme, through(url, &relay)).await.unwrap();
            assert_eq!((relay.connections(), relay.wanted()), (1, vec![host.address.to_string()]));
        }
        assert_eq!((host.connections(), host.handshakes()), (3, 3));
    }
}

#[tokio::test]
async fn proxies_that_do_not_let_us_through() {
    let tls = listen(&chain(|_| {})).await;
    let plain = Host::friendly().await;
    let strict = Relay::start(Ask::Http(Some(GIVEN))).await;
    let strict_socks = Relay::start(Ask::Socks(Some(("me", "Wort")))).await;
    let cases = [
        (&tls, Scheme::Https, through("http://", &strict)),
        (&tls, Scheme::Https, through("http://me:secret-1@", &strict)),
        (&plain, Scheme::Http, through("http://me:secret-1@", &strict)),
        (&plain, Scheme::Http, through("socks5://me:secret-1@", &strict_socks)),
        (&plain, Scheme::Http, Proxy::Url(format!("http://me:secret-1@{}", unused().await).into())),
        (&plain, Scheme::Http, Proxy::Url("socks5h://no-such-proxy.invalid:1080".to_owned().into())),
    ];
    for (host, scheme, proxy) in cases {
        let error = visit(host, scheme, proxy).await.unwrap_err();
        let said = format!("{error}: {:?} {:?}", error.source(), error);
        assert_eq!(
            (error.kind(), error.delivery()),
            (&TransportErrorKind::Proxy, Delivery::NotSent),
            "{said}"
        );
        assert!(!said.contains("secret-1"), "{said}");
    }
    assert_eq!((tls.connections(), plain.connections()), (0, 0));
}

#[tokio::test]
async fn a_host_that_the_proxy_cannot_reach() {
    let relay = Relay::start(Ask::Http(None)).await;
    let mut options =
        HttpOptions::new(endpoint(Scheme::Https, unused().await), Authentication::Ntlm(credential(PASSWORD)));
    options.proxy = through("http://", &relay);
    let error = Http::new(options).unwrap().exchange(ask("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Proxy, Delivery::NotSent));
}

#[tokio::test]
async fn a_proxy_that_keeps_no_connections() {
    let host = Host::friendly().await;
    let relay = Relay::start(Ask::HttpOnce).await;
    let error = visit(&host, Scheme::Http, through("http://", &relay)).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Proxy, Delivery::NotSent));
    assert_eq!(error.source().unwrap().to_string(), "it does not keep connections, and NTLM lives on one");
    assert!(host.seen().is_empty());
}
