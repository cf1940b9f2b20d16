//! Hyper-V Replica: what we do with virtual machines, relationships and their jobs.
//!
//! [`Course`] is pure and holds the rules by which a resynchronization is judged: from the host's state, never
//! from the job alone. The drivers send each changing call once. No header, action or element is named here.

mod again;
mod baseline;
mod check;
mod course;
mod embedded;
mod event;
mod find;
mod follow;
mod interrupt;
mod invoke;
mod jobs;
mod journal;
mod observation;
mod outcome;
mod patience;
mod prepare;
mod relationship;
mod resynchronize;
mod schedule;
mod session;
mod state_change;
mod status;

pub use baseline::Baseline;
pub use check::{Refusal, check};
pub use course::{Acceptance, Course, Ending, Step, Verdict};
pub use event::{Event, Events};
pub use find::{FindError, VirtualMachine, find, waiting};
pub use interrupt::{Interrupt, OnInterrupt};
pub use jobs::{JobCancel, affected, cancel_job};
pub use journal::{Entry as JournalEntry, Journal, Past, line as journal_line, past as journal_past};
pub use observation::{JobSeen, Observation, ReplicaSeen};
pub use outcome::{Failure, Outcome, OutcomeKind};
pub use relationship::{Replica, ReplicaReader};
pub use resynchronize::{ResynchronizeOptions, resynchronize};
pub use schedule::{Schedule, ScheduleError};
pub use state_change::{Changed, cancel};
pub use status::{RelationshipStatus, status};
