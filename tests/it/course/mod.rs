//! The rules by which a resynchronization is judged, without a host.

mod model;
mod properties;
mod table;

use std::time::Duration;

use hvreplica::cim::Reference;
use hvreplica::job::Job;
use hvreplica::msvm::concrete_job::JobType;
use hvreplica::replica::{
    Acceptance, Baseline, Course, JobSeen, Observation, Replica, ReplicaSeen, Step, Verdict,
};
use jiff::Timestamp;

pub(crate) const INTERVAL: Duration = Duration::from_secs(300);

/// So many seconds after the call, by the host's clock.
pub(crate) fn host(seconds: i64) -> Timestamp {
    "2026-11-24T12:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds)
}

/// What is seen of the job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum J {
    No,
    Gone,
    Blind,
    /// A resynchronization in that state.
    Resync(u16),
    /// A job of another type, such as one that only starts the work, in that state.
    Other(u16),
}

/// What is seen of the relationship.
#[derive(Clone, Copy, Debug)]
pub(crate) enum R {
    /// In that state, with the times of before.
    S(u16),
    /// In that state; replicated last so many seconds after the call.
    At(u16, i64),
    Removed,
    Away,
    Blind,
}

pub(crate) fn replica(state: u16, last: i64) -> Replica {
    let last = Some(host(last));
    Replica { state: state.into(), health: None, last_replication: last, last_apply: None }
}

/// Times of before.
pub(crate) const BEFORE: i64 = -1800;

pub(crate) fn job(id: &str, job_type: JobType, state: u16) -> Job {
    Job {
        reference: Reference::new("Msvm_ConcreteJob", Vec::new()),
        class: "Msvm_ConcreteJob".to_owned(),
        instance_id: id.to_owned(),
        state: state.into(),
        job_type: Some(job_type),
        percent_complete: None,
        elapsed: None,
        submitted: None,
        scheduled: None,
        started: None,
        changed: None,
        error_code: None,
        error_description: None,
        name: None,
        cancellable: None,
    }
}

impl J {
    pub(crate) fn seen(self) -> JobSeen {
        let seen = |id, kind, state| JobSeen::Seen(Box::new(job(id, kind, state)));
        match self {
            Self::No => JobSeen::None,
            Self::Gone => JobSeen::Gone,
            Self::Blind => JobSeen::Unreadable,
            Self::Resync(state) => seen("resync", JobType::Resynchronizing, state),
            Self::Other(state) => seen("other", JobType::from(96), state),
        }
    }
}

impl R {
    pub(crate) fn seen(self) -> ReplicaSeen {
        match self {
            Self::S(state) => ReplicaSeen::Seen(replica(state, BEFORE)),
            Self::At(state, last) => ReplicaSeen::Seen(replica(state, last)),
            Self::Removed => ReplicaSeen::Removed,
            Self::Away => ReplicaSeen::Away,
            Self::Blind => ReplicaSeen::Unreadable,
        }
    }
}

/// A baseline of that state, taken at the call, and the time to start.
pub(crate) fn baseline(state: u16, start: Option<i64>) -> Baseline {
    Baseline::new(&replica(state, BEFORE), Some(host(0)), start.map(host))
}

/// Shows a look to a course, where nobody else has changed the replication.
pub(crate) fn observe(course: &mut Course, look: &Observation) -> Step {
    match course.observe(look) {
        Step::NeedRivals => course.set_rivals(false, look),
        step => step,
    }
}

/// Shows a course those looks, made so many seconds after the call, and gives the number of the look that decided
/// it and how.
pub(crate) fn play(course: &mut Course, looks: &[(u64, J, R)]) -> Option<(usize, Verdict)> {
    for (number, (at, job, replica)) in looks.iter().enumerate() {
        let look = Observation {
            at: Duration::from_secs(*at),
            host_time: Some(host(i64::try_from(*at).unwrap())),
            job: job.seen(),
            replica: replica.seen(),
        };
        match observe(course, &look) {
            Step::Continue | Step::NeedRivals => {}
            Step::NeedInterval => course.set_interval(INTERVAL),
            Step::Done(ending) => return Some((number, ending.verdict)),
        }
    }
    None
}

pub(crate) fn accepted(state: u16) -> Course {
    Course::new(baseline(state, None), Acceptance::Accepted)
}

pub(crate) fn in_doubt(state: u16) -> Course {
    Course::new(baseline(state, None), Acceptance::InDoubt)
}
