//! The state machine: what each call does in each state.

use std::time::Duration;

use hvreplica::cim::{DateTime, Value};
use hvreplica::simulator::{Accident, AfterRestart, JobStyle, ScheduledJob, TARGET};
use hvreplica::wsman::Wql;

use super::{Host, host};

/// A target in that state, a resynchronization suspended or running included.
fn in_state(state: u16) -> Host {
    match state {
        10 => host(|options| options.resynchronizing = true),
        11 => {
            let mut host = host(|options| options.resynchronizing = true);
            host.go_to(10);
            let now = host.now();
            host.world.befall(Accident::Suspend, now);
            host
        }
        other => host(|options| options.target_state = other),
    }
}

#[test]
fn resynchronize_is_accepted_in_7_8_9_and_11_only() {
    for state in (0..=21).chain([99]) {
        let mut host = in_state(state);
        let accepted = matches!(state, 7 | 8 | 9 | 11);
        let (code, job) = host.resynchronize(TARGET, Value::Null);
        assert_eq!((code, job.is_some()), (if accepted { 4096 } else { 32775 }, accepted), "{state}");
        let expected = if accepted { 10 } else { state.into() };
        assert_eq!(host.state(TARGET, 0), Some(expected), "{state}");
    }
}

#[test]
fn state_requests_follow_the_table() {
    let allowed = [
        ((2, 1), 1),
        ((3, 7), 7),
        ((3, 4), 4),
        ((7, 3), 3),
        ((8, 3), 3),
        ((9, 3), 10),
        ((10, 7), 11),
        ((10, 9), 9),
        ((11, 3), 10),
        ((11, 9), 9),
    ];
    for state in (0..=21).chain([99]) {
        for requested in [1, 2, 3, 4, 7, 9] {
            let mut host = in_state(state);
            let from = host.seconds;
            let (code, job) = host.request(TARGET, requested);
            let after = allowed.iter().find(|(call, _)| *call == (state, requested)).map(|(_, after)| *after);
            assert_eq!(code, if after.is_some() { 4096 } else { 32775 }, "{state} {requested}");
            let Some(after) = after else { continue };
            host.go_to(from + 2);
            assert_eq!(host.state(TARGET, 0), Some(requested.into()), "{state} {requested} in progress");
            host.go_to(from + 3);
            assert_eq!(host.state(TARGET, 0), Some(after), "{state} {requested} done");
            let kind = if requested == 9 { 110 } else { 96 };
            let job = job.unwrap();
            assert_eq!(host.job(&job, "JobType"), Value::Unsigned(kind));
            assert_eq!(host.job_state(&job), Some(7));
        }
    }
}

#[test]
fn no_other_state_can_be_requested() {
    for requested in [0, 5, 6, 8, 10, 11, 12, 65535] {
        let mut host = in_state(9);
        assert_eq!(host.request(TARGET, requested), (32773, None), "{requested}");
    }
}

#[test]
fn a_request_in_progress_keeps_everything_else_out() {
    let mut host = in_state(9);
    host.resynchronize(TARGET, Value::Null);
    host.go_to(10);
    assert_eq!(host.request(TARGET, 9).0, 4096);
    assert_eq!(host.request(TARGET, 7), (32774, None));
    assert_eq!(host.resynchronize(TARGET, Value::Null), (32774, None));
    host.go_to(13);
    assert_eq!(host.resynchronize(TARGET, Value::Null).0, 4096);
}

#[test]
fn a_suspended_resynchronization_goes_on_where_it_stopped() {
    let mut host = in_state(9);
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    let job = job.unwrap();
    host.go_to(27);
    host.request(TARGET, 7);
    host.go_to(30);
    assert_eq!((host.state(TARGET, 0), host.job_state(&job)), (Some(11), Some(5)));
    host.go_to(200);
    assert_eq!(host.job(&job, "PercentComplete"), Value::Unsigned(50));
    host.request(TARGET, 3);
    host.go_to(203);
    assert_eq!((host.state(TARGET, 0), host.job_state(&job)), (Some(10), Some(4)));
    host.go_to(218);
    assert_eq!(host.job(&job, "PercentComplete"), Value::Unsigned(75));
    host.go_to(232);
    assert_eq!(host.state(TARGET, 0), Some(10));
    host.go_to(233);
    assert_eq!((host.state(TARGET, 0), host.job_state(&job)), (Some(3), Some(7)));
}

#[test]
fn resynchronizing_a_suspended_one_begins_again() {
    let mut host = in_state(11);
    let old: Vec<String> = host.world.jobs().map(|job| job.id.clone()).collect();
    host.resynchronize(TARGET, Value::Null);
    let states: Vec<u16> =
        host.world.jobs().filter(|job| old.contains(&job.id)).map(|job| job.state).collect();
    assert_eq!(states, [8]);
    host.go_to(69);
    assert_eq!(host.state(TARGET, 0), Some(10));
    host.go_to(70);
    assert_eq!(host.state(TARGET, 0), Some(3));
}

#[test]
fn a_cancelled_one_loses_its_progress() {
    let mut host = in_state(9);
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    host.go_to(27);
    host.request(TARGET, 9);
    host.go_to(30);
    assert_eq!((host.state(TARGET, 0), host.job_state(&job.unwrap())), (Some(9), Some(8)));
    host.resynchronize(TARGET, Value::Null);
    host.go_to(89);
    assert_eq!(host.state(TARGET, 0), Some(10));
    host.go_to(90);
    assert_eq!(host.state(TARGET, 0), Some(3));
}

#[test]
fn merging_can_neither_be_cancelled_nor_suspended() {
    let mut host = in_state(9);
    host.resynchronize(TARGET, Value::Null);
    host.go_to(57);
    assert_eq!(host.request(TARGET, 9), (32775, None));
    assert_eq!(host.request(TARGET, 7), (32775, None));
}

#[test]
fn a_request_that_merging_overtakes_fails() {
    let mut host = in_state(9);
    host.resynchronize(TARGET, Value::Null);
    host.go_to(55);
    let (code, job) = host.request(TARGET, 9);
    assert_eq!(code, 4096);
    host.go_to(58);
    assert_eq!(host.state(TARGET, 0), Some(10));
    assert_eq!(host.job_state(&job.unwrap()), Some(10));
    host.go_to(60);
    assert_eq!(host.state(TARGET, 0), Some(3));
}

#[test]
fn start_times_in_the_past_or_more_than_a_week_ahead_are_refused() {
    for (offset, code) in [(-1, 32773), (0, 4096), (1, 4096), (7 * 86_400, 4096), (7 * 86_400 + 1, 32773)] {
        let mut host = in_state(9);
        let start = host.now().checked_add(jiff::SignedDuration::from_secs(offset)).unwrap();
        let (found, _) = host.resynchronize(TARGET, Value::DateTime(DateTime::at(start)));
        assert_eq!(found, code, "{offset}");
    }
}

#[test]
fn a_schedule_can_be_replaced_and_cancelled() {
    let mut host = in_state(7);
    let at = |host: &Host, seconds| Value::DateTime(DateTime::at(host.at(seconds)));
    let first = at(&host, 100);
    host.resynchronize(TARGET, first);
    assert_eq!(host.state(TARGET, 0), Some(9));
    let second = at(&host, 200);
    assert_eq!(host.resynchronize(TARGET, second).0, 4096);
    host.go_to(150);
    assert_eq!(host.state(TARGET, 0), Some(9));
    assert_eq!(host.request(TARGET, 9).0, 4096);
    host.go_to(300);
    assert_eq!(host.state(TARGET, 0), Some(9));
    assert_eq!(host.request(TARGET, 9), (32775, None));
    assert!(host.world.truth().begun.is_empty());
}

#[test]
fn a_replica_drives_its_extended_relationship() {
    let mut host = in_state(9);
    let (code, job) = host.resynchronize("replica-extended", Value::Null);
    assert_eq!(code, 4096);
    assert_eq!(host.job(&job.unwrap(), "JobType"), Value::Unsigned(121));
    assert_eq!((host.state("replica-extended", 0), host.state("replica-extended", 1)), (Some(3), Some(10)));
    for other in ["replica-plain", "test-replica", "extended-replica", "no-replication"] {
        assert_eq!(host.resynchronize(other, Value::Null), (32775, None), "{other}");
    }
}

#[test]
fn terminating_or_killing_the_job_ends_the_work() {
    for (requested, ended) in [(4, 8), (5, 9)] {
        let mut host = in_state(9);
        let (_, job) = host.resynchronize(TARGET, Value::Null);
        let job = job.unwrap();
        host.go_to(10);
        let parameters = [("RequestedState", Value::Unsigned(requested))];
        let result = host.call(&job, "RequestStateChange", &parameters).unwrap();
        assert_eq!(result.return_value, 0);
        assert_eq!((host.state(TARGET, 0), host.job_state(&job)), (Some(9), Some(ended)));
        let again = host.call(&job, "RequestStateChange", &parameters).unwrap();
        assert_eq!(again.return_value, 4097);
        host.go_to(100);
        assert_eq!(host.state(TARGET, 0), Some(9));
    }
}

#[test]
fn other_requests_to_a_job_are_refused() {
    let mut host = in_state(9);
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    let job = job.unwrap();
    for (requested, code) in [(2, 1), (3, 1), (6, 1), (0, 5), (7, 5)] {
        let parameters = [("RequestedState", Value::Unsigned(requested))];
        let result = host.call(&job, "RequestStateChange", &parameters).unwrap();
        assert_eq!(result.return_value, code, "{requested}");
    }
    let timeout = Value::Interval(hvreplica::cim::Interval::of(Duration::from_secs(1)));
    let parameters = [("RequestedState", Value::Unsigned(4)), ("TimeoutPeriod", timeout)];
    assert_eq!(host.call(&job, "RequestStateChange", &parameters).unwrap().return_value, 4098);
}

#[test]
fn a_migrating_vm_is_in_use() {
    let mut host = in_state(9);
    let now = host.now();
    host.world.befall(Accident::Move { takes: Duration::from_secs(6) }, now);
    assert_eq!(host.resynchronize(TARGET, Value::Null), (32774, None));
    let vm = host.vm(TARGET);
    let instance = host.world.get(&vm, host.now()).unwrap();
    let status = Value::Array(vec![Value::Unsigned(2), Value::Unsigned(32774)]);
    assert_eq!(instance.get("OperationalStatus"), Some(&status));
    host.go_to(6);
    assert_eq!(host.world.get(&vm, host.now()), Err(hvreplica::simulator::Fault::NotFound));
}

#[test]
fn replication_that_breaks_waits_for_a_resynchronization() {
    let mut host = in_state(3);
    let now = host.now();
    host.world.befall(Accident::Break { state: 9 }, now);
    assert_eq!(host.state(TARGET, 0), Some(9));
    assert_eq!(host.resynchronize(TARGET, Value::Null).0, 4096);
    host.go_to(60);
    assert_eq!(host.state(TARGET, 0), Some(3));
}

#[test]
fn replication_times_move_by_the_interval_while_a_vm_replicates() {
    let mut host = in_state(3);
    let last = |host: &Host| host.world.target().unwrap().relationship(0).unwrap().last_replication.unwrap();
    let first = last(&host);
    host.go_to(199);
    assert_eq!(last(&host), first);
    host.go_to(200);
    assert_eq!(last(&host), first.checked_add(Duration::from_secs(300)).unwrap());
    host.request(TARGET, 7);
    host.go_to(9000);
    assert_eq!(last(&host), first.checked_add(Duration::from_secs(300)).unwrap());
}

#[test]
fn removed_replication_leaves_a_vm_without_mode() {
    for keeps_instance in [false, true] {
        let mut host = in_state(9);
        let now = host.now();
        host.world.befall(Accident::Remove { keeps_instance }, now);
        let vm = host.vm(TARGET);
        let instance = host.world.get(&vm, host.now()).unwrap();
        assert_eq!(
            (instance.number("ReplicationMode"), instance.number("ReplicationState")),
            (Some(0), Some(0))
        );
        assert_eq!(host.state(TARGET, 0), keeps_instance.then_some(0));
        assert_eq!(host.resynchronize(TARGET, Value::Null), (32775, None));
    }
}

#[test]
fn a_schedule_outlives_a_restart_of_the_service_its_job_does_not() {
    let mut host = host(|options| options.resync.scheduled_job = ScheduledJob::Waits);
    let start = Value::DateTime(DateTime::at(host.at(100)));
    let (_, job) = host.resynchronize(TARGET, start);
    host.go_to(50);
    let now = host.now();
    let restart = Accident::Restart { outage: Duration::from_secs(5), then: AfterRestart::Continues };
    host.world.befall(restart, now);
    host.go_to(60);
    assert_eq!((host.state(TARGET, 0), host.job_state(&job.unwrap())), (Some(9), None));
    host.go_to(100);
    assert_eq!(host.state(TARGET, 0), Some(10));
}

#[test]
fn the_long_job_behind_a_short_one_is_found_through_the_vm() {
    let mut host = host(|options| options.resync.job = JobStyle::ShortThenLong);
    let (_, short) = host.resynchronize(TARGET, Value::Null);
    host.go_to(30);
    let short = short.unwrap();
    assert_eq!((host.job(&short, "JobType"), host.job_state(&short)), (Value::Unsigned(117), Some(7)));
    let vm = host.vm(TARGET);
    let query = Wql::associators(&vm, "Msvm_AffectedJobElement", "Msvm_ConcreteJob").unwrap().to_string();
    let jobs = host.world.query(&query, host.now()).unwrap().instances;
    let found: Vec<_> = jobs.iter().map(|job| (job.number("JobType"), job.number("JobState"))).collect();
    assert_eq!(found, [(Some(117), Some(7)), (Some(107), Some(4))]);
}
