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
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 5, first_pause: Duration::from_millis(500), longest_pause: Duration::from_secs(20) }
    }
}

impl Retry {
    /// One try only.
    pub const NEVER: Self = Self { tries: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO };

    pub(super) fn begin(self) -> Tries {
        Tries { bounds: self, done: 0 }
    }
}

/// The tries of one read.
#[derive(Debug)]
pub(super) struct Tries {
    bounds: Retry,
    done: u32,
}

impl Tries {
    /// How long to wait before the next try; `None` where there is none.
    pub(super) fn next_pause(&mut self, error: &Error, retry_after: Option<Duration>) -> Option<Duration> {
        self.done += 1;
        if self.done >= self.bounds.tries || !error.is_transient() {
            return None;
        }
        // No use in hammering a host that is not there.
        if matches!(error.transport(), Some(crate::transport::TransportErrorKind::Connect)) && self.done > 1 {
            return None;
        }
        let doubled = self.bounds.first_pause * 2_u32.saturating_pow(self.done - 1);
        Some(retry_after.unwrap_or(doubled).min(self.bounds.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Error, Retry};

    #[test]
    fn pauses_double_and_end() {
        let busy = Error::Http { status: 503 };
        let mut tries = Retry::default().begin();
        let pauses: Vec<_> = std::iter::from_fn(|| tries.next_pause(&busy, None)).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000].map(Duration::from_millis));
        let mut tries = Retry::default().begin();
        assert_eq!(tries.next_pause(&busy, Some(Duration::from_secs(90))), Some(Duration::from_secs(20)));
        assert_eq!(tries.next_pause(&Error::Http { status: 404 }, None), None);
    }
}
