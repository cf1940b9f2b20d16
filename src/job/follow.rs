//! Follows one job, as a machine: observations and the time in, what to do next out.

use std::time::Duration;

use crate::msvm::concrete_job::JobState;

use super::{Job, Pace};

/// What a look at the job brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The job.
    Seen(Box<Job>),
    /// There is no such job.
    Gone,
    /// The look failed; the job goes on without us.
    Unreadable,
}

/// How the job ended, as far as the job itself tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// In a terminal state.
    Over(Box<Job>),
    /// Somebody suspended it, and nobody resumes it by itself.
    Suspended(Box<Job>),
    /// It was there and is gone: the host keeps an ended job for five minutes only, and none over a restart.
    Vanished(Box<Job>),
    /// It was never there.
    NotFound,
    /// The host could not be read for too long.
    LostContact(Option<Box<Job>>),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Look again after that pause.
    Poll(Duration),
    /// Stop.
    Done(Ending),
}

/// Follows one job.
#[derive(Clone, Debug)]
pub struct Follow {
    pace: Pace,
    patience: Duration,
    last: Option<Box<Job>>,
    silent_since: Option<Duration>,
    /// Looks in a row that saw it suspended.
    suspended: u32,
    /// Looks in a row that did not find it.
    gone: u32,
}

impl Follow {
    /// A follower that gives up when the host cannot be read for `patience`.
    pub fn new(pace: Pace, patience: Duration) -> Self {
        Self { pace, patience, last: None, silent_since: None, suspended: 0, gone: 0 }
    }

    /// Takes in a look, made at `now` on any clock that only runs forward.
    pub fn step(&mut self, observation: Observation, now: Duration) -> Action {
        match observation {
            Observation::Seen(job) => {
                (self.silent_since, self.gone) = (None, 0);
                if job.is_over() {
                    return Action::Done(Ending::Over(job));
                }
                self.suspended = if job.state == JobState::Suspended { self.suspended + 1 } else { 0 };
                if self.suspended >= ENOUGH {
                    return Action::Done(Ending::Suspended(job));
                }
                self.last = Some(job);
            }
            Observation::Gone => {
                let Some(last) = self.last.take() else { return Action::Done(Ending::NotFound) };
                self.gone += 1;
                if self.gone >= ENOUGH {
                    return Action::Done(Ending::Vanished(last));
                }
                self.last = Some(last);
            }
            Observation::Unreadable => {
                let since = *self.silent_since.get_or_insert(now);
                if now.saturating_sub(since) >= self.patience {
                    return Action::Done(Ending::LostContact(self.last.take()));
                }
            }
        }
        Action::Poll(self.pace.next_pause())
    }
}

/// Looks after which a suspension counts, and after which a job that was there is gone: a host that restarts may
/// not know what it has.
const ENOUGH: u32 = 2;
