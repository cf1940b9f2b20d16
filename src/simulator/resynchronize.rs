//! Resynchronize: who may be resynchronized when, how the work goes, and how it ends.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::later;
use super::job::Failure;
use super::machine::{Link, Run, Schedule, Work};
use super::options::{JobStyle, Outcome, Rights, ScheduledJob};
use super::state::{health, job, kind, replication, returns};
use super::truth::Resynchronization;
use super::world::{Event, JobOrder, SHORT_WORK, World};

/// A call of Resynchronize.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResyncOrder<'a> {
    /// Place of the VM; `None` where the reference names none.
    pub(super) machine: Option<usize>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) user: &'a str,
}

impl World {
    /// Executes the method; gives the return value and the number of the job.
    pub(super) fn resynchronize(&mut self, order: ResyncOrder<'_>) -> (u32, Option<u64>) {
        let (return_value, job) = match self.admit(order) {
            Err(refusal) => (refusal, None),
            Ok(link) => self.accept(link, order),
        };
        self.truth.resynchronizations.push(Resynchronization {
            at: self.clock,
            vm: order.machine.and_then(|place| self.machines.get(place)).map(|machine| machine.guid.clone()),
            start_time: order.start_time,
            user: order.user.to_owned(),
            return_value,
            job: job.and_then(|number| self.jobs.get(number)).map(|job| job.id.clone()),
        });
        (return_value, job)
    }

    /// The relationship to resynchronize, or why not. The order of the checks decides between two reasons.
    fn admit(&self, order: ResyncOrder<'_>) -> Result<Link, u32> {
        if let Some(fixed) = self.options.resync.return_value.filter(|code| !ACCEPTED.contains(code)) {
            return Err(fixed);
        }
        if self.options.rights != Rights::Full {
            return Err(returns::ACCESS_DENIED);
        }
        let place = order.machine.ok_or(returns::INVALID_PARAMETER)?;
        let machine = self.machines.get(place).ok_or(returns::INVALID_PARAMETER)?;
        if machine.migrating {
            return Err(returns::IN_USE);
        }
        let index = machine.outgoing().ok_or(returns::INVALID_STATE)?;
        let link = Link { machine: place, index };
        let relationship = machine.relationship(index).ok_or(returns::INVALID_STATE)?;
        if relationship.request.is_some() {
            return Err(returns::IN_USE);
        }
        if !STARTING_STATES.contains(&relationship.state) {
            return Err(returns::INVALID_STATE);
        }
        let farthest = later(self.clock, FARTHEST_START);
        if order.start_time.is_some_and(|start| start < self.clock || start > farthest) {
            return Err(returns::INVALID_PARAMETER);
        }
        Ok(link)
    }

    fn accept(&mut self, link: Link, order: ResyncOrder<'_>) -> (u32, Option<u64>) {
        self.drop_schedule(link);
        let style = match self.options.resync.return_value {
            Some(returns::DONE) => JobStyle::None,
            _ => self.options.resync.job,
        };
        let job = match order.start_time.filter(|start| *start > self.clock) {
            Some(start) => self.enter_schedule(link, start, style, order.user),
            None => self.start_now(link, style, order.user),
        };
        (if job.is_some() { returns::JOB_STARTED } else { returns::DONE }, job)
    }

    fn start_now(&mut self, link: Link, style: JobStyle, user: &str) -> Option<u64> {
        let order = |kind| JobOrder { kind, machine: link.machine, owner: user, waits_until: None };
        match style {
            JobStyle::None => {
                self.begin_run(link, None);
                None
            }
            JobStyle::Long => {
                let job = self.submit_job(order(link.resync_kind()));
                self.begin_run(link, Some(job));
                Some(job)
            }
            JobStyle::Short => {
                let job = self.submit_job(order(link.resync_kind()));
                self.end_soon(job);
                self.begin_run(link, None);
                Some(job)
            }
            JobStyle::ShortThenLong => {
                let short = self.submit_job(order(kind::START_RESYNCHRONIZING));
                self.end_soon(short);
                let long = self.submit_job(order(link.resync_kind()));
                self.begin_run(link, Some(long));
                Some(short)
            }
        }
    }

    fn enter_schedule(&mut self, link: Link, start: Timestamp, style: JobStyle, user: &str) -> Option<u64> {
        let waits = self.options.resync.scheduled_job == ScheduledJob::Waits;
        self.stop_run(link, job::TERMINATED);
        self.enter_state(link, replication::RESYNC_REQUIRED);
        let job = (style != JobStyle::None).then(|| {
            let waits_until = waits.then_some(start);
            let kind = link.resync_kind();
            self.submit_job(JobOrder { kind, machine: link.machine, owner: user, waits_until })
        });
        if let Some(number) = job.filter(|_| !waits) {
            self.end_soon(number);
        }
        let mark = self.mark();
        if let Some(relationship) = self.relationship_mut(link) {
            let job = job.filter(|_| waits);
            relationship.schedule = Some(Schedule { mark, job, owner: user.to_owned() });
        }
        self.agenda.enter(start, Event::ScheduleDue { link, mark });
        job
    }

    pub(super) fn schedule_due(&mut self, link: Link, mark: u64) {
        let Some(relationship) = self.relationship_mut(link) else { return };
        let Some(schedule) = relationship.schedule.take_if(|schedule| schedule.mark == mark) else { return };
        if relationship.state != replication::RESYNC_REQUIRED {
            return;
        }
        match schedule.job {
            Some(job) => {
                self.start_job(job);
                self.begin_run(link, Some(job));
            }
            None => self.begin_unasked(link, &schedule.owner),
        }
    }

    /// Forgets a schedule; a job that waited for it is terminated.
    pub(super) fn drop_schedule(&mut self, link: Link) {
        let schedule = self.relationship_mut(link).and_then(|relationship| relationship.schedule.take());
        if let Some(job) = schedule.and_then(|schedule| schedule.job) {
            self.end_job(job, job::TERMINATED, Vec::new());
        }
    }

    /// Begins work that no call is waiting for, with a job of its own.
    pub(super) fn begin_unasked(&mut self, link: Link, owner: &str) {
        let kind = link.resync_kind();
        let job = self.submit_job(JobOrder { kind, machine: link.machine, owner, waits_until: None });
        self.begin_run(link, Some(job));
    }

    /// Begins the work from the beginning.
    pub(super) fn begin_run(&mut self, link: Link, job: Option<u64>) {
        self.stop_run(link, job::TERMINATED);
        self.enter_state(link, replication::RESYNCHRONIZING);
        let work = Work::begin(self.options.resync.duration, self.clock);
        if let Some(number) = job {
            self.give_work(number, work.clone());
        }
        let (mark, leg) = (self.mark(), self.mark());
        if let Some(relationship) = self.relationship_mut(link) {
            relationship.run = Some(Run { leg, mark, job, work });
        }
        let resync = self.options.resync;
        self.agenda.enter(later(self.clock, resync.duration), Event::RunEnds { link, leg });
        if let Some(after) = resync.job_lost_after {
            for number in [job].into_iter().flatten() {
                self.agenda.enter(later(self.clock, after), Event::JobRemoved(number));
            }
        }
        if let Some(mishap) = resync.accident {
            let due = later(self.clock, mishap.after);
            self.agenda.enter(due, Event::AccidentDue { link, mark, accident: mishap.accident });
        }
        if let Some(machine) = self.machines.get(link.machine) {
            self.truth.begun.push((machine.guid.clone(), self.clock));
        }
    }

    /// Stops the work for good; its job ends in that state.
    pub(super) fn stop_run(&mut self, link: Link, job_state: u16) {
        let run = self.relationship_mut(link).and_then(|relationship| relationship.run.take());
        if let Some(job) = run.and_then(|run| run.job) {
            self.end_job(job, job_state, Vec::new());
        }
    }

    /// Whether the work is in its last part, which cannot be undone.
    pub(super) fn is_merging(&self, link: Link) -> bool {
        let run = self.relationship(link).and_then(|relationship| relationship.run.as_ref());
        run.is_some_and(|run| run.work.left(self.clock) <= self.options.resync.merging)
    }

    pub(super) fn run_ends(&mut self, link: Link, leg: u64) {
        let Some(relationship) = self.relationship_mut(link) else { return };
        let Some(run) = relationship.run.take_if(|run| run.leg == leg) else { return };
        let (job_state, usual) = match self.options.resync.outcome {
            Outcome::Success => (job::COMPLETED, replication::REPLICATING),
            Outcome::Warnings => (job::COMPLETED_WITH_WARNINGS, replication::REPLICATING),
            Outcome::Exception => (job::EXCEPTION, replication::CRITICAL),
            Outcome::Killed => (job::KILLED, replication::RESYNC_REQUIRED),
            Outcome::Terminated => (job::TERMINATED, replication::RESYNC_REQUIRED),
        };
        let state = self.options.resync.end_state.unwrap_or(usual);
        self.enter_state(link, state);
        if state == replication::REPLICATING {
            self.replicate_again(link);
        }
        if let Some(number) = run.job {
            let errors = if job_state == job::EXCEPTION { comparison_failed() } else { Vec::new() };
            self.end_job(number, job_state, errors);
        }
    }

    /// A resynchronization costs the replica its recovery points; health stays an aggregate of the past.
    fn replicate_again(&mut self, link: Link) {
        let (clock, times_move) = (self.clock, self.options.resync.times_move);
        let Some(machine) = self.machines.get_mut(link.machine) else { return };
        machine.recovery_points = 0;
        self.truth.succeeded.push((machine.guid.clone(), clock));
        let Some(relationship) = self.relationship_mut(link) else { return };
        relationship.health = health::WARNING;
        relationship.frozen = !times_move;
        if times_move {
            relationship.last_replication = Some(clock);
            relationship.last_apply = Some(clock);
        }
    }

    fn end_soon(&mut self, job: u64) {
        let ends = self.options.resync.job_start.saturating_add(SHORT_WORK);
        self.agenda.enter(later(self.clock, ends), Event::JobEnds(job));
    }
}

/// What GetErrorEx tells about a resynchronization that failed.
pub(super) fn comparison_failed() -> Vec<Failure> {
    vec![
        Failure {
            message_id: "32552",
            message:
                "Hyper-V could not compare virtual disk 'disk0.vhdx' with its replica: the connection was \
                      closed."
                    .to_owned(),
            arguments: vec!["disk0.vhdx".to_owned()],
            error_type: COMMUNICATIONS_ERROR,
            severity: HIGH,
            actions: vec!["Check the network and start the resynchronization again."],
        },
        Failure {
            message_id: "29244",
            message: "Resynchronization of <disk 'a&b'> ended with result 0x80072EFE.".to_owned(),
            arguments: vec!["a&b".to_owned(), "0x80072EFE".to_owned()],
            error_type: SOFTWARE_ERROR,
            severity: HIGH,
            actions: Vec::new(),
        },
    ]
}

/// ErrorType of Msvm_Error.
pub(super) const COMMUNICATIONS_ERROR: u16 = 2;
pub(super) const SOFTWARE_ERROR: u16 = 4;

/// PerceivedSeverity of Msvm_Error.
pub(super) const HIGH: u16 = 4;

/// States in which Resynchronize is accepted. 11 is an inference: it starts from the beginning.
const STARTING_STATES: [u16; 4] = [
    replication::SUSPENDED,
    replication::CRITICAL,
    replication::RESYNC_REQUIRED,
    replication::RESYNC_SUSPENDED,
];

const ACCEPTED: [u32; 2] = [returns::DONE, returns::JOB_STARTED];

/// The farthest StartTime; the limit of Resume-VMReplication, which the class page does not name.
const FARTHEST_START: Duration = Duration::from_secs(7 * 86_400);
