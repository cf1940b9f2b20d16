//! Tests of the whole package, by theme.
#![cfg(test)]

mod corpus;
mod decode;
mod faults;
mod messages;
mod msvm;
mod sample;
mod schema_compiler;
mod schema_facts;
mod values;
mod xml;
