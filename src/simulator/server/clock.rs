//! The host's clock: it begins at a time and runs a multiple as fast as ours, or only when it is told to.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::simulator::agenda::later;

/// The clock.
#[derive(Debug)]
pub(super) struct HostClock {
    origin: Timestamp,
    started: Instant,
    speed: u32,
    /// What was added to it.
    ahead: watch::Sender<Duration>,
}

impl HostClock {
    /// A clock that begins now. With speed 0 it stands still.
    pub(super) fn new(origin: Timestamp, speed: u32) -> Self {
        Self { origin, started: Instant::now(), speed, ahead: watch::Sender::new(Duration::ZERO) }
    }

    pub(super) fn now(&self) -> Timestamp {
        later(self.origin, self.elapsed())
    }

    /// The time of the host's domain, whose seconds are ours: clocks of clients and KDCs go along with it.
    pub(super) fn unhurried(&self) -> Timestamp {
        let run = if self.speed == 0 { Duration::ZERO } else { self.started.elapsed() };
        later(self.origin, run.saturating_add(*self.ahead.borrow()))
    }

    /// Puts it forward.
    pub(super) fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Waits until that much host time has gone by.
    pub(super) async fn sleep(&self, length: Duration) {
        let due = self.elapsed().saturating_add(length);
        let mut ahead = self.ahead.subscribe();
        loop {
            let left = due.saturating_sub(self.elapsed());
            if left.is_zero() {
                return;
            }
            let pause = left.checked_div(self.speed).unwrap_or(FOREVER).max(SHORTEST);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = ahead.changed() => {}
            }
        }
    }

    fn elapsed(&self) -> Duration {
        let run = self.started.elapsed().saturating_mul(self.speed);
        run.saturating_add(*self.ahead.borrow())
    }
}

/// How long a standing clock is left alone.
const FOREVER: Duration = Duration::from_secs(3600);
/// So that rounding never makes a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);
