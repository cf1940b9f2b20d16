//! Builds the class tables from `schemas/`.

fn main() {}
