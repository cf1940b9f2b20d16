//! What the library says on standard error.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::Connection;
use super::environment;
use super::output::text::printable;

/// Begins to print what the library says. Only our own words: the libraries below might print what they carry.
pub(super) fn begin(connection: &Connection) {
    let asked = environment::text("HVREPLICA_LOG").and_then(|level| level.parse().ok());
    let level = match (connection.quiet, connection.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => asked.unwrap_or(LevelFilter::WARN),
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("hvreplica", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Printable).without_time().with_target(false);
    let lines = lines.with_ansi(false);
    let _ = tracing_subscriber::registry().with(lines).with(ours).try_init();
}

/// Standard error, with the words of hosts that some lines hold made printable. It is given one whole line at a time.
struct Printable;

impl Write for Printable {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        writeln!(io::stderr().lock(), "{}", printable(text.trim_end_matches('\n')))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
