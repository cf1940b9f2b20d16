//! What is certain to be refused is refused here, with the reason and what to do instead.

use crate::msvm::computer_system::ReplicationMode;
use crate::msvm::replication_relationship::ReplicationState;

use super::{Replica, VirtualMachine};

/// Why a resynchronization is not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The machine replicates nowhere.
    NotReplicated,
    /// A replica that is not replicated further: its primary drives the relationship.
    ReplicaOnly,
    /// A test replica.
    TestReplica,
    /// An extended replica, which is only ever a target.
    ExtendedReplica,
    /// It replicates as it should.
    Healthy,
    /// Initial replication has not ended.
    InitialReplication,
    /// A failover has taken place, is under way or is prepared.
    Failover,
    /// The set of disks is being changed.
    DiskUpdate,
    /// Another operation is under way.
    OtherOperation,
    /// The host itself does not know the state.
    UnknownState,
}

impl Refusal {
    /// What is the matter.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotReplicated => "replication is not enabled for this virtual machine",
            Self::ReplicaOnly => {
                "this is a replica without an extended one: its primary server drives the replication"
            }
            Self::TestReplica => "this is a test replica, which does not replicate",
            Self::ExtendedReplica => "this is an extended replica, which is only ever a target",
            Self::Healthy => "replication is running; a host refuses to resynchronize it",
            Self::InitialReplication => "initial replication has not finished",
            Self::Failover => "a failover has been made, is under way or is prepared",
            Self::DiskUpdate => "the set of replicated disks is being updated",
            Self::OtherOperation => "another replication operation is under way",
            Self::UnknownState => "the host itself does not know the state of the replication",
        }
    }

    /// What to do instead.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::NotReplicated => "enable replication for it first",
            Self::ReplicaOnly => {
                "run this against the primary server (see `PrimaryHostSystem` of its settings)"
            }
            Self::TestReplica => "name the replica or the primary virtual machine",
            Self::ExtendedReplica => "run this against the replica server that replicates to it",
            Self::Healthy => "to force it, give --suspend-first: replication is paused, then resynchronized",
            Self::InitialReplication => "wait for initial replication to finish",
            Self::Failover => "finish or revert the failover first",
            Self::DiskUpdate => "wait until the update of the disks is done, then look at `hvreplica status`",
            Self::OtherOperation | Self::UnknownState => {
                "wait until it is done, then look at `hvreplica status`"
            }
        }
    }
}

/// The number of the relationship that a resynchronization of that machine drives: 0 from a primary, 1 from a
/// replica to its extended replica.
///
/// # Errors
/// The machine drives none.
pub(super) fn driven_relationship(vm: &VirtualMachine) -> Result<u32, Refusal> {
    match vm.mode {
        ReplicationMode::Primary | ReplicationMode::Unlisted(_) => Ok(0),
        ReplicationMode::Replica => Ok(1),
        ReplicationMode::None => Err(Refusal::NotReplicated),
        ReplicationMode::TestReplica => Err(Refusal::TestReplica),
        ReplicationMode::ExtendedReplica => Err(Refusal::ExtendedReplica),
    }
}

/// Whether a resynchronization from this state can be accepted. States that leave it open pass: the host
/// decides.
///
/// # Errors
/// It is certain to be refused.
pub fn check(vm: &VirtualMachine, replica: Option<&Replica>) -> Result<(), Refusal> {
    driven_relationship(vm)?;
    let Some(replica) = replica else {
        return Err(match vm.mode {
            // What the machine says of its incoming relationship.
            ReplicationMode::Replica if vm.replica.as_ref().is_some_and(is_failed_over) => Refusal::Failover,
            ReplicationMode::Replica => Refusal::ReplicaOnly,
            _ => Refusal::NotReplicated,
        });
    };
    use ReplicationState as State;
    match replica.state {
        State::Disabled => Err(Refusal::NotReplicated),
        State::ReadyForReplication | State::WaitingToCompleteInitialReplication => {
            Err(Refusal::InitialReplication)
        }
        State::Replicating => Err(Refusal::Healthy),
        State::SyncedReplicationComplete
        | State::Recovered
        | State::Committed
        | State::FailoverInProgress
        | State::FailbackInProgress
        | State::FailbackComplete => Err(Refusal::Failover),
        State::DiskUpdateInProgress | State::DiskUpdateCritical => Err(Refusal::DiskUpdate),
        State::RepurposeReplicationInProgress
        | State::PreparedForSyncReplication
        | State::PreparedForGroupReverseReplication
        | State::FiredrillInProgress => Err(Refusal::OtherOperation),
        State::Suspended
        | State::Critical
        | State::WaitingToStartResynchronization
        | State::Resynchronizing
        | State::ResynchronizationSuspended
        | State::Unlisted(_) => Ok(()),
        State::Unknown => Err(Refusal::UnknownState),
    }
}

fn is_failed_over(replica: &Replica) -> bool {
    use ReplicationState as State;
    matches!(
        replica.state,
        State::Recovered
            | State::Committed
            | State::FailoverInProgress
            | State::FailbackInProgress
            | State::FailbackComplete
    )
}
