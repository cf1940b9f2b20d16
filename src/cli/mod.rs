//! The command line: what people and scripts see of everything below.
//!
//! It knows words, JSON and exit codes. It refuses to know the wire: it turns values of the rooms below into
//! output and decides nothing about a resynchronization.

mod args;
mod certificate;
mod confirm;
mod connect;
mod credential;
pub mod decode;
mod decode_command;

mod demo;
mod doctor;
mod doctor_checks;
mod dumps;
mod duration;
mod endpoint;
mod environment;
mod exit;
mod fail;
mod interrupts;
mod job;
mod journal;
mod kerberos;
mod keyring;
mod log;
mod login;
pub mod output;
mod packaging;
mod profile;
mod proxy;
mod resync;
mod simulate;

mod status;
mod values;
mod wsman;

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{CommandFactory, FromArgMatches};

pub use exit::Exit;

use args::{Cli, Command};

/// Runs the program with these arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let is_asked_for = !error.use_stderr();
            let _ = error.print();
            return if is_asked_for { Exit::Success } else { Exit::Usage };
        }
    };
    log::begin(&cli.connection);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return Exit::Defect };
    let exit = runtime.block_on(dispatch(cli));
    // A question that nobody answered is not waited for.
    runtime.shutdown_background();
    exit
}

/// Reads the arguments. The tree of commands is left to the end of the program: taking it down costs a third of
/// the whole parsing.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = ManuallyDrop::new(environment::without_empty(Cli::command()));
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

async fn dispatch(cli: Cli) -> Exit {
    let Cli { connection, command } = cli;
    match command {
        Command::Resync(resync) => resync::run(&connection, &resync).await,
        Command::Status(status) => status::run(&connection, &status).await,
        Command::Job(job) => job::run(&connection, &job.command).await,
        Command::Wsman(wsman) => wsman::run(&connection, &wsman.command).await,
        Command::Login => login::login(&connection).await,
        Command::Logout => login::logout(&connection),
        Command::Decode(decode) => decode_command::run(&decode),
        Command::Simulate(simulate) => simulate::run(&connection, &simulate).await,
        Command::Demo => demo::run(&connection).await,
        Command::Doctor => doctor::run(&connection).await,
        Command::Completions { shell } => packaging::completions(&connection, shell),
        Command::Man { folder } => packaging::man(&connection, &folder),
    }
}
