//! Wires `decode` to the standard streams.

use std::io::{BufWriter, ErrorKind};

use super::args::Decode;
use super::{Exit, decode};

/// Runs the command.
pub(super) fn run(args: &Decode) -> Exit {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut err = std::io::stderr().lock();
    match decode::run(&args.files, args.pretty, &mut out, &mut err) {
        Ok(0) => Exit::Success,
        Ok(_) => Exit::Usage,
        // Whoever reads has had enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Success,
        Err(_) => Exit::Defect,
    }
}
