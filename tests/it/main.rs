//! Tests of the whole package, by theme.
#![cfg(test)]

mod corpus;
mod msvm;
mod schema_compiler;
mod schema_facts;
