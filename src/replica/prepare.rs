//! What comes before the call: the check, the pause, the resynchronization that is there already.

use jiff::Timestamp;

use crate::job::Job;
use crate::msvm::concrete_job::JobState;
use crate::msvm::replication_relationship::ReplicationState;

use super::outcome::kind_of;
use super::resynchronize::{Pause, Run, Stopped, interrupted};
use super::session::{Session, bearable};
use super::state_change::{self, Changed};
use super::{Acceptance, Baseline, Event, Failure, OutcomeKind, Replica, check};

impl Run<'_> {
    /// The time to start, where one is asked for.
    pub(super) fn start_time(&self) -> Result<Option<Timestamp>, Stopped> {
        let Some(schedule) = &self.options.schedule else { return Ok(None) };
        schedule
            .start_time(self.session.client.host_time())
            .map(Some)
            .map_err(|error| Stopped::with(OutcomeKind::Refused, Failure::new("schedule", error.to_string())))
    }

    pub(super) fn heed_interrupt(&self) -> Result<(), Stopped> {
        if self.options.interrupt.is_wished() && !self.options.dry_run {
            return Err(Stopped::with(OutcomeKind::Cancelled, interrupted()));
        }
        Ok(())
    }

    /// Reads the relationship.
    pub(super) async fn read_first(&mut self) -> Result<Option<Replica>, Stopped> {
        let replica = self.session.reader.read(self.session.client).await?;
        self.session.note(replica.as_ref());
        self.outcome.state_before = replica.as_ref().map(|replica| replica.state);
        self.event(&Event::Resolved(replica.as_ref()));
        Ok(replica)
    }

    /// Refuses what is certain to be refused.
    pub(super) fn refuse(&self, replica: Option<Replica>) -> Result<Replica, Stopped> {
        let refusal = check(&self.session.vm, replica.as_ref()).err();
        let can_suspend = self.options.suspend_first
            && replica.as_ref().is_some_and(|replica| replica.state == ReplicationState::Replicating);
        if let Some(refusal) = refusal
            && !self.options.force
            && !can_suspend
        {
            let failure = Failure::new("refused_locally", refusal.reason()).hint(refusal.hint());
            return Err(Stopped::with(OutcomeKind::Refused, failure));
        }
        // Only whoever forces it comes here without a relationship.
        let replica = replica.unwrap_or(Replica::ABSENT);
        if replica.state == ReplicationState::ResynchronizationSuspended && !self.options.force {
            let mut stopped = self.suspended("a resynchronization is suspended; nothing was asked for");
            if self.options.dry_run {
                stopped.0 = OutcomeKind::Refused;
            }
            return Err(stopped);
        }
        if can_suspend && self.options.dry_run {
            self.event(&Event::Warning("the replication would be paused first, by another call"));
        }
        Ok(replica)
    }

    /// In the state of waiting there may be a resynchronization that was asked for already: one that begins, or
    /// one that is scheduled. To ask again would begin a second one.
    pub(super) async fn pending(&mut self) -> Result<Option<Job>, Stopped> {
        let Some(job) = bearable(self.session.find_job().await)?.flatten() else { return Ok(None) };
        self.session.attach(&job);
        if job.state != JobState::New {
            return Ok(Some(job));
        }
        let when = job.scheduled.map(|start| format!(" for {start}")).unwrap_or_default();
        let message = format!("a resynchronization is scheduled already{when}; nothing was asked for");
        let hint = format!(
            "wait for it, cancel it with `hvreplica job cancel {}`, or give --force to ask all the same",
            job.instance_id
        );
        Err(Stopped::with(OutcomeKind::Refused, Failure::new("already_scheduled", message).hint(hint)))
    }

    pub(super) fn suspended(&self, message: &str) -> Stopped {
        let hint = format!("resume it with `{}`", state_change::resume_command(&self.session.reader));
        let failure = Failure::new("suspended", message).hint(hint);
        let failure = if self.outcome.invoked { failure.may_have_run() } else { failure };
        Stopped::with(OutcomeKind::Suspended, failure)
    }

    pub(super) async fn attach(&mut self, replica: &Replica) -> Result<(), Stopped> {
        let client = self.session.client;
        if self.options.dry_run {
            self.outcome.attached = true;
            self.event(&Event::Warning("a resynchronization is running already; it would be followed"));
            return Err(Stopped(OutcomeKind::Started, None));
        }
        if self.session.job.is_none()
            && let Some(job) = bearable(self.session.find_job().await)?.flatten()
        {
            self.session.attach(&job);
        }
        self.outcome.attached = true;
        self.event(&Event::Attached(self.session.last_job.as_ref()));
        if self.options.schedule.is_some() {
            self.event(&Event::Warning("it runs already, so the time to start that was given has no effect"));
        }
        let baseline = Baseline::new(replica, client.host_time(), None);
        self.outcome.started_at = baseline.host_time;
        if !self.follows() {
            return Err(Stopped(OutcomeKind::Started, None));
        }
        self.follow(baseline, Acceptance::Attached).await
    }

    /// Pauses a replication that runs, if that was asked for.
    pub(super) async fn suspend_first(&mut self, replica: Replica) -> Result<Replica, Stopped> {
        if !self.options.suspend_first
            || replica.state != ReplicationState::Replicating
            || self.options.dry_run
        {
            return Ok(replica);
        }
        let Session { client, vm, reader, .. } = &mut self.session;
        let changed = match state_change::suspend(client, vm, reader).await {
            Ok(changed) => changed,
            Err(error) => {
                let message = format!("replication could not be paused: {}", error.chain());
                return Err(Stopped::with(kind_of(&error), Failure::new(error.kind(), message)));
            }
        };
        let message = match changed {
            Changed::Reached => {
                self.pause = Pause::Done;
                let paused = self.session.reader.read(self.session.client).await?;
                self.session.note(paused.as_ref());
                return Ok(paused.unwrap_or(replica));
            }
            Changed::Refused(code) => {
                format!("the host refused to pause the replication: {} ({})", code.label(), code.code())
            }
            Changed::NotReached(state) => {
                self.pause = Pause::Possible;
                let state = state.map_or_else(|| "unknown".to_owned(), |state| state.to_string());
                format!("the replication was asked to pause, but its state is {state}")
            }
        };
        let hint = "look at `hvreplica status`; nothing was resynchronized";
        Err(Stopped::with(OutcomeKind::Refused, Failure::new("suspend", message).hint(hint)))
    }

    /// Says that a pause is left behind where nothing came of it.
    pub(super) fn confess_pause(&mut self) {
        let text = match self.pause {
            Pause::No => return,
            Pause::Possible => "; it may be paused now",
            Pause::Done => "; it was paused for this and still is",
        };
        // Where the resynchronization is not known to have begun, the pause is all that was done.
        let has_begun = self.session.states_seen.contains(&ReplicationState::Resynchronizing);
        let is_left =
            !has_begun && !matches!(self.outcome.kind, OutcomeKind::Succeeded | OutcomeKind::StillRunning);
        if let Some(failure) = self.outcome.failure.as_mut().filter(|_| is_left) {
            failure.message.push_str(text);
            let command = state_change::resume_command(&self.session.reader);
            failure.hint = Some(format!("resume it with `{command}`"));
        }
    }
}
