//! Names what is lost before it is.

use std::io::{BufRead, IsTerminal, Write};

use crate::replica::{Interrupt, VirtualMachine};

use super::output::text::printable;

/// Says that the recovery points of these machines' replicas will be deleted. On a terminal it asks whether
/// that is meant; elsewhere, or when told `yes`, it goes on. Gives whether to go on.
pub(super) async fn confirm(
    vms: &[VirtualMachine],
    yes: bool,
    is_quiet: bool,
    interrupt: &Interrupt,
) -> bool {
    let names: Vec<_> = vms.iter().map(|vm| printable(&vm.name).into_owned()).collect();
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if yes || !is_terminal {
        if !is_quiet {
            let _ = writeln!(
                std::io::stderr().lock(),
                "hvreplica: a resynchronization deletes the recovery points of the replica of {}",
                names.join(", ")
            );
        }
        return true;
    }
    // The answer may never come: it is waited for aside, so that an interruption is heard.
    tokio::select! {
        biased;
        () = interrupt.wished() => false,
        answer = tokio::task::spawn_blocking(move || ask(&names)) => answer.unwrap_or(false),
    }
}

fn ask(names: &[String]) -> bool {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(
        err,
        "A resynchronization is heavy on both hosts, and deletes the recovery points of the replica of:"
    );
    for name in names {
        let _ = writeln!(err, "  {name}");
    }
    let _ = write!(err, "Go on? [y/N] ");
    let _ = err.flush();
    drop(err);
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
