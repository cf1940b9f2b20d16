//! Virtual machines, their replication relationships, and the resynchronization that one may be in.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{between, later};
use super::state::{health, mode, replication};

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// GUID, upper case: the key `Name`.
    pub guid: String,
    /// Display name: `ElementName`.
    pub name: String,
    /// `ReplicationMode`.
    pub mode: u16,
    /// Whether it is running.
    pub running: bool,
    /// Recovery points that its replica holds.
    pub recovery_points: u16,
    /// Its relationships: primary, extended.
    pub relationships: Vec<Relationship>,
    /// Whether a live migration is in progress.
    pub migrating: bool,
    /// Whether it has left this host.
    pub gone: bool,
}

/// A replication relationship.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// 0 primary, 1 extended: the end of its InstanceID.
    pub index: u8,
    /// `ReplicationState` behind what a running state request makes of it.
    pub state: u16,
    /// `ReplicationHealth`.
    pub health: u16,
    /// `ReplicationInterval`.
    pub interval: Duration,
    /// `LastReplicationTime`.
    pub last_replication: Option<Timestamp>,
    /// `LastApplyTime`.
    pub last_apply: Option<Timestamp>,
    /// Times stand still although it replicates.
    pub(super) frozen: bool,
    /// Seconds since midnight, UTC, from which it resynchronizes by itself.
    pub(super) automatic: Option<Duration>,
    pub(super) request: Option<Request>,
    pub(super) schedule: Option<Schedule>,
    pub(super) run: Option<Run>,
}

/// A state request in progress.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) mark: u64,
    pub(super) requested: u16,
    pub(super) before: u16,
    pub(super) after: u16,
    pub(super) job: u64,
}

/// A resynchronization whose time has not come.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) mark: u64,
    /// The job that waits with it.
    pub(super) job: Option<u64>,
    pub(super) owner: String,
}

/// A resynchronization, running or suspended.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Changes whenever it is suspended or resumed, so that what was due before is void.
    pub(super) leg: u64,
    /// Stays.
    pub(super) mark: u64,
    pub(super) job: Option<u64>,
    pub(super) work: Work,
}

/// Work that takes time and may pause.
#[derive(Clone, Debug)]
pub(super) struct Work {
    total: Duration,
    done: Duration,
    since: Option<Timestamp>,
}

/// A relationship, by machine and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) machine: usize,
    pub(super) index: u8,
}

impl Machine {
    /// The relationship of that index.
    pub fn relationship(&self, index: u8) -> Option<&Relationship> {
        self.relationships.iter().find(|relationship| relationship.index == index)
    }

    /// Index of the relationship that Resynchronize drives: a primary VM works towards its replica, a replica
    /// towards its extended replica; nothing else is a source.
    pub(super) fn outgoing(&self) -> Option<u8> {
        let index = match self.mode {
            mode::PRIMARY => 0,
            mode::REPLICA => 1,
            _ => return None,
        };
        self.relationship(index).map(|relationship| relationship.index)
    }
}

impl Relationship {
    /// A relationship in that state, last replicated at that time.
    pub(super) fn new(index: u8, state: u16, last: Option<Timestamp>) -> Self {
        Self {
            index,
            state,
            health: usual_health(state),
            interval: Duration::from_secs(300),
            last_replication: last,
            last_apply: last,
            frozen: false,
            automatic: None,
            request: None,
            schedule: None,
            run: None,
        }
    }

    /// `ReplicationState` as it reads: the requested one while a state request is in progress.
    pub fn shown_state(&self) -> u16 {
        self.request.as_ref().map_or(self.state, |request| request.requested)
    }

    /// Whether a resynchronization is scheduled.
    pub fn is_scheduled(&self) -> bool {
        self.schedule.is_some()
    }

    /// Moves the replication times on to the last whole interval.
    pub(super) fn replicate(&mut self, now: Timestamp) {
        let Some(last) = self.last_replication else { return };
        if self.state != replication::REPLICATING || self.frozen || self.interval.is_zero() {
            return;
        }
        let cycles = between(last, now).as_secs() / self.interval.as_secs().max(1);
        let moved = self.interval.saturating_mul(u32::try_from(cycles).unwrap_or(u32::MAX));
        self.last_replication = Some(later(last, moved));
        self.last_apply = self.last_replication;
    }

    /// Enters a state, with the health that is seen with it.
    pub(super) fn enter(&mut self, state: u16) {
        self.state = state;
        self.health = usual_health(state);
    }
}

impl Work {
    /// Begins work of that length.
    pub(super) fn begin(total: Duration, now: Timestamp) -> Self {
        Self { total, done: Duration::ZERO, since: Some(now) }
    }

    /// What is still to do.
    pub(super) fn left(&self, now: Timestamp) -> Duration {
        self.total.saturating_sub(self.done_by(now))
    }

    /// Percent done: 99 at most, since only its end makes it whole.
    pub(super) fn percent(&self, now: Timestamp) -> u16 {
        let total = self.total.as_millis().max(1);
        let percent = self.done_by(now).as_millis().saturating_mul(100) / total;
        u16::try_from(percent).unwrap_or(u16::MAX).min(99)
    }

    /// Stops the work, keeping what is done.
    pub(super) fn pause(&mut self, now: Timestamp) {
        self.done = self.done_by(now);
        self.since = None;
    }

    /// Goes on.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.since = Some(now);
    }

    fn done_by(&self, now: Timestamp) -> Duration {
        let leg = self.since.map_or(Duration::ZERO, |since| between(since, now));
        self.done.saturating_add(leg).min(self.total)
    }
}

/// Health that goes with a state.
fn usual_health(state: u16) -> u16 {
    match state {
        replication::DISABLED => health::NOT_APPLICABLE,
        replication::REPLICATING | replication::SYNCED => health::OK,
        replication::CRITICAL
        | replication::RESYNC_REQUIRED
        | replication::RESYNCHRONIZING
        | replication::RESYNC_SUSPENDED
        | replication::DISK_UPDATE_CRITICAL => health::CRITICAL,
        _ => health::WARNING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_in_whole_intervals_while_replicating() {
        let start = Timestamp::UNIX_EPOCH;
        let mut relationship = Relationship::new(0, replication::REPLICATING, Some(start));
        relationship.replicate(later(start, Duration::from_secs(750)));
        assert_eq!(relationship.last_replication, Some(later(start, Duration::from_secs(600))));
        assert_eq!(relationship.last_apply, relationship.last_replication);
        relationship.enter(replication::CRITICAL);
        relationship.replicate(later(start, Duration::from_secs(7500)));
        assert_eq!(relationship.last_replication, Some(later(start, Duration::from_secs(600))));
    }

    #[test]
    fn paused_work_keeps_what_is_done() {
        let start = Timestamp::UNIX_EPOCH;
        let at = |seconds| later(start, Duration::from_secs(seconds));
        let mut work = Work::begin(Duration::from_secs(100), start);
        work.pause(at(40));
        assert_eq!((work.percent(at(90)), work.left(at(90))), (40, Duration::from_secs(60)));
        work.resume(at(90));
        assert_eq!(work.left(at(100)), Duration::from_secs(50));
        assert_eq!(work.percent(at(1000)), 99);
    }
}
