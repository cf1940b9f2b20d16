//! Names what is lost before it is.

use std::io::{BufRead, IsTerminal, Write};

use crate::replica::VirtualMachine;

use super::output::text::printable;

/// Says that the recovery points of these machines' replicas will be deleted. On a terminal it asks whether
/// that is meant; elsewhere, or when told `yes`, it goes on. Gives whether to go on.
pub(super) fn confirm(vms: &[VirtualMachine], yes: bool, is_quiet: bool) -> bool {
    let names: Vec<_> = vms.iter().map(|vm| printable(&vm.name).into_owned()).collect();
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut err = std::io::stderr().lock();
    if yes || !is_terminal {
        if !is_quiet {
            let _ = writeln!(
                err,
                "hvreplica: a resynchronization deletes the recovery points of the replica of {}",
                names.join(", ")
            );
        }
        return true;
    }
    let _ = writeln!(
        err,
        "A resynchronization is heavy on both hosts, and deletes the recovery points of the replica of:"
    );
    for name in names {
        let _ = writeln!(err, "  {name}");
    }
    let _ = write!(err, "Go on? [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
