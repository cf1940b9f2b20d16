//! The simulated host behind TLS.

use std::sync::Arc;

use hvreplica::auth::ClientCertificate;
use hvreplica::client::{Client, ClientOptions, Retry, Surroundings};
use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Hardening, Server, ServerTls};
use hvreplica::transport::{Authentication, Http, HttpOptions, Scheme, TransportErrorKind, Trust};
use rcgen::{CertificateParams, OtherNameValue, SanType, date_time_ymd};

use super::server::{PASSWORD, USER, credential, settings};
use crate::session::endpoint;
use crate::tls::{Chain, chain};

async fn start(chain: &Chain, hardening: Hardening) -> Server {
    let identity = ClientCertificate::from_pem(chain.pem().as_bytes(), chain.key_pem().as_bytes(), None);
    let mut settings = settings("healthy");
    settings.tls = Some(ServerTls { identity: identity.unwrap(), hardening });
    settings.offers.basic = true;
    Server::start(settings).await.unwrap()
}

fn client(server: &Server, authentication: Authentication) -> Client {
    let mut options = HttpOptions::new(endpoint(Scheme::Https, server.address()), authentication);
    options.trust = Trust::DangerAny;
    let mut client = ClientOptions::new(server.url());
    client.retry = Retry::NEVER;
    Client::new(Arc::new(Http::new(options).unwrap()), client, Surroundings::default(), SCHEMA)
}

#[tokio::test]
async fn lets_in_whoever_is_bound_to_its_channel() {
    let chain = chain(|_| {});
    for hardening in [Hardening::None, Hardening::Relaxed, Hardening::Strict] {
        let server = start(&chain, hardening).await;
        assert!(server.url().starts_with("https://"), "{}", server.url());
        for authentication in
            [Authentication::Ntlm(credential(PASSWORD)), Authentication::Basic(credential(PASSWORD))]
        {
            client(&server, authentication).identify().await.unwrap();
        }
        let truth = server.truth();
        assert_eq!((truth.violations, truth.requests.len(), truth.handshakes), (vec![], 2, 1), "{USER}");
        let wrong = client(&server, Authentication::Ntlm(credential("wrong")));
        assert!(wrong.identify().await.unwrap_err().is_unauthorized());
    }
}

/// A man in the middle who ends TLS with a certificate of his own, which the client takes for good.
#[tokio::test]
async fn whoever_is_bound_to_another_channel_is_refused() {
    let (right, other) = (chain(|_| {}), chain(|_| {}));
    for (hardening, gets_in) in
        [(Hardening::None, true), (Hardening::Relaxed, false), (Hardening::Strict, false)]
    {
        let server = start(&right, hardening).await;
        let middle = crate::tls::man_in_the_middle(&other, &right, server.address()).await;
        let mut options =
            HttpOptions::new(endpoint(Scheme::Https, middle), Authentication::Ntlm(credential(PASSWORD)));
        options.trust = Trust::DangerAny;
        let http = Arc::new(Http::new(options).unwrap());
        let mut client = ClientOptions::new(server.url());
        client.retry = Retry::NEVER;
        let client = Client::new(http, client, Surroundings::default(), SCHEMA);
        let answer = client.identify().await;
        assert_eq!(answer.is_ok(), gets_in, "{hardening:?}");
        let rules: Vec<_> = server.truth().violations.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, if gets_in { vec![] } else { vec!["ntlm"] });
        assert_eq!(server.truth().requests.len(), usize::from(gets_in));
    }
}

/// The principal name of an account in a certificate.
fn for_account(account: &str) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let oid = vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
        let name = OtherNameValue::Utf8String(account.to_owned());
        params.subject_alt_names = vec![SanType::OtherName((oid, name))];
    }
}

#[tokio::test]
async fn client_certificates() {
    let (host, right, other) = (
        chain(|_| {}),
        chain(for_account("operator@example.test")),
        chain(for_account("operator@example.test")),
    );
    // The same root cannot sign twice here, so that these have roots of their own, all of them trusted.
    let eve = chain(for_account("eve@example.test"));
    let nobody = chain(|_| {});
    let expired = chain(|params| {
        for_account("operator@example.test")(params);
        params.not_after = date_time_ymd(2026, 11, 23);
    });
    let roots = [&right, &eve, &nobody, &expired].map(|chain| chain.root.as_str()).concat();
    let identity = ClientCertificate::from_pem(host.pem().as_bytes(), host.key_pem().as_bytes(), None);
    let mut settings = settings("healthy");
    settings.tls = Some(ServerTls { identity: identity.unwrap(), hardening: Hardening::Strict });
    settings.client_roots = roots.into_bytes();
    settings.offers.certificate = true;
    let server = Server::start(settings).await.unwrap();

    let shown = |chain: &Chain| {
        ClientCertificate::from_pem(chain.pem().as_bytes(), chain.key_pem().as_bytes(), None).unwrap()
    };
    let negotiate = vec!["Negotiate".to_owned()];
    for (name, chain, wanted) in [
        ("right", &right, None),
        ("eve", &eve, Some(negotiate.clone())),
        ("nobody", &nobody, Some(negotiate)),
        ("other", &other, Some(Vec::new())),
        ("expired", &expired, Some(Vec::new())),
    ] {
        let client = client(&server, Authentication::Certificate(shown(chain)));
        let error = client.identify().await.err();
        let offered = error.map(|error| match error.transport().unwrap() {
            TransportErrorKind::CertificateRefused { offered } => offered.clone(),
            kind => panic!("{name}: {kind:?}"),
        });
        assert_eq!(offered, wanted, "{name}");
    }
    // Who shows none gets in by other methods.
    client(&server, Authentication::Ntlm(credential(PASSWORD))).identify().await.unwrap();
    let truth = server.truth();
    assert_eq!(truth.requests.len(), 2);
    let rules: Vec<_> = truth.violations.iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["certificate", "certificate"]);
}
