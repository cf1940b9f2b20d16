//! Which certificates are good, and what is said about the others.

use std::error::Error;
use std::sync::Arc;

use hvreplica::auth::ntlm::Protection;
use hvreplica::transport::{
    Authentication, Delivery, Http, HttpOptions, Scheme, Transport, TransportError, TransportErrorKind, Trust,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::session::{ask, credential, endpoint};
use crate::support::host::{Host, PASSWORD, Say, Setup};

/// A root, and the certificate of a host that it signed.
pub(crate) struct Chain {
    pub(crate) root: String,
    leaf: CertificateDer<'static>,
    key: KeyPair,
}

pub(crate) fn chain(change: impl FnOnce(&mut CertificateParams)) -> Chain {
    chain_of("Root", change)
}

pub(crate) fn chain_of(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Chain {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.distinguished_name.push(DnType::CommonName, name);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &root).unwrap().der().clone();
    Chain { root: root.pem(), leaf, key }
}

pub(crate) async fn listen(chain: &Chain) -> Host {
    let key = PrivatePkcs8KeyDer::from(chain.key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain.leaf.clone()], key.into())
        .unwrap();
    let setup = Setup { tls: Some(Arc::new(config)), protection: Protection::None, ..Setup::default() };
    Host::start(setup, |_, seen| Say::Soap(200, format!("sealed: {}", seen.sealed))).await
}

async fn visit(host: &Host, trust: Trust, authentication: Authentication) -> Result<String, TransportError> {
    let mut options = HttpOptions::new(endpoint(Scheme::Https, host.address), authentication);
    options.trust = trust;
    let response = Http::new(options)?.exchange(ask("<request/>")).await?;
    Ok(String::from_utf8(response.body).unwrap())
}

fn roots(pem: &str) -> Trust {
    Trust::Roots { extra: pem.as_bytes().to_vec() }
}

fn basic() -> Authentication {
    Authentication::Basic(credential(PASSWORD))
}

#[tokio::test]
async fn inside_tls_bodies_go_unsealed() {
    let chain = chain(|_| {});
    let host = listen(&chain).await;
    for authentication in [basic(), Authentication::Ntlm(credential(PASSWORD))] {
        assert_eq!(visit(&host, roots(&chain.root), authentication).await.unwrap(), "sealed: false");
    }
    assert_eq!(host.handshakes(), 1);
}

#[tokio::test]
async fn certificates_that_are_not_good() {
    let good = chain(|_| {});
    let expired = chain(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let future = chain(|leaf| leaf.not_before = date_time_ymd(2090, 1, 1));
    let other = chain(|leaf| leaf.subject_alt_names.clear());
    let namesake = chain(|_| {});
    let unrelated = chain_of("Other root", |_| {});
    let unknown = "the host's certificate leads to no trusted root (it may be self-signed)";
    let cases = [
        (&expired, expired.root.clone(), "the host's certificate has expired"),
        (&future, future.root.clone(), "the host's certificate is not valid yet"),
        (&other, other.root.clone(), "the host's certificate is for another name"),
        (&good, namesake.root.clone(), unknown),
        (&good, unrelated.root.clone(), unknown),
    ];
    for (chain, root, wanted) in cases {
        let host = listen(chain).await;
        let error = visit(&host, roots(&root), basic()).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
        assert_eq!(error.source().unwrap().to_string(), wanted);
        assert!(host.seen().is_empty());
    }
}

#[tokio::test]
async fn pins() {
    let chain = chain(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let host = listen(&chain).await;
    let pin: [u8; 32] = ring_digest(&chain.leaf);
    assert!(visit(&host, Trust::Pin(pin), basic()).await.is_ok());
    assert!(visit(&host, Trust::DangerAny, basic()).await.is_ok());
    let error = visit(&host, Trust::Pin([7; 32]), basic()).await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the host's certificate is not the pinned one");
}

fn ring_digest(bytes: &[u8]) -> [u8; 32] {
    let rustls::SupportedCipherSuite::Tls13(suite) = ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256
    else {
        unreachable!()
    };
    suite.common.hash_provider.hash(bytes).as_ref().try_into().unwrap()
}

#[test]
fn roots_have_to_be_pem() {
    for text in ["no PEM", "-----BEGIN CERTIFICATE-----\n"] {
        let address = "127.0.0.1:5986".parse().unwrap();
        let mut options = HttpOptions::new(endpoint(Scheme::Https, address), basic());
        options.trust = roots(text);
        let error = Http::new(options).err().unwrap();
        assert!(matches!(error.kind(), TransportErrorKind::Policy(_)), "{text}");
    }
}
