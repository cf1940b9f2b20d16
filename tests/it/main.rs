//! Tests of the whole package, by theme.
#![cfg(test)]

mod certificate;
mod circuit;
mod cli;
mod client;
mod corpus;
mod course;
#[cfg(feature = "credssp")]
mod credssp;
#[cfg(feature = "credssp")]
mod credssp_mutated;
mod decode;
mod faults;
mod find;
mod fixtures;
mod hostile;
mod hostile_host;
mod job;
#[cfg(feature = "kerberos")]
mod kerberos;
mod messages;
mod msvm;
mod mutated;
mod ntlm;
mod pretty;
mod proxy;
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
mod tls_native;
mod transport;
mod values;
mod wiretap;
mod xml;
