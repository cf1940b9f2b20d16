//! What is recorded before asking, to compare with afterwards.

use std::time::Duration;

use jiff::Timestamp;

use crate::msvm::replication_relationship::ReplicationState;

use super::Replica;

/// The state of things before Resynchronize was asked for, or when a running one was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The host's clock then, to the second.
    pub host_time: Option<Timestamp>,
    /// `ReplicationState`
    pub state: ReplicationState,
    /// `LastReplicationTime`
    pub last_replication: Option<Timestamp>,
    /// `LastApplyTime`
    pub last_apply: Option<Timestamp>,
    /// When it is to start, where that was asked for.
    pub start_time: Option<Timestamp>,
}

impl Baseline {
    /// The baseline of that state at that host time.
    pub fn new(replica: &Replica, host_time: Option<Timestamp>, start_time: Option<Timestamp>) -> Self {
        Self {
            host_time,
            state: replica.state,
            last_replication: replica.last_replication,
            last_apply: replica.last_apply,
            start_time,
        }
    }

    /// Whether data has been replicated or applied since: after the job was submitted, where that is known, else
    /// after the host's time then.
    pub fn has_moved(&self, replica: &Replica, submitted: Option<Timestamp>) -> bool {
        let is_after = |moment: Timestamp| match submitted {
            Some(submitted) => moment > submitted,
            None => self.is_after(moment),
        };
        let moved = |before: Option<Timestamp>, now: Option<Timestamp>| {
            now.is_some_and(|now| before.is_none_or(|before| now > before) && is_after(now))
        };
        moved(self.last_replication, replica.last_replication) || moved(self.last_apply, replica.last_apply)
    }

    /// Whether a moment of the host's clock is later than the baseline, beyond the second that an HTTP `Date`
    /// leaves open.
    fn is_after(&self, moment: Timestamp) -> bool {
        self.host_time.is_none_or(|host_time| {
            host_time.checked_add(Duration::from_secs(1)).is_ok_and(|end_of_second| moment >= end_of_second)
        })
    }

    /// Whether the start that was asked for still lies ahead.
    pub fn is_ahead(&self, host_time: Option<Timestamp>) -> bool {
        match (self.start_time, host_time) {
            (Some(start), Some(now)) => now < start,
            _ => false,
        }
    }
}
