//! The state of all relationships.

use crate::client::Client;
use crate::error::Error;
use crate::msvm::replication_relationship::ReplicationRelationship;
use crate::msvm::replication_setting_data::ReplicationSettingData;
use crate::msvm::{RelationshipId, resource_uri};
use crate::wsman::Enumerate;

use super::find::all;
use super::{Replica, VirtualMachine};

/// One relationship of one virtual machine.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipStatus {
    /// The machine.
    pub vm: VirtualMachine,
    /// 0 for the relationship of primary and replica, 1 for the extended one.
    pub number: u32,
    /// Its state.
    pub replica: Replica,
    /// `ReplicationInterval` in seconds, where the host says it.
    pub interval_seconds: Option<u64>,
}

/// The relationships of these machines; of all that have one where none is named.
///
/// # Errors
/// The host cannot be read.
pub async fn status(
    client: &Client,
    vms: Option<&[VirtualMachine]>,
) -> Result<Vec<RelationshipStatus>, Error> {
    let vms = match vms {
        Some(vms) => vms.to_vec(),
        None => all(client).await?,
    };
    let relationships = relationships(client).await?;
    let intervals = intervals(client).await;
    let interval = |id: &RelationshipId| {
        intervals
            .iter()
            .find(|(own, _)| own.number == id.number && own.vm.eq_ignore_ascii_case(&id.vm))
            .map(|(_, seconds)| *seconds)
    };
    let mut found = Vec::new();
    for vm in vms {
        let own = relationships.iter().filter(|(id, _)| id.vm.eq_ignore_ascii_case(&vm.id));
        let before = found.len();
        found.extend(own.map(|(id, replica)| RelationshipStatus {
            vm: vm.clone(),
            number: id.number,
            replica: replica.clone(),
            interval_seconds: interval(id),
        }));
        // Hosts before 2012 R2 have no relationships; the machine itself says how its only one is.
        if found.len() == before
            && let Some(replica) = vm.replica.clone().filter(|replica| replica.state.code() != 0)
        {
            let interval_seconds = interval(&RelationshipId::new(vm.id.clone(), 0));
            found.push(RelationshipStatus { vm, number: 0, replica, interval_seconds });
        }
    }
    Ok(found)
}

/// All relationships of the host; none where the host has no such class.
pub(super) async fn relationships(client: &Client) -> Result<Vec<(RelationshipId, Replica)>, Error> {
    let uri = resource_uri(ReplicationRelationship::CLASS);
    let items = match client.enumerate(&uri, Enumerate::default()).await {
        Err(error)
            if error.is_not_found() || error.fault().is_some_and(crate::wsman::Fault::is_no_such_class) =>
        {
            return Ok(Vec::new());
        }
        other => other?,
    };
    let instances = items.iter().filter_map(|item| item.instance.as_ref());
    Ok(instances
        .filter_map(|instance| {
            let id = instance.text("InstanceID")?.parse().ok()?;
            Some((id, Replica::from_instance(instance).ok()?))
        })
        .collect())
}

/// The replication intervals, in seconds; a host that does not say them is as good.
async fn intervals(client: &Client) -> Vec<(RelationshipId, u64)> {
    let uri = resource_uri(ReplicationSettingData::CLASS);
    let Ok(items) = client.enumerate(&uri, Enumerate::default()).await else { return Vec::new() };
    let instances = items.iter().filter_map(|item| item.instance.as_ref());
    instances
        .filter_map(|instance| {
            Some((instance.text("InstanceID")?.parse().ok()?, instance.number("ReplicationInterval")?))
        })
        .collect()
}
