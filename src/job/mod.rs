//! CIM jobs (`CIM_ConcreteJob` and what derives from it): what one says, how its instance is read, how it is
//! followed to its end.
//!
//! [`Follow`] is pure: it takes observations and the time, and says what to do. The room knows no replication.

mod follow;
mod pace;
mod read;
mod run;
mod view;

pub use follow::{Action, Ending, Follow, Observation};
pub use pace::Pace;
pub use read::{JobReader, affecting, errors, list, terminate};
pub use run::{FollowOptions, follow};
pub use view::{Job, JobError};
