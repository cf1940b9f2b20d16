//! A host that has failed in the same way several times in a row is left alone for a while; then one read tries it.
//!
//! [`Switch`] is pure: what came of reads and the time go in, whether another may go comes out. A call that changes
//! something never asks here, and nothing here says how a resynchronization ended: a read that is not let through
//! is one that brought nothing.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::transport::{Delivery, TransportError, TransportErrorKind};
use crate::wsman::Fault;

/// When a host is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Reads that have failed in the same way, one after the other, each with all its tries.
    pub failures: u32,
    /// How long the host is left alone; twice as long each time that the read after it fails, too.
    pub first_pause: Duration,
    /// And no longer than that.
    pub longest_pause: Duration,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { failures: 3, first_pause: Duration::from_secs(5), longest_pause: Duration::from_secs(20) }
    }
}

/// How a host fails as a whole, whatever it is asked.
#[derive(Clone, Debug)]
pub(super) enum Outage {
    Transport(TransportErrorKind),
    Http(u16),
    Fault(Box<Fault>),
}

impl Outage {
    /// `None` where the failure is about the request, or of somebody who answers.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Transport(error) => match error.kind() {
                TransportErrorKind::NameLookup
                | TransportErrorKind::Connect
                | TransportErrorKind::ConnectionLost
                | TransportErrorKind::TimedOut => Some(Self::Transport(error.kind().clone())),
                _ => None,
            },
            Error::Http { status } if error.is_transient() => Some(Self::Http(*status)),
            Error::Fault(fault) if fault.is_transient() => Some(Self::Fault(fault.clone())),
            _ => None,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Transport(own), Self::Transport(other)) => own == other,
            (Self::Http(own), Self::Http(other)) => own == other,
            (Self::Fault(own), Self::Fault(other)) => {
                (own.wsman_code, own.provider_code) == (other.wsman_code, other.provider_code)
            }
            _ => false,
        }
    }

    /// The error of a read that was not let through: nothing was sent.
    fn again(&self) -> Error {
        match self {
            Self::Transport(kind) => {
                TransportError::new(kind.clone(), Delivery::NotSent).because(LEFT_ALONE).into()
            }
            Self::Http(status) => Error::Http { status: *status },
            Self::Fault(fault) => Error::Fault(fault.clone()),
        }
    }
}

/// What becomes of a read.
#[derive(Debug)]
enum Pass {
    /// It goes.
    Go,
    /// It goes, alone and once.
    Probe,
    /// It does not go.
    Stop(Error),
}

#[derive(Debug)]
enum State {
    /// So many reads have failed like that one.
    Closed(Option<(Outage, u32)>),
    /// Nobody asks until then.
    Open { outage: Outage, until: Duration, pause: Duration },
    /// One read is out.
    Probing { outage: Outage, pause: Duration },
}

/// The state machine. Times are those of any clock that only runs forward.
#[derive(Debug)]
struct Switch {
    bounds: Circuit,
    state: State,
}

impl Switch {
    fn new(bounds: Circuit) -> Self {
        Self { bounds, state: State::Closed(None) }
    }

    fn ask(&mut self, now: Duration) -> Pass {
        match &self.state {
            State::Closed(_) => Pass::Go,
            State::Open { outage, until, pause } if now >= *until => {
                self.state = State::Probing { outage: outage.clone(), pause: *pause };
                Pass::Probe
            }
            State::Open { outage, .. } | State::Probing { outage, .. } => Pass::Stop(outage.again()),
        }
    }

    /// A read came back; `None` where the host answered, whatever it said.
    fn heard(&mut self, outage: Option<Outage>, was_probe: bool, now: Duration) {
        let Some(outage) = outage else {
            self.state = State::Closed(None);
            return;
        };
        self.state = match mem::replace(&mut self.state, State::Closed(None)) {
            State::Closed(before) => {
                let failed = match &before {
                    Some((known, failed)) if known.is_like(&outage) => failed.saturating_add(1),
                    _ => 1,
                };
                if failed >= self.bounds.failures {
                    let pause = self.bounds.first_pause;
                    State::Open { outage, until: now.saturating_add(pause), pause }
                } else {
                    State::Closed(Some((outage, failed)))
                }
            }
            State::Probing { pause, .. } if was_probe => {
                let pause = pause.saturating_mul(2).min(self.bounds.longest_pause);
                State::Open { outage, until: now.saturating_add(pause), pause }
            }
            // A read that had gone before.
            other => other,
        };
    }

    /// Nobody waits for the probe any longer: the next read is one.
    fn given_up(&mut self, now: Duration) {
        if let State::Probing { outage, pause } = &self.state {
            self.state = State::Open { outage: outage.clone(), until: now, pause: *pause };
        }
    }
}

/// The switch of one host, which all its clients share.
#[derive(Debug, Default)]
pub(super) struct Gate(Option<Mutex<Switch>>);

/// A read that was let through.
#[derive(Debug)]
pub(super) struct Passage<'g> {
    gate: &'g Gate,
    /// Whether it is to be tried once only.
    pub(super) is_probe: bool,
    asked_at: Duration,
    is_over: bool,
}

impl Gate {
    /// Without bounds everybody passes.
    pub(super) fn new(bounds: Option<Circuit>) -> Self {
        Self(bounds.map(|bounds| Mutex::new(Switch::new(bounds))))
    }

    /// Lets a read through, or says how the host fails.
    pub(super) fn ask(&self, now: Duration) -> Result<Passage<'_>, Error> {
        let pass = self.switch().map_or(Pass::Go, |mut switch| switch.ask(now));
        let is_probe = match pass {
            Pass::Go => false,
            Pass::Probe => true,
            Pass::Stop(error) => return Err(error),
        };
        Ok(Passage { gate: self, is_probe, asked_at: now, is_over: false })
    }

    fn switch(&self) -> Option<MutexGuard<'_, Switch>> {
        let switch = self.0.as_ref()?;
        Some(switch.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Passage<'_> {
    /// Says what came of it.
    pub(super) fn end(mut self, error: Option<&Error>, now: Duration) {
        self.is_over = true;
        if let Some(mut switch) = self.gate.switch() {
            switch.heard(error.and_then(Outage::of), self.is_probe, now);
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && !self.is_over
            && let Some(mut switch) = self.gate.switch()
        {
            switch.given_up(self.asked_at);
        }
    }
}

const LEFT_ALONE: &str = "it has failed like that several times in a row and is left alone for a while";

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Circuit =
        Circuit { failures: 3, first_pause: Duration::from_secs(5), longest_pause: Duration::from_secs(8) };

    fn refused() -> Option<Outage> {
        Some(Outage::Transport(TransportErrorKind::Connect))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A host that has been given up at second 2.
    fn open() -> Switch {
        let mut switch = Switch::new(BOUNDS);
        for second in 0..3 {
            assert!(matches!(switch.ask(at(second)), Pass::Go));
            switch.heard(refused(), false, at(second));
        }
        switch
    }

    #[test]
    fn three_alike_in_a_row_open_it_and_others_do_not() {
        let mut switch = Switch::new(BOUNDS);
        for outage in
            [refused(), refused(), Some(Outage::Http(503)), refused(), refused(), None, refused(), refused()]
        {
            switch.heard(outage, false, at(0));
            assert!(matches!(switch.ask(at(0)), Pass::Go));
        }
        switch.heard(refused(), false, at(0));
        let Pass::Stop(error) = switch.ask(at(1)) else { panic!("it goes") };
        assert_eq!(error.transport(), Some(&TransportErrorKind::Connect));
        assert!(!error.may_have_run());
    }

    #[test]
    fn after_the_pause_one_read_goes_and_the_others_wait_for_it() {
        let mut switch = open();
        assert!(matches!(switch.ask(at(6)), Pass::Stop(_)));
        assert!(matches!(switch.ask(at(7)), Pass::Probe));
        assert!(matches!(switch.ask(at(7)), Pass::Stop(_)));
        switch.heard(None, true, at(8));
        assert!(matches!(switch.ask(at(8)), Pass::Go));
    }

    #[test]
    fn a_probe_that_fails_makes_the_pause_longer_within_bounds() {
        let mut switch = open();
        assert!(matches!(switch.ask(at(7)), Pass::Probe));
        switch.heard(Some(Outage::Http(503)), true, at(7));
        let Pass::Stop(error) = switch.ask(at(14)) else { panic!("it goes") };
        assert!(matches!(error, Error::Http { status: 503 }));
        assert!(matches!(switch.ask(at(15)), Pass::Probe));
        switch.heard(refused(), true, at(15));
        assert!(matches!(switch.ask(at(22)), Pass::Stop(_)));
        assert!(matches!(switch.ask(at(23)), Pass::Probe));
    }

    #[test]
    fn a_read_from_before_neither_ends_a_probe_nor_lengthens_the_pause() {
        let mut switch = open();
        switch.heard(refused(), false, at(3));
        assert!(matches!(switch.ask(at(7)), Pass::Probe));
        switch.heard(refused(), false, at(7));
        assert!(matches!(switch.ask(at(20)), Pass::Stop(_)));
        switch.heard(None, false, at(20));
        assert!(matches!(switch.ask(at(20)), Pass::Go));
    }

    #[test]
    fn a_probe_that_nobody_waits_for_is_followed_by_another() {
        let gate = Gate::new(Some(BOUNDS));
        let error = Error::Http { status: 503 };
        for second in 0..3 {
            gate.ask(at(second)).unwrap().end(Some(&error), at(second));
        }
        let probe = gate.ask(at(7)).unwrap();
        assert!(probe.is_probe && gate.ask(at(7)).is_err());
        drop(probe);
        assert!(gate.ask(at(7)).unwrap().is_probe);
    }

    #[test]
    fn what_is_about_the_request_counts_for_nothing() {
        let gate = Gate::new(Some(BOUNDS));
        for _ in 0..10 {
            gate.ask(at(0)).unwrap().end(Some(&Error::Http { status: 404 }), at(0));
        }
        assert!(!gate.ask(at(0)).unwrap().is_probe);
    }
}
