//! The generated types and tables as a caller sees them.

use hvreplica::cim::{Instance, Interval, Reference, Type, Value};
use hvreplica::msvm::concrete_job::{ConcreteJob, JobState, RunDayOfWeek};
use hvreplica::msvm::replication_relationship::{
    ReplicationHealth, ReplicationRelationship, ReplicationState,
};
use hvreplica::msvm::replication_service::{RESYNCHRONIZE, ResynchronizeReturnValue, ReturnValue};
use hvreplica::msvm::system_replication_relationship::SystemReplicationRelationship;
use hvreplica::msvm::{NAMESPACE, PropertyError, SCHEMA, computer_system, is_success, is_terminal};

fn relationship() -> Instance {
    Instance::new(ReplicationRelationship::CLASS, NAMESPACE)
}

#[test]
fn a_listed_number_has_its_label() {
    let state = ReplicationState::from(10);
    assert_eq!(state, ReplicationState::Resynchronizing);
    assert_eq!(state.label(), "Resynchronizing");
    assert_eq!(state.code(), 10);
    assert_eq!(Value::from(state), Value::Unsigned(10));
}

#[test]
fn an_unlisted_number_is_kept() {
    let state = ReplicationState::from(99);
    assert_eq!(state, ReplicationState::Unlisted(99));
    assert_eq!(state.to_string(), "unknown value 99");
    assert_eq!(u16::from(state), 99);
}

#[test]
fn labels_that_are_no_names_make_variants() {
    assert_eq!(RunDayOfWeek::from(-7), RunDayOfWeek::MinusSaturday);
    assert_eq!(RunDayOfWeek::from(-7).label(), "-Saturday");
    assert_eq!(RunDayOfWeek::from(7), RunDayOfWeek::Saturday);
    assert_eq!(Value::from(RunDayOfWeek::MinusFriday), Value::Signed(-6));
}

#[test]
fn every_listed_value_comes_back_from_its_code() {
    assert_eq!(ReplicationState::LISTED.len(), 22);
    for state in ReplicationState::LISTED {
        assert_eq!(ReplicationState::from(state.code()), *state);
    }
}

#[test]
fn resynchronize_has_its_signature() {
    let class = SCHEMA.class("msvm_replicationservice").unwrap();
    let method = class.method(RESYNCHRONIZE).unwrap();
    assert_eq!(method.returns, Type::Uint32);
    let parameters: Vec<_> =
        method.parameters.iter().map(|own| (own.name, own.kind, own.target, own.is_in, own.is_out)).collect();
    assert_eq!(
        parameters,
        [
            ("ComputerSystem", Type::Reference, Some("CIM_ComputerSystem"), true, false),
            ("StartTime", Type::DateTime, None, true, false),
            ("Job", Type::Reference, Some("CIM_ConcreteJob"), false, true),
        ]
    );
    assert_eq!(method.return_label(4096), Some("Method Parameters Checked - Job Started"));
    assert_eq!(method.return_values.len(), 14);
}

#[test]
fn return_values_are_shared_where_the_tables_are() {
    let value: ReturnValue = ResynchronizeReturnValue::from(32775);
    assert_eq!(value, ReturnValue::InvalidStateForThisOperation);
    assert_eq!(ReturnValue::from(4097).label(), "unknown value 4097");
    let value = computer_system::RequestReplicationStateChangeExReturnValue::from(0);
    assert_eq!(value, computer_system::ReturnValue::CompletedWithNoError);
}

#[test]
fn parameters_have_enumerations() {
    use computer_system::{
        RequestReplicationStateChangeExRequestedState as Ex, RequestStateChangeRequestedState,
    };
    assert_eq!(Ex::from(9), Ex::CancelResynchronize);
    assert_eq!(RequestStateChangeRequestedState::from(9).label(), "Quiesce");
}

#[test]
fn a_class_reads_typed_values_and_text() {
    let instance = relationship()
        .with("instanceid", r"Microsoft:4EA7033C-356C-4EBA-9F77-1A3399CFCD72\HVR\0")
        .with("ReplicationState", Value::Unsigned(9))
        .with("ReplicationHealth", "2")
        .with("ElementName", Value::Null)
        .with("OperationalStatus", Value::Array(vec![Value::Unsigned(2), Value::from("32769")]));
    let read = ReplicationRelationship::from_instance(&instance).unwrap();
    assert_eq!(read.instance_id.as_deref(), Some(r"Microsoft:4EA7033C-356C-4EBA-9F77-1A3399CFCD72\HVR\0"));
    assert_eq!(read.replication_state, Some(ReplicationState::from(9)));
    assert_eq!(read.replication_health, Some(ReplicationHealth::Warning));
    assert_eq!(read.element_name, None);
    assert_eq!(read.last_replication_time, None);
    let codes: Vec<_> = read.operational_status.iter().map(|status| status.code()).collect();
    assert_eq!(codes, [2, 32769]);
}

#[test]
fn a_value_of_another_type_is_named() {
    let error = |name: &'static str, value: Value| {
        ReplicationRelationship::from_instance(&relationship().with(name, value)).unwrap_err()
    };
    let class = "Msvm_ReplicationRelationship";
    let state =
        PropertyError { class, property: "ReplicationState", expected: Type::Uint16, is_array: false };
    assert_eq!(error("ReplicationState", Value::from("nine")), state);
    assert_eq!(error("ReplicationState", Value::Unsigned(65536)), state);
    assert_eq!(error("ReplicationState", Value::Array(vec![Value::Unsigned(9)])), state);
    assert_eq!(state.to_string(), "property ReplicationState of Msvm_ReplicationRelationship is no uint16");
    assert_eq!(
        error("StatusDescriptions", Value::Array(vec![Value::Boolean(true)])).to_string(),
        "property StatusDescriptions of Msvm_ReplicationRelationship is no string array"
    );
    assert_eq!(error("LastReplicationTime", Value::from("P1D")).expected, Type::DateTime);
}

#[test]
fn datetimes_are_read_as_their_kind() {
    let instance = Instance::new(ConcreteJob::CLASS, NAMESPACE)
        .with("ElapsedTime", "00000000000100.500000:000")
        .with("StartTime", "2026-10-08T15:15:36Z");
    let job = ConcreteJob::from_instance(&instance).unwrap();
    assert_eq!(job.elapsed_time, Some(Interval::parse("00000000000100.500000:000").unwrap()));
    assert_eq!(job.start_time.unwrap().to_xs(), "2026-10-08T15:15:36Z");
}

#[test]
fn associations_hold_references() {
    let reference = Reference::new("Msvm_ComputerSystem", Vec::new());
    let instance =
        Instance::new(SystemReplicationRelationship::CLASS, NAMESPACE).with("Antecedent", reference.clone());
    let read = SystemReplicationRelationship::from_instance(&instance).unwrap();
    assert_eq!(read.antecedent, Some(reference));
    assert_eq!(read.dependent, None);
    assert!(SCHEMA.is_a(SystemReplicationRelationship::CLASS, "CIM_Dependency"));
}

#[test]
fn job_states_end_and_succeed() {
    let terminal: Vec<u16> = (0..=u16::MAX).filter(|code| is_terminal(JobState::from(*code))).collect();
    let success: Vec<u16> = (0..=u16::MAX).filter(|code| is_success(JobState::from(*code))).collect();
    assert_eq!(terminal, [7, 8, 9, 10, 32768]);
    assert_eq!(success, [7, 32768]);
}
