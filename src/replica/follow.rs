//! Follows a resynchronization until its course is decided, or nobody waits any longer.

use crate::error::Error;
use crate::job::errors;
use crate::msvm::replication_relationship::ReplicationState;

use super::interrupt::OnInterrupt;
use super::patience::{Patience, Woken};
use super::resynchronize::{Run, Stopped};
use super::state_change::{Changed, cancel};
use super::{
    Acceptance, Baseline, Course, Ending, Event, Failure, JobSeen, Observation, OutcomeKind, ReplicaSeen,
    Step, Verdict,
};

impl Run<'_> {
    pub(super) async fn follow(&mut self, baseline: Baseline, acceptance: Acceptance) -> Result<(), Stopped> {
        let mut course = Course::new(baseline, acceptance);
        let mut pace = self.options.pace.pace(&self.session.vm.id);
        let mut shown = None;
        loop {
            let patience = patience_of(self);
            let look = match patience.of(self.look_and_report(&course)).await {
                Ok(look) => look?,
                Err(woken) => return Err(self.woken(woken, &course).await),
            };
            let mut step = course.observe(&look);
            if step == Step::NeedRivals {
                let found = patience.of(self.session.has_rivals(course.baseline())).await;
                step = match found {
                    Ok(Some(found)) => course.set_rivals(found, &look),
                    Ok(None) => Step::Continue,
                    Err(woken) => return Err(self.woken(woken, &course).await),
                };
            }
            match step {
                Step::Continue | Step::NeedRivals => {}
                Step::NeedInterval => match patience.of(self.session.interval()).await {
                    Ok(interval) => course.set_interval(interval),
                    Err(woken) => return Err(self.woken(woken, &course).await),
                },
                Step::Done(ending) => return Err(self.ended(&ending, &course)),
            }
            if let Some(stopped) = self.is_enough(&course, &look) {
                return Err(stopped);
            }
            if let Err(woken) = patience.of(self.find_lost_job(&look)).await {
                return Err(self.woken(woken, &course).await);
            }
            // What has changed is looked at again soon.
            let sign = sign_of(&look);
            if shown.replace(sign) != Some(sign) {
                pace = self.options.pace.pace(&self.session.vm.id);
            }
            if let Err(woken) = patience.rest(pace.next_pause()).await {
                return Err(self.woken(woken, &course).await);
            }
        }
    }

    /// Where it is not to be followed: as soon as it is known whether it was accepted, or overdue to show.
    fn is_enough(&self, course: &Course, look: &Observation) -> Option<Stopped> {
        if self.follows() {
            return None;
        }
        if course.is_accepted() {
            let is_scheduled = self.outcome.start_time.is_some();
            return Some(Stopped(
                if is_scheduled { OutcomeKind::Scheduled } else { OutcomeKind::Started },
                None,
            ));
        }
        course.is_overdue(look.at).then(|| self.stopped(course, "nothing is to be followed"))
    }

    async fn woken(&mut self, woken: Woken, course: &Course) -> Stopped {
        match woken {
            Woken::OutOfTime => self.stopped(course, "stopped waiting after the time given"),
            Woken::Interrupted => self.interrupted_running(course).await,
        }
    }

    async fn look_and_report(&mut self, course: &Course) -> Result<Observation, Stopped> {
        let look = self.session.look().await;
        let look = look.map_err(|error| self.shut_out(&error, course))?;
        if let JobSeen::Seen(job) = &look.job
            && job.is_over()
            && !job.is_success()
            && self.outcome.job_errors.is_empty()
        {
            // While the job still exists.
            self.outcome.job_errors = errors(self.session.client, job).await;
        }
        let replica = match &look.replica {
            ReplicaSeen::Seen(replica) => Some(replica),
            _ => None,
        };
        let job = match &look.job {
            JobSeen::Seen(job) => Some(&**job),
            _ => None,
        };
        self.event(&Event::Progress { replica, job, elapsed: self.elapsed() });
        Ok(look)
    }

    /// Where no job is known, or the known one is gone while it still runs, there may be another to watch.
    async fn find_lost_job(&mut self, look: &Observation) {
        let is_running = matches!(
            &look.replica,
            ReplicaSeen::Seen(replica) if replica.state == ReplicationState::Resynchronizing
        );
        let may_be_there = match look.job {
            JobSeen::None => true,
            JobSeen::Gone => is_running,
            JobSeen::Seen(ref job) => job.is_over() && is_running,
            JobSeen::Unreadable => false,
        };
        // A look that fails costs nothing: the relationship is looked at all the same.
        if may_be_there && let Ok(Some(job)) = self.session.find_job().await {
            self.session.attach(&job);
        }
    }

    fn ended(&self, ending: &Ending, course: &Course) -> Stopped {
        let failure = |kind| Failure::new(kind, ending.reason).may_have_run();
        let events = "the host's event log Hyper-V-VMMS-Admin (29242, 29244) may say more";
        match ending.verdict {
            Verdict::Succeeded => Stopped(OutcomeKind::Succeeded, None),
            Verdict::Suspended => self.suspended(ending.reason),
            Verdict::Superseded => Stopped::with(OutcomeKind::Superseded, failure("superseded")),
            Verdict::Cancelled => Stopped::with(OutcomeKind::Cancelled, failure("cancelled")),
            Verdict::Failed => Stopped::with(OutcomeKind::Failed, failure("failed").hint(events)),
            Verdict::Unknown => {
                let kind = if course.is_accepted() { "unknown" } else { "in_doubt" };
                let message = format!("{}; {}", ending.reason, self.known(course));
                let failure = Failure::new(kind, message).may_have_run().hint(self.settle_hint());
                Stopped::with(OutcomeKind::Unknown, failure)
            }
        }
    }

    /// What is known and what was tried, where no verdict can be given.
    fn known(&self, course: &Course) -> String {
        let state = self.session.last_replica.as_ref().map_or_else(
            || "the replication state cannot be read".to_owned(),
            |replica| format!("the replication state is {} ({})", replica.state, replica.state.code()),
        );
        let job = match &self.session.last_job {
            Some(job) => format!("its job was last seen in {} ({})", job.state_label(), job.state.code()),
            None => "no job of it is known".to_owned(),
        };
        let call = match (self.outcome.invoked, course.is_accepted()) {
            (true, true) => "the call left once and was accepted",
            (true, false) => "the call left once, and no answer tells that it was accepted",
            (false, _) => "nothing was asked for in this run",
        };
        format!("{call}; {state}; {job}; looked {} times", course.times_read())
    }

    /// The command that tells later.
    pub(super) fn settle_hint(&self) -> String {
        let (host, vm) = (self.session.client.endpoint(), &self.session.vm.id);
        let job = self.session.last_job.as_ref().map(|job| {
            format!(
                "; while its job exists, `hvreplica job show {} --host {host}` tells more",
                job.instance_id
            )
        });
        format!(
            "look at `hvreplica status {vm} --host {host}` before asking again; it was not asked for twice{}{}",
            job.unwrap_or_default(),
            self.journal_hint()
        )
    }

    /// Nobody waits any longer. Where it is not even known to run, that is what is said.
    fn stopped(&self, course: &Course, why: &str) -> Stopped {
        if course.is_accepted() {
            let host_time = self.session.client.host_time();
            let ahead = self.outcome.start_time.filter(|start| host_time.is_none_or(|now| now < *start));
            return self.still_running(&match ahead {
                Some(start) => format!("{why}; it is still scheduled for {start}"),
                None => format!("{why}; the resynchronization goes on"),
            });
        }
        let message = format!("{why}, before it was clear whether the resynchronization runs");
        let failure = Failure::new("in_doubt", message).may_have_run().hint(self.settle_hint());
        Stopped::with(OutcomeKind::Unknown, failure)
    }

    /// Nobody may look any longer: a ticket has expired, a right was taken away. What runs, runs on.
    fn shut_out(&self, error: &Error, course: &Course) -> Stopped {
        let Stopped(kind, failure) = self.stopped(course, &error.chain());
        let failure = failure.map(|failure| {
            let hint = [error.hint(), failure.hint.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; then ");
            Box::new(Failure { kind: error.kind(), ..*failure }.hint(hint))
        });
        Stopped(kind, failure)
    }

    fn still_running(&self, message: &str) -> Stopped {
        let id = &self.session.vm.id;
        let is_running = self
            .session
            .last_replica
            .as_ref()
            .is_some_and(|replica| replica.state == ReplicationState::Resynchronizing);
        let job = self.session.job.as_ref().and_then(|job| job.reference().selector("InstanceID"));
        // Only one that runs is attached to; in any other state another would be asked for.
        let hint = match (is_running, job) {
            (true, Some(job)) => {
                format!("follow it with `hvreplica job follow {job}` or `hvreplica resync {id}`")
            }
            (true, None) => format!("follow it with `hvreplica resync {id}`, which attaches to it"),
            (false, _) => format!("look at `hvreplica status {id}`"),
        };
        Stopped::with(
            OutcomeKind::StillRunning,
            Failure::new("still_running", message).hint(hint).may_have_run(),
        )
    }

    async fn interrupted_running(&mut self, course: &Course) -> Stopped {
        if self.options.on_interrupt == OnInterrupt::Leave {
            return self.stopped(course, "interrupted");
        }
        let (client, vm) = (self.session.client, self.session.vm.clone());
        let job = self.session.job.clone();
        match cancel(client, &vm, &mut self.session.reader, job).await {
            Ok(Changed::Reached) => {
                let _ = self.session.look().await;
                let failure = Failure::new("cancelled", "interrupted; the resynchronization was cancelled");
                Stopped::with(OutcomeKind::Cancelled, failure.may_have_run())
            }
            Ok(Changed::Refused(code)) => {
                let text =
                    format!("interrupted; the host refused to cancel: {} ({})", code.label(), code.code());
                self.still_running(&text)
            }
            Ok(Changed::NotReached(state)) => {
                let state = state.map_or_else(|| "unknown".to_owned(), |state| state.to_string());
                self.still_running(&format!("interrupted; cancelling was asked for, the state is {state}"))
            }
            Err(error) => self.still_running(&format!("interrupted; cancelling failed: {}", error.chain())),
        }
    }
}

/// The patience of a run, apart from what it looks at.
pub(super) fn patience_of<'a>(run: &Run<'a>) -> Patience<'a> {
    let deadline = run.options.timeout.map(|timeout| run.begun.saturating_add(timeout));
    Patience::new(&run.options.interrupt, run.session.client.clock(), deadline)
}

/// What counts as a change.
fn sign_of(look: &Observation) -> (Option<u16>, Option<u16>) {
    let state = match &look.replica {
        ReplicaSeen::Seen(replica) => Some(replica.state.code()),
        _ => None,
    };
    let job = match &look.job {
        JobSeen::Seen(job) => Some(job.state.code()),
        _ => None,
    };
    (state, job)
}
