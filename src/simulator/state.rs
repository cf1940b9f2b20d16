//! Numbers of ReplicationState, ReplicationMode, JobState, JobType and return values that the world acts on.

/// ReplicationState of Msvm_ReplicationRelationship.
pub(super) mod replication {
    pub(crate) const DISABLED: u16 = 0;
    pub(crate) const READY: u16 = 1;
    pub(crate) const INITIAL_COPY: u16 = 2;
    pub(crate) const REPLICATING: u16 = 3;
    pub(crate) const SYNCED: u16 = 4;
    pub(crate) const RECOVERED: u16 = 5;
    pub(crate) const COMMITTED: u16 = 6;
    pub(crate) const SUSPENDED: u16 = 7;
    pub(crate) const CRITICAL: u16 = 8;
    pub(crate) const RESYNC_REQUIRED: u16 = 9;
    pub(crate) const RESYNCHRONIZING: u16 = 10;
    pub(crate) const RESYNC_SUSPENDED: u16 = 11;
    pub(crate) const DISK_UPDATE_CRITICAL: u16 = 16;
}

/// ReplicationHealth.
pub(super) mod health {
    pub(crate) const NOT_APPLICABLE: u16 = 0;
    pub(crate) const OK: u16 = 1;
    pub(crate) const WARNING: u16 = 2;
    pub(crate) const CRITICAL: u16 = 3;
}

/// ReplicationMode of Msvm_ComputerSystem.
pub(super) mod mode {
    pub(crate) const NONE: u16 = 0;
    pub(crate) const PRIMARY: u16 = 1;
    pub(crate) const REPLICA: u16 = 2;
    pub(crate) const TEST_REPLICA: u16 = 3;
    pub(crate) const EXTENDED_REPLICA: u16 = 4;
}

/// JobState of Msvm_ConcreteJob.
pub(super) mod job {
    pub(crate) const NEW: u16 = 2;
    pub(crate) const STARTING: u16 = 3;
    pub(crate) const RUNNING: u16 = 4;
    pub(crate) const SUSPENDED: u16 = 5;
    pub(crate) const COMPLETED: u16 = 7;
    pub(crate) const TERMINATED: u16 = 8;
    pub(crate) const KILLED: u16 = 9;
    pub(crate) const EXCEPTION: u16 = 10;
    pub(crate) const COMPLETED_WITH_WARNINGS: u16 = 32768;

    /// Whether a job in that state has ended.
    pub(crate) const fn is_terminal(state: u16) -> bool {
        matches!(state, COMPLETED | TERMINATED | KILLED | EXCEPTION | COMPLETED_WITH_WARNINGS)
    }
}

/// JobType of Msvm_ConcreteJob.
pub(super) mod kind {
    pub(crate) const STATE_CHANGE: u16 = 96;
    pub(crate) const RESYNCHRONIZING: u16 = 107;
    pub(crate) const STOP_RESYNCHRONIZING: u16 = 110;
    pub(crate) const START_RESYNCHRONIZING: u16 = 117;
    pub(crate) const RESYNCHRONIZING_EXTENDED: u16 = 121;
}

/// ReturnValue of the replication methods.
pub(super) mod returns {
    pub(crate) const DONE: u32 = 0;
    pub(crate) const JOB_STARTED: u32 = 4096;
    pub(crate) const ACCESS_DENIED: u32 = 32769;
    pub(crate) const NOT_SUPPORTED: u32 = 32770;
    pub(crate) const INVALID_PARAMETER: u32 = 32773;
    pub(crate) const IN_USE: u32 = 32774;
    pub(crate) const INVALID_STATE: u32 = 32775;
    pub(crate) const FAILED: u16 = 32768;
}

/// ReturnValue of Msvm_ConcreteJob.RequestStateChange, and of inherited methods that Hyper-V does not support.
pub(super) mod job_returns {
    pub(crate) const DONE: u32 = 0;
    pub(crate) const NOT_SUPPORTED: u32 = 1;
    pub(crate) const INVALID_PARAMETER: u32 = 5;
    pub(crate) const INVALID_TRANSITION: u32 = 4097;
    pub(crate) const TIMEOUT_NOT_SUPPORTED: u32 = 4098;
}
