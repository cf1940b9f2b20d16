//! `completions` and `man`: what packagers install beside the program, made from the same tree of commands.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::{Cli, Connection};
use super::exit::Exit;
use super::fail::{Fail, written};

/// Writes the completions of a shell.
pub(super) fn completions(connection: &Connection, shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    match written(std::io::stdout().lock().write_all(&script)) {
        Ok(()) => Exit::Success,
        Err(fail) => fail.end(connection.output),
    }
}

/// Writes the pages of the manual into a folder, which is made where there is none.
pub(super) fn man(connection: &Connection, folder: &Path) -> Exit {
    let done =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match done {
        Ok(()) => Exit::Success,
        Err(error) => Fail::usage(format!("{}: {error}", folder.display())).end(connection.output),
    }
}

const NAME: &str = "hvreplica";
