//! What is written down about calls, so that a run after a crash knows of them: lines of JSON, and what they mean.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cim::{Reference, Selector};
use crate::msvm::concrete_job::ConcreteJob;
use crate::msvm::resource_uri;

use super::{Baseline, OutcomeKind, VirtualMachine};

/// Keeps entries of one host, so that they outlive the process.
pub trait Journal: Send + Sync {
    /// The last call for the machine of that GUID.
    fn past(&self, vm: &str) -> Option<Past>;

    /// Writes an entry down. It is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written; the text says why.
    fn note(&self, vm: &VirtualMachine, entry: &Entry) -> Result<(), String>;

    /// Everybody who waits has been told how it ended. Until then an entry that [allows another
    /// call](Entry::allows_another) may be kept back, so that a run of which nobody has heard is looked at again.
    ///
    /// # Errors
    /// It cannot be written; the text says why.
    fn told(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Something that is written down about a machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Resynchronize is about to leave.
    Invoking(Baseline),
    /// The host accepted it, with the job of that InstanceID.
    Accepted(Option<String>),
    /// The run ended with that outcome.
    Ended(OutcomeKind),
}

impl Entry {
    /// Whether it says that a call was carried out and has ended, so that another run makes a new one.
    pub fn allows_another(&self) -> bool {
        use OutcomeKind::{Cancelled, Failed, Superseded};
        matches!(self, Self::Ended(Failed | Cancelled | Superseded))
    }
}

/// A call that was made in another run.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// How things were before it.
    pub baseline: Baseline,
    /// Whether the host accepted it, as far as was heard.
    pub is_accepted: bool,
    /// InstanceID of its job.
    pub job: Option<String>,
    /// The outcome that the run ended with, by its word; `None` where it did not end.
    pub ended: Option<String>,
}

impl Past {
    /// Whether it is not known yet how the resynchronization ended.
    pub fn is_open(&self) -> bool {
        let open = [
            OutcomeKind::StillRunning,
            OutcomeKind::Started,
            OutcomeKind::Scheduled,
            OutcomeKind::Suspended,
            OutcomeKind::Unknown,
        ];
        self.ended.as_deref().is_none_or(|ended| open.iter().any(|kind| kind.name() == ended))
    }

    /// Whether it was seen to succeed.
    pub fn has_succeeded(&self) -> bool {
        self.ended.as_deref() == Some(OutcomeKind::Succeeded.name())
    }

    /// Reference to its job.
    pub(super) fn job_reference(&self) -> Option<Reference> {
        let id = self.job.as_ref()?;
        Some(Reference::new(resource_uri(ConcreteJob::CLASS), vec![Selector::new("InstanceID", id)]))
    }
}

/// The line of an entry about that machine of that host, written at that time.
pub fn line(host: &str, vm: &VirtualMachine, at: Timestamp, entry: &Entry) -> String {
    let mut line = json!({
        "format": FORMAT,
        "time": at.to_string(),
        "host": host,
        "vm": { "id": vm.id, "name": vm.name },
    });
    let more = match entry {
        Entry::Invoking(baseline) => json!({ "event": "invoking", "baseline": baseline_json(baseline) }),
        Entry::Accepted(job) => json!({ "event": "accepted", "job": job }),
        Entry::Ended(kind) => json!({ "event": "ended", "outcome": kind.name() }),
    };
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    line.to_string()
}

/// The last call for a machine of a host, of all that is in a journal.
///
/// # Errors
/// A line is none of a journal; its number is given, counted from 1. A last line that was cut off while it was
/// written is left out: what it would announce did not happen.
pub fn past(journal: &str, host: &str, vm: &str) -> Result<Option<Past>, usize> {
    let mut past = None;
    let whole = journal.rfind('\n').map_or("", |end| &journal[..end]);
    for (number, text) in (1..).zip(whole.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let Ok(line) = serde_json::from_str::<Value>(text) else {
            return Err(number);
        };
        if line["format"] != FORMAT {
            return Err(number);
        }
        let is = |value: &Value, wanted: &str| {
            value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        if is(&line["host"], host) && is(&line["vm"]["id"], vm) {
            take(&mut past, &line).ok_or(number)?;
        }
    }
    Ok(past)
}

fn take(past: &mut Option<Past>, line: &Value) -> Option<()> {
    match line["event"].as_str()? {
        "invoking" => {
            let baseline = baseline_of(&line["baseline"])?;
            *past = Some(Past { baseline, is_accepted: false, job: None, ended: None });
        }
        "accepted" => {
            let past = past.as_mut()?;
            past.is_accepted = true;
            past.job = line["job"].as_str().map(str::to_owned);
        }
        "ended" => past.as_mut()?.ended = Some(line["outcome"].as_str()?.to_owned()),
        _ => return None,
    }
    Some(())
}

fn baseline_json(baseline: &Baseline) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "host_time": time(baseline.host_time),
        "state": baseline.state.code(),
        "last_replication": time(baseline.last_replication),
        "last_apply": time(baseline.last_apply),
        "start_time": time(baseline.start_time),
    })
}

fn baseline_of(value: &Value) -> Option<Baseline> {
    let time = |name: &str| match &value[name] {
        Value::Null => Some(None),
        text => text.as_str()?.parse().ok().map(Some),
    };
    Some(Baseline {
        host_time: time("host_time")?,
        state: u16::try_from(value["state"].as_u64()?).ok()?.into(),
        last_replication: time("last_replication")?,
        last_apply: time("last_apply")?,
        start_time: time("start_time")?,
    })
}

const FORMAT: u64 = 1;

#[cfg(test)]
mod tests {
    use super::{Baseline, Entry, OutcomeKind, Past, Timestamp, VirtualMachine, line, past};
    use crate::msvm::replication_relationship::ReplicationState;

    const GUID: &str = "910A2DEC-8902-4CC1-BEEB-8DA1658EEC67";

    fn baseline() -> Baseline {
        let at = |text: &str| Some(text.parse().unwrap());
        Baseline {
            host_time: at("2026-11-24T12:00:00Z"),
            state: ReplicationState::WaitingToStartResynchronization,
            last_replication: at("2026-11-24T11:00:00.25Z"),
            last_apply: None,
            start_time: None,
        }
    }

    fn write(entries: &[Entry]) -> String {
        let vm = VirtualMachine {
            id: GUID.to_owned(),
            name: "a\n\"b\"".to_owned(),
            mode: 1_u16.into(),
            replica: None,
        };
        let lines = entries.iter().map(|entry| line("hv01", &vm, Timestamp::UNIX_EPOCH, entry) + "\n");
        lines.collect()
    }

    fn read(journal: &str) -> Option<Past> {
        past(journal, "HV01", &GUID.to_lowercase()).unwrap()
    }

    #[test]
    fn a_call_is_found_again() {
        let all = [
            Entry::Invoking(baseline()),
            Entry::Accepted(Some("J".to_owned())),
            Entry::Ended(OutcomeKind::StillRunning),
        ];
        assert_eq!(read(&write(&[])), None);
        let asked = Past { baseline: baseline(), is_accepted: false, job: None, ended: None };
        assert_eq!(read(&write(&all[..1])), Some(asked.clone()));
        let accepted = Past { is_accepted: true, job: Some("J".to_owned()), ..asked.clone() };
        assert_eq!(read(&write(&all[..2])), Some(accepted.clone()));
        let ended = Past { ended: Some("still_running".to_owned()), ..accepted };
        assert_eq!(read(&write(&all)), Some(ended.clone()));
        assert!(ended.is_open() && !ended.has_succeeded());
        let again = [&all[..], &[Entry::Invoking(baseline())]].concat();
        assert_eq!(read(&write(&again)), Some(asked));
        assert_eq!(past(&write(&all), "hv02", GUID), Ok(None));
    }

    #[test]
    fn a_line_that_was_cut_off_did_not_happen() {
        let whole = write(&[Entry::Invoking(baseline())]);
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None, "{end}");
        }
        assert_eq!(past("{}\n", "hv01", GUID), Err(1));
        assert_eq!(past(&format!("{whole}no JSON\n"), "hv01", GUID), Err(2));
    }
}
