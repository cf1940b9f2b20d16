//! A run after another one: what that asked for is recognised and followed, and not asked for again.

use crate::cim::Reference;
use crate::job::{Job, JobReader, affecting};
use crate::msvm::replication_relationship::ReplicationState as State;

use super::resynchronize::{Run, Stopped};
use super::session::bearable;
use super::{Acceptance, Baseline, Event, Failure, JournalEntry, OutcomeKind, Past, Replica};

impl Run<'_> {
    /// Where the host cannot be looked at, what another run has asked for stays open, and is not to be passed over.
    pub(super) fn left_open(&mut self, stopped: Stopped) -> Stopped {
        let Some(past) = self.past().filter(|past| past.is_open() && !self.options.dry_run) else {
            return stopped;
        };
        self.outcome.attached = true;
        self.outcome.state_before = Some(past.baseline.state);
        self.outcome.started_at = past.baseline.host_time;
        let why = stopped.1.map(|failure| failure.message).unwrap_or_default();
        let message = format!("another run has asked for it, and how it goes cannot be seen now: {why}");
        let failure = Failure::new("in_doubt", message).may_have_run().hint(self.settle_hint());
        Stopped::with(OutcomeKind::Unknown, failure)
    }

    fn past(&self) -> Option<Past> {
        self.options.journal.as_ref()?.past(&self.session.vm.id)
    }

    /// Looks for what was asked for before; goes on where nothing was, or where it is over and did not succeed.
    pub(super) async fn look_back(&mut self, replica: Option<&Replica>) -> Result<(), Stopped> {
        if let Some(past) = self.past() {
            if past.is_open() {
                return self.take_up(past, replica).await;
            }
            if past.has_succeeded() && replica.is_some_and(|replica| replica.state == State::Replicating) {
                self.outcome.attached = true;
                self.outcome.started_at = past.baseline.host_time;
                return Err(Stopped(OutcomeKind::Succeeded, None));
            }
        }
        match (self.options.since, replica) {
            (Some(_), Some(replica)) => self.look_since(replica).await,
            _ => Ok(()),
        }
    }

    /// Follows a call of another run, whose end is not known.
    async fn take_up(&mut self, past: Past, replica: Option<&Replica>) -> Result<(), Stopped> {
        self.is_written_down = true;
        self.outcome.attached = true;
        self.outcome.state_before = Some(past.baseline.state);
        self.outcome.started_at = past.baseline.host_time;
        self.outcome.start_time = past.baseline.start_time;
        self.session.job = past.job_reference().map(JobReader::new);
        self.event(&Event::Attached(None));
        let is_running = replica.is_some_and(|replica| replica.state == State::Resynchronizing);
        let is_accepted = past.is_accepted || is_running;
        let is_ahead = is_accepted && !is_running && past.baseline.is_ahead(self.session.client.host_time());
        if is_ahead && self.options.follow != Some(true) {
            return Err(Stopped(OutcomeKind::Scheduled, None));
        }
        if is_running && self.options.follow == Some(false) {
            return Err(Stopped(OutcomeKind::Started, None));
        }
        let acceptance = if is_accepted { Acceptance::Accepted } else { Acceptance::InDoubt };
        self.follow(past.baseline, acceptance).await
    }

    /// Looks for a resynchronization that began since the moment given: one that succeeded counts, one that has
    /// not ended is followed.
    async fn look_since(&mut self, replica: &Replica) -> Result<(), Stopped> {
        let since = self.options.since;
        if replica.state == State::Resynchronizing {
            return Ok(());
        }
        let jobs = bearable(affecting(self.session.client, &self.session.vm.reference()).await)?;
        let is_of_it = |job: &&Job| {
            job.is_resynchronization() && job.submitted.or(job.started).is_some_and(|at| Some(at) >= since)
        };
        let jobs = jobs.unwrap_or_default();
        let mut found = jobs.iter().filter(is_of_it);
        match replica.state {
            State::Replicating => {
                let Some(job) = found.find(|job| job.is_success()) else { return Ok(()) };
                // A job may only start the work; what failed after it, somebody may have resumed.
                let is_later =
                    |other: &&Job| other.submitted.or(other.started) >= job.submitted.or(job.started);
                if jobs.iter().filter(|other| other.changes_replication()).any(|other| is_later(&other)) {
                    return Ok(());
                }
                self.outcome.attached = true;
                self.outcome.started_at = job.submitted;
                self.session.last_job = Some(job.clone());
                Err(Stopped(OutcomeKind::Succeeded, None))
            }
            _ => {
                let Some(job) = found.find(|job| !job.is_over()) else { return Ok(()) };
                self.outcome.attached = true;
                self.session.attach(job);
                self.event(&Event::Attached(Some(job)));
                let baseline = Baseline::new(replica, self.session.client.host_time(), None);
                self.outcome.started_at = job.submitted.or(baseline.host_time);
                self.follow(baseline, Acceptance::Attached).await
            }
        }
    }

    /// Writes an entry into the journal, where there is one.
    pub(super) fn write_down(&mut self, entry: &JournalEntry) -> Result<(), String> {
        let Some(journal) = &self.options.journal else { return Ok(()) };
        journal.note(&self.session.vm, entry)?;
        self.is_written_down = true;
        Ok(())
    }

    /// Writes down that the host accepted the call. A journal that fails now makes a later run ask the host.
    pub(super) fn note_acceptance(&mut self, job: Option<&Reference>) {
        let id = job.and_then(|job| job.selector("InstanceID")).map(str::to_owned);
        self.note_or_warn(&JournalEntry::Accepted(id));
    }

    /// Writes down how it ended, where the call was written down.
    pub(super) fn note_end(&mut self) {
        if self.is_written_down {
            self.note_or_warn(&JournalEntry::Ended(self.outcome.kind));
        }
    }

    fn note_or_warn(&mut self, entry: &JournalEntry) {
        if let Err(message) = self.write_down(entry) {
            self.event(&Event::Warning(&message));
        }
    }

    /// What to do about a call of another run of which nothing is to be seen.
    pub(super) fn journal_hint(&self) -> &'static str {
        match self.is_written_down && !self.outcome.invoked {
            true => "; where it is certain that none runs, run again with a new journal",
            false => "",
        }
    }
}
