//! What is to be done to one request, put together from the script's actions.

use std::time::Duration;

use super::tap::Cut;
use crate::simulator::options::Accident;
use crate::simulator::script::{Action, BadReply, Damage, PlannedFault};

/// What is done instead of executing a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Drop,
    Http { status: u16, retry_after: Option<u32>, close: bool },
    Redirect,
    Deauthenticate,
}

/// A reply that comes late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) by: Duration,
    pub(super) ignores_timeout: bool,
}

/// A fault in place of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) fault: PlannedFault,
    pub(super) executed: bool,
}

/// Everything that is done to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) instead: Option<Instead>,
    pub(super) accidents: Vec<Accident>,
    pub(super) delay: Option<Delay>,
    pub(super) failure: Option<Failure>,
    pub(super) damage: Option<Damage>,
    pub(super) clear: bool,
    pub(super) wrong_relates_to: bool,
    pub(super) content: Option<BadReply>,
    pub(super) cut: Option<Cut>,
    pub(super) closes: bool,
    pub(super) hangs_up: bool,
}

impl Plan {
    pub(super) fn of(actions: &[Action]) -> Self {
        let mut plan = Self::default();
        for action in actions {
            plan.add(*action);
        }
        plan
    }

    fn add(&mut self, action: Action) {
        match action {
            Action::DropRequest => self.instead = Some(Instead::Drop),
            Action::Http { status, retry_after, close } => {
                self.instead = Some(Instead::Http { status, retry_after, close });
            }
            Action::Redirect => self.instead = Some(Instead::Redirect),
            Action::Deauthenticate => self.instead = Some(Instead::Deauthenticate),
            Action::DropReply { bytes, reset } => {
                let left = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.cut = Some(Cut { left, reset });
            }
            Action::Fault { fault, executed } => self.failure = Some(Failure { fault, executed }),
            Action::Mangle(damage) => self.damage = Some(damage),
            Action::ClearReply => self.clear = true,
            Action::WrongRelatesTo => self.wrong_relates_to = true,
            Action::Reply(content) => self.content = Some(content),
            Action::Delay { by, ignores_timeout } => self.delay = Some(Delay { by, ignores_timeout }),
            Action::Close { announced: true } => self.closes = true,
            Action::Close { announced: false } => self.hangs_up = true,
            Action::Befall(accident) => self.accidents.push(accident),
        }
    }
}
