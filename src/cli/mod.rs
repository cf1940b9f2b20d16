//! The command line: what people and scripts see of everything below.
//!
//! It knows words, JSON and exit codes. It refuses to know the wire: it turns values of the rooms below into
//! output and decides nothing about a resynchronization.

pub mod decode;
pub mod output;
