//! Tests of the whole package, by theme.
#![cfg(test)]

mod corpus;
mod decode;
mod faults;
mod hostile;
mod messages;
mod msvm;
mod ntlm;
mod pretty;
mod recording;
mod recording_scrub;
mod sample;
mod schema_compiler;
mod schema_facts;
mod sealing;
mod session;
mod simulator;
mod support;
mod tidy;
mod tls;
mod transport;
mod values;
mod xml;
