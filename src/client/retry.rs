//! When a read goes again, and how long to wait before.

use std::time::Duration;

use crate::error::Error;

/// Bounds of trying a read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub tries: u32,
    /// The first pause; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause, also where the host asks for more.
    pub longest_pause: Duration,
    /// No try begins later than that after the first.
    pub budget: Duration,
    /// Makes the pauses uneven: another number for each client keeps them out of step.
    pub seed: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
            budget: Duration::from_secs(180),
            seed: 0,
        }
    }
}

impl Retry {
    /// One try only.
    pub const NEVER: Self = Self {
        tries: 1,
        first_pause: Duration::ZERO,
        longest_pause: Duration::ZERO,
        budget: Duration::ZERO,
        seed: 0,
    };

    /// Begins the read of that number at that time.
    pub(super) fn begin(self, now: Duration, number: u32) -> Tries {
        let seed = self.seed.wrapping_add(number).wrapping_mul(0x9E37_79B9);
        Tries { bounds: self, begun: now, seed, done: 0 }
    }
}

/// The tries of one read.
#[derive(Debug)]
pub(super) struct Tries {
    bounds: Retry,
    begun: Duration,
    seed: u32,
    done: u32,
}

impl Tries {
    /// How long to wait before the next try; `None` where there is none.
    pub(super) fn next_pause(
        &mut self,
        error: &Error,
        retry_after: Option<Duration>,
        now: Duration,
    ) -> Option<Duration> {
        self.done += 1;
        if self.done >= self.bounds.tries || !error.is_transient() {
            return None;
        }
        // No use in hammering a host that is not there.
        if matches!(error.transport(), Some(crate::transport::TransportErrorKind::Connect)) && self.done > 1 {
            return None;
        }
        let doubled = self.bounds.first_pause * 2_u32.saturating_pow(self.done - 1);
        let pause = self.uneven(retry_after.unwrap_or(doubled)).min(self.bounds.longest_pause);
        let is_affordable = now.saturating_sub(self.begun).saturating_add(pause) <= self.bounds.budget;
        is_affordable.then_some(pause)
    }

    /// Up to a quarter more, never less than a host has asked for, so that clients do not come back in step.
    fn uneven(&mut self, pause: Duration) -> Duration {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pause * (1000 + (self.seed >> 16) % 251) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Error, Retry};

    #[test]
    fn pauses_double_and_end() {
        let busy = Error::Http { status: 503 };
        let now = Duration::ZERO;
        let pauses = |seed| -> Vec<_> {
            let mut tries = Retry::default().begin(now, seed);
            std::iter::from_fn(|| tries.next_pause(&busy, None, now)).collect()
        };
        let first = pauses(1);
        assert_eq!(first.len(), 4);
        for (pause, doubled) in first.iter().zip([500, 1000, 2000, 4000].map(Duration::from_millis)) {
            assert!((doubled..=doubled * 5 / 4).contains(pause), "{pause:?}");
        }
        assert_eq!(first, pauses(1));
        assert_ne!(first, pauses(2));
        let mut tries = Retry::default().begin(now, 1);
        assert_eq!(
            tries.next_pause(&busy, Some(Duration::from_secs(90)), now),
            Some(Duration::from_secs(20))
        );
        assert_eq!(tries.next_pause(&Error::Http { status: 404 }, None, now), None);
    }

    #[test]
    fn no_try_begins_beyond_the_budget() {
        let busy = Error::Http { status: 503 };
        let mut tries = Retry::default().begin(Duration::from_secs(100), 1);
        assert!(tries.next_pause(&busy, None, Duration::from_secs(270)).is_some());
        assert_eq!(tries.next_pause(&busy, None, Duration::from_secs(280)), None);
    }
}
