//! Follows a resynchronization until its course is decided, or nobody waits any longer.

use std::time::Duration;

use crate::error::Error;
use crate::job::errors;
use crate::msvm::replication_relationship::ReplicationState;

use super::interrupt::OnInterrupt;
use super::resynchronize::{Run, Stopped};
use super::session::bearable;
use super::state_change::{Changed, cancel};
use super::{
    Acceptance, Baseline, Course, Ending, Event, Failure, JobSeen, Observation, OutcomeKind, ReplicaSeen,
    Step, Verdict,
};

/// Why waiting ended early.
enum Woken {
    Rested,
    Interrupted,
    OutOfTime,
}

impl Run<'_> {
    pub(super) async fn follow(&mut self, baseline: Baseline, acceptance: Acceptance) -> Result<(), Stopped> {
        let mut course = Course::new(baseline, acceptance);
        let mut pace = self.options.pace.pace(&self.session.vm.id);
        let mut shown = None;
        loop {
            let (options, clock) = (self.options, self.session.client.clock());
            let left = self.left();
            let out_of_time = async move {
                match left {
                    Some(left) => clock.sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            // A read that hangs keeps nobody waiting; giving it up does no harm.
            let look = tokio::select! {
                biased;
                look = self.look_and_report() => Ok(look?),
                () = options.interrupt.wished() => Err(Woken::Interrupted),
                () = out_of_time => Err(Woken::OutOfTime),
            };
            let look = match look {
                Ok(look) => look,
                Err(Woken::Interrupted) => return Err(self.interrupted_running(&course).await),
                Err(_) => return Err(self.still_running(OUT_OF_TIME)),
            };
            match course.observe(&look) {
                Step::Continue => {}
                Step::NeedInterval => course.set_interval(self.session.interval().await),
                Step::NeedRivals => {
                    if let Some(found) = self.session.has_rivals(course.baseline()).await {
                        course.set_rivals(found);
                    }
                }
                Step::Done(ending) => return Err(self.ended(&ending, &course)),
            }
            if self.options.follow == Some(false) && course.is_accepted() {
                return Err(Stopped(OutcomeKind::Started, None));
            }
            self.find_lost_job(&look).await?;
            // What has changed is looked at again soon.
            let sign = sign_of(&look);
            if shown.replace(sign) != Some(sign) {
                pace = self.options.pace.pace(&self.session.vm.id);
            }
            match self.rest(pace.next_pause()).await {
                Woken::Rested => {}
                Woken::OutOfTime => return Err(self.still_running(OUT_OF_TIME)),
                Woken::Interrupted => return Err(self.interrupted_running(&course).await),
            }
        }
    }

    async fn look_and_report(&mut self) -> Result<Observation, Stopped> {
        let look = self.session.look().await;
        let look = look.map_err(|error| self.lost_sight(&error))?;
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

    /// The host cannot be read any more, for good: what was asked for goes on unseen.
    fn lost_sight(&self, error: &Error) -> Stopped {
        let failure = Failure::of_error(error).hint(self.settle_hint());
        let failure = if self.outcome.invoked { failure.may_have_run() } else { failure };
        Stopped::with(OutcomeKind::Unknown, failure)
    }

    /// Where no job is known, or the known one is gone while it still runs, there may be another to watch.
    async fn find_lost_job(&mut self, look: &Observation) -> Result<(), Stopped> {
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
        if may_be_there {
            let found = bearable(self.session.find_job().await).map_err(|error| self.lost_sight(&error))?;
            if let Some(Some(job)) = found {
                self.session.attach(&job);
            }
        }
        Ok(())
    }

    /// What is left of the time that was given.
    fn left(&self) -> Option<Duration> {
        let now = self.session.client.clock().elapsed();
        self.options.timeout.map(|timeout| (self.begun + timeout).saturating_sub(now))
    }

    async fn rest(&self, pause: Duration) -> Woken {
        let clock = self.session.client.clock();
        let left = self.left();
        let is_last = left.is_some_and(|left| left <= pause);
        let pause = left.map_or(pause, |left| left.min(pause));
        tokio::select! {
            biased;
            () = self.options.interrupt.wished() => Woken::Interrupted,
            () = clock.sleep(pause) => if is_last { Woken::OutOfTime } else { Woken::Rested },
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
                Stopped::with(OutcomeKind::Unknown, self.with_journal(failure))
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
            (true, false) => "the call left once, and its answer is lost",
            (false, _) => "nothing was asked for in this run",
        };
        let looks = course.looks();
        format!("{call}; {state}; {job}; looked {looks} times")
    }

    /// The command that tells later.
    fn settle_hint(&self) -> String {
        let (host, vm) = (self.session.client.endpoint(), &self.session.vm.id);
        let job = self.session.last_job.as_ref().map(|job| {
            format!("; while its job exists, `hvreplica job show {} --host {host}` tells more", job.instance_id)
        });
        format!(
            "look at `hvreplica status {vm} --host {host}` before asking again; it was not asked for twice{}",
            job.unwrap_or_default()
        )
    }

    fn still_running(&self, message: &str) -> Stopped {
        let hint = match &self.session.job {
            Some(job) if job.reference().selector("InstanceID").is_some() => format!(
                "follow it with `hvreplica job follow {}` or `hvreplica resync {}`",
                job.reference().selector("InstanceID").unwrap_or_default(),
                self.session.vm.id
            ),
            _ => format!("follow it with `hvreplica resync {}`, which attaches to it", self.session.vm.id),
        };
        Stopped::with(
            OutcomeKind::StillRunning,
            Failure::new("still_running", message).hint(hint).may_have_run(),
        )
    }

    async fn interrupted_running(&mut self, course: &Course) -> Stopped {
        if self.options.on_interrupt == OnInterrupt::Leave {
            let message = if course.is_accepted() {
                "interrupted; the resynchronization goes on"
            } else {
                "interrupted before it was clear whether the resynchronization runs"
            };
            return self.still_running(message);
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

const OUT_OF_TIME: &str = "stopped waiting after the time given";
