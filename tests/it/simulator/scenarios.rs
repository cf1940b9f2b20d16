//! The table of scenarios.

use std::collections::BTreeSet;

use hvreplica::simulator::{Operation, Scenario, Script, Seen};

#[test]
fn names_are_unique_and_every_scenario_is_described() {
    let names: BTreeSet<_> = Scenario::all().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), Scenario::all().count());
    for scenario in Scenario::all() {
        assert!(!scenario.summary.is_empty() && !scenario.summary.contains('\n'), "{}", scenario.name);
        assert_eq!(Scenario::named(scenario.name), Some(scenario));
    }
    assert_eq!(Scenario::named("nothing"), None);
}

/// A conversation like that of `resync`: resolve, look, call, poll.
fn conversation() -> Vec<Seen<'static>> {
    let wsman = |operation, subject| Seen { operation: Some(operation), subject };
    let mut requests = vec![
        wsman(Operation::Enumerate, "*"),
        wsman(Operation::Pull, "*"),
        wsman(Operation::Enumerate, "Msvm_ReplicationService"),
        wsman(Operation::Pull, "Msvm_ReplicationService"),
        wsman(Operation::Invoke, "Resynchronize"),
    ];
    for _ in 0..8 {
        requests.push(wsman(Operation::Get, "Msvm_ConcreteJob"));
    }
    let http = Seen { operation: None, subject: "" };
    requests.into_iter().flat_map(|request| [http, request]).collect()
}

#[test]
fn every_injection_is_met_by_an_ordinary_conversation() {
    for scenario in Scenario::all() {
        let mut script = Script::new(scenario.injections);
        let met: Vec<_> = conversation().into_iter().flat_map(|request| script.meet(request)).collect();
        for injection in scenario.injections {
            assert!(met.contains(&injection.action), "{}: {injection:?}", scenario.name);
        }
    }
}

#[test]
fn nothing_is_done_to_an_undisturbed_conversation() {
    let mut script = Script::new(Scenario::named("healthy").unwrap().injections);
    assert!(conversation().into_iter().all(|request| script.meet(request).is_empty()));
}
