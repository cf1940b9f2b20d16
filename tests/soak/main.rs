//! A long run against a simulated host that is never quiet: a thousand machines that one client process resynchronizes
//! again and again, while requests are dropped, refused, delayed and damaged, the host restarts, and other administrators
//! interfere. Every verdict is held against what really happened; memory and handles of both processes are watched.
//!
//! `tests/run soak [--minutes N] [--seed N] [--workers N]`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a harness stops at what cannot be, and prints what it finds"
)]

mod gauge;
mod host;
mod ledger;
mod verdict;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauge::Gauge;
use host::Host;
use ledger::Ledger;
use work::Crew;

struct Arguments {
    minutes: f64,
    seed: u64,
    workers: usize,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(soak(&arguments))
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { minutes: 10.0, seed: 1, workers: 16 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word}: a value is missing"))?;
        let bad = || format!("{word}: no number");
        match word.as_str() {
            "--minutes" => arguments.minutes = value.parse().map_err(|_| bad())?,
            "--seed" => arguments.seed = value.parse().map_err(|_| bad())?,
            "--workers" => arguments.workers = value.parse().map_err(|_| bad())?,
            _ => return Err(format!("unknown: {word}")),
        }
    }
    Ok(arguments)
}

async fn soak(arguments: &Arguments) -> ExitCode {
    let ledger = Arc::new(Ledger::default());
    let host = Host::start(arguments.seed, &ledger);
    let crew = Crew::new(&host, &ledger, arguments.seed);
    // What is opened once for good is open after this.
    crew.find_machines().await;
    tokio::time::sleep(SETTLING).await;
    let mut watch = Watch::new(&host, &ledger, arguments);
    let workers: Vec<_> = (0..arguments.workers).map(|number| crew.work(number, watch.ends)).collect();
    tokio::join!(futures_util::future::join_all(workers), watch.run());
    ledger.settled().await;
    tokio::time::sleep(SETTLING).await;
    watch.report()
}

/// Looks at both processes now and then.
struct Watch<'a> {
    arguments: &'a Arguments,
    ledger: &'a Ledger,
    begun: Instant,
    ends: Instant,
    gauges: [Gauge; 2],
}

impl<'a> Watch<'a> {
    fn new(host: &Host, ledger: &'a Ledger, arguments: &'a Arguments) -> Self {
        let begun = Instant::now();
        let ends = begun + Duration::from_secs_f64(arguments.minutes * 60.0);
        let gauges =
            [("client", std::process::id()), ("host", host.id())].map(|(name, id)| Gauge::new(name, id));
        Self { arguments, ledger, begun, ends, gauges }
    }

    async fn run(&mut self) {
        println!("{:>6} {:>8} {:>6} {}", "minute", "runs", "wrong", Gauge::HEADER.repeat(2));
        let mut minute = 1;
        while Instant::now() < self.ends {
            tokio::time::sleep(BETWEEN_SAMPLES).await;
            let at = self.begun.elapsed().as_secs_f64() / 60.0;
            for gauge in &mut self.gauges {
                gauge.sample(at);
            }
            if at >= f64::from(minute) {
                let counts = self.ledger.counts();
                let shown: Vec<String> = self.gauges.iter().map(Gauge::shown).collect();
                println!(
                    "{minute:>6} {:>8} {:>6} {}",
                    counts.runs,
                    counts.wrong + counts.twice,
                    shown.join(" ")
                );
                minute += 1;
            }
        }
    }

    fn report(&self) -> ExitCode {
        let counts = self.ledger.counts();
        let mut breaches = self.ledger.breaches();
        let warm = self.arguments.minutes / 5.0;
        for gauge in &self.gauges {
            // A worker has one connection, and for a moment the one before.
            breaches.extend(gauge.breaches(warm, 2 * self.arguments.workers));
        }
        if counts.runs < MINIMUM {
            breaches.push(format!("only {} runs", counts.runs));
        }
        for breach in &breaches {
            println!("BREACH {breach}");
        }
        let told: Vec<String> = self.gauges.iter().map(|gauge| gauge.told(warm)).collect();
        println!(
            "soak: {} minutes, seed {}, {} machines, {} runs ({}), {} mishaps, {} connections, {} wrong verdicts, {} double invocations, {}",
            self.arguments.minutes,
            self.arguments.seed,
            host::MACHINES,
            counts.runs,
            counts.outcomes,
            counts.mishaps,
            counts.connections,
            counts.wrong,
            counts.twice,
            told.join(", "),
        );
        if breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

const SETTLING: Duration = Duration::from_millis(1500);
const BETWEEN_SAMPLES: Duration = Duration::from_secs(2);
/// Fewer show nothing.
const MINIMUM: u64 = 100;
