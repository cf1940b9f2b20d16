//! The file of a journal.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::replica::{Journal, JournalEntry, Past, VirtualMachine, journal_line, journal_past};

/// A journal of one host. As long as it is open no other run can have the file.
pub(super) struct FileJournal {
    host: String,
    state: Mutex<State>,
}

struct State {
    file: File,
    text: String,
    /// Lines that wait until the outcome was told.
    held: String,
}

impl State {
    fn write(&mut self, lines: &str) -> Result<(), String> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| format!("the journal cannot be written: {error}"))?;
        self.text.push_str(lines);
        Ok(())
    }
}

impl FileJournal {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, another run has it, or it is no journal; the text says which.
    pub(super) fn open(path: &Path, host: &str) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| format!("--journal {}: {what}", path.display());
        let is_new = !path.exists();
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.map_err(|error| wrong(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(wrong(&"another run has it open")),
            Err(TryLockError::Error(error)) => return Err(wrong(&error)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| wrong(&error))?;
        journal_past(&text, "", "").map_err(|line| wrong(&format!("line {line} is none of a journal")))?;
        if !text.is_empty() && !text.ends_with('\n') {
            // Cut off while it was written: what it would announce did not happen.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            text.truncate(whole);
            let length = u64::try_from(whole).unwrap_or_default();
            file.set_len(length).map_err(|error| wrong(&error))?;
        }
        if is_new {
            sync_folder(path);
        }
        Ok(Self { host: host.to_owned(), state: Mutex::new(State { file, text, held: String::new() }) })
    }
}

impl Journal for FileJournal {
    fn past(&self, vm: &str) -> Option<Past> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        journal_past(&state.text, &self.host, vm).ok().flatten()
    }

    fn note(&self, vm: &VirtualMachine, entry: &JournalEntry) -> Result<(), String> {
        let line = journal_line(&self.host, vm, Timestamp::now(), entry) + "\n";
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if entry.allows_another() {
            state.held.push_str(&line);
            return Ok(());
        }
        state.write(&line)
    }

    fn told(&self) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held = std::mem::take(&mut state.held);
        if held.is_empty() { Ok(()) } else { state.write(&held) }
    }
}

/// A new file outlives a crash once its folder does. Where folders cannot be synchronized, they need not be.
fn sync_folder(path: &Path) {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{FileJournal, Journal as _, JournalEntry, VirtualMachine};
    use crate::replica::{Baseline, OutcomeKind};

    #[test]
    fn a_failure_that_nobody_heard_of_did_not_end_it() {
        let path = std::env::temp_dir().join(format!("hvreplica-journal-{}", std::process::id()));
        let id = "910A2DEC-8902-4CC1-BEEB-8DA1658EEC67".to_owned();
        let vm = VirtualMachine { id, name: "web01".to_owned(), mode: 1_u16.into(), replica: None };
        let baseline = Baseline {
            host_time: None,
            state: 9_u16.into(),
            last_replication: None,
            last_apply: None,
            start_time: None,
        };
        let journal = FileJournal::open(&path, "hv01").unwrap();
        journal.note(&vm, &JournalEntry::Invoking(baseline)).unwrap();
        journal.note(&vm, &JournalEntry::Ended(OutcomeKind::Failed)).unwrap();
        assert!(
            FileJournal::open(&path, "hv01").is_err_and(|text| text.ends_with("another run has it open"))
        );
        drop(journal);
        let journal = FileJournal::open(&path, "HV01").unwrap();
        assert!(journal.past(&vm.id).is_some_and(|past| past.is_open()));
        journal.note(&vm, &JournalEntry::Ended(OutcomeKind::Failed)).unwrap();
        journal.told().unwrap();
        drop(journal);
        let journal = FileJournal::open(&path, "hv01").unwrap();
        assert!(journal.past(&vm.id).is_some_and(|past| !past.is_open()));
        std::fs::remove_file(&path).unwrap();
    }
}
