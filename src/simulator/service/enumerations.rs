//! Enumerations that are open.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::simulator::agenda::later;
use crate::wsman::Item;

/// What is left of one.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) resource_uri: String,
    pub(super) items: VecDeque<Item>,
    /// When it was last pulled.
    pub(super) used: Timestamp,
}

/// What may go into one reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// All of them, by context.
#[derive(Debug)]
pub(super) struct Enumerations {
    open: HashMap<String, Open>,
    expired: HashSet<String>,
    lifetime: Duration,
}

impl Enumerations {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { open: HashMap::new(), expired: HashSet::new(), lifetime }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn keep(&mut self, context: String, open: Open) {
        self.open.insert(context, open);
    }

    pub(super) fn take(&mut self, context: &str) -> Option<Open> {
        self.open.remove(context)
    }

    /// Whether that context was open once and was left alone for too long.
    pub(super) fn has_expired(&self, context: &str) -> bool {
        self.expired.contains(context)
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        let lifetime = self.lifetime;
        let is_over = |open: &Open| later(open.used, lifetime) < now;
        self.expired
            .extend(self.open.iter().filter(|(_, open)| is_over(open)).map(|(context, _)| context.clone()));
        self.open.retain(|_, open| !is_over(open));
    }
}

/// Takes the items of one reply off the front; `None` where not even the first fits. `size` measures a reply
/// with these items.
pub(super) fn batch(
    items: &mut VecDeque<Item>,
    wanted: Wanted,
    size: &mut dyn FnMut(Vec<Item>) -> usize,
) -> Option<Vec<Item>> {
    if items.len() <= wanted.count {
        let all: Vec<Item> = items.iter().cloned().collect();
        if size(all.clone()).saturating_add(CONTEXT) <= wanted.bytes {
            items.clear();
            return Some(all);
        }
    }
    let frame = size(Vec::new());
    let mut used = frame;
    let mut taken = Vec::new();
    while taken.len() < wanted.count {
        let Some(item) = items.pop_front() else { break };
        used = used.saturating_add(size(vec![item.clone()]).saturating_sub(frame));
        if used.saturating_add(CONTEXT) > wanted.bytes {
            items.push_front(item);
            return if taken.is_empty() { None } else { Some(taken) };
        }
        taken.push(item);
    }
    Some(taken)
}

/// Bytes of a context and of the end, beyond those of an empty reply.
const CONTEXT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_to_count_and_bytes() {
        let mut size = |items: Vec<Item>| 1000 + items.len() * 500;
        let mut items = VecDeque::from(vec![Item::default(); 10]);
        let mut take =
            |count, bytes| batch(&mut items, Wanted { count, bytes }, &mut size).map(|taken| taken.len());
        assert_eq!(take(3, 100_000), Some(3));
        assert_eq!(take(100, 2200), Some(2));
        assert_eq!(take(100, 1699), None);
        assert_eq!(take(100, 100_000), Some(5));
        assert_eq!(take(100, 100_000), Some(0));
    }
}
