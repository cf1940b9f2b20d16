//! The simulated host offers CredSSP.

use std::sync::Arc;
use std::time::Duration;

use hvreplica::auth::ClientCertificate;
use hvreplica::client::{Client, ClientOptions, Retry, Surroundings};
use hvreplica::error::Error;
use hvreplica::job::FollowOptions;
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::replica::{OutcomeKind, ResynchronizeOptions, find, resynchronize};
use hvreplica::simulator::{
    Action, Damage, Hardening, Hits, HostTime, Injection, Matcher, Operation, Server, ServerSettings,
    ServerTls, TARGET,
};
use hvreplica::transport::{Authentication, Http, HttpOptions, Scheme, TransportErrorKind, Trust};
use hvreplica::wsman::{Enumerate, Wql};

use super::server::{PASSWORD, client_as, credential, settings, start, wql};
use crate::session::endpoint;
use crate::tls::chain;

/// A host that offers CredSSP alone.
fn credssp(scenario: &str) -> ServerSettings {
    let mut settings = settings(scenario);
    settings.offers.negotiate = false;
    settings.offers.credssp = true;
    settings
}

fn client(server: &Server, password: &str) -> Client {
    client_as(server, Authentication::Credssp(credential(password)))
}

#[tokio::test]
async fn a_resynchronization_over_http_and_over_https() {
    let chain = chain(|_| {});
    for scheme in [Scheme::Http, Scheme::Https] {
        let mut settings = credssp("healthy");
        settings.pace = HostTime::Times(2000);
        if scheme == Scheme::Https {
            let identity =
                ClientCertificate::from_pem(chain.pem().as_bytes(), chain.key_pem().as_bytes(), None)
                    .unwrap();
            settings.tls = Some(ServerTls { identity, hardening: Hardening::Strict });
        }
        let server = Server::start(settings).await.unwrap();
        let mut options = HttpOptions::new(
            endpoint(scheme, server.address()),
            Authentication::Credssp(credential(PASSWORD)),
        );
        options.trust = Trust::DangerAny;
        let mut client = ClientOptions::new(server.url());
        client.retry = Retry::NEVER;
        let client =
            Client::new(Arc::new(Http::new(options).unwrap()), client, Surroundings::default(), SCHEMA);

        let vm = find(&client, TARGET).await.unwrap();
        let pause = Duration::from_millis(2);
        let pace = FollowOptions { first_pause: pause, longest_pause: pause * 5, ..FollowOptions::default() };
        let options = ResynchronizeOptions { pace, ..ResynchronizeOptions::default() };
        let outcome = resynchronize(&client, TARGET, vm.clone(), &options, &()).await;
        assert_eq!(outcome.kind, OutcomeKind::Succeeded, "{:?}", outcome.failure);
        let truth = server.truth();
        // The invocation goes over a connection of its own.
        assert_eq!((truth.executions(&vm.id), truth.host.succeeded.len(), truth.handshakes), (1, 1, 2));
        assert_eq!(truth.violations, []);
        server.stop().await;
    }
}

#[tokio::test]
async fn large_messages_go_in_pieces_both_ways() {
    let server = Server::start(credssp("healthy")).await.unwrap();
    let client = client(&server, PASSWORD);
    let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", &"x".repeat(40_000));
    assert_eq!(client.enumerate(&resource_uri("*"), wql(&query)).await.unwrap().len(), 0);
    let all = Enumerate { max_elements: Some(1000), ..Enumerate::default() };
    let found = client.enumerate(&resource_uri("Msvm_ComputerSystem"), all).await.unwrap();
    assert_eq!(found.len(), server.inspect(|world| world.machines().count()) + 1);
    assert_eq!((server.truth().handshakes, server.truth().violations), (1, vec![]));
}

#[tokio::test]
async fn wrong_passwords_and_hosts_without_it() {
    let server = Server::start(credssp("healthy")).await.unwrap();
    let error: Error = client(&server, "another").identify().await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(error.to_string(), "the host refuses by CredSSP: STATUS_LOGON_FAILURE (0xC000006D)");
    assert!(!error.may_have_run());
    assert_eq!((server.truth().handshakes, server.truth().violations), (0, vec![]));

    let without = start("healthy").await;
    let error = client(&without, PASSWORD).identify().await.unwrap_err();
    let (wanted, offered) = ("credssp".to_owned(), vec!["Negotiate".to_owned()]);
    assert_eq!(error.transport(), Some(&TransportErrorKind::NotOffered { wanted, offered }));
    assert!(error.hint().unwrap().contains("Enable-WSManCredSSP -Role Server"));

    let by_ntlm = client_as(&server, Authentication::Ntlm(credential(PASSWORD)));
    let error = by_ntlm.identify().await.unwrap_err();
    let (wanted, offered) = ("ntlm".to_owned(), vec!["CredSSP".to_owned()]);
    assert_eq!(error.transport(), Some(&TransportErrorKind::NotOffered { wanted, offered }));
}

#[tokio::test]
async fn damaged_and_open_replies_are_not_believed() {
    const fn every(action: Action) -> [Injection; 1] {
        [Injection { on: Matcher::Operation(Operation::Identify), hits: Hits::ALL, action }]
    }
    const CIPHER: &[Injection] = &every(Action::Mangle(Damage::Cipher));
    const SIGNATURE: &[Injection] = &every(Action::Mangle(Damage::Signature));
    const PREFIX: &[Injection] = &every(Action::Mangle(Damage::Prefix));
    const BOUNDARY: &[Injection] = &every(Action::Mangle(Damage::Boundary));
    const LENGTH: &[Injection] = &every(Action::Mangle(Damage::Length));
    const CLEAR: &[Injection] = &every(Action::ClearReply);
    for (injections, wanted) in [
        (CIPHER, TransportErrorKind::BrokenSeal),
        (SIGNATURE, TransportErrorKind::BrokenSeal),
        (PREFIX, TransportErrorKind::BrokenSeal),
        (BOUNDARY, TransportErrorKind::BrokenSeal),
        (LENGTH, TransportErrorKind::BrokenSeal),
        (CLEAR, TransportErrorKind::ReplyInClear),
    ] {
        let mut settings = credssp("healthy");
        settings.scenario.injections = injections;
        let server = Server::start(settings).await.unwrap();
        let client = client(&server, PASSWORD);
        for handshakes in 1..=2 {
            let error = client.identify().await.unwrap_err();
            assert_eq!(error.transport(), Some(&wanted), "{injections:?}");
            // What is spent is not gone on with.
            assert_eq!((server.truth().handshakes, server.truth().violations), (handshakes, vec![]));
        }
    }
}
