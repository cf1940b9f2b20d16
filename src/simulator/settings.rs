//! Settings of machines, relationships and the service.

use std::time::Duration;

use super::agenda::earlier;
use super::instances::{Given, interval, number, numbers, text_value, time};
use super::machine::Machine;
use super::options::Generation;
use super::world::World;
use crate::cim::Value;

/// One per relationship; every VM has at least the first.
pub(super) fn replication_settings(world: &World) -> Vec<Given> {
    let of_machine = |machine| {
        let given = move |index| replication_setting(world, machine, index);
        settings_indices(world, machine).into_iter().map(given)
    };
    world.visible().flat_map(of_machine).collect()
}

/// Which settings a machine has.
pub(super) fn settings_indices(world: &World, machine: &Machine) -> Vec<u8> {
    let extended = machine.relationship(1).is_some() && world.options.generation >= Generation::Server2012R2;
    if extended { vec![0, 1] } else { vec![0] }
}

fn replication_setting(world: &World, machine: &Machine, index: u8) -> Given {
    let relationship = machine.relationship(index);
    let automatic = relationship.and_then(|relationship| relationship.automatic);
    let window = automatic.unwrap_or(WINDOW_START);
    let mut given = vec![
        ("ApplicationConsistentSnapshotInterval", number(0)),
        ("AuthenticationType", number(1)),
        ("AutoResynchronizeEnabled", Value::Boolean(automatic.is_some())),
        ("AutoResynchronizeIntervalEnd", interval(WINDOW_END)),
        ("AutoResynchronizeIntervalStart", interval(window)),
        ("BypassProxyServer", Value::Boolean(false)),
        ("Caption", text_value(world.options.language.say("Replication Settings"))),
        ("CompressionEnabled", Value::Boolean(true)),
        ("Description", text_value(world.options.language.say("Replication Settings"))),
        ("ElementName", text_value(&machine.name)),
        ("EnableWriteOrderPreservationAcrossDisks", Value::Boolean(true)),
        ("IncludedDisks", Value::Array(Vec::new())),
        ("InstanceID", text_value(&world.relationship_id(machine, index))),
        ("RecoveryHistory", number(machine.recovery_points)),
        ("RecoveryServerPortNumber", number(80)),
        ("ReplicateHostKvpItems", Value::Boolean(true)),
        ("VirtualSystemIdentifier", text_value(&machine.guid)),
        ("VirtualSystemType", text_value("Microsoft:Hyper-V:Replica")),
    ];
    if relationship.is_some() {
        given.extend(partners(world));
    }
    if world.options.generation >= Generation::Server2012R2 {
        let seconds = relationship.map_or(DEFAULT_INTERVAL, |relationship| relationship.interval).as_secs();
        given.push(("ReplicationInterval", Value::Unsigned(seconds)));
        given.push(("ReplicationProvider", text_value(&provider_path(world))));
    }
    given
}

fn partners(world: &World) -> Given {
    let own = format!("{}.example.test", world.options.host.to_lowercase());
    vec![
        ("PrimaryConnectionPoint", text_value(&own)),
        ("PrimaryHostSystem", text_value(&own)),
        ("RecoveryConnectionPoint", text_value("replica.example.test")),
        ("RecoveryHostSystem", text_value("replica.example.test")),
    ]
}

/// Settings of the host as a replica server.
pub(super) fn service_settings(world: &World) -> Vec<Given> {
    vec![vec![
        ("AllowedAuthenticationType", number(1)),
        ("HttpPort", number(80)),
        ("HttpsPort", number(443)),
        ("InstanceID", text_value(&service_settings_id(world))),
        ("MonitoringInterval", number(43_200)),
        ("MonitoringStartTime", interval(Duration::from_secs(9 * 3600))),
        ("RecoveryServerEnabled", Value::Boolean(false)),
    ]]
}

pub(super) fn service_settings_id(world: &World) -> String {
    format!("Microsoft:{}\\HVR", world.options.host)
}

/// The provider from host to host.
pub(super) fn replication_provider(world: &World) -> Vec<Given> {
    vec![vec![
        ("Caption", text_value("Replication Provider")),
        ("ElementName", text_value("Microsoft Hyper-V Replica")),
        ("InstanceID", text_value(&provider_id(world))),
        ("Name", text_value(PROVIDER)),
        ("OperationalStatus", numbers(&[2])),
    ]]
}

fn provider_id(world: &World) -> String {
    format!("Microsoft:{}\\ReplicationProvider\\{PROVIDER}", world.options.host)
}

fn provider_path(world: &World) -> String {
    let id = provider_id(world).replace('\\', "\\\\");
    format!(
        "\\\\{}\\root\\virtualization\\v2:Msvm_ReplicationProvider.InstanceID=\"{id}\"",
        world.options.host
    )
}

/// The current settings of each VM and its recovery points.
pub(super) fn system_settings(world: &World) -> Vec<Given> {
    let of_machine = |machine: &Machine| {
        let current = system_setting(world, machine, None);
        let points = points(machine).map(|point| system_setting(world, machine, Some(point)));
        std::iter::once(current).chain(points).collect::<Vec<_>>()
    };
    world.visible().flat_map(of_machine).collect()
}

fn system_setting(world: &World, machine: &Machine, point: Option<u16>) -> Given {
    let kind = if point.is_some() { RECOVERY_POINT } else { "Microsoft:Hyper-V:System:Realized" };
    let age = Duration::from_secs(3600).saturating_mul(point.unwrap_or_default().into());
    vec![
        ("Caption", text_value("Virtual Machine Settings")),
        ("CreationTime", time(earlier(world.began, age))),
        ("Description", text_value("Active settings for the virtual machine.")),
        ("ElementName", text_value(&machine.name)),
        ("InstanceID", text_value(&system_setting_id(machine, point))),
        ("VirtualSystemIdentifier", text_value(&machine.guid)),
        ("VirtualSystemType", text_value(kind)),
    ]
}

/// Numbers of a machine's recovery points.
pub(super) fn points(machine: &Machine) -> impl Iterator<Item = u16> + use<> {
    1..=machine.recovery_points
}

/// InstanceID of the current settings, or of a recovery point, whose GUID follows from the machine's.
pub(super) fn system_setting_id(machine: &Machine, point: Option<u16>) -> String {
    match point {
        None => format!("Microsoft:{}", machine.guid),
        Some(point) => format!("Microsoft:{}{point:04X}", machine.guid.get(..32).unwrap_or_default()),
    }
}

/// GUID of the provider that is built in.
const PROVIDER: &str = "22391CDC-272C-4DDF-BA88-9BEFB1A0975C";

const RECOVERY_POINT: &str = "Microsoft:Hyper-V:Snapshot:Replica:Standard";

const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);

/// 18:30, the default.
const WINDOW_START: Duration = Duration::from_secs(66_600);

/// 06:00, the default.
const WINDOW_END: Duration = Duration::from_secs(21_600);
