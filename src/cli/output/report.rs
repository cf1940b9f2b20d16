//! What happens on the way: a bar on a terminal, plain lines elsewhere, events as NDJSON.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::client::Client;
use crate::job::Job;
use crate::replica::{Event, Events, Replica, VirtualMachine};

use super::super::args::{Connection, Format};
use super::super::duration::words;
use super::outcome;
use super::text::printable;

/// How far a resynchronization has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Stage {
    /// Resynchronize has left.
    Asked,
    /// The host accepted it.
    Accepted,
    /// One that was there is followed.
    Attached,
}

/// Reports events of several resynchronizations.
pub(in crate::cli) struct Reporter {
    format: Format,
    is_quiet: bool,
    host: String,
    /// For the host's clock.
    client: Client,
    bars: Option<MultiProgress>,
    shown: Mutex<HashMap<String, Shown>>,
    stages: Mutex<HashMap<String, Stage>>,
}

#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    /// The last line's state and tenth of progress.
    line: Option<(Option<u16>, Option<u16>)>,
}

impl Reporter {
    /// A reporter to the taste of these arguments.
    pub(in crate::cli) fn new(connection: &Connection, host: &str, client: Client) -> Self {
        let is_quiet = connection.quiet;
        let has_bars = std::io::stderr().is_terminal() && !is_quiet && connection.output != Format::Ndjson;
        let bars = has_bars.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self {
            format: connection.output,
            is_quiet,
            host: host.to_owned(),
            client,
            bars,
            shown: Mutex::default(),
            stages: Mutex::default(),
        }
    }

    /// How far it has come; `None` where nothing was asked of the host.
    pub(in crate::cli) fn stage(&self, asked: &str) -> Option<Stage> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).get(asked).copied()
    }

    fn note(&self, asked: &str, event: &Event<'_>) {
        let stage = match event {
            Event::Invoking => Stage::Asked,
            Event::Accepted(_) => Stage::Accepted,
            Event::Attached(_) => Stage::Attached,
            _ => return,
        };
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.to_owned(), stage);
    }

    /// Says a line on standard error, above the bars.
    fn say(&self, line: &str) {
        if self.is_quiet {
            return;
        }
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(line);
            }
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
        }
    }

    fn emit(&self, asked: &str, vm: Option<&VirtualMachine>, name: &str, more: Value) {
        let vm = match vm {
            Some(vm) => json!({ "name": vm.name, "id": vm.id }),
            None => json!({ "name": asked, "id": null }),
        };
        let time = self.client.host_time().map(outcome::time);
        let mut event = json!({ "event": name, "time": time, "vm": vm });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{event}");
        let _ = out.flush();
    }

    fn emit_event(&self, asked: &str, vm: Option<&VirtualMachine>, event: &Event<'_>) {
        let job = |job: &Option<&Job>| json!({ "job": job.map(|job| outcome::job(job, &[])) });
        match event {
            Event::Resolved(replica) => {
                self.emit(asked, vm, "resolved", json!({ "state": replica.map(state) }));
            }
            Event::Invoking => self.emit(asked, vm, "invoking", json!({})),
            Event::Accepted(found) => self.emit(asked, vm, "accepted", job(found)),
            Event::Attached(found) => self.emit(asked, vm, "attached", job(found)),
            Event::Progress { replica, job, elapsed } => self.emit(
                asked,
                vm,
                "progress",
                json!({
                    "state": replica.map(state),
                    "percent": job.and_then(|job| job.percent_complete),
                    "elapsed": elapsed.as_secs(),
                }),
            ),
            Event::Warning(text) => self.emit(asked, vm, "warning", json!({ "message": text })),
            Event::Result(found) => {
                self.emit(asked, vm, "result", json!({ "result": outcome::result(&self.host, found) }));
            }
        }
    }

    fn progress(
        &self,
        asked: &str,
        name: &str,
        (replica, job): (Option<&Replica>, Option<&Job>),
        elapsed: Duration,
    ) {
        let percent = job.and_then(|job| job.percent_complete);
        let state_text = replica.map_or_else(
            || "the host cannot be read just now".to_owned(),
            |replica| format!("{} ({})", replica.state, replica.state.code()),
        );
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shown.entry(asked.to_owned()).or_default();
        if let Some(bars) = &self.bars {
            let bar = entry.bar.get_or_insert_with(|| bars.add(new_bar(name)));
            bar.set_position(percent.unwrap_or_default().into());
            bar.set_message(format!("{}  {state_text}", words(elapsed)));
            return;
        }
        let sign = (replica.map(|replica| replica.state.code()), percent.map(|percent| percent / 10));
        if entry.line.replace(sign) == Some(sign) {
            return;
        }
        drop(shown);
        let percent = percent.map(|percent| format!("{percent:>3} %  ")).unwrap_or_default();
        self.say(&format!("{name}: {percent}{}  {state_text}", words(elapsed)));
    }

    fn end(&self, asked: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = shown.remove(asked).and_then(|shown| shown.bar) {
            bar.finish_and_clear();
        }
    }
}

impl Events for Reporter {
    fn event(&self, asked: &str, vm: Option<&VirtualMachine>, event: &Event<'_>) {
        self.note(asked, event);
        if self.format == Format::Ndjson {
            self.emit_event(asked, vm, event);
            return;
        }
        let name = printable(vm.map_or(asked, |vm| vm.name.as_str()));
        match event {
            Event::Resolved(Some(replica)) => {
                self.say(&format!("{name}: {} ({})", replica.state, replica.state.code()));
            }
            Event::Resolved(None) => self.say(&format!("{name}: no replication relationship")),
            Event::Invoking => self.say(&format!("{name}: asking the host to resynchronize")),
            Event::Accepted(_) => self.say(&format!("{name}: accepted")),
            Event::Attached(_) => {
                self.say(&format!("{name}: a resynchronization is running already; following it"))
            }
            Event::Progress { replica, job, elapsed } => {
                self.progress(asked, &name, (*replica, *job), *elapsed)
            }
            Event::Warning(text) => self.say(&format!("{name}: warning: {}", printable(text))),
            Event::Result(_) => self.end(asked),
        }
    }
}

fn state(replica: &Replica) -> Value {
    json!({ "code": replica.state.code(), "label": replica.state.label() })
}

fn new_bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(100);
    let template = if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        "{prefix} [{bar:30}] {percent:>3} %  {msg}"
    } else {
        "{prefix} [{bar:30.cyan}] {percent:>3} %  {msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_owned());
    bar
}
