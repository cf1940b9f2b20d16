//! What came of it.

use jiff::Timestamp;

use crate::error::Error;
use crate::job::{Job, JobError};
use crate::msvm::replication_relationship::{ReplicationHealth, ReplicationState};
use crate::msvm::replication_service::ResynchronizeReturnValue;

use super::{FindError, VirtualMachine};

/// How the resynchronization of one virtual machine came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutcomeKind {
    /// Both sides are in step again.
    Succeeded,
    /// It will start at the time asked for.
    Scheduled,
    /// It was asked for, or would be, and is not followed.
    Started,
    /// The host or the local check refused.
    Refused,
    /// It failed.
    Failed,
    /// It was cancelled, or nothing was asked for.
    Cancelled,
    /// Somebody suspended it.
    Suspended,
    /// A failover took over.
    Superseded,
    /// We stopped waiting.
    StillRunning,
    /// It may have run, and the host's state cannot tell.
    Unknown,
    /// There is no such virtual machine, or several.
    NotFound,
    /// The host could not be reached, or is no WinRM.
    Unreachable,
    /// The credential was refused, or the user may not.
    Unauthorized,
}

impl OutcomeKind {
    /// The word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Suspended => "suspended",
            Self::Superseded => "superseded",
            Self::StillRunning => "still_running",
            Self::Unknown => "unknown",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// The outcome for one virtual machine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was asked for: a name or a GUID.
    pub asked: String,
    /// The machine, where it was found.
    pub vm: Option<VirtualMachine>,
    /// How it came out.
    pub kind: OutcomeKind,
    /// Whether Resynchronize left for the host.
    pub invoked: bool,
    /// Whether one was running already and was followed.
    pub attached: bool,
    /// What Resynchronize returned.
    pub return_value: Option<ResynchronizeReturnValue>,
    /// The job, as last seen.
    pub job: Option<Job>,
    /// The job's errors, where it failed.
    pub job_errors: Vec<JobError>,
    /// `ReplicationState` before.
    pub state_before: Option<ReplicationState>,
    /// `ReplicationState` at the end.
    pub state_after: Option<ReplicationState>,
    /// Every `ReplicationState` seen, in order.
    pub states_seen: Vec<ReplicationState>,
    /// `ReplicationHealth` at the end.
    pub health: Option<ReplicationHealth>,
    /// When it was asked for or found, by the host's clock.
    pub started_at: Option<Timestamp>,
    /// When it ended, by the host's clock.
    pub finished_at: Option<Timestamp>,
    /// When it is to start, where that was asked for.
    pub start_time: Option<Timestamp>,
    /// What is wrong, where something is.
    pub failure: Option<Failure>,
    /// The envelope that a dry run would send.
    pub envelope: Option<String>,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// A word for programs.
    pub kind: &'static str,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether the host may have carried the call out.
    pub may_have_run: bool,
    /// The machines that a name may mean.
    pub candidates: Vec<VirtualMachine>,
}

impl Failure {
    /// A failure without candidates.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, may_have_run: false, candidates: Vec::new() }
    }

    /// The failure that an error stands for.
    pub fn of_error(error: &Error) -> Self {
        Self { hint: error.hint(), ..Self::new(error.kind(), error.chain()) }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, saying that the host may have carried the call out.
    #[must_use]
    pub fn may_have_run(mut self) -> Self {
        self.may_have_run = true;
        self
    }
}

impl Outcome {
    /// The outcome for what was asked for, still without an end.
    pub fn new(asked: impl Into<String>, kind: OutcomeKind) -> Self {
        Self {
            asked: asked.into(),
            vm: None,
            kind,
            invoked: false,
            attached: false,
            return_value: None,
            job: None,
            job_errors: Vec::new(),
            state_before: None,
            state_after: None,
            states_seen: Vec::new(),
            health: None,
            started_at: None,
            finished_at: None,
            start_time: None,
            failure: None,
            envelope: None,
        }
    }

    /// The outcome of an error before anything was asked for.
    pub fn of_error(asked: impl Into<String>, error: &Error) -> Self {
        let mut outcome = Self::new(asked, kind_of(error));
        outcome.failure = Some(Failure::of_error(error));
        outcome
    }

    /// The outcome of a name that leads to no machine.
    pub fn of_find_error(asked: &str, error: FindError) -> Self {
        let (message, candidates) = match error {
            FindError::Failed(error) => return Self::of_error(asked, &error),
            FindError::NotFound { similar } => {
                ("no virtual machine of that name is to be seen on this host", similar)
            }
            FindError::Ambiguous(candidates) => ("several virtual machines have that name", candidates),
            FindError::Host => ("that is the host itself, not a virtual machine", Vec::new()),
        };
        let mut outcome = Self::new(asked, OutcomeKind::NotFound);
        let hint = if candidates.is_empty() {
            "check the name with `hvreplica status`; without the rights of Hyper-V Administrators a host shows no virtual machines at all"
        } else {
            "name it exactly, or by its GUID"
        };
        let mut failure = Failure::new("not_found", message).hint(hint);
        failure.candidates = candidates;
        outcome.failure = Some(failure);
        outcome
    }
}

/// The outcome that an error before the call stands for.
pub(super) fn kind_of(error: &Error) -> OutcomeKind {
    match error {
        _ if error.is_unauthorized() => OutcomeKind::Unauthorized,
        Error::Fault(_) => OutcomeKind::Refused,
        _ => OutcomeKind::Unreachable,
    }
}
