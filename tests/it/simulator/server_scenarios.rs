//! Every scenario, resynchronized by the real client: whatever happens, the host is asked once at most, and
//! success is only said where there was one.

use std::sync::Arc;
use std::time::Duration;

use hvreplica::client::{Client, ClientOptions, Retry, Surroundings};
use hvreplica::job::FollowOptions;
use hvreplica::msvm::SCHEMA;
use hvreplica::replica::{Outcome, OutcomeKind, ResynchronizeOptions, find, resynchronize};
use hvreplica::simulator::{HostTime, Scenario, Server, ServerTruth, TARGET};
use hvreplica::transport::Authentication;
use tokio::task::JoinSet;

use super::server::{PASSWORD, credential, http, settings};

async fn run(scenario: &Scenario) -> (Outcome, ServerTruth, String) {
    let mut settings = settings(scenario.name);
    settings.pace = HostTime::Times(1000);
    let server = Server::start(settings).await.unwrap();
    let mut options = ClientOptions::new(server.url());
    let pause = Duration::from_millis(1);
    options.retry = Retry { tries: 5, first_pause: pause, longest_pause: pause * 4, ..Retry::default() };
    let transport = Arc::new(http(&server, Authentication::Ntlm(credential(PASSWORD))));
    let client = Client::new(transport, options, Surroundings::default(), SCHEMA);
    let outcome = match find(&client, TARGET).await {
        Ok(vm) => {
            let pace = FollowOptions {
                first_pause: pause * 2,
                longest_pause: pause * 10,
                patience: Duration::from_secs(2),
            };
            let timeout = Some(Duration::from_secs(2));
            let options = ResynchronizeOptions { pace, timeout, ..ResynchronizeOptions::default() };
            resynchronize(&client, TARGET, vm, &options, &()).await
        }
        Err(error) => Outcome::of_find_error(TARGET, error),
    };
    let guid = server.inspect(|world| world.target().unwrap().guid.clone());
    (outcome, server.truth(), guid)
}

/// What is wrong about a run.
fn judge(scenario: &Scenario, outcome: &Outcome, truth: &ServerTruth, guid: &str) -> Vec<String> {
    let name = scenario.name;
    let mut wrong: Vec<_> = truth.violations.iter().map(|violation| format!("{name}: {violation}")).collect();
    if truth.executions(guid) > 1 {
        wrong.push(format!("{name}: {} calls", truth.executions(guid)));
    }
    let succeeded = truth.host.succeeded.iter().any(|(vm, _)| *vm == guid);
    if outcome.kind == OutcomeKind::Succeeded && !succeeded {
        wrong.push(format!("{name}: a false success"));
    }
    if outcome.kind == OutcomeKind::Refused && truth.host.accepted(guid) > 0 {
        wrong.push(format!("{name}: refused, and yet accepted"));
    }
    let others = truth.host.resynchronizations.iter().filter(|call| call.vm.as_deref() != Some(guid));
    wrong.extend(others.map(|other| format!("{name}: {other:?}")));
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_scenario_leads_to_a_second_call_or_a_false_success() {
    let mut runs = JoinSet::new();
    // Its 64 MB take long where nothing is optimized; a smaller one is tested by itself.
    for scenario in Scenario::all().filter(|scenario| scenario.name != "giant-reply") {
        runs.spawn(async {
            let (outcome, truth, guid) = run(scenario).await;
            judge(scenario, &outcome, &truth, &guid)
        });
    }
    let wrong = runs.join_all().await.concat();
    assert_eq!(wrong, Vec::<String>::new());
}
