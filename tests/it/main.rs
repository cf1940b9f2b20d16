//! Tests of the whole package, by theme.
#![cfg(test)]

mod msvm;
mod pretty;
mod recording;
mod recording_scrub;
mod schema_compiler;
mod schema_facts;
