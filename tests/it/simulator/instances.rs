//! Instances as the provider shows them.

use hvreplica::cim::{Reference, Type, Value};
use hvreplica::msvm::SCHEMA;
use hvreplica::msvm::resource_uri;
use hvreplica::simulator::{Fault, TARGET};

use super::host;

#[test]
fn every_instance_has_all_properties_of_its_class_with_values_of_their_types() {
    let mut host = host(|_| ());
    host.resynchronize(TARGET, Value::Null);
    let mut classes = Vec::new();
    for instance in host.world.instances("CIM_ManagedElement", host.now()).unwrap() {
        let class = SCHEMA.class(&instance.class).unwrap();
        assert_eq!(instance.properties.len(), class.properties.len(), "{}", class.name);
        for property in class.properties {
            let value = instance.get(property.name).unwrap();
            assert!(value.is_null() || !property.is_key || !property.is_array);
            for element in value.elements() {
                assert!(is_of(property.kind, element), "{}.{} {element:?}", class.name, property.name);
            }
        }
        assert!(class.keys().all(|key| !instance.get(key).unwrap().is_null()), "{}", class.name);
        classes.push(class.name);
    }
    classes.dedup();
    assert_eq!(
        classes,
        [
            "Msvm_ComputerSystem",
            "Msvm_ReplicationService",
            "Msvm_ReplicationRelationship",
            "Msvm_ConcreteJob",
            "Msvm_ReplicationSettingData",
            "Msvm_ReplicationServiceSettingData",
            "Msvm_VirtualSystemSettingData",
            "Msvm_ReplicationProvider",
        ]
    );
}

fn is_of(kind: Type, value: &Value) -> bool {
    match value {
        Value::Unsigned(_) => matches!(kind, Type::Uint8 | Type::Uint16 | Type::Uint32 | Type::Uint64),
        Value::Boolean(_) => kind == Type::Boolean,
        Value::String(_) => kind == Type::String,
        Value::DateTime(_) | Value::Interval(_) => kind == Type::DateTime,
        Value::Reference(_) => kind == Type::Reference,
        _ => false,
    }
}

#[test]
fn every_instance_is_found_by_its_reference_and_no_two_are_the_same() {
    let mut host = host(|_| ());
    host.resynchronize(TARGET, Value::Null);
    let classes = [
        "CIM_ManagedElement",
        "Msvm_AffectedJobElement",
        "Msvm_SystemReplicationRelationship",
        "Msvm_ElementSettingData",
        "Msvm_SettingsDefineState",
        "Msvm_ServiceAffectsElement",
        "Msvm_SnapshotOfVirtualSystem",
    ];
    for class in classes {
        let instances = host.world.instances(class, host.now()).unwrap();
        assert!(!instances.is_empty(), "{class}");
        for instance in instances {
            let reference = host.world.reference_to(&instance).unwrap();
            assert_eq!(host.world.get(&reference, host.now()).as_ref(), Ok(&instance), "{class}");
        }
    }
}

#[test]
fn the_host_comes_first_and_is_told_by_its_name_and_missing_installation_date() {
    let mut host = host(|_| ());
    let systems = host.world.instances("Msvm_ComputerSystem", host.now()).unwrap();
    let own = systems.first().unwrap();
    assert_eq!((own.text("Name"), own.text("ElementName")), (Some("HVSIM01"), Some("HVSIM01")));
    assert_eq!(own.get("InstallDate"), Some(&Value::Null));
    assert_eq!(own.get("ReplicationState"), Some(&Value::Null));
    let named_so = systems.iter().filter(|system| system.text("ElementName") == Some("HVSIM01")).count();
    assert_eq!(named_so, 2);
}

#[test]
fn references_have_to_name_exactly_the_keys() {
    let mut host = host(|_| ());
    let vm = host.vm(TARGET);
    let mut lower = vm.clone();
    for selector in &mut lower.selectors {
        if let hvreplica::cim::SelectorValue::Text(text) = &mut selector.value {
            *text = text.to_lowercase();
        }
    }
    assert!(host.world.get(&lower, host.now()).is_ok());
    let mut short = vm.clone();
    short.selectors.pop();
    assert_eq!(host.world.get(&short, host.now()), Err(Fault::InvalidSelectors));
    let mut long = vm.clone();
    long.selectors.push(hvreplica::cim::Selector::new("ElementName", TARGET));
    assert_eq!(host.world.get(&long, host.now()), Err(Fault::InvalidSelectors));
    let elsewhere = vm.resource_uri.replace("virtualization/v2", "cimv2");
    let elsewhere = Reference::new(elsewhere, vm.selectors.clone());
    assert_eq!(host.world.get(&elsewhere, host.now()), Err(Fault::InvalidNamespace));
    let unknown = Reference::new(resource_uri("Msvm_Nothing"), vm.selectors);
    assert_eq!(host.world.get(&unknown, host.now()), Err(Fault::InvalidClass));
}

#[test]
fn a_job_shows_progress_and_times() {
    let mut host = host(|_| ());
    host.go_to(5);
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    let job = job.unwrap();
    let text = |value: Value| value.to_text().unwrap();
    assert_eq!(text(host.job(&job, "StartTime")), "1601-01-01T00:00:00Z");
    assert_eq!(text(host.job(&job, "PercentComplete")), "0");
    host.go_to(35);
    assert_eq!(text(host.job(&job, "TimeSubmitted")), "2026-11-24T12:00:05Z");
    assert_eq!(text(host.job(&job, "StartTime")), "2026-11-24T12:00:07Z");
    assert_eq!(text(host.job(&job, "ElapsedTime")), "P0DT0H0M28S");
    assert_eq!(text(host.job(&job, "PercentComplete")), "50");
    assert_eq!(text(host.job(&job, "TimeBeforeRemoval")), "P0DT0H5M0S");
    host.go_to(100);
    assert_eq!(text(host.job(&job, "ElapsedTime")), "P0DT0H0M58S");
    assert_eq!(text(host.job(&job, "PercentComplete")), "100");
    assert_eq!(host.job(&job, "OperationalStatus").elements().len(), 2);
}

#[test]
fn a_seed_repeats_a_world() {
    let instances = || {
        let mut host = host(|_| ());
        host.resynchronize(TARGET, Value::Null);
        host.go_to(30);
        host.world.instances("CIM_ManagedElement", host.now()).unwrap()
    };
    assert_eq!(instances(), instances());
}

#[test]
fn a_japanese_host_speaks_japanese() {
    let mut host = host(|options| options.language = hvreplica::simulator::Language::Japanese);
    let systems = host.world.instances("Msvm_ComputerSystem", host.now()).unwrap();
    assert_eq!(systems[1].text("Caption"), Some("仮想マシン"));
}
