//! Hyper-V's classes: what they are called, what they hold, what their numbers mean.
//!
//! All of it but a few helpers is generated from the MOF of `schemas/`: [`SCHEMA`] for those who look classes up,
//! and a module per class with its struct, its enumerations and the names of its methods. The room knows what
//! things are; it refuses to know what anyone does with them, and how they look on the wire.

#[macro_use]
mod class;
#[macro_use]
mod enumeration;
mod names;
mod property;
mod tables;

pub use names::{RelationshipId, RelationshipIdError, is_vm_name, resource_uri};
pub use property::PropertyError;
pub use tables::{NAMESPACE, SCHEMA};

include!(concat!(env!("OUT_DIR"), "/classes.rs"));

/// Whether a job in that state has ended (`CIM_ConcreteJob.JobState`; 32768 is Hyper-V's own).
pub fn is_terminal(state: concrete_job::JobState) -> bool {
    matches!(state.code(), 7..=10 | COMPLETED_WITH_WARNINGS)
}

/// Whether a job in that state has reached its aim.
pub fn is_success(state: concrete_job::JobState) -> bool {
    matches!(state.code(), 7 | COMPLETED_WITH_WARNINGS)
}

const COMPLETED_WITH_WARNINGS: u16 = 32768;
