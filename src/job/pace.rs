//! How long to wait between two looks.

use std::time::Duration;

/// Pauses that grow from the first to the longest, a little uneven so that many followers do not march in step.
#[derive(Clone, Debug)]
pub struct Pace {
    next: Duration,
    longest: Duration,
    seed: u32,
}

impl Pace {
    /// Pauses from `first` to `longest`; the seed makes them uneven.
    pub fn new(first: Duration, longest: Duration, seed: u32) -> Self {
        let first = first.clamp(SHORTEST, LONGEST);
        Self { next: first, longest: longest.clamp(first, LONGEST), seed }
    }

    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let pause = self.next;
        self.next = (self.next * 3 / 2).min(self.longest);
        // 90 % to 110 %.
        pause * (900 + (self.seed >> 16) % 201) / 1000
    }
}

/// A host is not asked without any pause.
const SHORTEST: Duration = Duration::from_millis(1);
/// And is not forgotten.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::{Duration, Pace};

    #[test]
    fn pauses_grow_to_the_longest() {
        let mut pace = Pace::new(Duration::from_secs(1), Duration::from_secs(15), 7);
        let pauses: Vec<f64> = (0..12).map(|_| pace.next_pause().as_secs_f64()).collect();
        assert!((0.9..=1.1).contains(&pauses[0]), "{pauses:?}");
        assert!((13.5..=16.5).contains(&pauses[11]), "{pauses:?}");
        assert_ne!(pauses[10], pauses[11]);
    }
}
