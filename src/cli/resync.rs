//! `resync`: resolve, check, ask once, follow, verify.

use std::io::Write;
use std::sync::Arc;

use futures_util::StreamExt as _;

use crate::client::Client;
use crate::error::Error;
use crate::replica::{
    Events, Failure, Interrupt, OnInterrupt, Outcome, OutcomeKind, ResynchronizeOptions, Schedule,
    VirtualMachine, find, resynchronize, waiting,
};

use super::args::{Connection, Format, Resync, WhenInterrupted};
use super::confirm::confirm;
use super::connect::Host;
use super::exit::Exit;
use super::fail::Fail;
use super::interrupts;
use super::journal::FileJournal;
use super::output::outcome::{results, words_of};
use super::output::report::Reporter;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Resync) -> Exit {
    let interrupt = interrupts::heed();
    let host = match Host::new(connection) {
        Ok(host) => host,
        Err(error) => return without_host(connection, args, Fail::from(error)),
    };
    let exit = run_on(connection, args, &host, interrupt).await;
    host.close();
    exit
}

/// Runs the command on that host.
pub(super) async fn run_on(
    connection: &Connection,
    args: &Resync,
    host: &Host,
    interrupt: Interrupt,
) -> Exit {
    let options = match options(args, host, interrupt) {
        Ok(options) => options,
        Err(message) => return without_host(connection, args, Fail::usage(message)),
    };
    let client = match host.client() {
        Ok(client) => client,
        Err(error) => return without_host(connection, args, Fail::from(error)),
    };
    let reporter = Reporter::new(connection, &host.name, client.clone());
    let targets = match targets(&client, args, &options.interrupt).await {
        Ok(targets) => targets,
        Err(error) => {
            let fail = Fail::from(&error);
            print(connection, &host.name, &[], Some(&fail));
            fail.say();
            return fail.exit;
        }
    };
    let found: Vec<VirtualMachine> = targets.iter().filter_map(|target| target.vm().cloned()).collect();
    let is_harmless = args.dry_run || host.is_replayed() || found.is_empty();
    let goes_on = is_harmless || confirm(&found, args.yes, connection.quiet);
    let mut outcomes = Vec::new();
    let jobs = targets
        .into_iter()
        .map(|target| run_target(host, &client, target, &options, (&reporter, args.parallel, goes_on)));
    let mut running = futures_util::stream::iter(jobs).buffered(args.parallel.into());
    while let Some(outcome) = running.next().await {
        if connection.output == Format::Human {
            say(&outcome);
        }
        outcomes.push(outcome);
    }
    print(connection, &host.name, &outcomes, None);
    Exit::of_outcomes(&outcomes)
}

/// A name with what it led to.
enum Target {
    Found(String, VirtualMachine),
    Lost(Box<Outcome>),
}

impl Target {
    fn vm(&self) -> Option<&VirtualMachine> {
        match self {
            Self::Found(_, vm) => Some(vm),
            Self::Lost(_) => None,
        }
    }
}

/// All names are resolved before anything is asked for; a machine that several names mean is taken once.
async fn targets(client: &Client, args: &Resync, interrupt: &Interrupt) -> Result<Vec<Target>, Error> {
    if args.all_required {
        let vms = waiting(client).await?;
        return Ok(vms.into_iter().map(|vm| Target::Found(vm.id.clone(), vm)).collect());
    }
    let mut targets: Vec<Target> = Vec::new();
    for name in &args.vms {
        let found = tokio::select! {
            biased;
            () = interrupt.wished() => {
                targets.push(Target::Lost(Box::new(cancelled(name))));
                continue;
            }
            found = find(client, name) => found,
        };
        match found {
            Ok(vm) if targets.iter().any(|target| target.vm().is_some_and(|own| own.id == vm.id)) => {
                tracing::warn!("{name:?} is a machine that was named already; it is taken once");
            }
            Ok(vm) => targets.push(Target::Found(name.clone(), vm)),
            Err(error) => {
                targets.push(Target::Lost(Box::new(Outcome::of_find_error(name, error))));
            }
        }
    }
    Ok(targets)
}

/// With one at a time all share a connection; several at a time have one each.
async fn run_target(
    host: &Host,
    shared: &Client,
    target: Target,
    options: &ResynchronizeOptions,
    (events, parallel, goes_on): (&Reporter, u16, bool),
) -> Outcome {
    let (asked, vm) = match target {
        Target::Found(asked, vm) => (asked, vm),
        Target::Lost(outcome) => {
            events.event(&outcome.asked, None, &crate::replica::Event::Result(&outcome));
            return *outcome;
        }
    };
    if !goes_on || options.interrupt.is_wished() {
        let mut outcome = cancelled(&asked);
        outcome.vm = Some(vm);
        return outcome;
    }
    let own = match parallel {
        1 => Ok(shared.clone()),
        _ => host.client(),
    };
    match own {
        Ok(client) => resynchronize(&client, &asked, vm, options, events).await,
        Err(error) => Outcome::of_error(asked, &Error::from(error)),
    }
}

fn cancelled(asked: &str) -> Outcome {
    let mut outcome = Outcome::new(asked, OutcomeKind::Cancelled);
    outcome.failure = Some(Failure::new("interrupted", "interrupted before anything was asked of the host"));
    outcome
}

fn options(args: &Resync, host: &Host, interrupt: Interrupt) -> Result<ResynchronizeOptions, String> {
    let follow = match (args.follow, args.no_follow) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    Ok(ResynchronizeOptions {
        schedule: schedule(args)?,
        follow,
        force: args.force,
        suspend_first: args.suspend_first,
        dry_run: args.dry_run,
        timeout: args.timeout,
        on_interrupt: match args.on_interrupt {
            WhenInterrupted::Leave => OnInterrupt::Leave,
            WhenInterrupted::Cancel => OnInterrupt::Cancel,
        },
        interrupt,
        pace: host.pace,
        journal: match &args.journal {
            Some(path) => Some(Arc::new(FileJournal::open(path, &host.name)?)),
            None => None,
        },
        since: args.since,
    })
}

fn schedule(args: &Resync) -> Result<Option<Schedule>, String> {
    if let Some(pause) = args.start_in {
        if pause > LONGEST {
            return Err("--in: more than seven days ahead".to_owned());
        }
        return Ok(Some(Schedule::In(pause)));
    }
    let Some(text) = &args.at else { return Ok(None) };
    if let Ok(moment) = text.parse() {
        return Ok(Some(Schedule::At(moment)));
    }
    let time = text.parse().map_err(|_| "--at: neither RFC 3339 with an offset nor HH:MM".to_owned())?;
    Ok(Some(Schedule::AtTime(time, jiff::tz::TimeZone::system())))
}

/// Every name given has an outcome, also where the host was not even tried.
fn without_host(connection: &Connection, args: &Resync, fail: Fail) -> Exit {
    let kind = match fail.exit {
        Exit::Unauthorized => OutcomeKind::Unauthorized,
        _ => OutcomeKind::Unreachable,
    };
    if fail.exit == Exit::Usage {
        return fail.end(connection.output);
    }
    let outcomes: Vec<Outcome> = args
        .vms
        .iter()
        .map(|name| {
            let mut outcome = Outcome::new(name, kind);
            let mut failure = Failure::new("transport", fail.message.clone());
            failure.hint.clone_from(&fail.hint);
            outcome.failure = Some(failure);
            outcome
        })
        .collect();
    print(connection, connection.host.as_deref().unwrap_or_default(), &outcomes, Some(&fail));
    fail.say();
    fail.exit
}

fn print(connection: &Connection, host: &str, outcomes: &[Outcome], fail: Option<&Fail>) {
    if connection.output == Format::Json {
        let document = results(host, outcomes, fail.map(Fail::json));
        let _ = writeln!(std::io::stdout().lock(), "{document}");
    }
}

fn say(outcome: &Outcome) {
    let text = words_of(outcome);
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// What PowerShell allows.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
