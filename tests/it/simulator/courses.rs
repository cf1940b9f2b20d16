//! How each scenario goes, second by second, as a client that polls would see it.

use hvreplica::cim::{Reference, Value};
use hvreplica::simulator::{Fault, Scenario, TARGET};

use super::Host;

/// `seconds:ReplicationState/JobState` whenever either changes, for a resynchronization that is asked for at once.
/// `-` is an instance that is not there, `x` a host that does not answer.
fn course(name: &str) -> String {
    let scenario = Scenario::named(name).unwrap();
    let mut host = Host::new(scenario.world);
    let (code, job) = host.resynchronize(TARGET, Value::Null);
    assert_eq!(code, if job.is_some() { 4096 } else { 0 }, "{name}");
    follow(&mut host, job.as_ref())
}

fn follow(host: &mut Host, job: Option<&Reference>) -> String {
    let id = format!("Microsoft:{}\\HVR\\0", host.world.target().unwrap().guid);
    let mut seen: Vec<String> = Vec::new();
    let mut last = String::new();
    while host.seconds <= LONGEST {
        let now = format!("{}/{}", relationship(host, &id), job.map_or_else(absent, |job| state(host, job)));
        if now != last {
            seen.push(format!("{}:{now}", host.seconds));
            last = now;
        }
        // Between two events nothing changes, apart from an outage that ends.
        let due = host
            .world
            .next_due()
            .map(|due| due.duration_since(host.start).unsigned_abs().as_millis().div_ceil(1000));
        match due {
            _ if last.contains('x') => host.go_to(host.seconds + 1),
            Some(due) => host.go_to(u64::try_from(due).unwrap().max(host.seconds + 1)),
            None => break,
        }
    }
    seen.join(" ")
}

/// Longer than any course, job retention included.
const LONGEST: u64 = 400;

fn absent() -> String {
    "-".to_owned()
}

fn relationship(host: &mut Host, id: &str) -> String {
    match host.world.instances("Msvm_ReplicationRelationship", host.now()) {
        Err(fault) => unavailable(&fault),
        Ok(instances) => {
            let found = instances.iter().find(|instance| instance.text("InstanceID") == Some(id));
            found.map_or_else(absent, |found| found.number("ReplicationState").unwrap().to_string())
        }
    }
}

fn state(host: &mut Host, job: &Reference) -> String {
    match host.world.get(job, host.now()) {
        Ok(found) => found.number("JobState").unwrap().to_string(),
        Err(Fault::NotFound) => absent(),
        Err(fault) => unavailable(&fault),
    }
}

fn unavailable(fault: &Fault) -> String {
    assert_eq!(*fault, Fault::ProviderUnavailable);
    "x".to_owned()
}

#[test]
fn a_resynchronization_goes_as_its_scenario_says() {
    for (name, expected) in [
        ("healthy", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("short-job", "0:10/2 1:10/3 2:10/4 3:10/7 60:3/7 303:3/-"),
        ("short-job-then-long", "0:10/2 1:10/3 2:10/4 3:10/7 60:3/7 303:3/-"),
        ("short-job-fails", "0:10/2 1:10/3 2:10/4 3:10/7 60:8/7 303:8/-"),
        ("no-job", "0:10/- 60:3/-"),
        ("return-code-0", "0:10/- 60:3/-"),
        ("job-exception", "0:10/2 1:10/3 2:10/4 60:8/10 360:8/-"),
        ("job-exception-state-9", "0:10/2 1:10/3 2:10/4 60:9/10 360:9/-"),
        ("job-killed", "0:10/2 1:10/3 2:10/4 60:9/9 360:9/-"),
        ("job-terminated", "0:10/2 1:10/3 2:10/4 60:9/8 360:9/-"),
        ("job-warnings", "0:10/2 1:10/3 2:10/4 60:3/32768 360:3/-"),
        ("job-ok-state-8", "0:10/2 1:10/3 2:10/4 60:8/7 360:8/-"),
        ("job-ok-state-7", "0:10/2 1:10/3 2:10/4 60:7/7 360:7/-"),
        ("job-reaped-early", "0:10/2 1:10/3 2:10/4 60:3/7 61:3/-"),
        ("job-vanishes-success", "0:10/2 1:10/3 2:10/4 8:10/- 60:3/-"),
        ("job-vanishes-failure", "0:10/2 1:10/3 2:10/4 8:10/- 60:9/-"),
        ("job-vanishes-unknown", "0:10/2 1:10/3 2:10/4 8:10/- 60:3/-"),
        ("jobs-lost", "0:10/2 1:10/3 2:10/4 30:10/- 60:3/-"),
        ("suspended-midway", "0:10/2 1:10/3 2:10/4 30:11/5"),
        ("cancelled-midway", "0:10/2 1:10/3 2:10/4 30:9/8 330:9/-"),
        ("broken-midway", "0:10/2 1:10/3 2:10/4 30:8/10 330:8/-"),
        ("log-outgrown", "0:10/2 1:10/3 2:10/4 30:9/10 330:9/-"),
        ("failover-midway", "0:10/2 1:10/3 2:10/4 30:5/8 330:5/-"),
        ("failover-midway-state-4", "0:10/2 1:10/3 2:10/4 30:4/8 330:4/-"),
        ("failover-midway-state-6", "0:10/2 1:10/3 2:10/4 30:6/8 330:6/-"),
        ("failover-midway-state-12", "0:10/2 1:10/3 2:10/4 30:12/8 330:12/-"),
        ("failover-midway-state-13", "0:10/2 1:10/3 2:10/4 30:13/8 330:13/-"),
        ("failover-midway-state-14", "0:10/2 1:10/3 2:10/4 30:14/8 330:14/-"),
        ("unknown-state-midway", "0:10/2 1:10/3 2:10/4 30:99/8 330:99/-"),
        ("removed-midway", "0:10/2 1:10/3 2:10/4 30:-/8 330:-/-"),
        ("disabled-midway", "0:10/2 1:10/3 2:10/4 30:0/8 330:0/-"),
        ("vmms-restart-continue", "0:10/2 1:10/3 2:10/4 30:x/x 40:10/- 60:3/-"),
        ("vmms-restart-8", "0:10/2 1:10/3 2:10/4 30:x/x 40:8/-"),
        ("vmms-restart-9", "0:10/2 1:10/3 2:10/4 30:x/x 40:9/-"),
        ("vm-moved", "0:10/2 1:10/3 2:10/4 36:-/-"),
        ("already-suspended", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("paused-start", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("critical-start", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("localised", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("response-lost", "0:10/2 1:10/3 2:10/4 60:3/7 360:3/-"),
        ("hostile-mix", "0:10/2 1:10/3 2:10/4 3:10/7 60:3/7 303:3/-"),
    ] {
        assert_eq!(course(name), expected, "{name}");
    }
}

#[test]
fn a_scheduled_one_waits_in_state_9() {
    for (name, expected) in [
        ("scheduled", "0:9/2 20:10/2 21:10/3 22:10/4 80:3/7 380:3/-"),
        ("scheduled-short-job", "0:9/2 1:9/3 2:9/4 3:9/7 20:10/7 80:3/7 303:3/-"),
    ] {
        let mut host = Host::new(Scenario::named(name).unwrap().world);
        let start = Value::DateTime(hvreplica::cim::DateTime::at(host.at(20)));
        let (code, job) = host.resynchronize(TARGET, start);
        assert_eq!(code, 4096);
        assert_eq!(follow(&mut host, job.as_ref()), expected, "{name}");
    }
}

#[test]
fn one_that_somebody_started_runs_already() {
    let mut host = Host::new(Scenario::named("already-resyncing").unwrap().world);
    let jobs: Vec<_> = host.world.jobs().map(|job| (job.kind, job.owner.clone())).collect();
    assert_eq!(jobs, [(107, "EXAMPLE\\backup".to_owned())]);
    assert_eq!(host.resynchronize(TARGET, Value::Null), (32775, None));
    assert_eq!(follow(&mut host, None), "0:10/- 60:3/-");
}

#[test]
fn the_automatic_window_starts_one() {
    let mut host = Host::new(Scenario::named("automatic").unwrap().world);
    assert_eq!(follow(&mut host, None), "0:9/- 60:10/- 120:3/-");
    assert_eq!(host.world.truth().executions(&host.target_guid()), 0);
    assert_eq!(host.world.truth().begun.len(), 1);
}

#[test]
fn every_return_code_is_answered_and_nothing_runs() {
    for code in 32768..=32779 {
        let mut host = Host::new(Scenario::named(&format!("return-code-{code}")).unwrap().world);
        assert_eq!(host.resynchronize(TARGET, Value::Null), (code, None));
        assert_eq!(follow(&mut host, None), "0:9/-");
        let guid = host.target_guid();
        assert_eq!((host.world.truth().executions(&guid), host.world.truth().accepted(&guid)), (1, 0));
    }
}

#[test]
fn a_healthy_vm_is_refused() {
    let mut host = Host::new(Scenario::named("healthy-vm").unwrap().world);
    assert_eq!(host.resynchronize(TARGET, Value::Null), (32775, None));
}

#[test]
fn success_moves_the_times_unless_the_scenario_forbids_it() {
    for (name, moves) in [("healthy", true), ("no-job", true), ("job-vanishes-unknown", false)] {
        let mut host = Host::new(Scenario::named(name).unwrap().world);
        let before = host.world.target().unwrap().relationship(0).unwrap().last_replication;
        host.resynchronize(TARGET, Value::Null);
        host.go_to(300);
        let target = host.world.target().unwrap();
        let relationship = target.relationship(0).unwrap();
        assert_eq!(target.recovery_points, 0, "{name}");
        assert_eq!(relationship.last_replication > before, moves, "{name}");
        assert_eq!(relationship.last_apply, relationship.last_replication, "{name}");
    }
}

#[test]
fn a_host_without_rights_or_role_says_so() {
    let refusal = |name: &str| {
        let mut host = Host::new(Scenario::named(name).unwrap().world);
        host.world.instances("Msvm_ComputerSystem", host.start)
    };
    assert_eq!(refusal("access-denied"), Err(Fault::AccessDenied));
    assert_eq!(refusal("no-hyperv"), Err(Fault::InvalidNamespace));
    assert_eq!(refusal("no-hyperv-rights").unwrap().len(), 1);
}

#[test]
fn a_host_before_2012_r2_has_neither_relationships_nor_ex_methods() {
    let mut host = Host::new(Scenario::named("pre-2012-r2").unwrap().world);
    let now = host.now();
    assert_eq!(host.world.instances("Msvm_ReplicationRelationship", now), Err(Fault::InvalidClass));
    let vm = host.vm(TARGET);
    let call = host.call(&vm, "RequestReplicationStateChangeEx", &[("RequestedState", Value::Unsigned(9))]);
    assert_eq!(call, Err(Fault::NoSuchMethod));
    let (code, job) = host.resynchronize(TARGET, Value::Null);
    assert_eq!((code, job.is_some()), (4096, true));
    host.go_to(60);
    let vm = host.world.get(&vm, host.now()).unwrap();
    assert_eq!(vm.number("ReplicationState"), Some(3));
}
