//! The `hvreplica` command.

fn main() {}
