//! Client certificates: read from files, shown inside TLS, and what is said of those that do not help.

use std::sync::Arc;

use hvreplica::auth::ClientCertificate;
use hvreplica::auth::certificate::CertificateError;
use hvreplica::auth::ntlm::Protection;
use hvreplica::secret::Secret;
use hvreplica::transport::{
    Authentication, Delivery, Http, HttpOptions, Scheme, TlsFailure, TlsProblem, Transport, TransportError,
    TransportErrorKind, Trust,
};
use pkcs8::{LineEnding, PrivateKeyInfoRef};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ProtocolVersion, RootCertStore, ServerConfig};

use crate::session::{ask, endpoint};
use crate::support::host::{Host, Say, Setup};
use crate::tls::{chain, key_of};

/// An authority, and a client's certificate and key, in PEM.
struct Client {
    root: CertificateDer<'static>,
    certificate: String,
    key: KeyPair,
}

fn client() -> Client {
    client_of("Authority")
}

fn client_of(authority: &str) -> Client {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.distinguished_name.push(DnType::CommonName, authority);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(Vec::new()).unwrap().signed_by(&key, &root).unwrap();
    Client { root: root.der().clone(), certificate: leaf.pem(), key }
}

/// A listener that wants certificates of this client's authority.
async fn listen(client: &Client, says: Say) -> Host {
    let server = chain(|_| {});
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.root.clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.leaf.clone()], key_of(&server))
        .unwrap();
    let setup = Setup {
        tls: vec![Arc::new(config)],
        protection: Protection::None,
        takes_certificates: true,
        ..Setup::default()
    };
    Host::start(setup, move |_, _| says.clone()).await
}

async fn visit(host: &Host, certificate: ClientCertificate) -> Result<u16, TransportError> {
    let authentication = Authentication::Certificate(certificate);
    let mut options = HttpOptions::new(endpoint(Scheme::Https, host.address), authentication);
    options.trust = Trust::DangerAny;
    let http = Http::new(options)?;
    http.exchange(ask("first")).await?;
    Ok(http.exchange(ask("second")).await?.status)
}

fn read(client: &Client) -> ClientCertificate {
    let key = client.key.serialize_pem();
    ClientCertificate::from_pem(client.certificate.as_bytes(), key.as_bytes(), None).unwrap()
}

#[tokio::test]
async fn a_certificate_lets_in_over_tls_1_2() {
    let client = client();
    let host = listen(&client, Say::Soap(200, "<a/>".to_owned())).await;
    assert_eq!(visit(&host, read(&client)).await.unwrap(), 200);
    assert_eq!(host.connections_of_requests(), [1, 1]);
    assert_eq!(host.tls_versions(), [ProtocolVersion::TLSv1_2]);
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused_by_tls() {
    let known = client();
    let host = listen(&known, Say::Silence).await;
    let error = visit(&host, read(&client_of("Stranger"))).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (&TransportErrorKind::Tls, Delivery::NotSent));
    let failure: &TlsFailure = std::error::Error::source(&error).unwrap().downcast_ref().unwrap();
    assert!(matches!(failure.problem, TlsProblem::ClientCertificate(_)), "{failure:?}");
    assert!(host.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_without_an_account() {
    let client = client();
    let bare = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned();
    for (says, offered) in
        [(Say::Raw(bare), vec![]), (Say::Forget, vec!["Negotiate".to_owned(), "Basic".to_owned()])]
    {
        let host = listen(&client, says).await;
        let error = visit(&host, read(&client)).await.unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::CertificateRefused { offered });
        assert_eq!((error.delivery(), host.seen().len()), (Delivery::NotSent, 1));
    }
}

#[test]
fn no_certificate_over_http() {
    let authentication = Authentication::Certificate(read(&client()));
    let address = "127.0.0.1:5985".parse().unwrap();
    let error = Http::new(HttpOptions::new(endpoint(Scheme::Http, address), authentication)).err().unwrap();
    assert!(matches!(error.kind(), TransportErrorKind::Policy(_)));
}

#[test]
fn a_key_of_another_certificate() {
    let other = KeyPair::generate().unwrap().serialize_pem();
    let certificate =
        ClientCertificate::from_pem(client().certificate.as_bytes(), other.as_bytes(), None).unwrap();
    let authentication = Authentication::Certificate(certificate);
    let address = "127.0.0.1:5986".parse().unwrap();
    let error = Http::new(HttpOptions::new(endpoint(Scheme::Https, address), authentication)).err().unwrap();
    assert!(matches!(error.kind(), TransportErrorKind::Policy(_)));
}

#[test]
fn keys_of_every_kind() {
    let client = client();
    let der = client.key.serialize_der();
    let encrypted = PrivateKeyInfoRef::try_from(der.as_slice()).unwrap().encrypt("Wort ä").unwrap();
    let encrypted = encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap();
    let both = format!("{}{}", client.certificate, encrypted.as_str());
    let read = |text: &str, passphrase: Option<&str>| {
        let passphrase = passphrase.map(|passphrase| Secret::new(passphrase.to_owned()));
        ClientCertificate::from_pem(client.certificate.as_bytes(), text.as_bytes(), passphrase.as_ref())
            .map(|found| found.key().expose().clone())
    };
    assert_eq!(read(&both, Some("Wort ä")), Ok(der.clone()));
    assert_eq!(read(&client.key.serialize_pem(), Some("not needed")), Ok(der));
    for (text, passphrase, wanted) in [
        (both.as_str(), None, CertificateError::Encrypted),
        (&both, Some("Wort"), CertificateError::WrongPassphrase),
        (&both[..both.len() - 60], Some("Wort ä"), CertificateError::Malformed),
        (&client.certificate, None, CertificateError::NoKey),
        ("", None, CertificateError::NoKey),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            Some("x"),
            CertificateError::OldEncryption,
        ),
    ] {
        assert_eq!(read(text, passphrase).unwrap_err(), wanted);
    }
    let error = ClientCertificate::from_pem(b"", b"", None).unwrap_err();
    assert_eq!(error, CertificateError::NoCertificate);
}

#[cfg(feature = "pfx")]
#[test]
fn pfx_files() {
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};

    let client = client();
    let leaf = read(&client).chain()[0].clone();
    let chain = PrivateKeyChain::new(
        "client",
        PrivateKey::from_der(&client.key.serialize_der()).unwrap(),
        [Certificate::from_der(&leaf).unwrap()],
    );
    let mut store = KeyStore::new();
    store.add_entry("client", KeyStoreEntry::PrivateKeyChain(chain));
    let file = store.writer("Wort").write().unwrap();
    let open = |file: &[u8], passphrase: &str| {
        ClientCertificate::from_pfx(file, &Secret::new(passphrase.to_owned()))
    };
    let found = open(&file, "Wort").unwrap();
    assert_eq!((found.chain(), found.key().expose()), (&[leaf][..], &client.key.serialize_der()));
    assert_eq!(open(&file, "Ort").unwrap_err(), CertificateError::Pfx);
    assert_eq!(open(b"no file", "Wort").unwrap_err(), CertificateError::Pfx);
    let empty = KeyStore::new().writer("Wort").write().unwrap();
    assert_eq!(open(&empty, "Wort").unwrap_err(), CertificateError::EmptyPfx);
    assert!(!format!("{found:?}").contains("key: ["));
}
