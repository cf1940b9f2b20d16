//! Time, as an argument: the real one, and one that jumps.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The future of a pause.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Measures and waits.
pub trait Clock: Send + Sync {
    /// Time since the clock was made.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, pause: Duration) -> Sleep<'_>;
    /// Ends when that much time has passed since the clock was made; never, on a clock that only pauses move.
    fn until(&self, _moment: Duration) -> Sleep<'_> {
        Box::pin(std::future::pending())
    }
}

/// The clock of this machine.
#[derive(Debug)]
pub struct RealClock(Instant);

impl Default for RealClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(pause))
    }

    fn until(&self, moment: Duration) -> Sleep<'_> {
        match self.0.checked_add(moment) {
            Some(moment) => Box::pin(tokio::time::sleep_until(moment)),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// A clock that stands still except for pauses, which pass at once: a replay waits for nothing.
#[derive(Debug, Default)]
pub struct VirtualClock(Mutex<Duration>);

impl Clock for VirtualClock {
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += pause;
        Box::pin(tokio::task::yield_now())
    }
}
