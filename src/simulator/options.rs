//! What can be set about a simulated host.

use std::time::Duration;

use super::state::replication;
use super::unrest::Unrest;

/// The host and what happens on it. Durations are host time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorldOptions {
    /// NetBIOS name of the host, which is also the display name of one of its VMs.
    pub host: &'static str,
    /// Which Windows it runs.
    pub generation: Generation,
    /// Whether the Hyper-V role is there; without it the namespace does not exist.
    pub hyper_v: bool,
    /// What the caller may do.
    pub rights: Rights,
    /// Language of captions, descriptions and status texts.
    pub language: Language,
    /// Whether there are only the target and a few others, so that reads take less time.
    pub few: bool,
    /// So many more machines, named crowd-0001 and so on, that wait for a resynchronization.
    pub crowd: u16,
    /// What keeps happening to them and to the conversation.
    pub unrest: Option<Unrest>,
    /// ReplicationState of the target at the beginning.
    pub target_state: u16,
    /// ReplicationInterval of the target. Windows allows 30, 300 and 900 s; tests may go below.
    pub target_interval: Duration,
    /// The target is in the middle of a resynchronization that somebody else started.
    pub resynchronizing: bool,
    /// The target's automatic window opens that long after the beginning (AutoResynchronizeEnabled).
    pub automatic_in: Option<Duration>,
    /// How resynchronizations go.
    pub resync: ResyncOptions,
}

/// How a resynchronization goes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResyncOptions {
    /// From the start to the end, merging included.
    pub duration: Duration,
    /// The last part of it, in which nothing can be cancelled or suspended.
    pub merging: Duration,
    /// What job the call returns.
    pub job: JobStyle,
    /// How long a job is New and Starting before it runs.
    pub job_start: Duration,
    /// How it ends.
    pub outcome: Outcome,
    /// The state at the end, in place of the one that follows from the outcome.
    pub end_state: Option<u16>,
    /// Whether LastReplicationTime and LastApplyTime move once it has succeeded.
    pub times_move: bool,
    /// How long an ended job can still be read (TimeBeforeRemoval).
    pub retention: Duration,
    /// The job objects go away that long after the start, ended or not.
    pub job_lost_after: Option<Duration>,
    /// Resynchronize answers this at once; 0 starts the work all the same, without a job.
    pub return_value: Option<u32>,
    /// What the job does while a StartTime lies ahead.
    pub scheduled_job: ScheduledJob,
    /// What befalls it midway.
    pub accident: Option<Mishap>,
}

/// An accident and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mishap {
    /// That long after the resynchronization began.
    pub after: Duration,
    /// What happens.
    pub accident: Accident,
}

/// Something that the client did not ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accident {
    /// Somebody suspends the resynchronization: state 11, job suspended.
    Suspend,
    /// Somebody cancels it: state 9, job terminated.
    Cancel,
    /// An unplanned failover takes over; the relationship goes to that state.
    Failover {
        /// 5, or another state of a failover.
        state: u16,
    },
    /// It breaks: the job ends in Exception and the relationship goes to that state.
    Break {
        /// Such as 8, or 9 where the tracked writes outgrew their limit.
        state: u16,
    },
    /// Replication is removed.
    Remove {
        /// The relationship stays, in state 0; otherwise its instance is gone.
        keeps_instance: bool,
    },
    /// The VM migrates to another node: calls find it in use, then everything of it is gone from here.
    Move {
        /// How long the migration takes.
        takes: Duration,
    },
    /// The management service restarts: its jobs are gone.
    Restart {
        /// How long every request fails.
        outage: Duration,
        /// What became of the resynchronization.
        then: AfterRestart,
    },
    /// All job objects go away, whatever they are doing.
    LoseJobs,
    /// Somebody renames the VM.
    Rename(&'static str),
}

/// What a restart of the management service leaves of a resynchronization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRestart {
    /// It goes on, without a job.
    Continues,
    /// It has ended in that state.
    Ends(u16),
}

/// What job Resynchronize returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStyle {
    /// One that lives as long as the resynchronization.
    Long,
    /// One that only starts it.
    Short,
    /// One that only starts it; another, which is not returned, lives as long as it.
    ShortThenLong,
    /// None: ReturnValue 0.
    None,
}

/// How the work itself ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Job Completed, state 3.
    Success,
    /// Job CompletedWithWarnings, state 3.
    Warnings,
    /// Job Exception with two errors, state 8.
    Exception,
    /// Job Killed, state 9.
    Killed,
    /// Job Terminated, state 9.
    Terminated,
}

/// What the job of a scheduled resynchronization does until the time comes; the documentation is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduledJob {
    /// It has only entered the schedule and ends.
    Ends,
    /// It stays New until the time comes.
    Waits,
}

/// Which Windows the host runs, as far as Hyper-V Replica differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Server 2012: no relationship objects, no Ex methods.
    Server2012,
    /// Server 2012 R2 and later.
    Server2012R2,
}

/// What the caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Full,
    /// WMI, not Hyper-V: no VM is visible, methods answer 32769.
    WithoutHyperV,
    /// Not even WMI: every request is denied.
    WithoutWmi,
}

/// Language of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English
    English,
    /// Japanese
    Japanese,
}

impl WorldOptions {
    /// A current host whose target needs a resynchronization, which succeeds after a minute.
    pub const DEFAULT: Self = Self {
        host: "HVSIM01",
        generation: Generation::Server2012R2,
        hyper_v: true,
        rights: Rights::Full,
        language: Language::English,
        few: false,
        crowd: 0,
        unrest: None,
        target_state: replication::RESYNC_REQUIRED,
        target_interval: Duration::from_secs(300),
        resynchronizing: false,
        automatic_in: None,
        resync: ResyncOptions::DEFAULT,
    };
}

impl ResyncOptions {
    /// A minute with one long job, then success.
    pub const DEFAULT: Self = Self {
        duration: Duration::from_secs(60),
        merging: Duration::from_secs(3),
        job: JobStyle::Long,
        job_start: Duration::from_secs(2),
        outcome: Outcome::Success,
        end_state: None,
        times_move: true,
        retention: Duration::from_secs(300),
        job_lost_after: None,
        return_value: None,
        scheduled_job: ScheduledJob::Ends,
        accident: None,
    };
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Default for ResyncOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
