//! How long a run waits: until somebody interrupts it, or its time is over.

use std::future::Future;
use std::time::Duration;

use crate::client::Clock;

use super::Interrupt;

/// Why waiting ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Somebody wants to stop.
    Interrupted,
    /// The time given is over.
    OutOfTime,
}

/// Bounds the waiting for reads. A call that changes something is never put under it: its answer is waited for.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    interrupt: &'a Interrupt,
    clock: &'a dyn Clock,
    deadline: Option<Duration>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(interrupt: &'a Interrupt, clock: &'a dyn Clock, deadline: Option<Duration>) -> Self {
        Self { interrupt, clock, deadline }
    }

    /// Does the work, unless waiting for it ends early.
    pub(super) async fn of<T>(self, work: impl Future<Output = T>) -> Result<T, Woken> {
        tokio::select! {
            biased;
            () = self.interrupt.wished() => Err(Woken::Interrupted),
            done = work => Ok(done),
            () = self.out_of_time() => Err(Woken::OutOfTime),
        }
    }

    /// Rests for that long, unless waiting ends early.
    pub(super) async fn rest(self, pause: Duration) -> Result<(), Woken> {
        let left = self.deadline.map(|deadline| deadline.saturating_sub(self.clock.elapsed()));
        let is_last = left.is_some_and(|left| left <= pause);
        let pause = left.map_or(pause, |left| left.min(pause));
        tokio::select! {
            biased;
            () = self.interrupt.wished() => Err(Woken::Interrupted),
            () = self.clock.sleep(pause) => if is_last { Err(Woken::OutOfTime) } else { Ok(()) },
        }
    }

    async fn out_of_time(self) {
        match self.deadline {
            Some(deadline) => self.clock.until(deadline).await,
            None => std::future::pending().await,
        }
    }
}
