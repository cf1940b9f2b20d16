//! What is due when: the world's own future, in a deterministic order.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// Events by due time; those of the same instant in the order in which they were entered.
#[derive(Clone, Debug)]
pub(super) struct Agenda<E> {
    entries: BTreeMap<(Timestamp, u64), E>,
    entered: u64,
}

impl<E> Agenda<E> {
    /// Nothing is due.
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), entered: 0 }
    }

    /// Enters an event.
    pub(super) fn enter(&mut self, due: Timestamp, event: E) {
        self.entered += 1;
        self.entries.insert((due, self.entered), event);
    }

    /// Takes the next event that is due at that time or before.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, E)> {
        let first = self.entries.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((due, _), event) = first.remove_entry();
        Some((due, event))
    }

    /// When the next event is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.entries.keys().next().map(|(due, _)| *due)
    }
}

/// That long after an instant; the end of time where it is farther.
pub(super) fn later(instant: Timestamp, by: Duration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// That long before an instant; the beginning of time where it is farther.
pub(super) fn earlier(instant: Timestamp, by: Duration) -> Timestamp {
    instant.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Time between two instants; zero where the second is the earlier one.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    if to <= from { Duration::ZERO } else { to.duration_since(from).unsigned_abs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_due_time_and_then_by_entry() {
        let start = Timestamp::UNIX_EPOCH;
        let mut agenda = Agenda::new();
        agenda.enter(later(start, Duration::from_secs(2)), 'c');
        agenda.enter(later(start, Duration::from_secs(1)), 'a');
        agenda.enter(later(start, Duration::from_secs(1)), 'b');
        let now = later(start, Duration::from_secs(1));
        let order: Vec<char> = std::iter::from_fn(|| agenda.take_due(now)).map(|(_, event)| event).collect();
        assert_eq!(order, ['a', 'b']);
        assert_eq!(agenda.next_due(), Some(later(start, Duration::from_secs(2))));
    }
}
