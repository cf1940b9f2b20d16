//! Which certificates are good, and what is said about the others.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::auth::ChannelBinding;
use hvreplica::auth::ntlm::{Bindings, Protection};
use hvreplica::transport::{
    Authentication, Connection, Delivery, Http, HttpOptions, HttpRequest, Scheme, TlsFailure, TlsProblem,
    Transport, TransportError, TransportErrorKind, Trust,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::session::{ask, credential, endpoint};
use crate::support::host::{Host, PASSWORD, Say, Setup};

/// A root, and the certificate of a host that it signed.
pub(crate) struct Chain {
    pub(crate) root: String,
    pub(crate) leaf: CertificateDer<'static>,
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

impl Chain {
    /// The host's certificate in PEM.
    pub(crate) fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.leaf);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    /// Its key in PEM.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

/// Ends TLS with a certificate of its own, and begins it anew to the host, whose root it knows.
pub(crate) async fn man_in_the_middle(own: &Chain, right: &Chain, host: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(server(own));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(right.root.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut client = acceptor.accept(socket).await.unwrap();
            let socket = TcpStream::connect(host).await.unwrap();
            let mut host = connector.connect("127.0.0.1".try_into().unwrap(), socket).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut host).await });
        }
    });
    address
}

pub(crate) fn key_of(chain: &Chain) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(chain.key.serialize_der()).into()
}

fn server(chain: &Chain) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain.leaf.clone()], key_of(chain))
        .unwrap();
    Arc::new(config)
}

pub(crate) async fn listen(chain: &Chain) -> Host {
    listen_bound(chain, ChannelBinding::of_certificate(&chain.leaf).ntlm_hash()).await
}

async fn listen_bound(chain: &Chain, bindings: [u8; 16]) -> Host {
    let setup = Setup {
        tls: vec![server(chain)],
        protection: Protection::None,
        channel_bindings: Bindings::Required(bindings),
        ..Setup::default()
    };
    start(setup).await
}

/// Each connection gets the next of these.
async fn listen_in_turn(tls: Vec<Arc<ServerConfig>>) -> Host {
    start(Setup { tls, protection: Protection::None, ..Setup::default() }).await
}

async fn start(setup: Setup) -> Host {
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
    let elsewhere = SanType::DnsName("elsewhere.example".try_into().unwrap());
    let other = chain(|leaf| leaf.subject_alt_names = vec![elsewhere]);
    let authority = chain(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let namesake = chain(|_| {});
    let unrelated = chain_of("Other root", |_| {});
    let unknown = "the host's certificate leads to no trusted root (it may be self-signed)";
    let cases = [
        (&expired, expired.root.clone(), "the host's certificate has expired"),
        (&future, future.root.clone(), "the host's certificate is not valid yet"),
        (&other, other.root.clone(), "the host's certificate is for another name (elsewhere.example)"),
        (
            &authority,
            authority.root.clone(),
            "the host's certificate is that of an authority (CA:TRUE), which may not stand for a host",
        ),
        (&good, namesake.root.clone(), unknown),
        (&good, unrelated.root.clone(), unknown),
    ];
    for (chain, root, wanted) in cases {
        let host = listen(chain).await;
        let error = visit(&host, roots(&root), basic()).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
        let said = format!("{wanted}; its SHA-256 is {}", fingerprint(&chain.leaf));
        assert_eq!(error.source().unwrap().to_string(), said);
        assert!(host.seen().is_empty());
        // What the error says can be pinned.
        assert!(visit(&host, Trust::Pin(ring_digest(&chain.leaf)), basic()).await.is_ok());
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
    let said =
        format!("the host's certificate is not the pinned one; its SHA-256 is {}", fingerprint(&chain.leaf));
    assert_eq!(error.source().unwrap().to_string(), said);
}

fn fingerprint(leaf: &[u8]) -> String {
    ring_digest(leaf).iter().map(|byte| format!("{byte:02x}")).collect()
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

/// A certificate whose signature takes SHA-384, so that the binding does, too.
fn chain_of_sha384() -> Chain {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let root = CertifiedIssuer::self_signed(root, root_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &root).unwrap().der().clone();
    Chain { root: root.pem(), leaf, key }
}

#[tokio::test]
async fn ntlm_is_bound_to_the_channel() {
    let ntlm = || Authentication::Ntlm(credential(PASSWORD));
    for chain in [chain(|_| {}), chain_of_sha384()] {
        let host = listen(&chain).await;
        for trust in [roots(&chain.root), Trust::Pin(ring_digest(&chain.leaf)), Trust::DangerAny] {
            assert!(visit(&host, trust, ntlm()).await.is_ok());
        }
    }
    let chain = chain(|_| {});
    let host = listen_bound(&chain, [0; 16]).await;
    let error = visit(&host, roots(&chain.root), ntlm()).await.unwrap_err();
    assert!(matches!(error.kind(), TransportErrorKind::Refused { .. }));
    assert!(host.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_swapped_between_connections() {
    let (first, second) = (chain(|_| {}), chain(|_| {}));
    for (trust, is_good) in [
        (Trust::Pin(ring_digest(&first.leaf)), false),
        (roots(&first.root), false),
        (roots(&format!("{}{}", first.root, second.root)), true),
    ] {
        let host = listen_in_turn(vec![server(&first), server(&second)]).await;
        let mut options = HttpOptions::new(endpoint(Scheme::Https, host.address), basic());
        options.trust = trust;
        let http = Http::new(options).unwrap();
        http.exchange(ask("first")).await.unwrap();
        let again = HttpRequest { connection: Connection::Fresh, ..ask("second") };
        let answer = http.exchange(again).await;
        assert_eq!(answer.is_ok(), is_good);
        assert_eq!(host.seen().len(), if is_good { 2 } else { 1 });
        if let Err(error) = answer {
            assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
        }
    }
}

#[tokio::test]
async fn hosts_that_share_nothing_with_us() {
    let alert = |code: u8| format!("\x15\x03\x03\0\x02\x02{}", char::from(code));
    let cases = [
        (alert(40), TlsProblem::NoCommonSuite),
        (alert(70), TlsProblem::NoCommonVersion),
        (alert(116), TlsProblem::ClientCertificate("CertificateRequired".to_owned())),
        ("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), TlsProblem::NoTls),
    ];
    for (greeting, wanted) in cases {
        let setup = Setup { greeting: Some(greeting.into_bytes()), ..Setup::default() };
        let host = Host::start(setup, |_, _| Say::Silence).await;
        let error = visit(&host, Trust::DangerAny, basic()).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
        let failure: &TlsFailure = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!((&failure.problem, &failure.fingerprint), (&wanted, &None));
    }
}
