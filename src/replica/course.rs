//! The rules by which a resynchronization is judged, as a machine: looks and the time in, a verdict out.
//!
//! The state of the relationship decides. A job that ended well says only that the call was carried out, which
//! may mean no more than that the resynchronization has begun; a job that is gone says nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::msvm::concrete_job::JobState;
use crate::msvm::replication_relationship::ReplicationState;

use super::{Baseline, JobSeen, Observation, Replica, ReplicaSeen};

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

/// What follows from a look.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Look again.
    Continue,
    /// Say how long a replication interval is ([`Course::set_interval`]) and look again.
    NeedInterval,
    /// Say whether somebody else has changed the replication meanwhile ([`Course::set_rivals`]).
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
    /// Whether somebody else has asked for another state meanwhile, once that was looked for.
    rivals: Option<bool>,
    /// When the first look was, since the time to start once that has come.
    begun: Option<Moment>,
    looks: u32,
    times_read: u32,
    silent_since: Option<Duration>,
    /// Whether somebody's call is known to have been carried out: state 10, or a job that is a resynchronization.
    has_run: bool,
    was_resynchronizing: bool,
    /// Whether it was seen in 7 or 8 since: from there anybody may resume, and 3 is no proof any more.
    may_be_resumed: bool,
    /// Whether it replicated before its time to start.
    replicated_early: bool,
    /// Whether the start that was asked for lay ahead at the last look.
    was_ahead: bool,
    job_end: Option<JobEnd>,
    /// `InstanceID` of the job that ended.
    ended_job: String,
    last: Option<Streak>,
}

/// A moment by our clock and by the host's.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Duration,
    host_time: Option<Timestamp>,
}

/// The same thing, seen several times in a row.
#[derive(Clone, Copy, Debug)]
struct Streak {
    kind: Kind,
    count: u32,
    since: Moment,
}

/// How the job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobEnd {
    /// Well, and the resynchronization with it: state 10 before, 3 with it.
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

impl Moment {
    fn of(look: &Observation) -> Self {
        Self { at: look.at, host_time: look.host_time }
    }

    /// How long ago it was at that look: by the host's clock or by ours, whichever says more. A host's clock that
    /// is put back, or stands still, delays nothing.
    fn elapsed(self, look: &Observation) -> Duration {
        let host = self.host_time.zip(look.host_time).map(|(since, now)| now.duration_since(since));
        let host = host.and_then(|elapsed| Duration::try_from(elapsed).ok()).unwrap_or_default();
        host.max(look.at.saturating_sub(self.at))
    }
}

impl Kind {
    fn of(replica: &ReplicaSeen) -> Self {
        match replica {
            ReplicaSeen::Seen(replica) => Self::State(replica.state),
            ReplicaSeen::Removed => Self::Removed,
            ReplicaSeen::Away | ReplicaSeen::Unreadable => Self::Away,
        }
    }
}

impl Course {
    /// The course of a call that was made, or of a run that was found, from that baseline.
    pub fn new(baseline: Baseline, acceptance: Acceptance) -> Self {
        let runs_already = baseline.state == ReplicationState::Resynchronizing;
        Self {
            baseline,
            acceptance,
            interval: None,
            rivals: None,
            begun: None,
            looks: 0,
            times_read: 0,
            silent_since: None,
            has_run: runs_already,
            was_resynchronizing: runs_already,
            may_be_resumed: false,
            replicated_early: false,
            was_ahead: false,
            job_end: None,
            ended_job: String::new(),
            last: None,
        }
    }

    /// Says how long a replication interval of the relationship is.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = Some(interval);
    }

    /// Says whether somebody else has changed the state of the replication, until after that look, which is judged
    /// once more.
    pub fn set_rivals(&mut self, found: bool, look: &Observation) -> Step {
        self.rivals = Some(found);
        match (&look.replica, self.last) {
            (ReplicaSeen::Seen(replica), Some(streak)) => self.judge(replica, look, streak),
            _ => Step::Continue,
        }
    }

    /// How often the relationship was read.
    pub fn times_read(&self) -> u32 {
        self.times_read
    }

    /// Where it began.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Whether the call is known to have been carried out.
    pub fn is_accepted(&self) -> bool {
        self.acceptance != Acceptance::InDoubt || self.has_run
    }

    /// Whether the host was watched long enough, by `at`, to have shown that the call was carried out.
    pub fn is_overdue(&self, at: Duration) -> bool {
        let waited = self.begun.map_or(Duration::ZERO, |begun| at.saturating_sub(begun.at));
        waited >= BEGIN_IN_DOUBT && self.looks >= FEWEST_LOOKS
    }

    /// Takes in a look.
    pub fn observe(&mut self, look: &Observation) -> Step {
        if look.replica == ReplicaSeen::Unreadable {
            return self.silent(look.at);
        }
        self.silent_since = None;
        self.note_job(look);
        let kind = Kind::of(&look.replica);
        let is_early = self.is_early(kind, look);
        if !is_early && std::mem::take(&mut self.was_ahead) {
            // The time to begin counts from the moment that was asked for.
            (self.begun, self.looks, self.last) = (None, 0, None);
        }
        self.begun.get_or_insert_with(|| Moment::of(look));
        self.looks += 1;
        self.times_read += 1;
        if is_early {
            self.was_ahead = true;
            self.replicated_early |= kind == Kind::State(ReplicationState::Replicating);
            return Step::Continue;
        }
        let streak = match self.last {
            Some(last) if last.kind == kind => Streak { count: last.count + 1, ..last },
            _ => Streak { kind, count: 1, since: Moment::of(look) },
        };
        self.last = Some(streak);
        if kind != Kind::State(ReplicationState::Replicating) {
            self.rivals = None;
        }
        match &look.replica {
            ReplicaSeen::Seen(replica) => self.judge(replica, look, streak),
            ReplicaSeen::Removed => after(streak, ending(Verdict::Failed, "the replication was removed")),
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

    /// Remembers how the job ended, at the moment that is seen first. Another job than the one that only started
    /// the work tells more.
    fn note_job(&mut self, look: &Observation) {
        let JobSeen::Seen(job) = &look.job else { return };
        if job.is_resynchronization() {
            self.has_run = true;
        }
        let is_noted = match self.job_end {
            None => false,
            Some(JobEnd::Started) => self.ended_job == job.instance_id,
            Some(_) => true,
        };
        if !job.is_over() || is_noted {
            return;
        }
        let replicates = Kind::of(&look.replica) == Kind::State(ReplicationState::Replicating);
        self.ended_job.clone_from(&job.instance_id);
        self.job_end = Some(match job.is_success() {
            true if self.was_resynchronizing && replicates => JobEnd::Whole,
            true => JobEnd::Started,
            false => JobEnd::Failed(job.state),
        });
    }

    fn has_job_failed(&self) -> bool {
        matches!(self.job_end, Some(JobEnd::Failed(_)))
    }

    /// Before the time to start, whatever others do to the replication says nothing of this resynchronization.
    fn is_early(&self, kind: Kind, look: &Observation) -> bool {
        use ReplicationState as State;
        let Kind::State(state) = kind else { return false };
        let is_open = state == self.baseline.state
            || matches!(
                state,
                State::Replicating
                    | State::Suspended
                    | State::Critical
                    | State::WaitingToStartResynchronization
                    | State::Resynchronizing
            );
        is_open && !self.has_job_failed() && self.baseline.is_ahead(look.host_time)
    }

    fn judge(&mut self, replica: &Replica, look: &Observation, streak: Streak) -> Step {
        use ReplicationState as State;
        let state = replica.state;
        let is_as_before = state == self.baseline.state || replica.is_waiting();
        match state {
            State::Resynchronizing => {
                self.has_run = true;
                self.was_resynchronizing = true;
                self.may_be_resumed = false;
                Step::Continue
            }
            State::Replicating => self.replicating(replica, look, streak),
            _ if is_as_before && !self.was_resynchronizing => self.not_begun(look),
            State::ResynchronizationSuspended => {
                Step::Done(ending(Verdict::Suspended, "somebody suspended the resynchronization"))
            }
            State::Suspended | State::Critical | State::WaitingToStartResynchronization => {
                self.may_be_resumed |= !replica.is_waiting();
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

    /// Whether state 3 can only be reached by a resynchronization.
    fn needs_resynchronization(&self) -> bool {
        self.baseline.state == ReplicationState::WaitingToStartResynchronization && !self.may_be_resumed
    }

    /// Whether replication times that move are proof: not where replication may have run without it.
    fn do_times_tell(&self) -> bool {
        use ReplicationState as State;
        let was_at_rest = !self.replicated_early
            && matches!(
                self.baseline.state,
                State::Suspended | State::Critical | State::ResynchronizationSuspended
            );
        let is_accepted = self.is_accepted() && !self.may_be_resumed;
        self.needs_resynchronization() || is_accepted && (self.was_resynchronizing || was_at_rest)
    }

    /// State 3: the only one of success, but no proof by itself, since from 7 or 8 anybody may resume. While a
    /// request runs, the state reads as the one asked for: so it counts when seen twice, and a job at work is
    /// asked first.
    fn replicating(&mut self, replica: &Replica, look: &Observation, streak: Streak) -> Step {
        if streak.count < 2 {
            return Step::Continue;
        }
        if self.has_job_failed() {
            return Step::Done(ending(Verdict::Failed, "the job failed, although replication runs again"));
        }
        if is_contradicted(look, streak) {
            return Step::Continue;
        }
        // What had failed anybody may have resumed between two looks, and then data moves, too.
        let is_likely = self.do_times_tell() && self.baseline.has_moved(replica);
        if is_likely && (self.needs_resynchronization() || self.rivals == Some(false)) {
            let reason = "replication runs, and data has been replicated since";
            return Step::Done(ending(Verdict::Succeeded, reason));
        }
        if is_likely && self.rivals.is_none() {
            return Step::NeedRivals;
        }
        let needs_resynchronization = self.needs_resynchronization();
        let is_proven = match self.job_end {
            Some(JobEnd::Whole) => true,
            Some(JobEnd::Started) => needs_resynchronization,
            _ => false,
        };
        let stood = streak.since.elapsed(look);
        if is_proven && stood >= SETTLED {
            return Step::Done(ending(Verdict::Succeeded, "the job ended well and replication runs"));
        }
        let Some(interval) = self.interval else { return Step::NeedInterval };
        if stood < interval * 2 {
            return Step::Continue;
        }
        Step::Done(if is_proven || needs_resynchronization {
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

    /// The state is the one before the call, or waits to start, and it was never seen to run.
    fn not_begun(&mut self, look: &Observation) -> Step {
        if let Some(JobEnd::Failed(state)) = self.job_end {
            return Step::Done(job_failed(state));
        }
        if is_at_work(&look.job) {
            return Step::Continue;
        }
        let is_accepted = self.is_accepted();
        let patience = if is_accepted { BEGIN_ACCEPTED } else { BEGIN_IN_DOUBT };
        let waited = self.begun.map(|begun| begun.elapsed(look)).unwrap_or_default();
        if waited < patience || self.looks < FEWEST_LOOKS {
            return Step::Continue;
        }
        Step::Done(if is_accepted {
            ending(Verdict::Failed, "the host accepted the call, but no resynchronization was seen to run")
        } else {
            NOTHING_SHOWS
        })
    }

    /// 7, 8 or 9 after it ran, or in another state than before.
    fn fallen_back(&self, state: ReplicationState, look: &Observation, streak: Streak) -> Step {
        if is_contradicted(look, streak) {
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

/// Whether the job is at work although the state says that it is over, and not yet for long.
fn is_contradicted(look: &Observation, streak: Streak) -> bool {
    let is_new = streak.count < MOST_CONTRADICTIONS || streak.since.elapsed(look) < LONGEST_CONTRADICTION;
    is_at_work(&look.job) && is_new
}

/// A state that a running request may feign counts when it is seen twice.
fn after(streak: Streak, ending: Ending) -> Step {
    if streak.count < 2 { Step::Continue } else { Step::Done(ending) }
}

const fn ending(verdict: Verdict, reason: &'static str) -> Ending {
    Ending { verdict, reason }
}

/// The verdict on a call whose reply was lost and that left no trace.
const NOTHING_SHOWS: Ending = ending(
    Verdict::Unknown,
    "nothing shows that the call was carried out, and nothing proves that it was not",
);
/// How long the host may be out of reach.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the state may stay what it was after the host accepted the call.
const BEGIN_ACCEPTED: Duration = Duration::from_secs(30);
/// How long it is watched where the reply was lost.
const BEGIN_IN_DOUBT: Duration = Duration::from_secs(8);
/// Looks at the least before "it never began".
const FEWEST_LOOKS: u32 = 5;
/// Looks at which job and state may contradict each other, at the least.
const MOST_CONTRADICTIONS: u32 = 6;
/// How long they may.
const LONGEST_CONTRADICTION: Duration = Duration::from_secs(30);
/// How long state 3 has to last where only the job's end vouches for it.
const SETTLED: Duration = Duration::from_secs(10);
