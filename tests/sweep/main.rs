//! Every fault at every exchange of every command, and pairs of faults: what the client says against what really
//! happened on the simulated host. In process, on a virtual clock, the same each time.
//!
//! `tests/run sweep [--pairs N] [--only FLOW[:SEED]]`

#![expect(
    clippy::unwrap_used,
    clippy::large_enum_variant,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a harness stops at what cannot be, keeps few outcomes, and tells"
)]

mod fault;
mod flow;
mod random;
mod verdict;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use fault::{CODES, CUTS, PAIRS, Plan, Range, codes, plan, singles};
use flow::Flow;
use verdict::{Undisturbed, Wrong, check};

struct Arguments {
    pairs: u64,
    only: Option<(String, Option<u64>)>,
}

/// A flow with how it goes undisturbed.
struct Subject {
    flow: Flow,
    undisturbed: Undisturbed,
}

impl Subject {
    fn range(&self) -> Range {
        let seen = &self.undisturbed.seen;
        let call = self.undisturbed.call().unwrap_or_default();
        Range { exchanges: seen.len(), call: (call, seen[call].bytes), faults: self.flow.faults() }
    }

    fn plan(&self, seed: u64) -> Plan {
        plan(seed, &self.range())
    }

    fn run(&self, seed: u64, prints: bool) -> Wrong {
        let plan = self.plan(seed);
        let ran = self.flow.run(plan.clone());
        let wrong = check(&self.flow, &plan, &ran, &self.undisturbed);
        if prints {
            print(&plan, &ran);
        }
        wrong
    }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let wanted = |name: &str| arguments.only.as_ref().is_none_or(|(only, _)| only == name);
    let subjects: Vec<Subject> = flow::all()
        .into_iter()
        .filter(|flow| wanted(flow.name))
        .map(|flow| Subject { undisturbed: Undisturbed::of(&flow), flow })
        .collect();
    if subjects.is_empty() {
        eprintln!("there is no such flow");
        return ExitCode::from(2);
    }
    if let Some((_, Some(seed))) = arguments.only {
        return replay(&subjects[0], seed);
    }
    let runs = runs(&subjects, arguments.pairs);
    let found = sweep(&subjects, &runs);
    report(&subjects, &runs, &found, begun)
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { pairs: 20_000, only: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word}: a value is missing"));
        match word.as_str() {
            "--pairs" => arguments.pairs = value()?.parse().map_err(|_| "--pairs: no number")?,
            "--only" => {
                let text = value()?;
                arguments.only = Some(match text.split_once(':') {
                    None => (text, None),
                    Some((flow, seed)) => {
                        (flow.to_owned(), Some(seed.parse().map_err(|_| "--only: the seed is no number")?))
                    }
                });
            }
            _ => return Err(format!("unknown: {word}")),
        }
    }
    Ok(arguments)
}

/// Every run, by flow and seed.
fn runs(subjects: &[Subject], pairs: u64) -> Vec<(usize, u64)> {
    let mut runs = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        let range = subject.range();
        let mut add = |first: u64, count: u64| runs.extend((first..first + count).map(|seed| (at, seed)));
        add(0, singles(&range));
        if CODED.contains(&subject.flow.name) {
            add(CODES, u64::try_from(codes().len()).unwrap());
        }
        if CUT.contains(&subject.flow.name) {
            add(CUTS, u64::try_from(range.call.1).unwrap());
        }
    }
    let count = u64::try_from(subjects.len()).unwrap();
    runs.extend((0..pairs).map(|pair| (usize::try_from(pair % count).unwrap(), PAIRS + pair)));
    runs
}

struct Found {
    at: usize,
    seed: u64,
    wrong: Wrong,
}

fn sweep(subjects: &[Subject], runs: &[(usize, u64)]) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = subjects[*at].run(*seed, false);
                    if !wrong.verdicts.is_empty() || !wrong.twice.is_empty() {
                        found.lock().unwrap().push(Found { at: *at, seed: *seed, wrong });
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|found| (found.at, found.seed));
    found
}

fn report(subjects: &[Subject], runs: &[(usize, u64)], found: &[Found], begun: Instant) -> ExitCode {
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for Found { at, seed, wrong } in found {
        let subject = &subjects[*at];
        for text in wrong.twice.iter().chain(&wrong.verdicts) {
            let count = shown.entry(text.clone()).or_default();
            *count += 1;
            if *count <= MOST_SHOWN {
                let plan = subject.plan(*seed);
                println!("WRONG {text}\n  {plan:?}\n  tests/run sweep --only {}:{seed}", subject.flow.name);
            }
        }
    }
    for (text, count) in shown.iter().filter(|(_, count)| **count > MOST_SHOWN) {
        println!("{count} times: {text}");
    }
    let verdicts = found.iter().filter(|found| !found.wrong.verdicts.is_empty()).count();
    let twice = found.iter().filter(|found| !found.wrong.twice.is_empty()).count();
    let pairs = runs.iter().filter(|(_, seed)| *seed >= PAIRS).count();
    println!(
        "sweep: {} scenarios, {} faults tried, {pairs} pairs sampled, {verdicts} wrong verdicts, {twice} double invocations, {:.1} s",
        subjects.len(),
        runs.len() - pairs,
        begun.elapsed().as_secs_f64()
    );
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(subject: &Subject, seed: u64) -> ExitCode {
    let wrong = subject.run(seed, true);
    for text in wrong.twice.iter().chain(&wrong.verdicts) {
        println!("WRONG {text}");
    }
    if wrong.twice.is_empty() && wrong.verdicts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(plan: &Plan, ran: &flow::Ran) {
    let state = ran.wire.state();
    println!("plan: {plan:?}");
    for (at, seen) in state.seen.iter().enumerate() {
        let (operation, left) = (seen.operation, if seen.left { "" } else { " (stayed)" });
        let executed = if seen.executed { " executed" } else { "" };
        println!("{at:3} {:>9.2?} {operation:?} {}{executed}{left} {:?}", seen.at, seen.subject, seen.faults);
    }
    if let flow::Came::Outcomes(outcomes) = &ran.came {
        for outcome in outcomes {
            let failure = outcome.failure.as_ref();
            println!(
                "{}: {} invoked {} attached {} states {:?}\n  {:?}\n  {:?}",
                outcome.asked,
                outcome.kind.name(),
                outcome.invoked,
                outcome.attached,
                outcome.states_seen,
                failure.map(|failure| &failure.message),
                failure.and_then(|failure| failure.hint.as_ref()),
            );
        }
    }
    println!("came to: {} (exit {})", ran.came.words(), ran.came.exit());
    let truth = state.desk.world().truth();
    println!("calls: {:#?}", truth.resynchronizations);
    println!("begun: {:?}\nsucceeded: {:?}\nread: {:?}", truth.begun, truth.succeeded, state.read);
}

/// Flows whose call meets every fault code of the tables.
const CODED: [&str; 3] = ["from-9", "from-7", "job-cancel"];
/// Flows where the reply to that call ends after each of its bytes.
const CUT: [&str; 1] = ["from-9"];
const MOST_SHOWN: usize = 3;
