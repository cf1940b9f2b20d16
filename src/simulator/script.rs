//! Planned disturbances of the conversation: which request is hit, and what is done to it.
//!
//! Here is only the plan and the counting; whoever serves the requests carries the actions out.

use std::time::Duration;

use super::options::Accident;
use super::unrest::{Chance, Unrest, disturb};

/// One planned disturbance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Injection {
    /// Which requests it is about.
    pub on: Matcher,
    /// Which of those it hits.
    pub hits: Hits,
    /// What it does.
    pub action: Action,
}

/// Which requests an injection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Every HTTP request, before its body is decrypted.
    Http,
    /// Every WS-Management request.
    Any,
    /// A read that arrives after Resynchronize has.
    Poll,
    /// Requests of that operation.
    Operation(Operation),
    /// Requests of that operation for that class.
    Class(Operation, &'static str),
    /// Invoke of that method.
    Method(&'static str),
}

/// An operation of WS-Management.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Identify
    Identify,
    /// Get
    Get,
    /// Enumerate
    Enumerate,
    /// Pull
    Pull,
    /// Release
    Release,
    /// Invoke
    Invoke,
}

/// Which of the matching requests are hit; they count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// So many in a row.
    Run {
        /// The first one.
        first: u32,
        /// How many.
        count: u32,
    },
    /// That one and all after it.
    From(u32),
    /// Every so many.
    Every(u32),
}

/// What is done to a request that is hit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Closes the connection before anything is executed.
    DropRequest,
    /// Executes it and closes the connection instead of answering in full.
    DropReply {
        /// Bytes of the reply that still go out.
        bytes: u32,
        /// Resets the connection instead of closing it.
        reset: bool,
    },
    /// Answers with a SOAP fault.
    Fault {
        /// Which one.
        fault: PlannedFault,
        /// Whether the request is executed all the same.
        executed: bool,
    },
    /// Answers with an HTTP status and no SOAP.
    Http {
        /// The status code.
        status: u16,
        /// Retry-After in seconds.
        retry_after: Option<u32>,
        /// Whether the connection is closed with it.
        close: bool,
    },
    /// Answers with a redirect to a port where nothing of the kind listens.
    Redirect,
    /// Forgets that the connection was let in: 401, nothing executed.
    Deauthenticate,
    /// Executes it and damages the sealed reply.
    Mangle(Damage),
    /// Executes it and answers in clear although the request was sealed.
    ClearReply,
    /// Executes it and relates the reply to another message.
    WrongRelatesTo,
    /// Executes it and answers with other content.
    Reply(BadReply),
    /// Answers after that much host time; beyond the request's OperationTimeout with w:TimedOut.
    Delay {
        /// How late.
        by: Duration,
        /// Whether OperationTimeout is disregarded.
        ignores_timeout: bool,
    },
    /// Closes the connection after the reply, saying so or not.
    Close {
        /// Whether the reply announces it.
        announced: bool,
    },
    /// Something happens to the target first.
    Befall(Accident),
}

/// A SOAP fault that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedFault {
    /// w:TimedOut
    TimedOut,
    /// w:AccessDenied, Windows error 5
    AccessDenied,
    /// Access denied by WMI (2150859014)
    WmiAccessDenied,
    /// w:QuotaLimit: too many operations of the user (2150859174)
    Quota,
    /// The WMI service is busy (WBEM_E_SERVER_TOO_BUSY)
    ServerTooBusy,
    /// w:InternalError
    InternalError,
}

/// Damage to a sealed reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One byte of the cipher text.
    Cipher,
    /// One byte of the signature.
    Signature,
    /// The length that the part's header names.
    Length,
    /// The length of the signature in front of it.
    Prefix,
    /// The multipart boundary.
    Boundary,
}

/// Content that is no proper reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadReply {
    /// XML that ends in the middle.
    Truncated,
    /// A document type with entities that grow.
    Dtd,
    /// So many bytes of text.
    Giant(u64),
    /// So many nested elements.
    Deep(u32),
    /// A page of HTML with status 200.
    Html,
    /// Status 200 without a body.
    Empty,
}

/// What the script wants to know about a request.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The operation; `None` before the body is decrypted.
    pub operation: Option<Operation>,
    /// The class that it is for, or the method that it invokes.
    pub subject: &'a str,
}

/// The injections of a run and how many requests each has seen.
#[derive(Clone, Debug)]
pub struct Script {
    injections: &'static [Injection],
    seen: Vec<u32>,
    resynchronize_arrived: bool,
    unrest: Option<(Unrest, Chance)>,
}

impl Script {
    /// A script that has seen nothing.
    pub fn new(injections: &'static [Injection]) -> Self {
        Self { injections, seen: vec![0; injections.len()], resynchronize_arrived: false, unrest: None }
    }

    /// The same on a host that is never quiet.
    #[must_use]
    pub(super) fn unquiet(self, unrest: Option<Unrest>) -> Self {
        let unrest = unrest.map(|unrest| (unrest, Chance::new(unrest.seed.wrapping_add(1))));
        Self { unrest, ..self }
    }

    /// Counts a request and gives what is to be done to it, in the order of the script.
    pub fn meet(&mut self, request: Seen<'_>) -> Vec<Action> {
        let polling = self.resynchronize_arrived;
        let mut actions = Vec::new();
        for (injection, seen) in self.injections.iter().zip(&mut self.seen) {
            if injection.on.matches(request, polling) {
                *seen += 1;
                if injection.hits.hit(*seen) {
                    actions.push(injection.action);
                }
            }
        }
        if let Some((unrest, chance)) = &mut self.unrest {
            actions.extend(disturb(chance, *unrest, request));
        }
        self.resynchronize_arrived |= Matcher::Method("Resynchronize").matches(request, polling);
        actions
    }
}

impl Matcher {
    fn matches(self, request: Seen<'_>, polling: bool) -> bool {
        let Some(operation) = request.operation else { return self == Self::Http };
        let subject_is = |name: &str| request.subject.eq_ignore_ascii_case(name);
        match self {
            Self::Http => false,
            Self::Any => true,
            Self::Poll => polling && operation.is_read(),
            Self::Operation(wanted) => operation == wanted,
            Self::Class(wanted, class) => operation == wanted && subject_is(class),
            Self::Method(method) => operation == Operation::Invoke && subject_is(method),
        }
    }
}

impl Operation {
    /// Whether it changes nothing.
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Identify | Self::Get | Self::Enumerate | Self::Pull)
    }
}

impl Hits {
    /// The first match.
    pub const FIRST: Self = Self::Run { first: 1, count: 1 };
    /// Every match.
    pub const ALL: Self = Self::From(1);

    fn hit(self, seen: u32) -> bool {
        match self {
            Self::Run { first, count } => seen >= first && seen - first < count,
            Self::From(first) => seen >= first,
            Self::Every(period) => period != 0 && seen.is_multiple_of(period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INJECTIONS: &[Injection] = &[
        Injection { on: Matcher::Poll, hits: Hits::Every(2), action: Action::DropRequest },
        Injection { on: Matcher::Http, hits: Hits::FIRST, action: Action::Redirect },
        Injection {
            on: Matcher::Class(Operation::Get, "Msvm_ConcreteJob"),
            hits: Hits::Run { first: 2, count: 1 },
            action: Action::ClearReply,
        },
    ];

    #[test]
    fn polls_count_only_after_resynchronize() {
        let mut script = Script::new(INJECTIONS);
        let read = Seen { operation: Some(Operation::Enumerate), subject: "Msvm_ComputerSystem" };
        assert_eq!(script.meet(read), []);
        assert_eq!(script.meet(read), []);
        assert_eq!(script.meet(Seen { operation: Some(Operation::Invoke), subject: "Resynchronize" }), []);
        assert_eq!(script.meet(read), []);
        assert_eq!(script.meet(read), [Action::DropRequest]);
    }

    #[test]
    fn classes_match_in_any_case_and_http_only_before_decryption() {
        let mut script = Script::new(INJECTIONS);
        let get = Seen { operation: Some(Operation::Get), subject: "msvm_concretejob" };
        assert_eq!(script.meet(get), []);
        assert_eq!(script.meet(get), [Action::ClearReply]);
        assert_eq!(script.meet(Seen { operation: None, subject: "" }), [Action::Redirect]);
        assert_eq!(script.meet(Seen { operation: None, subject: "" }), []);
    }
}
