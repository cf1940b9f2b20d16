//! The simulated Hyper-V host.
//!
//! [`World`] is the host itself: machines, replication relationships, jobs, and what becomes of them over time. It
//! is pure: time is an argument, identifiers come from a seed, and classes, keys and methods from a
//! [`Schema`](crate::cim::Schema). It speaks in CIM values and refuses to know how they look on the wire.
//! [`Scenario`] names what can go wrong; disturbances of the conversation are planned here and carried out by
//! the server. [`Truth`] is what really happened, whatever a client says. [`Desk`] answers requests in process;
//! [`Server`] is the only part with sockets and a clock.

mod accidents;
mod agenda;
mod associations;
mod desk;
mod errors;
mod fault;
mod ids;
mod instances;
mod job;
mod language;
mod machine;
mod methods;
mod options;
mod population;
mod query;
mod reads;
mod requests;
mod resource;
mod resynchronize;
mod scenario;
mod scenarios_of_the_host;
mod scenarios_of_the_wire;
mod script;
mod server;
mod service;
mod settings;
mod state;
mod truth;
mod unrest;
mod world;

pub use desk::{Asking, Desk, Handled};
pub use fault::Fault;
pub use job::{Failure, Job};
pub use machine::{Machine, Relationship};
pub use methods::{Invocation, MethodResult};
pub use options::{
    Accident, AfterRestart, Generation, JobStyle, Language, Mishap, Outcome, ResyncOptions, Rights,
    ScheduledJob, WorldOptions,
};
pub use population::{TARGET, UNKNOWN_STATE};
pub use query::{Query, QueryError, Select, Walk};
pub use reads::Answer;
pub use scenario::{Scenario, ServerOptions};
pub use script::{Action, BadReply, Damage, Hits, Injection, Matcher, Operation, PlannedFault, Script, Seen};
pub use server::{Hardening, HostTime, Offers, Served, Server, ServerSettings, ServerTls, ServerTruth};
pub use service::Violation;
pub use truth::{MethodCall, Resynchronization, Truth};
pub use unrest::Unrest;
pub use world::World;
