//! One look at the host, as the course takes it in.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::Job;

use super::Replica;

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
