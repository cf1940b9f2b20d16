//! The host: its machines and jobs, its clock, and what becomes of them as time goes on.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{Agenda, later};
use super::ids::Ids;
use super::instances::{Layout, layout};
use super::job::{Failure, Job, Jobs};
use super::machine::{Link, Machine, Relationship, Work};
use super::options::{Accident, Rights, WorldOptions};
use super::population::{TARGET_PLACE, populate};
use super::state::{job, kind};
use super::truth::Truth;
use super::unrest::Chance;
use crate::cim::Schema;

/// A simulated Hyper-V host. It knows no clock: whoever uses it says what time it is, and time only goes on.
#[derive(Debug)]
pub struct World {
    pub(super) schema: Schema,
    pub(super) options: WorldOptions,
    pub(super) began: Timestamp,
    pub(super) clock: Timestamp,
    pub(super) machines: Vec<Machine>,
    pub(super) jobs: Jobs,
    pub(super) agenda: Agenda<Event>,
    pub(super) outage_until: Option<Timestamp>,
    pub(super) truth: Truth,
    pub(super) layout: Layout,
    ids: Ids,
    marks: u64,
    pub(super) chance: Chance,
}

/// What is due at some time. Marks tell whether it still concerns anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    JobStarts(u64),
    JobRuns(u64),
    JobEnds(u64),
    JobRemoved(u64),
    ScheduleDue { link: Link, mark: u64 },
    RunEnds { link: Link, leg: u64 },
    RequestEnds { link: Link, mark: u64 },
    AccidentDue { link: Link, mark: u64, accident: Accident },
    MachineLeaves(usize),
    WindowOpens(Link),
    Mishap,
}

impl World {
    /// A host with its machines. `schema` says which classes, keys and methods it has; the same seed gives the
    /// same identifiers.
    pub fn new(schema: Schema, options: WorldOptions, seed: u64, now: Timestamp) -> Self {
        let mut ids = Ids::new(seed);
        let machines = populate(&options, &mut ids, now);
        let mut world = Self {
            schema,
            options,
            began: now,
            clock: now,
            machines,
            jobs: Jobs::default(),
            agenda: Agenda::new(),
            outage_until: None,
            truth: Truth::default(),
            layout: layout(schema),
            ids,
            marks: 0,
            chance: Chance::new(options.unrest.map_or(0, |unrest| unrest.seed)),
        };
        let target = Link { machine: TARGET_PLACE, index: 0 };
        if options.resynchronizing {
            world.begin_unasked(target, OTHER_USER);
        }
        if let Some(delay) = options.automatic_in {
            world.open_window_in(target, delay);
        }
        world.expect_mishap();
        world
    }

    /// Lets everything happen that is due by then. Time before the host's own clock changes nothing.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some((due, event)) = self.agenda.take_due(now) {
            self.clock = self.clock.max(due);
            self.happen(event);
        }
        self.clock = self.clock.max(now);
        let clock = self.clock;
        for relationship in self.machines.iter_mut().flat_map(|machine| &mut machine.relationships) {
            relationship.replicate(clock);
        }
    }

    /// When something happens next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.next_due()
    }

    /// Host time: the latest that it was told.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// What was set about this host.
    pub fn options(&self) -> &WorldOptions {
        &self.options
    }

    /// What really happened.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Takes what really happened since it was taken last.
    pub(super) fn take_truth(&mut self) -> Truth {
        std::mem::take(&mut self.truth)
    }

    /// All machines that are on this host, visible to the caller or not.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.iter().filter(|machine| !machine.gone)
    }

    /// The jobs that can be read.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.all()
    }

    /// The machine that scenarios are about, also when it has left.
    pub fn target(&self) -> Option<&Machine> {
        self.machines.get(TARGET_PLACE)
    }

    /// Has something happen to the target now, whatever it is doing.
    pub fn befall(&mut self, accident: Accident, now: Timestamp) {
        self.tick(now);
        self.befall_link(Link { machine: TARGET_PLACE, index: 0 }, accident);
    }

    /// Machines that the caller may see.
    pub(super) fn visible(&self) -> impl Iterator<Item = &Machine> {
        let hidden = self.options.rights != Rights::Full;
        self.machines().filter(move |_| !hidden)
    }

    /// Place of the machine with that GUID, as long as it is here.
    pub(super) fn place_of(&self, guid: &str) -> Option<usize> {
        self.machines.iter().position(|machine| !machine.gone && machine.guid.eq_ignore_ascii_case(guid))
    }

    pub(super) fn relationship(&self, link: Link) -> Option<&Relationship> {
        self.machines.get(link.machine)?.relationship(link.index)
    }

    pub(super) fn relationship_mut(&mut self, link: Link) -> Option<&mut Relationship> {
        let machine = self.machines.get_mut(link.machine)?;
        machine.relationships.iter_mut().find(|relationship| relationship.index == link.index)
    }

    /// Moves a relationship to a state; its times are brought up to now before.
    pub(super) fn enter_state(&mut self, link: Link, state: u16) {
        let clock = self.clock;
        if let Some(relationship) = self.relationship_mut(link) {
            relationship.replicate(clock);
            relationship.enter(state);
        }
    }

    /// A number that was not given before.
    pub(super) fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    /// A new job, which starts by itself unless it waits for a scheduled time.
    pub(super) fn submit_job(&mut self, order: JobOrder<'_>) -> u64 {
        let job = Job {
            id: self.ids.guid(),
            kind: order.kind,
            state: job::NEW,
            machine: order.machine,
            owner: order.owner.to_owned(),
            submitted: self.clock,
            scheduled: order.waits_until,
            started: None,
            finished: None,
            changed: self.clock,
            errors: Vec::new(),
            work: None,
            reached: 0,
        };
        let number = self.jobs.submit(job);
        if order.waits_until.is_none() {
            self.start_job(number);
        }
        number
    }

    /// Has a job start and, a little later, run.
    pub(super) fn start_job(&mut self, number: u64) {
        let runs = self.options.resync.job_start;
        self.agenda.enter(later(self.clock, runs / 2), Event::JobStarts(number));
        self.agenda.enter(later(self.clock, runs), Event::JobRuns(number));
    }

    /// Ends a job, unless it has ended, and has it removed later.
    pub(super) fn end_job(&mut self, number: u64, state: u16, errors: Vec<Failure>) {
        let clock = self.clock;
        let Some(job) = self.jobs.get_mut(number).filter(|job| !job.has_ended()) else { return };
        job.finish(state, errors, clock);
        self.agenda.enter(later(clock, self.options.resync.retention), Event::JobRemoved(number));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::JobStarts(number) => self.advance_job(number, job::NEW, job::STARTING),
            Event::JobRuns(number) => self.advance_job(number, job::STARTING, job::RUNNING),
            Event::JobEnds(number) => self.end_job(number, job::COMPLETED, Vec::new()),
            Event::JobRemoved(number) => self.jobs.remove(number),
            Event::ScheduleDue { link, mark } => self.schedule_due(link, mark),
            Event::RunEnds { link, leg } => self.run_ends(link, leg),
            Event::RequestEnds { link, mark } => self.request_ends(link, mark),
            Event::AccidentDue { link, mark, accident } => {
                if self
                    .relationship(link)
                    .and_then(|found| found.run.as_ref())
                    .is_some_and(|run| run.mark == mark)
                {
                    self.befall_link(link, accident);
                }
            }
            Event::MachineLeaves(place) => self.machine_leaves(place),
            Event::WindowOpens(link) => self.window_opens(link),
            Event::Mishap => self.mishap(),
        }
    }

    fn advance_job(&mut self, number: u64, from: u16, to: u16) {
        let clock = self.clock;
        if let Some(job) = self.jobs.get_mut(number).filter(|job| job.state == from) {
            job.enter(to, clock);
        }
    }

    /// Gives a job work to show the progress of.
    pub(super) fn give_work(&mut self, number: u64, work: Work) {
        if let Some(job) = self.jobs.get_mut(number) {
            job.work = Some(work);
        }
    }
}

/// What a new job is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobOrder<'a> {
    pub(super) kind: u16,
    pub(super) machine: usize,
    pub(super) owner: &'a str,
    pub(super) waits_until: Option<Timestamp>,
}

impl Link {
    /// JobType of a resynchronization of this relationship.
    pub(super) fn resync_kind(self) -> u16 {
        if self.index == 0 { kind::RESYNCHRONIZING } else { kind::RESYNCHRONIZING_EXTENDED }
    }
}

/// How long a state request and a job that only starts something take once they run.
pub(super) const SHORT_WORK: Duration = Duration::from_secs(1);

/// Owner of jobs that were there before.
pub(super) const OTHER_USER: &str = "EXAMPLE\\backup";
