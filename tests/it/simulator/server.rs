//! The simulated host's server, asked by the real client.

use std::sync::Arc;
use std::time::Duration;

use hvreplica::auth::Credential;
use hvreplica::cim::Reference;
use hvreplica::client::{Client, ClientOptions, Retry, Surroundings};
use hvreplica::error::Error;
use hvreplica::job::FollowOptions;
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::replica::{OutcomeKind, ResynchronizeOptions, find, resynchronize};
use hvreplica::secret::Secret;
use hvreplica::simulator::{HostTime, Operation, Scenario, Served, Server, ServerSettings, TARGET};
use hvreplica::transport::{Authentication, Endpoint, Http, HttpOptions, Scheme};
use hvreplica::wsman::{Enumerate, EnumerationMode, Filter, Invoke, Wql};

pub(super) const USER: &str = r"EXAMPLE\operator";
pub(super) const PASSWORD: &str = "Pä55 wörd";

/// A host whose clock stands still.
pub(super) fn settings(scenario: &str) -> ServerSettings {
    let scenario = *Scenario::named(scenario).unwrap();
    let mut settings = ServerSettings::new(scenario, USER, Secret::new(PASSWORD.to_owned()));
    settings.pace = HostTime::Manual;
    settings.begins = Some("2026-11-24T12:00:00Z".parse().unwrap());
    settings
}

pub(super) async fn start(scenario: &str) -> Server {
    Server::start(settings(scenario)).await.unwrap()
}

pub(super) fn http(server: &Server, authentication: Authentication) -> Http {
    let address = server.address();
    let endpoint = Endpoint {
        scheme: Scheme::Http,
        host: address.ip().to_string(),
        port: address.port(),
        path: "/wsman".to_owned(),
    };
    let mut options = HttpOptions::new(endpoint, authentication);
    options.danger_allow_unencrypted = true;
    Http::new(options).unwrap()
}

pub(super) fn credential(password: &str) -> Credential {
    Credential::new(USER, Secret::new(password.to_owned()))
}

/// A client that tries nothing again.
pub(super) fn client_as(server: &Server, authentication: Authentication) -> Client {
    let mut options = ClientOptions::new(server.url());
    options.retry = Retry::NEVER;
    Client::new(Arc::new(http(server, authentication)), options, Surroundings::default(), SCHEMA)
}

pub(super) fn client(server: &Server) -> Client {
    client_as(server, Authentication::Ntlm(credential(PASSWORD)))
}

pub(super) fn wql(query: &Wql) -> Enumerate {
    Enumerate { filter: Some(Filter::Wql(query.to_string())), ..Enumerate::default() }
}

pub(super) async fn reference(client: &Client, class: &str) -> Reference {
    let body = Enumerate { mode: Some(EnumerationMode::Epr), ..Enumerate::default() };
    let items = client.enumerate(&resource_uri(class), body).await.unwrap();
    items[0].reference.clone().unwrap()
}

#[tokio::test]
async fn every_operation_over_basic_and_over_sealed_ntlm() {
    for by_basic in [true, false] {
        let mut settings = settings("healthy");
        settings.offers.basic = by_basic;
        let server = Server::start(settings).await.unwrap();
        let password = credential(PASSWORD);
        let authentication =
            if by_basic { Authentication::Basic(password) } else { Authentication::Ntlm(password) };
        let client = client_as(&server, authentication);

        let identity = client.identify().await.unwrap();
        assert_eq!(identity.product_vendor, "Microsoft Corporation");
        assert_eq!(identity.product_version, "OS: 10.0.20348 SP: 0.0 Stack: 3.0");
        let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", TARGET);
        let found = client.enumerate(&resource_uri("*"), wql(&query)).await.unwrap();
        let vm = found[0].instance.clone().unwrap();
        let guid = server.inspect(|world| world.target().unwrap().guid.clone());
        assert_eq!((found.len(), vm.text("Name")), (1, Some(guid.as_str())));
        assert_eq!(client.host_time(), Some("2026-11-24T12:00:00Z".parse().unwrap()));

        let service = reference(&client, "Msvm_ReplicationService").await;
        let call = Invoke {
            target: service,
            method: "Resynchronize".to_owned(),
            parameters: vec![(
                "ComputerSystem".into(),
                server.inspect(|world| world.reference_to(&vm).unwrap()).into(),
            )],
        };
        let done = client.invoke(call).await.unwrap();
        assert_eq!(done.return_value.as_ref().and_then(hvreplica::cim::Value::as_u64), Some(4096));
        let job = done.parameter("Job").unwrap().as_reference().unwrap().clone();
        assert_eq!(client.get(&job).await.unwrap().number("JobState"), Some(2));
        server.advance(Duration::from_secs(70));
        assert_eq!(client.get(&job).await.unwrap().number("JobState"), Some(7));

        let truth = server.truth();
        assert_eq!(truth.violations, []);
        assert_eq!((truth.executions(&guid), truth.host.resynchronizations.len()), (1, 1));
        assert_eq!(truth.host.resynchronizations[0].user, USER);
        assert_eq!(truth.handshakes > 0, !by_basic);
        assert!(truth.requests.contains(&Served {
            operation: Some(Operation::Invoke),
            subject: "Resynchronize".to_owned(),
            executed: true
        }));
    }
}

#[tokio::test]
async fn pages_and_release() {
    let server = start("small-batches").await;
    let client = client(&server);
    let uri = resource_uri("Msvm_ComputerSystem");
    let all = client.enumerate(&uri, Enumerate::default()).await.unwrap();
    let machines = server.inspect(|world| world.machines().count());
    assert_eq!(all.len(), machines + 1);
    assert_eq!(server.truth().open_enumerations, 0);

    let mut pages = client.pages(&uri, Enumerate::default());
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 2);
    assert_eq!(server.truth().open_enumerations, 1);
    pages.release().await;
    let truth = server.truth();
    assert_eq!((truth.open_enumerations, truth.violations), (0, vec![]));
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = start("healthy").await;
    let mut settings = settings("healthy");
    settings.offers.basic = true;
    let by_basic = Server::start(settings).await.unwrap();
    let clients = [
        client_as(&server, Authentication::Ntlm(credential("another"))),
        client_as(&by_basic, Authentication::Basic(credential("another"))),
    ];
    for client in clients {
        assert!(client.identify().await.unwrap_err().is_unauthorized());
    }
    assert_eq!((server.truth().handshakes, server.truth().violations), (0, vec![]));
}

#[tokio::test]
async fn a_host_without_basic_takes_none() {
    let server = start("healthy").await;
    let client = client_as(&server, Authentication::Basic(credential(PASSWORD)));
    let error: Error = client.identify().await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(server.truth().requests, []);
}

#[tokio::test]
async fn a_resynchronization_from_end_to_end() {
    let mut settings = settings("healthy");
    settings.pace = HostTime::Times(2000);
    let server = Server::start(settings).await.unwrap();
    let client = client(&server);
    let vm = find(&client, TARGET).await.unwrap();
    let pause = Duration::from_millis(2);
    let pace = FollowOptions { first_pause: pause, longest_pause: pause * 5, ..FollowOptions::default() };
    let options = ResynchronizeOptions { pace, ..ResynchronizeOptions::default() };
    let outcome = resynchronize(&client, TARGET, vm.clone(), &options, &()).await;
    assert_eq!(outcome.kind, OutcomeKind::Succeeded, "{:?}", outcome.failure);
    let truth = server.truth();
    assert_eq!((truth.executions(&vm.id), truth.host.succeeded.len()), (1, 1));
    assert_eq!((truth.violations, truth.open_enumerations), (vec![], 0));
    server.stop().await;
}
