//! The rules by which a resynchronization is judged, as a machine: looks and the time in, a verdict out.
//!
//! The state of the relationship decides. A job that ended well says only that the call was carried out, which
//! may mean no more than that the resynchronization has begun; a job that is gone says nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::job::Job;
use crate::msvm::concrete_job::JobState;
use crate::msvm::replication_relationship::ReplicationState;

use super::{Baseline, Replica};

/// What is known of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The host accepted it.
    Accepted,
    /// It was not asked for: one was running already.
    Attached,
    /// Its reply was lost, or a fault that leaves open whether it ran.
    InDoubt,
}

/// What a look at the job brought.
#[derive(Clone, Debug, PartialEq)]
pub enum JobSeen {
    /// No job is known.
    None,
    /// The job.
    Seen(Box<Job>),
    /// There is no such job any more.
    Gone,
    /// The look failed.
    Unreadable,
}

/// What a look at the relationship brought.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplicaSeen {
    /// The relationship.
    Seen(Replica),
    /// The virtual machine is there, the relationship is not.
    Removed,
    /// The virtual machine is not on this host.
    Away,
    /// The look failed.
    Unreadable,
}

/// One look at the host: the job first, the relationship right after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When, by a clock of ours that only runs forward.
    pub at: Duration,
    /// The host's clock.
    pub host_time: Option<Timestamp>,
    /// The job.
    pub job: JobSeen,
    /// The relationship.
    pub replica: ReplicaSeen,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Look again.
    Continue,
    /// Say how long a replication interval is ([`Course::set_interval`]) and look again.
    NeedInterval,
    /// Say whether somebody else has changed the replication meanwhile ([`Course::set_rivals`]) and look again.
    NeedRivals,
    /// It is decided.
    Done(Ending),
}

/// A verdict with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub reason: &'static str,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides are in step again.
    Succeeded,
    /// It failed, or the replication was removed.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// Somebody suspended it; it can be resumed.
    Suspended,
    /// A failover took over.
    Superseded,
    /// The host's state cannot tell.
    Unknown,
}

/// Judges one resynchronization.
#[derive(Clone, Debug)]
pub struct Course {
    baseline: Baseline,
    acceptance: Acceptance,
    interval: Option<Duration>,
    rivals: Option<bool>,
    /// When the job was submitted, by the host's clock.
    submitted: Option<Timestamp>,
    begun: Option<Duration>,
    looks: u32,
    all_looks: u32,
    silent_since: Option<Duration>,
    /// Whether it was seen to run: state 10, or a job that is a resynchronization.
    has_run: bool,
    was_resynchronizing: bool,
    job_end: Option<JobEnd>,
    last: Option<(Kind, u32)>,
    replicating_since: Option<(Duration, Option<Timestamp>)>,
}

/// How the job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobEnd {
    /// Well, and the resynchronization with it.
    Whole,
    /// Well, while the resynchronization had not ended or not begun.
    Started,
    /// In a state that is no success.
    Failed(JobState),
}

/// What is counted when it is seen several times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    State(ReplicationState),
    Removed,
    Away,
}

impl Course {
    /// The course of a call that was made, or of a run that was found, from that baseline.
    pub fn new(baseline: Baseline, acceptance: Acceptance) -> Self {
        Self {
            baseline,
            acceptance,
            interval: None,
            rivals: None,
            submitted: None,
            begun: None,
            looks: 0,
            all_looks: 0,
            silent_since: None,
            has_run: false,
            was_resynchronizing: false,
            job_end: None,
            last: None,
            replicating_since: None,
        }
    }

    /// Says how long a replication interval of the relationship is.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = Some(interval);
    }

    /// Says whether somebody else has changed the state of the replication since.
    pub fn set_rivals(&mut self, found: bool) {
        self.rivals = Some(found);
    }

    /// How often the relationship was read.
    pub fn looks(&self) -> u32 {
        self.all_looks
    }

    /// Where it began.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Whether the call is known to have been carried out.
    pub fn is_accepted(&self) -> bool {
        self.acceptance != Acceptance::InDoubt || self.has_run
    }

    /// Takes in a look.
    pub fn observe(&mut self, look: &Observation) -> Step {
        let begun = *self.begun.get_or_insert(look.at);
        if look.replica == ReplicaSeen::Unreadable {
            return self.silent(look.at);
        }
        self.silent_since = None;
        self.looks += 1;
        self.all_looks += 1;
        let waited = look.at.saturating_sub(begun);
        let kind = match &look.replica {
            ReplicaSeen::Seen(replica) => Kind::State(replica.state),
            ReplicaSeen::Removed => Kind::Removed,
            ReplicaSeen::Away | ReplicaSeen::Unreadable => Kind::Away,
        };
        let streak = match self.last {
            Some((last, count)) if last == kind => count + 1,
            _ => 1,
        };
        self.last = Some((kind, streak));
        self.note_job(look);
        if kind != Kind::State(ReplicationState::Replicating) {
            self.replicating_since = None;
            self.rivals = None;
        }
        match (&look.replica, kind) {
            (ReplicaSeen::Seen(replica), _) => self.judge(replica, look, streak, waited),
            (_, Kind::Removed) => after(streak, ending(Verdict::Failed, "the replication was removed")),
            _ => after(streak, ending(Verdict::Unknown, "the virtual machine is no longer on this host")),
        }
    }

    fn silent(&mut self, at: Duration) -> Step {
        let since = *self.silent_since.get_or_insert(at);
        if at.saturating_sub(since) < PATIENCE {
            return Step::Continue;
        }
        Step::Done(ending(Verdict::Unknown, "the host could not be read any more"))
    }

    /// Remembers how the job ended, at the moment that is seen first.
    fn note_job(&mut self, look: &Observation) {
        let JobSeen::Seen(job) = &look.job else { return };
        let is_running_now = matches!(
            &look.replica,
            ReplicaSeen::Seen(replica) if replica.state == ReplicationState::Resynchronizing
        );
        if job.is_resynchronization() {
            self.has_run = true;
            self.submitted = self.submitted.or(job.submitted);
        }
        if !job.is_over() || self.job_end.is_some() {
            return;
        }
        self.job_end = Some(match (job.is_success(), is_running_now) {
            (true, true) => JobEnd::Started,
            (true, false) if !self.was_resynchronizing => JobEnd::Started,
            (true, false) => JobEnd::Whole,
            (false, _) => JobEnd::Failed(job.state),
        });
    }

    fn judge(&mut self, replica: &Replica, look: &Observation, streak: u32, waited: Duration) -> Step {
        use ReplicationState as State;
        let state = replica.state;
        match state {
            State::Resynchronizing => {
                self.has_run = true;
                self.was_resynchronizing = true;
                Step::Continue
            }
            State::Replicating => self.replicating(replica, look, streak),
            _ if state == self.baseline.state && !self.was_resynchronizing => self.not_begun(look, waited),
            State::ResynchronizationSuspended => {
                Step::Done(ending(Verdict::Suspended, "somebody suspended the resynchronization"))
            }
            State::Suspended | State::Critical | State::WaitingToStartResynchronization => {
                self.fallen_back(state, look, streak)
            }
            State::SyncedReplicationComplete
            | State::Recovered
            | State::Committed
            | State::FailoverInProgress
            | State::FailbackInProgress
            | State::FailbackComplete => {
                Step::Done(ending(Verdict::Superseded, "a failover took over; the resynchronization is void"))
            }
            State::Disabled => after(streak, ending(Verdict::Failed, "the replication was removed")),
            // Initial replication, updates of disks and numbers that nobody documents: they pass, or they stay.
            _ => Step::Continue,
        }
    }

    /// State 3: the only one of success, but no proof by itself, since from 7 or 8 anybody may resume.
    fn replicating(&mut self, replica: &Replica, look: &Observation, streak: u32) -> Step {
        if let Some(JobEnd::Failed(_)) = self.job_end {
            return after(streak, ending(Verdict::Failed, "the job failed, although replication runs again"));
        }
        // While a request runs, the state reads as the one asked for: a job at work is asked first.
        if is_at_work(&look.job) && streak < MOST_CONTRADICTIONS {
            return Step::Continue;
        }
        let has_moved = self.baseline.has_moved(replica, self.submitted);
        let only_by_resynchronization =
            self.baseline.state == ReplicationState::WaitingToStartResynchronization;
        let counts = self.is_accepted() || only_by_resynchronization;
        if counts && self.job_end == Some(JobEnd::Whole) {
            return after(streak, ending(Verdict::Succeeded, "the job ended well and replication runs"));
        }
        // From 7 or 8 anybody may have resumed what had failed, and then data moves, too; and a request that is
        // under way lets the state read as the one asked for.
        let is_likely = counts
            && (has_moved || self.job_end == Some(JobEnd::Started) && only_by_resynchronization);
        if has_moved && only_by_resynchronization || is_likely && self.rivals == Some(false) {
            return Step::Done(ending(
                Verdict::Succeeded,
                if has_moved {
                    "replication runs, and data has been replicated since"
                } else {
                    "the job ended well and replication runs"
                },
            ));
        }
        let (since, since_host) = *self.replicating_since.get_or_insert((look.at, look.host_time));
        let Some(interval) = self.interval else { return Step::NeedInterval };
        let waited = match (since_host, look.host_time) {
            (Some(since), Some(now)) => now.duration_since(since),
            _ => SignedDuration::try_from(look.at.saturating_sub(since)).unwrap_or(SignedDuration::ZERO),
        };
        if waited.unsigned_abs() < interval * 2 {
            let is_open = is_likely && self.rivals.is_none();
            return if is_open { Step::NeedRivals } else { Step::Continue };
        }
        Step::Done(if only_by_resynchronization {
            ending(
                Verdict::Succeeded,
                "replication runs, which only a resynchronization leads to from state 9",
            )
        } else if self.is_accepted() {
            ending(Verdict::Unknown, "replication runs, but nothing shows that it was resynchronized")
        } else {
            ending(Verdict::Unknown, "replication runs, but nothing shows that the call was carried out")
        })
    }

    /// The state is the one before the call, and it was never seen to run.
    fn not_begun(&mut self, look: &Observation, waited: Duration) -> Step {
        if self.baseline.is_ahead(look.host_time) && !matches!(self.job_end, Some(JobEnd::Failed(_))) {
            // The time to begin counts from the moment that was asked for.
            self.begun = Some(look.at);
            self.looks = 0;
            return Step::Continue;
        }
        if let Some(JobEnd::Failed(state)) = self.job_end {
            return Step::Done(job_failed(state));
        }
        if is_at_work(&look.job) {
            return Step::Continue;
        }
        let is_accepted = self.is_accepted();
        let patience = if is_accepted { BEGIN_ACCEPTED } else { BEGIN_IN_DOUBT };
        if waited < patience || self.looks < FEWEST_LOOKS {
            return Step::Continue;
        }
        Step::Done(if is_accepted {
            ending(
                Verdict::Failed,
                "the host accepted the call, but the virtual machine is in the same state as before",
            )
        } else {
            ending(
                Verdict::Unknown,
                "nothing shows that the call was carried out, and nothing proves that it was not",
            )
        })
    }

    /// 7, 8 or 9 after it ran, or in another state than before.
    fn fallen_back(&self, state: ReplicationState, look: &Observation, streak: u32) -> Step {
        if is_at_work(&look.job) && streak < MOST_CONTRADICTIONS {
            return Step::Continue;
        }
        if !self.is_accepted() {
            let reason = "the state has changed, but nothing shows that the call was carried out";
            return after(streak, ending(Verdict::Unknown, reason));
        }
        if let Some(JobEnd::Failed(job_state)) = self.job_end {
            return after(streak, job_failed(job_state));
        }
        after(
            streak,
            match state {
                ReplicationState::Suspended => ending(Verdict::Cancelled, "somebody paused the replication"),
                ReplicationState::Critical => ending(Verdict::Failed, "replication has failed (state 8)"),
                _ => ending(
                    Verdict::Failed,
                    "the virtual machine waits for a resynchronization again: it failed, was cancelled, or too much was written meanwhile",
                ),
            },
        )
    }
}

fn job_failed(state: JobState) -> Ending {
    match state {
        JobState::Terminated => ending(Verdict::Cancelled, "the job was terminated"),
        JobState::Killed => ending(Verdict::Failed, "the job was killed"),
        _ => ending(Verdict::Failed, "the job failed"),
    }
}

fn is_at_work(job: &JobSeen) -> bool {
    matches!(job, JobSeen::Seen(job) if !job.is_over())
}

/// A state that a running request may feign counts when it is seen twice.
fn after(streak: u32, ending: Ending) -> Step {
    if streak < 2 { Step::Continue } else { Step::Done(ending) }
}

const fn ending(verdict: Verdict, reason: &'static str) -> Ending {
    Ending { verdict, reason }
}

/// How long the host may be out of reach.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the state may stay what it was after the host accepted the call.
const BEGIN_ACCEPTED: Duration = Duration::from_secs(30);
/// How long it is watched where the reply was lost.
const BEGIN_IN_DOUBT: Duration = Duration::from_secs(8);
/// Looks at the least before "it never began".
const FEWEST_LOOKS: u32 = 5;
/// Looks at which job and state may contradict each other.
const MOST_CONTRADICTIONS: u32 = 6;
