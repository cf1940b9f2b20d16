//! What happens on the way, for those who watch.

use std::time::Duration;

use crate::job::Job;

use super::{Outcome, Replica, VirtualMachine};

/// Something that happened to one virtual machine's resynchronization.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It was found; its relationship was read.
    Resolved(Option<&'a Replica>),
    /// Resynchronize is about to leave.
    Invoking,
    /// The host accepted it, with this job.
    Accepted(Option<&'a Job>),
    /// One is running already: it is followed, nothing is asked for.
    Attached(Option<&'a Job>),
    /// A look at it.
    Progress {
        /// The relationship, where it could be read.
        replica: Option<&'a Replica>,
        /// The job, where there is one.
        job: Option<&'a Job>,
        /// Since the call or the attachment, by the host's clock where it gives one.
        elapsed: Duration,
    },
    /// Something worth saying that does not end it.
    Warning(&'a str),
    /// It is over.
    Result(&'a Outcome),
}

/// Hears of events.
pub trait Events: Send + Sync {
    /// Something happened. The machine is known once it was resolved.
    fn event(&self, name: &str, vm: Option<&VirtualMachine>, event: &Event<'_>);
}

impl Events for () {
    fn event(&self, _: &str, _: Option<&VirtualMachine>, _: &Event<'_>) {}
}
