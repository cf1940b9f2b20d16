//! State requests: RequestReplicationStateChange[Ex] of a VM and RequestStateChange of a job.

use super::agenda::later;
use super::job::Failure;
use super::machine::{Link, Request};
use super::options::Rights;
use super::resynchronize::{HIGH, SOFTWARE_ERROR};
use super::state::{job, job_returns, kind, replication, returns};
use super::world::{Event, JobOrder, SHORT_WORK, World};
use crate::msvm::computer_system::RequestReplicationStateChangeRequestedState as ReplicationRequest;
use crate::msvm::concrete_job::RequestStateChangeRequestedState as JobRequest;

impl World {
    /// Executes RequestReplicationStateChange[Ex]; gives the return value and the number of the job.
    pub(super) fn request_state(&mut self, link: Link, requested: u16, user: &str) -> (u32, Option<u64>) {
        let (before, after) = match self.admit_request(link, requested) {
            Err(refusal) => return (refusal, None),
            Ok(transition) => transition,
        };
        let kind = if requested == replication::RESYNC_REQUIRED {
            kind::STOP_RESYNCHRONIZING
        } else {
            kind::STATE_CHANGE
        };
        let job = self.submit_job(JobOrder { kind, machine: link.machine, owner: user, waits_until: None });
        let mark = self.mark();
        if let Some(relationship) = self.relationship_mut(link) {
            relationship.request = Some(Request { mark, requested, before, after, job });
        }
        let takes = self.options.resync.job_start.saturating_add(SHORT_WORK);
        self.agenda.enter(later(self.clock, takes), Event::RequestEnds { link, mark });
        (returns::JOB_STARTED, Some(job))
    }

    fn admit_request(&self, link: Link, requested: u16) -> Result<(u16, u16), u32> {
        if self.options.rights != Rights::Full {
            return Err(returns::ACCESS_DENIED);
        }
        if matches!(ReplicationRequest::from(requested), ReplicationRequest::Unlisted(_)) {
            return Err(returns::INVALID_PARAMETER);
        }
        let machine = self.machines.get(link.machine).ok_or(returns::INVALID_PARAMETER)?;
        let relationship = machine.relationship(link.index).ok_or(returns::INVALID_STATE)?;
        if machine.migrating || relationship.request.is_some() {
            return Err(returns::IN_USE);
        }
        let after = transition(relationship.state, requested, relationship.is_scheduled());
        let after = after.ok_or(returns::INVALID_STATE)?;
        if relationship.state == replication::RESYNCHRONIZING && self.is_merging(link) {
            return Err(returns::INVALID_STATE);
        }
        Ok((relationship.state, after))
    }

    pub(super) fn request_ends(&mut self, link: Link, mark: u64) {
        let Some(relationship) = self.relationship_mut(link) else { return };
        let Some(request) = relationship.request.take_if(|request| request.mark == mark) else { return };
        let overtaken = relationship.state != request.before
            || (request.before == replication::RESYNCHRONIZING && self.is_merging(link));
        if overtaken {
            self.end_job(request.job, job::EXCEPTION, came_too_late());
            return;
        }
        self.apply(link, &request);
        self.end_job(request.job, job::COMPLETED, Vec::new());
    }

    fn apply(&mut self, link: Link, request: &Request) {
        match (request.before, request.after) {
            (replication::RESYNCHRONIZING, replication::RESYNC_SUSPENDED) => self.suspend_run(link),
            (replication::RESYNC_SUSPENDED, replication::RESYNCHRONIZING) => self.resume_run(link),
            (_, replication::RESYNCHRONIZING) => {
                self.drop_schedule(link);
                let owner = self.jobs.get(request.job).map(|job| job.owner.clone()).unwrap_or_default();
                self.begin_unasked(link, &owner);
            }
            (_, after) => {
                self.drop_schedule(link);
                self.stop_run(link, job::TERMINATED);
                self.enter_state(link, after);
            }
        }
    }

    /// Stops the work so that it can go on: state 11, job suspended.
    pub(super) fn suspend_run(&mut self, link: Link) {
        let (clock, leg) = (self.clock, self.mark());
        let Some(run) = self.relationship_mut(link).and_then(|found| found.run.as_mut()) else { return };
        run.leg = leg;
        run.work.pause(clock);
        let (number, work) = (run.job, run.work.clone());
        self.enter_state(link, replication::RESYNC_SUSPENDED);
        if let Some(job) = number.and_then(|number| self.jobs.get_mut(number)).filter(|job| !job.has_ended())
        {
            job.work = Some(work);
            job.enter(job::SUSPENDED, clock);
        }
    }

    /// Goes on where the work was suspended; from the beginning where nothing of it is left.
    fn resume_run(&mut self, link: Link) {
        let (clock, leg) = (self.clock, self.mark());
        let Some(run) = self.relationship_mut(link).and_then(|found| found.run.as_mut()) else {
            return self.begin_run(link, None);
        };
        run.leg = leg;
        run.work.resume(clock);
        let (number, work) = (run.job, run.work.clone());
        self.enter_state(link, replication::RESYNCHRONIZING);
        self.agenda.enter(later(clock, work.left(clock)), Event::RunEnds { link, leg });
        if let Some(job) = number.and_then(|number| self.jobs.get_mut(number)).filter(|job| !job.has_ended())
        {
            job.work = Some(work);
            job.enter(job::RUNNING, clock);
        }
    }

    /// Executes Msvm_ConcreteJob.RequestStateChange. Nothing documents what it does to a resynchronization; here
    /// the work ends with its job, in state 9.
    pub(super) fn request_job_state(&mut self, number: u64, requested: u16) -> u32 {
        let Some(found) = self.jobs.get(number) else { return job_returns::INVALID_PARAMETER };
        let end = match JobRequest::from(requested) {
            JobRequest::Terminate => job::TERMINATED,
            JobRequest::Kill => job::KILLED,
            JobRequest::Start | JobRequest::Suspend | JobRequest::Service => {
                return job_returns::NOT_SUPPORTED;
            }
            JobRequest::Unlisted(_) => return job_returns::INVALID_PARAMETER,
        };
        if found.has_ended() || !found.is_cancellable() {
            return job_returns::INVALID_TRANSITION;
        }
        let Some(link) = self.link_of_job(number) else { return job_returns::INVALID_TRANSITION };
        if self.is_merging(link) {
            return job_returns::INVALID_TRANSITION;
        }
        self.end_job(number, end, Vec::new());
        self.drop_schedule(link);
        self.stop_run(link, end);
        self.enter_state(link, replication::RESYNC_REQUIRED);
        job_returns::DONE
    }

    /// The relationship whose resynchronization, running or scheduled, has that job.
    fn link_of_job(&self, number: u64) -> Option<Link> {
        let machine = self.jobs.get(number)?.machine;
        let relationships = &self.machines.get(machine)?.relationships;
        let found = relationships.iter().find(|relationship| {
            let running = relationship.run.as_ref().and_then(|run| run.job);
            let scheduled = relationship.schedule.as_ref().and_then(|schedule| schedule.job);
            running == Some(number) || scheduled == Some(number)
        })?;
        Some(Link { machine, index: found.index })
    }
}

/// The state that a request leads to, or `None` where it is not allowed in the state.
fn transition(state: u16, requested: u16, is_scheduled: bool) -> Option<u16> {
    use replication::{
        CRITICAL, INITIAL_COPY, READY, REPLICATING, RESYNC_REQUIRED, RESYNC_SUSPENDED, RESYNCHRONIZING,
        SUSPENDED, SYNCED,
    };
    Some(match (state, requested) {
        (INITIAL_COPY, READY) => READY,
        (REPLICATING, SUSPENDED) => SUSPENDED,
        (REPLICATING, SYNCED) => SYNCED,
        (SUSPENDED | CRITICAL, REPLICATING) => REPLICATING,
        (RESYNC_REQUIRED | RESYNC_SUSPENDED, REPLICATING) => RESYNCHRONIZING,
        (RESYNCHRONIZING, SUSPENDED) => RESYNC_SUSPENDED,
        (RESYNCHRONIZING | RESYNC_SUSPENDED, RESYNC_REQUIRED) => RESYNC_REQUIRED,
        (RESYNC_REQUIRED, RESYNC_REQUIRED) if is_scheduled => RESYNC_REQUIRED,
        _ => return None,
    })
}

fn came_too_late() -> Vec<Failure> {
    vec![Failure {
        message_id: "32026",
        message: "The state of the replication has changed in the meantime.".to_owned(),
        arguments: Vec::new(),
        error_type: SOFTWARE_ERROR,
        severity: HIGH,
        actions: Vec::new(),
    }]
}
