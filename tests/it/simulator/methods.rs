//! Methods: results, refusals, and what the host notes.

use hvreplica::cim::{Instance, Value};
use hvreplica::msvm::resource_uri;
use hvreplica::simulator::{Fault, Outcome, TARGET};

use super::host;

#[test]
fn get_error_ex_tells_what_failed_once_the_job_has() {
    let mut host = host(|options| options.resync.outcome = Outcome::Exception);
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    let job = job.unwrap();
    host.go_to(30);
    let running = host.call(&job, "GetErrorEx", &[]).unwrap();
    assert_eq!((running.return_value, running.outs), (0, vec![("Errors", Value::Null)]));
    host.go_to(60);
    let failed = host.call(&job, "GetErrorEx", &[]).unwrap();
    let errors = failed.outs[0].1.elements();
    let field = |at: usize, name: &str| errors[at].as_instance().unwrap().text(name).unwrap().to_owned();
    assert_eq!(errors.len(), 2);
    assert_eq!((field(0, "MessageID"), field(1, "MessageID")), ("32552".to_owned(), "29244".to_owned()));
    assert_eq!(field(1, "Message"), "Resynchronization of <disk 'a&b'> ended with result 0x80072EFE.");
    let first = host.call(&job, "GetError", &[]).unwrap();
    assert_eq!(first.outs, [("Error", errors[0].clone())]);
    assert_eq!(host.job(&job, "ErrorCode"), Value::Unsigned(32768));
}

#[test]
fn out_parameters_come_in_order_with_nulls() {
    let mut host = host(|_| ());
    let (service, vm) = (host.service(), host.vm(TARGET));
    let parameters = [("ComputerSystem", Value::from(vm))];
    let result = host.call(&service, "GetReplicationStatisticsEx", &parameters).unwrap();
    let names: Vec<_> = result.outs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["ReplicationStatistics", "ReplicationHealthIssues", "Job"]);
    let issues = result.outs[1].1.elements();
    assert_eq!(issues[0].as_instance().unwrap().text("MessageID"), Some("33680"));
    assert!(result.outs[2].1.is_null());
}

#[test]
fn parameters_are_checked() {
    let mut host = host(|_| ());
    let (service, vm) = (host.service(), Value::from(host.vm(TARGET)));
    let wrong = |name: &str| Err(Fault::InvalidParameter(name.to_owned()));
    for (name, parameters) in [
        ("computersystem", vec![("computersystem", vm.clone())]),
        ("Job", vec![("Job", vm.clone())]),
        ("ComputerSystem", vec![("ComputerSystem", Value::from(TARGET))]),
        ("ComputerSystem", vec![("ComputerSystem", vm.clone()), ("ComputerSystem", vm.clone())]),
        ("StartTime", vec![("ComputerSystem", vm.clone()), ("StartTime", Value::from("now"))]),
    ] {
        assert_eq!(host.call(&service, "Resynchronize", &parameters), wrong(name));
    }
    assert_eq!(host.call(&service, "Resynchronise", &[]), Err(Fault::NoSuchMethod));
    assert!(host.world.truth().resynchronizations.is_empty());
}

#[test]
fn what_is_no_vm_of_this_host_is_an_invalid_parameter() {
    let mut host = host(|_| ());
    let service = host.service();
    let systems = host.world.instances("Msvm_ComputerSystem", host.now()).unwrap();
    let own = host.world.reference_to(&systems[0]).unwrap();
    let mut foreign = host.vm(TARGET);
    foreign.resource_uri = resource_uri("Msvm_ReplicationRelationship");
    for machine in [Value::Null, Value::from(own), Value::from(foreign)] {
        let result = host.call(&service, "Resynchronize", &[("ComputerSystem", machine)]).unwrap();
        assert_eq!((result.return_value, result.outs), (32773, vec![("Job", Value::Null)]));
    }
}

#[test]
fn the_ex_method_takes_the_relationship() {
    let mut host = host(|_| ());
    let vm = host.vm("replica-extended");
    host.resynchronize("replica-extended", Value::Null);
    host.go_to(10);
    let relationship = |index: u8, host: &super::Host| {
        let id = format!("Microsoft:{}\\HVR\\{index}", host.guid("replica-extended"));
        let instance = Instance::new("Msvm_ReplicationRelationship", "root/virtualization/v2");
        Value::from(instance.with("InstanceID", id))
    };
    let call = |index, host: &mut super::Host| {
        let parameters =
            [("ReplicationRelationship", relationship(index, host)), ("RequestedState", Value::Unsigned(9))];
        host.call(&vm, "RequestReplicationStateChangeEx", &parameters).unwrap().return_value
    };
    assert_eq!(call(0, &mut host), 32775);
    assert_eq!(call(2, &mut host), 32773);
    assert_eq!(call(1, &mut host), 4096);
    host.go_to(13);
    assert_eq!(host.state("replica-extended", 1), Some(9));
}

#[test]
fn the_host_itself_has_no_replication_state_to_request() {
    let mut host = host(|_| ());
    let systems = host.world.instances("Msvm_ComputerSystem", host.now()).unwrap();
    let own = host.world.reference_to(&systems[0]).unwrap();
    let result = host.call(&own, "RequestReplicationStateChange", &[("RequestedState", Value::Unsigned(3))]);
    assert_eq!(result.unwrap().return_value, 32770);
}

#[test]
fn what_is_not_simulated_is_not_supported() {
    let mut host = host(|_| ());
    let service = host.service();
    assert_eq!(host.call(&service, "CommitFailover", &[]).unwrap().return_value, 32770);
    assert_eq!(host.call(&service, "StartService", &[]).unwrap().return_value, 1);
}

#[test]
fn resetting_statistics_clears_the_health_of_a_vm_that_replicates() {
    let mut host = host(|_| ());
    host.resynchronize(TARGET, Value::Null);
    host.go_to(60);
    let health = |host: &super::Host| host.world.target().unwrap().relationship(0).unwrap().health;
    assert_eq!(health(&host), 2);
    let (service, vm) = (host.service(), host.vm(TARGET));
    let parameters = [("ComputerSystem", Value::from(vm))];
    assert_eq!(host.call(&service, "ResetReplicationStatisticsEx", &parameters).unwrap().return_value, 0);
    assert_eq!(health(&host), 1);
}

#[test]
fn the_host_notes_every_call() {
    let mut host = host(|_| ());
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    host.resynchronize(TARGET, Value::Null);
    host.go_to(90);
    let guid = host.target_guid();
    let truth = host.world.truth();
    assert_eq!((truth.executions(&guid), truth.accepted(&guid)), (2, 1));
    assert_eq!(truth.begun, [(guid.clone(), host.at(0))]);
    assert_eq!(truth.succeeded, [(guid.clone(), host.at(60))]);
    let first = &truth.resynchronizations[0];
    assert_eq!(first.job.as_deref(), job.unwrap().selector("InstanceID"));
    assert_eq!((first.return_value, first.user.as_str()), (4096, "EXAMPLE\\operator"));
    let calls: Vec<_> = truth.calls.iter().map(|call| (call.method, call.return_value)).collect();
    assert_eq!(calls, [("Resynchronize", 4096), ("Resynchronize", 32775)]);
    assert_eq!(truth.calls[0].subject.as_ref(), Some(&guid));
}
