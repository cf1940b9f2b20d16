//! The `hvreplica` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hvreplica::cli::run(std::env::args_os()).into()
}
