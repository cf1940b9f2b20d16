//! Associations between instances.

use super::instances::{
    COMPUTER_SYSTEM, Given, RELATIONSHIP, REPLICATION_SERVICE, REPLICATION_SETTINGS, SYSTEM_SETTINGS,
    job_reference, machine_reference, number, numbers, reference,
};
use super::machine::Machine;
use super::options::Generation;
use super::settings::{points, service_settings_id, settings_indices, system_setting_id};
use super::world::World;
use crate::cim::{Reference, Value};

pub(super) fn affected_job_elements(world: &World) -> Vec<Given> {
    let link = |job: &super::job::Job| {
        let machine = world.machines.get(job.machine).filter(|machine| !machine.gone)?;
        Some(vec![
            ("AffectedElement", end(machine_reference(machine))),
            ("AffectingElement", end(job_reference(job))),
            ("ElementEffects", numbers(&[0])),
        ])
    };
    world.visible_jobs().filter_map(link).collect()
}

pub(super) fn system_relationships(world: &World) -> Vec<Given> {
    let of_machine = |machine: &Machine| {
        let link = |index| {
            vec![
                ("Antecedent", end(machine_reference(machine))),
                ("Dependent", end(by_id(RELATIONSHIP, &world.relationship_id(machine, index)))),
            ]
        };
        relationship_indices(machine).map(link).collect::<Vec<_>>()
    };
    world.visible().flat_map(of_machine).collect()
}

pub(super) fn element_settings(world: &World) -> Vec<Given> {
    let of_machine = |machine: &Machine| {
        let link = |index| {
            let settings = by_id(REPLICATION_SETTINGS, &world.relationship_id(machine, index));
            element_setting(machine_reference(machine), settings)
        };
        settings_indices(world, machine).into_iter().map(link).collect::<Vec<_>>()
    };
    let service = by_id("Msvm_ReplicationServiceSettingData", &service_settings_id(world));
    let of_service = element_setting(service_reference(world), service);
    world.visible().flat_map(of_machine).chain([of_service]).collect()
}

fn element_setting(element: Reference, settings: Reference) -> Given {
    vec![
        ("IsCurrent", number(1)),
        ("IsDefault", number(1)),
        ("IsNext", number(0)),
        ("ManagedElement", end(element)),
        ("SettingData", end(settings)),
    ]
}

pub(super) fn settings_define_state(world: &World) -> Vec<Given> {
    let link = |element, settings| vec![("ManagedElement", end(element)), ("SettingData", end(settings))];
    let of_machine = |machine: &Machine| {
        let current = by_id(SYSTEM_SETTINGS, &system_setting_id(machine, None));
        let mut links = vec![link(machine_reference(machine), current)];
        if world.options.generation >= Generation::Server2012R2 {
            links.extend(relationship_indices(machine).map(|index| {
                let id = world.relationship_id(machine, index);
                link(by_id(RELATIONSHIP, &id), by_id(REPLICATION_SETTINGS, &id))
            }));
        }
        links
    };
    world.visible().flat_map(of_machine).collect()
}

pub(super) fn service_affects(world: &World) -> Vec<Given> {
    let link = |machine| {
        vec![
            ("AffectedElement", end(machine_reference(machine))),
            ("AffectingElement", end(service_reference(world))),
            ("ElementEffects", numbers(&[5])),
        ]
    };
    world.visible().map(link).collect()
}

pub(super) fn snapshots(world: &World) -> Vec<Given> {
    let of_machine = |machine: &Machine| {
        let link = |point| {
            vec![
                ("Antecedent", end(machine_reference(machine))),
                ("Dependent", end(by_id(SYSTEM_SETTINGS, &system_setting_id(machine, Some(point))))),
            ]
        };
        points(machine).map(link).collect::<Vec<_>>()
    };
    world.visible().flat_map(of_machine).collect()
}

fn service_reference(world: &World) -> Reference {
    reference(
        REPLICATION_SERVICE,
        &[
            ("CreationClassName", REPLICATION_SERVICE),
            ("Name", "replicasvc"),
            ("SystemCreationClassName", COMPUTER_SYSTEM),
            ("SystemName", world.options.host),
        ],
    )
}

fn relationship_indices(machine: &Machine) -> impl Iterator<Item = u8> + use<'_> {
    machine.relationships.iter().map(|relationship| relationship.index)
}

fn by_id(class: &str, id: &str) -> Reference {
    reference(class, &[("InstanceID", id)])
}

fn end(reference: Reference) -> Value {
    Value::Reference(Box::new(reference))
}
