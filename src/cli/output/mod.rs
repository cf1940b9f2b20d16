//! What is printed, and how.

pub mod json;
mod message;

pub use message::DecodedFile;
