//! The world as the provider shows it: instances of the classes, with the properties that real hosts fill.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{between, earlier};
use super::job::Job;
use super::machine::{Machine, Relationship};
use super::options::{Generation, Rights};
use super::state::{job, returns};
use super::world::World;
use super::{associations, settings};
use crate::cim::{Class, DateTime, Instance, Interval, Property, Reference, Schema, Selector, Value};
use crate::msvm::computer_system::ComputerSystem;
use crate::msvm::concrete_job::ConcreteJob;
use crate::msvm::replication_relationship::ReplicationRelationship;
use crate::msvm::replication_service::ReplicationService;
use crate::msvm::replication_setting_data::ReplicationSettingData;
use crate::msvm::virtual_system_setting_data::VirtualSystemSettingData;
use crate::msvm::{NAMESPACE, RelationshipId, resource_uri};

/// Properties of one instance that are not null.
pub(super) type Given = Vec<(&'static str, Value)>;

/// Makes the instances of a class.
pub(super) type Provider = fn(&World) -> Vec<Given>;

/// Classes with instances, and who makes them.
pub(super) const PROVIDERS: &[(&str, Provider)] = &[
    (COMPUTER_SYSTEM, computer_systems),
    (REPLICATION_SERVICE, replication_service),
    (RELATIONSHIP, relationships),
    (CONCRETE_JOB, jobs),
    (REPLICATION_SETTINGS, settings::replication_settings),
    ("Msvm_ReplicationServiceSettingData", settings::service_settings),
    (SYSTEM_SETTINGS, settings::system_settings),
    ("Msvm_ReplicationProvider", settings::replication_provider),
    ("Msvm_AffectedJobElement", associations::affected_job_elements),
    ("Msvm_SystemReplicationRelationship", associations::system_relationships),
    ("Msvm_ElementSettingData", associations::element_settings),
    ("Msvm_SettingsDefineState", associations::settings_define_state),
    ("Msvm_ServiceAffectsElement", associations::service_affects),
    ("Msvm_SnapshotOfVirtualSystem", associations::snapshots),
];

pub(super) const COMPUTER_SYSTEM: &str = ComputerSystem::CLASS;
pub(super) const REPLICATION_SERVICE: &str = ReplicationService::CLASS;
pub(super) const RELATIONSHIP: &str = ReplicationRelationship::CLASS;
pub(super) const CONCRETE_JOB: &str = ConcreteJob::CLASS;
pub(super) const REPLICATION_SETTINGS: &str = ReplicationSettingData::CLASS;
pub(super) const SYSTEM_SETTINGS: &str = VirtualSystemSettingData::CLASS;

/// Classes that Server 2012 does not have.
pub(super) const SINCE_2012_R2: [&str; 3] =
    [RELATIONSHIP, "Msvm_SystemReplicationRelationship", "Msvm_ReplicationProvider"];

impl World {
    /// All properties of the class, null where not given, in alphabetical order as Windows shows them.
    pub(super) fn complete(&self, class: &'static str, mut given: Given) -> Instance {
        let mut instance = Instance::new(class, NAMESPACE);
        let mut take = |name: &str| {
            let at = given.iter().position(|(own, _)| *own == name);
            at.map_or(Value::Null, |at| given.swap_remove(at).1)
        };
        let declared = self.layout.get(class).into_iter().flatten();
        instance.properties = declared.map(|property| (property.name.into(), take(property.name))).collect();
        instance
    }

    /// Jobs that the caller may see.
    pub(super) fn visible_jobs(&self) -> impl Iterator<Item = &Job> {
        let hidden = self.options.rights != Rights::Full;
        self.jobs().filter(move |_| !hidden)
    }

    /// InstanceID of a relationship and of its settings.
    pub(super) fn relationship_id(&self, machine: &Machine, index: u8) -> String {
        match self.options.generation {
            Generation::Server2012 => format!("Microsoft:{}\\HVR", machine.guid),
            Generation::Server2012R2 => RelationshipId::new(&*machine.guid, index.into()).to_string(),
        }
    }
}

/// Properties of each class that has instances or is embedded, in alphabetical order.
pub(super) type Layout = BTreeMap<&'static str, Vec<&'static Property>>;

/// Sorts the properties of all classes.
pub(super) fn layout(schema: Schema) -> Layout {
    let sorted = |class: &'static Class| {
        let mut properties: Vec<_> = class.properties.iter().collect();
        properties.sort_by_cached_key(|property| property.name.to_ascii_lowercase());
        (class.name, properties)
    };
    schema.classes().iter().map(sorted).collect()
}

/// The host first, then its machines.
fn computer_systems(world: &World) -> Vec<Given> {
    let machines = world.visible().map(|machine| computer_system(world, machine));
    std::iter::once(host_system(world)).chain(machines).collect()
}

fn host_system(world: &World) -> Given {
    let say = |text| text_value(world.options.language.say(text));
    vec![
        ("Caption", say("Hosting Computer System")),
        ("CreationClassName", text_value(COMPUTER_SYSTEM)),
        ("Description", say("Microsoft Hosting Computer System")),
        ("ElementName", text_value(world.options.host)),
        ("EnabledDefault", number(2)),
        ("EnabledState", number(2)),
        ("HealthState", number(5)),
        ("Name", text_value(world.options.host)),
        ("NumberOfNumaNodes", number(1)),
        ("OperationalStatus", numbers(&[2])),
        ("RequestedState", number(12)),
        ("ResetCapability", number(1)),
        ("Status", text_value("OK")),
        ("StatusDescriptions", Value::Array(vec![text_value("OK")])),
    ]
}

fn computer_system(world: &World, machine: &Machine) -> Given {
    let say = |text| text_value(world.options.language.say(text));
    let installed = time(earlier(world.began, AGE));
    let migrating: &[u16] = if machine.migrating { &[2, MIGRATING] } else { &[2] };
    let mut given = vec![
        ("Caption", say("Virtual Machine")),
        ("CreationClassName", text_value(COMPUTER_SYSTEM)),
        ("Description", say("Microsoft Virtual Machine")),
        ("ElementName", text_value(&machine.name)),
        ("EnabledDefault", number(2)),
        ("EnabledState", number(if machine.running { 2 } else { 3 })),
        ("EnhancedSessionModeState", number(if machine.running { 6 } else { 3 })),
        ("HealthState", number(5)),
        ("InstallDate", installed.clone()),
        ("Name", text_value(&machine.guid)),
        ("NumberOfNumaNodes", number(1)),
        ("OnTimeInMilliseconds", Value::Unsigned(up_time(world, machine))),
        ("OperationalStatus", numbers(migrating)),
        ("RequestedState", number(5)),
        ("ResetCapability", number(1)),
        ("Status", text_value("OK")),
        ("StatusDescriptions", Value::Array(vec![say("Operating normally")])),
        ("TimeOfLastConfigurationChange", installed.clone()),
        ("TimeOfLastStateChange", installed),
    ];
    if machine.running {
        given.push(("ProcessID", number(4242)));
    }
    given.extend(mirrored_replication(machine));
    given
}

/// Replication of a VM as Msvm_ComputerSystem shows it: of the primary relationship only.
fn mirrored_replication(machine: &Machine) -> Given {
    let primary = machine.relationship(0);
    let last = primary.and_then(|relationship| relationship.last_replication);
    vec![
        ("FailedOverReplicationType", number(0)),
        ("LastApplicationConsistentReplicationTime", never()),
        ("LastReplicationTime", time_or_never(last)),
        ("LastReplicationType", number(u16::from(last.is_some()))),
        ("ReplicationHealth", number(primary.map_or(0, |relationship| relationship.health))),
        ("ReplicationMode", number(machine.mode)),
        ("ReplicationState", number(primary.map_or(0, Relationship::shown_state))),
    ]
}

fn replication_service(world: &World) -> Vec<Given> {
    let name = world.options.language.say("Replication Service");
    vec![vec![
        ("Caption", text_value(name)),
        ("CreationClassName", text_value(REPLICATION_SERVICE)),
        ("Description", text_value(name)),
        ("ElementName", text_value(name)),
        ("EnabledDefault", number(2)),
        ("EnabledState", number(5)),
        ("HealthState", number(5)),
        ("Name", text_value("replicasvc")),
        ("OperationalStatus", numbers(&[2])),
        ("RequestedState", number(12)),
        ("Started", Value::Boolean(true)),
        ("Status", text_value("OK")),
        ("StatusDescriptions", Value::Array(vec![text_value("OK")])),
        ("SystemCreationClassName", text_value(COMPUTER_SYSTEM)),
        ("SystemName", text_value(world.options.host)),
    ]]
}

fn relationships(world: &World) -> Vec<Given> {
    let of_machine = |machine| relationships_of(world, machine);
    world.visible().flat_map(of_machine).collect()
}

fn relationships_of(world: &World, machine: &Machine) -> Vec<Given> {
    let given = |relationship: &Relationship| {
        vec![
            ("Caption", text_value("Replication Relationship")),
            ("Description", text_value("Replication Relationship")),
            ("ElementName", text_value(&machine.name)),
            ("FailedOverReplicationType", number(0)),
            ("HealthState", number(5)),
            ("InstanceID", text_value(&world.relationship_id(machine, relationship.index))),
            ("LastApplicationConsistentReplicationTime", never()),
            ("LastApplyTime", time_or_never(relationship.last_apply)),
            ("LastReplicationTime", time_or_never(relationship.last_replication)),
            ("LastReplicationType", number(u16::from(relationship.last_replication.is_some()))),
            ("OperationalStatus", numbers(&[2])),
            ("ReplicationHealth", number(relationship.health)),
            ("ReplicationState", number(relationship.shown_state())),
        ]
    };
    machine.relationships.iter().map(given).collect()
}

fn jobs(world: &World) -> Vec<Given> {
    world.visible_jobs().map(|job| concrete_job(world, job)).collect()
}

fn concrete_job(world: &World, job: &Job) -> Given {
    let label = text_value(world.options.language.say(&job.label()));
    let status = text_value(world.options.language.say(status_of(job)));
    let mut given = job_times(world, job);
    given.extend(job_errors(job));
    given.extend([
        ("Cancellable", Value::Boolean(job.is_cancellable())),
        ("Caption", label.clone()),
        ("DeleteOnCompletion", Value::Boolean(false)),
        ("Description", label.clone()),
        ("ElementName", label.clone()),
        ("HealthState", number(5)),
        ("InstanceID", text_value(&job.id)),
        ("JobRunTimes", number(1)),
        ("JobState", number(job.state)),
        ("JobStatus", status.clone()),
        ("JobType", number(job.kind)),
        ("LocalOrUtcTime", number(2)),
        ("Name", label),
        ("Notify", text_value("")),
        ("OperationalStatus", numbers(if job.has_ended() { &[17, 2] } else { &[2] })),
        ("OtherRecoveryAction", text_value("")),
        ("Owner", text_value(&job.owner)),
        ("PercentComplete", number(job.percent(world.clock))),
        ("Priority", number(0)),
        ("RecoveryAction", number(2)),
        ("Status", text_value("OK")),
        ("StatusDescriptions", Value::Array(vec![status])),
    ]);
    given
}

fn job_times(world: &World, job: &Job) -> Given {
    let until = job.finished.unwrap_or(world.clock);
    let elapsed = job.started.map_or(Duration::ZERO, |started| between(started, until));
    vec![
        ("ElapsedTime", interval(elapsed)),
        ("InstallDate", never()),
        ("ScheduledStartTime", time(job.scheduled.unwrap_or(job.submitted))),
        ("StartTime", time_or_never(job.started)),
        ("TimeBeforeRemoval", interval(Duration::from_secs(300))),
        ("TimeOfLastStateChange", time(job.changed)),
        ("TimeSubmitted", time(job.submitted)),
    ]
}

fn job_errors(job: &Job) -> Given {
    let message = job.errors.first().map_or("", |error| error.message.as_str());
    let summary: String = message.split_inclusive(':').next().unwrap_or_default().to_owned();
    let code = if job.errors.is_empty() { returns::DONE } else { returns::FAILED };
    vec![
        ("ErrorCode", Value::from(code)),
        ("ErrorDescription", text_value(message)),
        ("ErrorSummaryDescription", text_value(&summary)),
    ]
}

fn status_of(job: &Job) -> &'static str {
    match job.state {
        job::COMPLETED | job::COMPLETED_WITH_WARNINGS => "Job is completed",
        job::EXCEPTION => "Job failed",
        job::TERMINATED | job::KILLED => "The job has been terminated",
        _ => "Job is running",
    }
}

fn up_time(world: &World, machine: &Machine) -> u64 {
    let up = between(earlier(world.began, AGE), world.clock).as_millis();
    if machine.running { u64::try_from(up).unwrap_or(u64::MAX) } else { 0 }
}

/// Reference to a VM.
pub(super) fn machine_reference(machine: &Machine) -> Reference {
    reference(COMPUTER_SYSTEM, &[("CreationClassName", COMPUTER_SYSTEM), ("Name", &machine.guid)])
}

/// Reference to a job.
pub(super) fn job_reference(job: &Job) -> Reference {
    reference(CONCRETE_JOB, &[("InstanceID", &job.id)])
}

/// Reference with text keys.
pub(super) fn reference(class: &str, keys: &[(&str, &str)]) -> Reference {
    Reference::new(
        resource_uri(class),
        keys.iter().map(|(name, value)| Selector::new(*name, *value)).collect(),
    )
}

pub(super) fn text_value(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn number(number: u16) -> Value {
    Value::Unsigned(number.into())
}

pub(super) fn numbers(numbers: &[u16]) -> Value {
    Value::Array(numbers.iter().map(|each| number(*each)).collect())
}

/// A time, to the microsecond as CIM has it.
pub(super) fn time(at: Timestamp) -> Value {
    Value::DateTime(DateTime::at(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)))
}

/// What WMI writes for "never".
pub(super) fn never() -> Value {
    Value::DateTime(DateTime::at(NEVER))
}

pub(super) fn time_or_never(at: Option<Timestamp>) -> Value {
    at.map_or_else(never, time)
}

pub(super) fn interval(length: Duration) -> Value {
    Value::Interval(Interval::of(length))
}

/// 1601-01-01T00:00:00Z
const NEVER: Timestamp = Timestamp::constant(-11_644_473_600, 0);

/// How long the machines have been there before the world began.
const AGE: Duration = Duration::new(40 * 86_400, 315_760_000);

/// OperationalStatus of a live migration.
const MIGRATING: u16 = 32_774;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msvm::SCHEMA;
    use crate::simulator::{Accident, WorldOptions};

    #[test]
    fn every_property_given_is_one_of_the_class_and_none_twice() {
        let options = WorldOptions { resynchronizing: true, ..WorldOptions::DEFAULT };
        let mut world = World::new(SCHEMA, options, 1, Timestamp::UNIX_EPOCH);
        world.befall(Accident::Break { state: 8 }, Timestamp::UNIX_EPOCH);
        for (class, provide) in PROVIDERS {
            let declared = SCHEMA.class(class).unwrap();
            let all = provide(&world);
            assert!(!all.is_empty(), "{class}");
            for given in all {
                for (at, (name, _)) in given.iter().enumerate() {
                    assert!(
                        declared.properties.iter().any(|property| property.name == *name),
                        "{class}.{name}"
                    );
                    assert!(given.iter().take(at).all(|(other, _)| other != name), "{class}.{name}");
                }
            }
        }
    }
}
