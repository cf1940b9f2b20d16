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

    /// Whether data has been replicated or applied since; since the time to start, where there is one. Without
    /// anything to compare with, nothing has.
    pub fn has_moved(&self, replica: &Replica) -> bool {
        let begin = self.begin();
        let moved = |before: Option<Timestamp>, now: Option<Timestamp>| match now {
            Some(now) => (before.is_some() || begin.is_some()) && Some(now) > before && Some(now) >= begin,
            None => false,
        };
        moved(self.last_replication, replica.last_replication) || moved(self.last_apply, replica.last_apply)
    }

    /// The earliest moment of the host's clock that is certain to come after the call: an HTTP `Date` leaves the
    /// rest of its second open.
    fn begin(&self) -> Option<Timestamp> {
        let call = self.host_time.and_then(|time| time.checked_add(Duration::from_secs(1)).ok());
        call.max(self.start_time)
    }

    /// Whether the start that was asked for still lies ahead.
    pub fn is_ahead(&self, host_time: Option<Timestamp>) -> bool {
        match (self.start_time, host_time) {
            (Some(start), Some(now)) => now < start,
            _ => false,
        }
    }
}
