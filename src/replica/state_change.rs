//! Requests to change the replication state: pause, and cancel a resynchronization.

use std::time::Duration;

use crate::cim::Value;
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

use super::session::bearable;
use super::{ReplicaReader, VirtualMachine, embedded};

/// How a request ended.
#[derive(Debug)]
pub enum Changed {
    /// The state is the one that was aimed at.
    Reached,
    /// The host refused.
    Refused(ReturnValue),
    /// Neither within the time that such a request takes, although it may have been carried out; this is the
    /// state, where it can be read.
    NotReached(Option<ReplicationState>),
}

/// Cancels a resynchronization (`RequestReplicationStateChangeEx`, Cancel Resynchronize). All its progress is
/// lost, and the machine waits for a new one. Sent once. Where its job is given, that has to end, too.
///
/// # Errors
/// Nothing was carried out.
pub async fn cancel(
    client: &Client,
    vm: &VirtualMachine,
    reader: &mut ReplicaReader,
    job: Option<JobReader>,
) -> Result<Changed, Error> {
    let aim = ReplicationState::WaitingToStartResynchronization;
    let request = request(vm, reader, Requested::CancelResynchronize);
    change(client, request, Settling { reader, aim, own: None, ended: job }).await
}

/// Pauses a replication that runs. Sent once.
pub(super) async fn suspend(
    client: &Client,
    vm: &VirtualMachine,
    reader: &mut ReplicaReader,
) -> Result<Changed, Error> {
    let request = request(vm, reader, Requested::Suspend);
    let aim = ReplicationState::Suspended;
    change(client, request, Settling { reader, aim, own: None, ended: None }).await
}

async fn change(client: &Client, request: Invoke, mut settling: Settling<'_>) -> Result<Changed, Error> {
    settling.own = match client.invoke(request).await {
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
            answer.parameter("Job").and_then(Value::as_reference).cloned().map(JobReader::new)
        }
        Err(error) if !error.may_have_run() => return Err(error),
        Err(error) => {
            tracing::warn!(error = %error.chain(), "the reply to the state request is lost; looking at the state");
            None
        }
    };
    Ok(settling.run(client).await)
}

/// A request that was made: what is to be seen until it counts as carried out.
struct Settling<'a> {
    reader: &'a mut ReplicaReader,
    aim: ReplicationState,
    /// The request's own job.
    own: Option<JobReader>,
    /// A job that has to end by it.
    ended: Option<JobReader>,
}

impl Settling<'_> {
    /// While the request runs, the state reads as the one asked for: its job has to end first, and the state to
    /// be seen twice; where no job is seen to end, for a while. What cannot be read is looked at again.
    async fn run(&mut self, client: &Client) -> Changed {
        let mut pace = FollowOptions::default().pace(&self.reader.id().vm);
        let (mut since, mut state) = (None, None);
        let begun = client.clock().elapsed();
        loop {
            let now = client.clock().elapsed();
            let Ok(look) = self.look(client).await else { break };
            state = look.state.or(state);
            if look.state == Some(self.aim) && look.is_quiet {
                let steady = now.saturating_sub(*since.get_or_insert(now));
                if steady >= if look.has_ended { TWICE } else { STEADY } {
                    return Changed::Reached;
                }
            } else {
                since = None;
            }
            if look.has_failed || now.saturating_sub(begun) >= PATIENCE {
                break;
            }
            client.clock().sleep(pace.next_pause()).await;
        }
        Changed::NotReached(state)
    }

    async fn look(&mut self, client: &Client) -> Result<Look, Error> {
        let mut look = Look { is_quiet: true, has_ended: false, has_failed: false, state: None };
        if let Some(job) = &mut self.own {
            match bearable(job.read(client).await)? {
                Some(Some(job)) => {
                    look.is_quiet = job.is_over();
                    look.has_ended = job.is_success();
                    look.has_failed = job.is_over() && !job.is_success();
                }
                Some(None) => {}
                None => look.is_quiet = false,
            }
        }
        if let Some(job) = &mut self.ended {
            match bearable(job.read(client).await)? {
                Some(Some(job)) => look.is_quiet &= job.is_over(),
                Some(None) => look.has_ended = false,
                None => look.is_quiet = false,
            }
        }
        look.state = bearable(self.reader.read(client).await)?.flatten().map(|replica| replica.state);
        Ok(look)
    }
}

/// One look at a request.
struct Look {
    /// No job is at work any more.
    is_quiet: bool,
    /// The request's own job was seen to end well.
    has_ended: bool,
    /// It ended otherwise.
    has_failed: bool,
    state: Option<ReplicationState>,
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
/// So long apart are two looks.
const TWICE: Duration = Duration::from_millis(500);
/// How long a state has to stay where no job tells that the request has ended.
const STEADY: Duration = Duration::from_secs(20);

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
