//! Requests to change the replication state: pause, and cancel a resynchronization.

use std::time::Duration;

use crate::cim::{Reference, Value};
use crate::client::Client;
use crate::error::Error;
use crate::job::{FollowOptions, JobReader};
use crate::msvm::SCHEMA;
use crate::msvm::computer_system::{
    self, RequestReplicationStateChangeExRequestedState as Requested,
    RequestReplicationStateChangeExReturnValue as ReturnValue,
};
use crate::msvm::replication_relationship::ReplicationState;
use crate::wsman::{Invoke, instance_to_text};

use super::{ReplicaReader, VirtualMachine, embedded};

/// How a request ended.
#[derive(Debug)]
pub enum Changed {
    /// The state is the one that was aimed at.
    Reached,
    /// The host refused.
    Refused(ReturnValue),
    /// Neither within the time that such a request takes; this is the state now.
    NotReached(Option<ReplicationState>),
}

/// Cancels a resynchronization (`RequestReplicationStateChangeEx`, Cancel Resynchronize). All its progress is
/// lost, and the machine waits for a new one. Sent once.
///
/// # Errors
/// Nothing was sent, or the host cannot be read afterwards.
pub async fn cancel(
    client: &Client,
    vm: &VirtualMachine,
    reader: &mut ReplicaReader,
) -> Result<Changed, Error> {
    let aim = ReplicationState::WaitingToStartResynchronization;
    change(client, vm, reader, Requested::CancelResynchronize, aim).await
}

/// Pauses a replication that runs. Sent once.
pub(super) async fn suspend(
    client: &Client,
    vm: &VirtualMachine,
    reader: &mut ReplicaReader,
) -> Result<Changed, Error> {
    change(client, vm, reader, Requested::Suspend, ReplicationState::Suspended).await
}

async fn change(
    client: &Client,
    vm: &VirtualMachine,
    reader: &mut ReplicaReader,
    requested: Requested,
    aim: ReplicationState,
) -> Result<Changed, Error> {
    let job = match client.invoke(request(vm, reader, requested)).await {
        Ok(answer) => {
            let code = answer
                .return_value
                .as_ref()
                .and_then(Value::as_u64)
                .and_then(|code| u32::try_from(code).ok());
            match code.map(ReturnValue::from) {
                Some(ReturnValue::CompletedWithNoError | ReturnValue::MethodParametersCheckedJobStarted)
                | None => {}
                Some(refused) => return Ok(Changed::Refused(refused)),
            }
            answer.parameter("Job").and_then(Value::as_reference).cloned()
        }
        Err(error) if !error.may_have_run() => return Err(error),
        Err(error) => {
            tracing::warn!(error = %error.chain(), "the reply to the state request is lost; looking at the state");
            None
        }
    };
    settle(client, reader, job, aim).await
}

/// While the request runs, the state reads as the one asked for: its job has to end first, and the state to be
/// seen twice.
async fn settle(
    client: &Client,
    reader: &mut ReplicaReader,
    job: Option<Reference>,
    aim: ReplicationState,
) -> Result<Changed, Error> {
    let mut job = job.map(JobReader::new);
    let mut pace = FollowOptions::default().pace(&reader.id().vm);
    let mut seen = 0;
    let mut state = None;
    let begun = client.clock().elapsed();
    while client.clock().elapsed().saturating_sub(begun) < PATIENCE {
        let is_at_work = match &mut job {
            Some(job) => job.read(client).await?.is_some_and(|job| !job.is_over()),
            None => false,
        };
        state = reader.read(client).await?.map(|replica| replica.state);
        seen = if state == Some(aim) && !is_at_work { seen + 1 } else { 0 };
        if seen >= 2 {
            return Ok(Changed::Reached);
        }
        client.clock().sleep(pace.next_pause()).await;
    }
    Ok(Changed::NotReached(state))
}

/// The call, in the form that the host has.
pub(super) fn request(vm: &VirtualMachine, reader: &ReplicaReader, requested: Requested) -> Invoke {
    let state = ("RequestedState".into(), requested.into());
    let (method, parameters) = if reader.has_class() {
        let relationship = embedded::relationship(reader.id());
        let method = computer_system::REQUEST_REPLICATION_STATE_CHANGE_EX;
        (method, vec![("ReplicationRelationship".into(), relationship), state])
    } else {
        (computer_system::REQUEST_REPLICATION_STATE_CHANGE, vec![state])
    };
    Invoke { target: vm.reference(), method: method.to_owned(), parameters }
}

/// The command that resumes what is paused of that relationship. Without a relationship the host takes the one of
/// the primary.
pub(super) fn resume_command(reader: &ReplicaReader) -> String {
    let (id, requested) = (reader.id(), Requested::Replicating.code());
    let method = if reader.has_class() {
        computer_system::REQUEST_REPLICATION_STATE_CHANGE_EX
    } else {
        computer_system::REQUEST_REPLICATION_STATE_CHANGE
    };
    let relationship = match embedded::relationship(id) {
        Value::Instance(relationship) if id.number != 0 => instance_to_text(&relationship, &SCHEMA).ok(),
        _ => None,
    };
    let relationship =
        relationship.map(|text| format!(" --param 'ReplicationRelationship={text}'")).unwrap_or_default();
    format!(
        "hvreplica wsman invoke Msvm_ComputerSystem {method} --selector CreationClassName=Msvm_ComputerSystem --selector Name={}{relationship} --param RequestedState={requested}",
        id.vm,
    )
}

/// How long a state request may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use crate::msvm::RelationshipId;

    use super::{ReplicaReader, resume_command};

    #[test]
    fn the_extended_relationship_is_named() {
        let command = |number| resume_command(&ReplicaReader::new(RelationshipId::new("GUID", number)));
        assert!(!command(0).contains("ReplicationRelationship="));
        assert!(command(1).contains("--param 'ReplicationRelationship=<INSTANCE"), "{}", command(1));
        assert!(command(1).contains(r"<VALUE>Microsoft:GUID\HVR\1</VALUE>"), "{}", command(1));
    }
}
