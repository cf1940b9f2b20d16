//! `resync`: resolve, check, ask once, follow, verify.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::msvm::computer_system::ReplicationMode;
use crate::msvm::replication_relationship::ReplicationState;
use crate::replica::{
    Event, Events, Failure, Interrupt, OnInterrupt, Outcome, OutcomeKind, ResynchronizeOptions, Schedule,
    VirtualMachine, check, find, resynchronize, waiting,
};

use super::args::{Connection, Format, Resync, WhenInterrupted};
use super::confirm::confirm;
use super::connect::Host;
use super::exit::Exit;
use super::fail::{Fail, written};
use super::interrupts;
use super::journal::FileJournal;
use super::output::outcome::{FORMAT, advice_of, results, words_of};
use super::output::report::{Reporter, Stage};

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Resync) -> Exit {
    let interrupts = interrupts::heed_both();
    let host = match Host::new(connection) {
        Ok(host) => host,
        Err(error) => return without_host(connection, args, &Fail::from(error)),
    };
    let exit = run_on(connection, args, &host, interrupts).await;
    host.close();
    exit
}

/// Runs the command on that host.
pub(super) async fn run_on(
    connection: &Connection,
    args: &Resync,
    host: &Host,
    (interrupt, insisted): (Interrupt, Interrupt),
) -> Exit {
    let options = match options(args, host, interrupt) {
        Ok(options) => options,
        Err(message) => return without_host(connection, args, &Fail::usage(message)),
    };
    let client = match host.client() {
        Ok(client) => client,
        Err(error) => return without_host(connection, args, &Fail::from(error)),
    };
    let reporter = Reporter::new(connection, &host.name, client.clone());
    let targets = tokio::select! {
        biased;
        () = insisted.wished() => return Exit::Interrupted,
        targets = targets(&client, args, &options) => match targets {
            Ok(targets) => targets,
            Err(fail) => return failed(connection, &host.name, &[], &fail),
        },
    };
    let found: Vec<_> =
        targets.iter().filter_map(Target::vm).filter(|vm| is_at_stake(vm, args)).cloned().collect();
    let is_harmless = args.dry_run || host.is_replayed() || found.is_empty();
    let goes_on = is_harmless || confirm(&found, args.yes, connection.quiet, &options.interrupt).await;
    let names: Vec<(String, Option<VirtualMachine>)> =
        targets.iter().map(|target| (target.asked().to_owned(), target.vm().cloned())).collect();
    let shut_out = Mutex::new(None);
    let crew = Crew { host, client: &client, options: &options, reporter: &reporter, shut_out: &shut_out };
    let jobs = targets.into_iter().map(|target| crew.run(target, args.parallel, goes_on));
    let mut running = futures_util::stream::iter(jobs).buffered(args.parallel.into());
    let mut outcomes = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = insisted.wished() => {
                let left = names.iter().skip(outcomes.len());
                outcomes.extend(left.map(|(asked, vm)| abandoned(asked, vm.as_ref(), reporter.stage(asked))));
                break;
            }
            outcome = running.next() => match outcome {
                Some(outcome) => {
                    say(connection, &outcome);
                    outcomes.push(outcome);
                }
                None => break,
            },
        }
    }
    if args.all_required && outcomes.is_empty() && connection.output == Format::Human {
        let _ = writeln!(std::io::stderr().lock(), "no virtual machine waits for a resynchronization");
    }
    print(connection, &host.name, &outcomes, None);
    if let Some(Err(message)) = options.journal.as_ref().map(|journal| journal.told()) {
        tracing::warn!("{message}");
    }
    Exit::of_outcomes(&outcomes)
}

/// Whether recovery points of that machine's replica may be lost: not where it will be refused or is followed.
fn is_at_stake(vm: &VirtualMachine, args: &Resync) -> bool {
    let state = vm.replica.as_ref().map(|replica| replica.state);
    let is_there = matches!(
        state,
        Some(ReplicationState::Resynchronizing | ReplicationState::ResynchronizationSuspended)
    );
    let can_suspend = args.suspend_first && state == Some(ReplicationState::Replicating);
    // What the machine says of itself is about the primary relationship.
    let is_primary = vm.mode == ReplicationMode::Primary;
    args.force || can_suspend || !is_primary || (!is_there && check(vm, vm.replica.as_ref()).is_ok())
}

/// Nobody waits even for an orderly end: what is known of it is said.
fn abandoned(asked: &str, vm: Option<&VirtualMachine>, stage: Option<Stage>) -> Outcome {
    let kind = match stage {
        None => return Outcome { vm: vm.cloned(), ..cancelled(asked) },
        Some(Stage::Asked) => OutcomeKind::Unknown,
        Some(Stage::Accepted | Stage::Attached) => OutcomeKind::StillRunning,
    };
    let id = vm.map_or(asked, |vm| vm.id.as_str());
    let failure = Failure::new("interrupted", "interrupted twice; what was asked of the host goes on");
    Outcome {
        vm: vm.cloned(),
        invoked: stage != Some(Stage::Attached),
        attached: stage == Some(Stage::Attached),
        failure: Some(failure.may_have_run().hint(format!("look at `hvreplica status {id}`"))),
        ..Outcome::new(asked, kind)
    }
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

    fn asked(&self) -> &str {
        match self {
            Self::Found(asked, _) => asked,
            Self::Lost(outcome) => &outcome.asked,
        }
    }
}

/// All names are resolved before anything is asked for; a machine that several names mean is taken once.
async fn targets(
    client: &Client,
    args: &Resync,
    options: &ResynchronizeOptions,
) -> Result<Vec<Target>, Fail> {
    let (interrupt, deadline) = (&options.interrupt, options.timeout);
    if args.all_required {
        let vms = tokio::select! {
            biased;
            () = interrupt.wished() => return Err(Fail::new(Exit::Interrupted, "interrupted", INTERRUPTED)),
            () = out_of_time(client, deadline) => return Err(Fail::new(Exit::Unreachable, "timed_out", TIMED_OUT)),
            vms = waiting(client) => vms?,
        };
        return Ok(vms.into_iter().map(|vm| Target::Found(vm.id.clone(), vm)).collect());
    }
    let mut targets: Vec<Target> = Vec::new();
    let mut shut_out: Option<Outcome> = None;
    for name in &args.vms {
        if let Some(first) = &shut_out {
            targets.push(Target::Lost(Box::new(Outcome { asked: name.clone(), ..first.clone() })));
            continue;
        }
        let found = tokio::select! {
            biased;
            () = interrupt.wished() => Err(cancelled(name)),
            () = out_of_time(client, deadline) => Err(out_of_time_for(name)),
            found = find(client, name) => found.map_err(|error| Outcome::of_find_error(name, error)),
        };
        match found {
            Ok(vm) if targets.iter().any(|target| target.vm().is_some_and(|own| own.id == vm.id)) => {
                tracing::warn!("{name:?} is a machine that was named already; it is taken once");
            }
            Ok(vm) => targets.push(Target::Found(name.clone(), vm)),
            Err(outcome) => {
                // Another try with the same credential may lock the account; another wait helps nobody.
                shut_out = is_shut_out(&outcome).then(|| outcome.clone());
                targets.push(Target::Lost(Box::new(outcome)));
            }
        }
    }
    Ok(targets)
}

/// What all runs have in common.
struct Crew<'a> {
    host: &'a Host,
    client: &'a Client,
    options: &'a ResynchronizeOptions,
    reporter: &'a Reporter,
    /// Why nobody needs to try any more.
    shut_out: &'a Mutex<Option<Failure>>,
}

impl Crew<'_> {
    /// With one at a time all share a connection; several at a time have one each.
    async fn run(&self, target: Target, parallel: u16, goes_on: bool) -> Outcome {
        let (asked, vm) = match target {
            Target::Found(asked, vm) => (asked, vm),
            Target::Lost(outcome) => return self.told(*outcome),
        };
        if !goes_on || self.options.interrupt.is_wished() {
            return self.told(Outcome { vm: Some(vm), ..cancelled(&asked) });
        }
        let known = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(failure) = known {
            let outcome = Outcome::new(asked, OutcomeKind::Unauthorized);
            return self.told(Outcome { vm: Some(vm), failure: Some(failure), ..outcome });
        }
        let own = match parallel {
            1 => Ok(self.client.clone()),
            _ => self.host.transport().map(|transport| self.client.over(transport)),
        };
        let client = match own {
            Ok(client) => client,
            Err(error) => return self.told(Outcome::of_error(asked, &Error::from(error))),
        };
        let outcome = resynchronize(&client, &asked, vm, self.options, self.reporter).await;
        if outcome.kind == OutcomeKind::Unauthorized && !outcome.invoked {
            self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&outcome.failure);
        }
        outcome
    }

    /// Every target has its last event, also one that was never begun.
    fn told(&self, outcome: Outcome) -> Outcome {
        self.reporter.event(&outcome.asked, outcome.vm.as_ref(), &Event::Result(&outcome));
        outcome
    }
}

fn is_shut_out(outcome: &Outcome) -> bool {
    matches!(outcome.kind, OutcomeKind::Unauthorized | OutcomeKind::Unreachable)
}

async fn out_of_time(client: &Client, timeout: Option<std::time::Duration>) {
    match timeout {
        Some(timeout) => client.clock().until(timeout).await,
        None => std::future::pending().await,
    }
}

fn out_of_time_for(asked: &str) -> Outcome {
    let mut outcome = Outcome::new(asked, OutcomeKind::Unreachable);
    outcome.failure = Some(Failure::new("timed_out", TIMED_OUT));
    outcome
}

fn cancelled(asked: &str) -> Outcome {
    let mut outcome = Outcome::new(asked, OutcomeKind::Cancelled);
    outcome.failure = Some(Failure::new("interrupted", INTERRUPTED));
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
    let time = time_of_day(text).ok_or("--at: neither RFC 3339 with an offset nor HH:MM")?;
    Ok(Some(Schedule::AtTime(time, jiff::tz::TimeZone::system())))
}

/// `HH:MM` or `HH:MM:SS` and nothing more: a date without an offset is no moment.
fn time_of_day(text: &str) -> Option<jiff::civil::Time> {
    let is_time = text.chars().all(|c| c.is_ascii_digit() || c == ':');
    (is_time && text.contains(':')).then(|| text.parse().ok()).flatten()
}

/// Every name given has an outcome, also where the host was not even tried; wrong usage is nobody's outcome.
fn without_host(connection: &Connection, args: &Resync, fail: &Fail) -> Exit {
    let names = if fail.exit == Exit::Usage { &[] } else { args.vms.as_slice() };
    let outcomes: Vec<Outcome> = names
        .iter()
        .map(|name| {
            let kind = match fail.exit {
                Exit::Unauthorized => OutcomeKind::Unauthorized,
                _ => OutcomeKind::Unreachable,
            };
            let mut outcome = Outcome::new(name, kind);
            let mut failure = Failure::new(fail.kind, fail.message.clone());
            failure.hint.clone_from(&fail.hint);
            outcome.failure = Some(failure);
            outcome
        })
        .collect();
    failed(connection, connection.host.as_deref().unwrap_or_default(), &outcomes, fail)
}

/// Ends a command that failed as a whole.
fn failed(connection: &Connection, host: &str, outcomes: &[Outcome], fail: &Fail) -> Exit {
    print(connection, host, outcomes, Some(fail));
    if connection.output == Format::Ndjson {
        let document = json!({ "format": FORMAT, "error": fail.json() });
        emit(&document.to_string());
    }
    fail.say();
    fail.exit
}

fn print(connection: &Connection, host: &str, outcomes: &[Outcome], fail: Option<&Fail>) {
    if connection.output == Format::Json {
        let document = results(host, outcomes, fail.map(Fail::json));
        emit(&document.to_string());
    }
}

/// For people: the outcome on standard output, what is wrong on standard error.
fn say(connection: &Connection, outcome: &Outcome) {
    if connection.output == Format::Human {
        emit(&words_of(outcome));
        if let Some(advice) = advice_of(outcome) {
            let _ = writeln!(std::io::stderr().lock(), "{advice}");
        }
    }
}

/// What came of it keeps its exit code, also where nobody can read it.
fn emit(text: &str) {
    if let Err(fail) = written(writeln!(std::io::stdout().lock(), "{text}")) {
        fail.say();
    }
}

const INTERRUPTED: &str = "interrupted before anything was asked of the host";
const TIMED_OUT: &str = "the host did not answer within the time given; nothing was asked for";
/// What PowerShell allows.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
