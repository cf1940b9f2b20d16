//! What is printed, and how.

pub mod json;
mod message;
pub(super) mod outcome;
pub(super) mod report;
pub(super) mod text;

pub use message::DecodedFile;
pub(super) use message::fault_json;
