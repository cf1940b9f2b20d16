//! Exit codes, and what leads to which.

use std::process::ExitCode;

use crate::error::Error;
use crate::job::Ending;
use crate::replica::{JobCancel, Outcome, OutcomeKind};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Everything asked for was reached.
    Success,
    /// A defect of the program itself.
    Defect,
    /// Wrong usage or configuration; nothing was sent.
    Usage,
    /// The host could not be reached, or what answers is not usable.
    Unreachable,
    /// Authentication or authorization was refused.
    Unauthorized,
    /// Refused by a fault, a return value or the local check.
    Refused,
    /// It ran and failed, or was cancelled.
    Failed,
    /// Stopped waiting.
    StoppedWaiting,
    /// Outcome unknown.
    Unknown,
    /// No such object, or an ambiguous name.
    NotFound,
    /// Several targets ended differently.
    Mixed,
    /// Interrupted before anything was asked.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Defect => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Unauthorized => 4,
            Self::Refused => 5,
            Self::Failed => 6,
            Self::StoppedWaiting => 7,
            Self::Unknown => 8,
            Self::NotFound => 9,
            Self::Mixed => 10,
            Self::Interrupted => 130,
        }
    }

    /// What a failed read comes to.
    pub fn of_read(error: &Error) -> Self {
        match error {
            _ if error.is_unauthorized() => Self::Unauthorized,
            _ if error.is_configuration() => Self::Usage,
            _ if error.is_not_found() => Self::NotFound,
            Error::Fault(_) => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// What a failed call comes to: where it may have run, nobody knows.
    pub(super) fn of_call(error: &Error) -> Self {
        if error.may_have_run() { Self::Unknown } else { Self::of_read(error) }
    }

    /// What one outcome comes to.
    pub fn of_outcome(outcome: &Outcome) -> Self {
        let is_configuration = outcome
            .failure
            .as_ref()
            .is_some_and(|failure| failure.kind == "configuration" || failure.kind == "usage");
        match outcome.kind {
            _ if is_configuration => Self::Usage,
            OutcomeKind::Succeeded | OutcomeKind::Scheduled | OutcomeKind::Started => Self::Success,
            OutcomeKind::Refused => Self::Refused,
            OutcomeKind::Cancelled if !outcome.invoked && !outcome.attached => Self::Interrupted,
            OutcomeKind::Failed | OutcomeKind::Cancelled | OutcomeKind::Superseded => Self::Failed,
            OutcomeKind::Suspended | OutcomeKind::StillRunning => Self::StoppedWaiting,
            OutcomeKind::Unknown => Self::Unknown,
            OutcomeKind::NotFound => Self::NotFound,
            OutcomeKind::Unreachable => Self::Unreachable,
            OutcomeKind::Unauthorized => Self::Unauthorized,
        }
    }

    /// What a job that was followed comes to.
    pub fn of_following(ending: &Ending) -> Self {
        match ending {
            Ending::Over(job) if job.is_success() => Self::Success,
            Ending::Over(_) => Self::Failed,
            Ending::Suspended(_) => Self::StoppedWaiting,
            Ending::NotFound => Self::NotFound,
            Ending::Vanished(_) | Ending::LostContact(_) => Self::Unknown,
        }
    }

    /// What the wish to cancel a job comes to.
    pub fn of_cancelling(cancel: &JobCancel) -> Self {
        match cancel {
            JobCancel::Cancelled(_) => Self::Success,
            JobCancel::EndedBefore(_) | JobCancel::Refused { .. } => Self::Refused,
            JobCancel::NotFound => Self::NotFound,
            JobCancel::NotReached(_) => Self::Unknown,
        }
    }

    /// What several outcomes come to: their common code, or [`Exit::Mixed`].
    pub fn of_outcomes(outcomes: &[Outcome]) -> Self {
        let mut exits = outcomes.iter().map(Self::of_outcome);
        let Some(first) = exits.next() else { return Self::Success };
        if exits.all(|exit| exit == first) { first } else { Self::Mixed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
