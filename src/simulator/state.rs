//! The numbers of the classes that the world acts on, by short names.

/// ReplicationState of Msvm_ReplicationRelationship.
pub(super) mod replication {
    use crate::msvm::replication_relationship::ReplicationState as State;

    pub(crate) const DISABLED: u16 = State::Disabled.code();
    pub(crate) const READY: u16 = State::ReadyForReplication.code();
    pub(crate) const INITIAL_COPY: u16 = State::WaitingToCompleteInitialReplication.code();
    pub(crate) const REPLICATING: u16 = State::Replicating.code();
    pub(crate) const SYNCED: u16 = State::SyncedReplicationComplete.code();
    pub(crate) const RECOVERED: u16 = State::Recovered.code();
    pub(crate) const COMMITTED: u16 = State::Committed.code();
    pub(crate) const SUSPENDED: u16 = State::Suspended.code();
    pub(crate) const CRITICAL: u16 = State::Critical.code();
    pub(crate) const RESYNC_REQUIRED: u16 = State::WaitingToStartResynchronization.code();
    pub(crate) const RESYNCHRONIZING: u16 = State::Resynchronizing.code();
    pub(crate) const RESYNC_SUSPENDED: u16 = State::ResynchronizationSuspended.code();
    pub(crate) const FAILOVER: u16 = State::FailoverInProgress.code();
    pub(crate) const FAILBACK: u16 = State::FailbackInProgress.code();
    pub(crate) const FAILED_BACK: u16 = State::FailbackComplete.code();
    pub(crate) const DISK_UPDATE_CRITICAL: u16 = State::DiskUpdateCritical.code();
}

/// ReplicationHealth.
pub(super) mod health {
    use crate::msvm::replication_relationship::ReplicationHealth as Health;

    pub(crate) const NOT_APPLICABLE: u16 = Health::NotApplicable.code();
    pub(crate) const OK: u16 = Health::Ok.code();
    pub(crate) const WARNING: u16 = Health::Warning.code();
    pub(crate) const CRITICAL: u16 = Health::Critical.code();
}

/// ReplicationMode of Msvm_ComputerSystem.
pub(super) mod mode {
    use crate::msvm::computer_system::ReplicationMode as Mode;

    pub(crate) const NONE: u16 = Mode::None.code();
    pub(crate) const PRIMARY: u16 = Mode::Primary.code();
    pub(crate) const REPLICA: u16 = Mode::Replica.code();
    pub(crate) const TEST_REPLICA: u16 = Mode::TestReplica.code();
    pub(crate) const EXTENDED_REPLICA: u16 = Mode::ExtendedReplica.code();
}

/// JobState of Msvm_ConcreteJob.
pub(super) mod job {
    use crate::msvm::concrete_job::JobState as State;

    pub(crate) const NEW: u16 = State::New.code();
    pub(crate) const STARTING: u16 = State::Starting.code();
    pub(crate) const RUNNING: u16 = State::Running.code();
    pub(crate) const SUSPENDED: u16 = State::Suspended.code();
    pub(crate) const COMPLETED: u16 = State::Completed.code();
    pub(crate) const TERMINATED: u16 = State::Terminated.code();
    pub(crate) const KILLED: u16 = State::Killed.code();
    pub(crate) const EXCEPTION: u16 = State::Exception.code();
    /// Hyper-V's own, which no class page lists.
    pub(crate) const COMPLETED_WITH_WARNINGS: u16 = 32768;
}

/// JobType of Msvm_ConcreteJob.
pub(super) mod kind {
    use crate::msvm::concrete_job::JobType as Kind;

    pub(crate) const STATE_CHANGE: u16 = Kind::ReplicateStateChange.code();
    pub(crate) const RESYNCHRONIZING: u16 = Kind::Resynchronizing.code();
    pub(crate) const STOP_RESYNCHRONIZING: u16 = Kind::StopResynchronizing.code();
    pub(crate) const START_RESYNCHRONIZING: u16 = Kind::StartResyncInitialReplication.code();
    pub(crate) const RESYNCHRONIZING_EXTENDED: u16 = Kind::ResynchronizingExtendedReplication.code();
}

/// ReturnValue of the replication methods.
pub(super) mod returns {
    use crate::msvm::replication_service::ReturnValue as Code;

    pub(crate) const DONE: u32 = Code::CompletedWithNoError.code();
    pub(crate) const JOB_STARTED: u32 = Code::MethodParametersCheckedJobStarted.code();
    pub(crate) const FAILED: u32 = Code::Failed.code();
    pub(crate) const ACCESS_DENIED: u32 = Code::AccessDenied.code();
    pub(crate) const NOT_SUPPORTED: u32 = Code::NotSupported.code();
    pub(crate) const INVALID_PARAMETER: u32 = Code::InvalidParameter.code();
    pub(crate) const IN_USE: u32 = Code::SystemIsInUse.code();
    pub(crate) const INVALID_STATE: u32 = Code::InvalidStateForThisOperation.code();
}

/// ReturnValue of Msvm_ConcreteJob.RequestStateChange.
pub(super) mod job_returns {
    use crate::msvm::concrete_job::RequestStateChangeReturnValue as Code;

    pub(crate) const DONE: u32 = Code::CompletedWithNoError.code();
    /// Also of what a service inherits and Hyper-V does not support.
    pub(crate) const NOT_SUPPORTED: u32 = Code::NotSupported.code();
    pub(crate) const INVALID_PARAMETER: u32 = Code::InvalidParameter.code();
    pub(crate) const INVALID_TRANSITION: u32 = Code::InvalidStateTransition.code();
    pub(crate) const TIMEOUT_NOT_SUPPORTED: u32 = Code::UseOfTimeoutParameterNotSupported.code();
}
