//! Tests of the whole package, by theme.
#![cfg(test)]

mod msvm;
mod schema_compiler;
mod schema_facts;
