//! Jobs as objects of the management service: they begin, run, end, stay readable for a while and are gone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::machine::Work;
use super::state::{job, kind};
use crate::msvm::concrete_job::JobType;
use crate::msvm::is_terminal;

/// A job (Msvm_ConcreteJob).
#[derive(Clone, Debug)]
pub struct Job {
    /// `InstanceID`: a GUID.
    pub id: String,
    /// `JobType`.
    pub kind: u16,
    /// `JobState`.
    pub state: u16,
    /// Place of the machine that it works on.
    pub(super) machine: usize,
    /// Who submitted it.
    pub owner: String,
    /// `TimeSubmitted`.
    pub submitted: Timestamp,
    /// `ScheduledStartTime`, where it differs from the submission.
    pub scheduled: Option<Timestamp>,
    /// `StartTime`.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// `TimeOfLastStateChange`.
    pub changed: Timestamp,
    /// What went wrong.
    pub errors: Vec<Failure>,
    pub(super) work: Option<Work>,
    /// Percent at the end of a job that did not complete.
    pub(super) reached: u16,
}

/// An error of a job or an issue of replication health (Msvm_Error).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `MessageID`
    pub message_id: &'static str,
    /// `Message`
    pub message: String,
    /// `MessageArguments`
    pub arguments: Vec<String>,
    /// `ErrorType`
    pub error_type: u16,
    /// `PerceivedSeverity`
    pub severity: u16,
    /// `RecommendedActions`
    pub actions: Vec<&'static str>,
}

impl Job {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        is_terminal(self.state.into())
    }

    /// `PercentComplete`.
    pub fn percent(&self, now: Timestamp) -> u16 {
        match self.state {
            job::COMPLETED | job::COMPLETED_WITH_WARNINGS => 100,
            _ if self.has_ended() => self.reached,
            job::RUNNING | job::SUSPENDED => self.work.as_ref().map_or(0, |work| work.percent(now)),
            _ => 0,
        }
    }

    /// Its name, in English.
    pub fn label(&self) -> Cow<'static, str> {
        JobType::from(self.kind).label()
    }

    /// Whether it says that it can be cancelled.
    pub fn is_cancellable(&self) -> bool {
        !self.has_ended() && matches!(self.kind, kind::RESYNCHRONIZING | kind::RESYNCHRONIZING_EXTENDED)
    }

    pub(super) fn enter(&mut self, state: u16, now: Timestamp) {
        self.state = state;
        self.changed = now;
        if state == job::RUNNING && self.started.is_none() {
            self.started = Some(now);
        }
    }

    pub(super) fn finish(&mut self, state: u16, errors: Vec<Failure>, now: Timestamp) {
        self.reached = self.percent(now);
        self.started.get_or_insert(now);
        self.finished = Some(now);
        self.errors = errors;
        self.enter(state, now);
    }
}

/// The jobs that can be read, by number in the order of submission.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    table: BTreeMap<u64, Job>,
    submitted: u64,
}

impl Jobs {
    pub(super) fn submit(&mut self, job: Job) -> u64 {
        self.submitted += 1;
        self.table.insert(self.submitted, job);
        self.submitted
    }

    pub(super) fn get(&self, number: u64) -> Option<&Job> {
        self.table.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Job> {
        self.table.get_mut(&number)
    }

    pub(super) fn find(&self, id: &str) -> Option<u64> {
        self.table.iter().find(|(_, job)| job.id.eq_ignore_ascii_case(id)).map(|(number, _)| *number)
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.table.remove(&number);
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Job) -> bool) {
        self.table.retain(|_, job| keep(job));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Job> {
        self.table.values()
    }
}
