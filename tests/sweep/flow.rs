//! The commands under test, each with the host that it meets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hvreplica::cim::{Reference, Selector};
use hvreplica::cli::Exit;
use hvreplica::client::{Client, ClientOptions, Ids, RealClock, Surroundings};
use hvreplica::error::Error;
use hvreplica::job::{Ending, FollowOptions, follow};
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::replica::{
    Interrupt, JobCancel, Journal, JournalEntry, OnInterrupt, Outcome, OutcomeKind, Past,
    ResynchronizeOptions, Schedule, VirtualMachine, cancel_job, find, journal_line, journal_past,
    resynchronize,
};
use hvreplica::simulator::{
    Accident, Generation, JobStyle, Mishap, Outcome as End, ScheduledJob, ServerOptions, TARGET,
    UNKNOWN_STATE, WorldOptions,
};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::fault::{Fault, Plan, all as faults, deadly};
use crate::wire::{Way, Wire};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// `resync` of these machines.
    Resync(&'static [&'static str]),
    /// `job follow`
    FollowJob,
    /// `job cancel`
    CancelJob,
}

/// A command and the host that it meets.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    pub(crate) world: WorldOptions,
    pub(crate) server: ServerOptions,
    pub(crate) way: Way,
    pub(crate) options: ResynchronizeOptions,
    /// It is run again with its journal, where it is not known to have failed.
    pub(crate) has_journal: bool,
}

/// What the command came to.
#[derive(Debug)]
pub(crate) enum Came {
    Outcomes(Vec<Outcome>),
    Followed(Result<Ending, Error>),
    Cancelled(Result<JobCancel, Error>),
    /// It was killed, again and again.
    Killed,
    /// It did not come back.
    Hung,
}

impl Came {
    /// The exit code that the command line gives for it.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Outcomes(outcomes) => Exit::of_outcomes(outcomes).code(),
            Self::Followed(Ok(ending)) => Exit::of_following(ending).code(),
            Self::Cancelled(Ok(cancel)) => Exit::of_cancelling(cancel).code(),
            Self::Followed(Err(error)) | Self::Cancelled(Err(error)) => Exit::of_read(error).code(),
            Self::Killed | Self::Hung => 255,
        }
    }

    /// Whether a pipeline would run it again, and expects that this asks for nothing new.
    fn is_open(&self) -> bool {
        use OutcomeKind::{Scheduled, Started, StillRunning, Suspended, Unknown};
        let is_open = |kind| matches!(kind, Scheduled | Started | StillRunning | Suspended | Unknown);
        match self {
            Self::Killed => true,
            Self::Outcomes(outcomes) => outcomes.iter().all(|outcome| is_open(outcome.kind)),
            _ => false,
        }
    }

    /// A word for each end.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Outcomes(outcomes) => {
                outcomes.iter().map(|outcome| outcome.kind.name()).collect::<Vec<_>>().join(" ")
            }
            Self::Followed(Ok(ending)) => match ending {
                Ending::Over(job) => format!("over {}", job.state.code()),
                Ending::Vanished(_) => "vanished".to_owned(),
                Ending::Suspended(_) => "suspended".to_owned(),
                Ending::NotFound => "not found".to_owned(),
                Ending::LostContact(_) => "lost contact".to_owned(),
            },
            Self::Cancelled(Ok(cancel)) => match cancel {
                JobCancel::NotFound => "not found".to_owned(),
                JobCancel::EndedBefore(_) => "ended before".to_owned(),
                JobCancel::Cancelled(_) => "cancelled".to_owned(),
                JobCancel::Refused { code, .. } => format!("refused {code}"),
                JobCancel::NotReached(_) => "not reached".to_owned(),
            },
            Self::Followed(Err(error)) | Self::Cancelled(Err(error)) => format!("error: {}", error.chain()),
            Self::Killed => "killed".to_owned(),
            Self::Hung => "hung".to_owned(),
        }
    }
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) came: Came,
    pub(crate) wire: Arc<Wire>,
    pub(crate) took: Duration,
}

/// All flows.
pub(crate) fn all() -> Vec<Flow> {
    [fresh(), others(), journals(), jobs()].into_iter().flatten().collect()
}

fn flow(name: &'static str, state: u16) -> Flow {
    let mut world = WorldOptions::DEFAULT;
    world.target_state = state;
    world.few = true;
    world.resync.duration = Duration::from_secs(30);
    Flow {
        name,
        act: Act::Resync(&[TARGET]),
        world,
        server: ServerOptions::DEFAULT,
        way: Way { date: Some(0), other_job: false },
        options: ResynchronizeOptions::default(),
        has_journal: false,
    }
}

fn styled(name: &'static str, state: u16, job: JobStyle) -> Flow {
    let mut flow = flow(name, state);
    flow.world.resync.job = job;
    flow
}

fn ending(name: &'static str, state: u16, end: End) -> Flow {
    let mut flow = flow(name, state);
    flow.world.resync.outcome = end;
    flow
}

/// `resync` at once.
fn fresh() -> Vec<Flow> {
    let mut still = styled("from-9-times-stand", 9, JobStyle::Short);
    still.world.resync.times_move = false;
    still.world.target_interval = Duration::from_secs(30);
    let mut still_7 = styled("from-7-times-stand", 7, JobStyle::Short);
    still_7.world.resync.times_move = false;
    still_7.world.target_interval = Duration::from_secs(30);
    let mut brief = flow("from-9-reaped", 9);
    brief.world.resync.retention = Duration::from_secs(1);
    let mut other = flow("other-job-class", 9);
    other.way.other_job = true;
    let mut ahead = flow("date-ahead", 7);
    ahead.way.date = Some(3600);
    let mut behind = flow("date-behind", 7);
    behind.way.date = Some(-3600);
    let mut timeless = flow("no-date", 8);
    timeless.way.date = None;
    vec![
        flow("from-9", 9),
        flow("from-8", 8),
        flow("from-7", 7),
        styled("from-9-short-job", 9, JobStyle::Short),
        styled("from-7-short-job", 7, JobStyle::Short),
        styled("from-8-two-jobs", 8, JobStyle::ShortThenLong),
        styled("from-9-no-job", 9, JobStyle::None),
        styled("from-7-no-job", 7, JobStyle::None),
        ending("fails", 9, End::Exception),
        ending("fails-from-7", 7, End::Exception),
        ending("is-killed", 9, End::Killed),
        ending("warns", 8, End::Warnings),
        still,
        still_7,
        brief,
        other,
        ahead,
        behind,
        timeless,
    ]
}

/// `resync` in other ways.
fn others() -> Vec<Flow> {
    let mut attached = flow("attached", 9);
    attached.world.resynchronizing = true;
    let mut attached_fails = ending("attached-fails", 9, End::Exception);
    attached_fails.world.resynchronizing = true;
    let mut scheduled = flow("scheduled", 9);
    scheduled.options.schedule = Some(Schedule::In(Duration::from_secs(60)));
    let mut followed = flow("scheduled-followed", 9);
    followed.options.schedule = Some(Schedule::In(Duration::from_secs(60)));
    followed.options.follow = Some(true);
    let mut waits = flow("scheduled-job-waits", 8);
    waits.options.schedule = Some(Schedule::In(Duration::from_secs(60)));
    waits.options.follow = Some(true);
    waits.world.resync.scheduled_job = ScheduledJob::Waits;
    let mut leaves = flow("no-follow", 9);
    leaves.options.follow = Some(false);
    let mut suspends = flow("suspend-first", 3);
    suspends.options.suspend_first = true;
    let mut several = flow("several", 9);
    several.act = Act::Resync(&[TARGET, "off", "critical"]);
    let mut paged = flow("pages-of-two", 9);
    paged.act = Act::Resync(&[TARGET, "twin"]);
    paged.world.few = false;
    paged.server.batch = 2;
    let mut old = flow("server-2012", 9);
    old.world.generation = Generation::Server2012;
    let mut hurried = flow("timeout", 9);
    hurried.options.timeout = Some(Duration::from_secs(30));
    let mut cancelling = flow("cancels-on-interrupt", 9);
    cancelling.options.on_interrupt = OnInterrupt::Cancel;
    let mut unknown = flow("unknown-state", 9);
    unknown.options.timeout = Some(Duration::from_secs(300));
    let accident = Accident::Failover { state: UNKNOWN_STATE };
    unknown.world.resync.accident = Some(Mishap { after: Duration::from_secs(10), accident });
    let mut forced = flow("forced", 3);
    forced.options.force = true;
    let mut suspended = flow("suspended-before", 11);
    suspended.options.timeout = Some(Duration::from_secs(3600));
    vec![
        attached,
        attached_fails,
        scheduled,
        followed,
        waits,
        leaves,
        suspends,
        several,
        paged,
        old,
        hurried,
        cancelling,
        unknown,
        forced,
        suspended,
    ]
}

/// `resync --journal`, killed and run again.
fn journals() -> Vec<Flow> {
    let journal = |name, state| Flow { has_journal: true, ..flow(name, state) };
    let mut short = journal("journal-short-job", 7);
    short.world.resync.job = JobStyle::Short;
    let mut scheduled = journal("journal-scheduled", 9);
    scheduled.options.schedule = Some(Schedule::In(Duration::from_secs(60)));
    scheduled.options.follow = Some(true);
    let mut suspends = journal("journal-suspend-first", 3);
    suspends.options.suspend_first = true;
    vec![journal("journal", 9), short, scheduled, suspends]
}

/// `job`
fn jobs() -> Vec<Flow> {
    let mut follows = flow("job-follow", 9);
    follows.act = Act::FollowJob;
    follows.world.resynchronizing = true;
    let mut fails = ending("job-follow-fails", 9, End::Exception);
    fails.act = Act::FollowJob;
    fails.world.resynchronizing = true;
    let mut cancels = flow("job-cancel", 9);
    cancels.act = Act::CancelJob;
    cancels.world.resynchronizing = true;
    vec![follows, fails, cancels]
}

impl Flow {
    /// Runs the command on a virtual clock.
    pub(crate) fn run(&self, plan: Plan) -> Ran {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(self.run_here(plan))
    }

    /// What can happen to each of its exchanges.
    pub(crate) fn faults(&self) -> &'static [Fault] {
        if self.has_journal { deadly() } else { faults() }
    }

    async fn run_here(&self, plan: Plan) -> Ran {
        let (stop, mut heard) = watch::channel(false);
        let wire = Arc::new(Wire::new((self.world, self.server), plan, self.way, stop));
        let surroundings =
            Surroundings { clock: Arc::new(RealClock::default()), ids: Arc::new(Counted::default()) };
        let journal = self.has_journal.then(|| -> Arc<dyn Journal> { Arc::new(Pages::default()) });
        let began = tokio::time::Instant::now();
        let mut came = Came::Killed;
        for _ in 0..MOST_RUNS {
            let transport: Arc<Wire> = Arc::clone(&wire);
            let options = ClientOptions::new("http://hvsim01:5985/wsman");
            let client = Client::new(transport, options, surroundings.clone(), SCHEMA);
            let interrupt = Interrupt::new(heard);
            came = tokio::select! {
                biased;
                () = wire.killed() => Came::Killed,
                came = tokio::time::timeout(LONGEST, self.act(&client, &wire, interrupt, &journal)) => {
                    came.unwrap_or(Came::Hung)
                }
            };
            if !self.has_journal || !came.is_open() {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
            let (stop, next) = watch::channel(false);
            wire.begin_again(stop);
            heard = next;
        }
        let took = began.elapsed();
        wire.settle();
        Ran { came, wire, took }
    }

    async fn act(
        &self,
        client: &Client,
        wire: &Wire,
        interrupt: Interrupt,
        journal: &Option<Arc<dyn Journal>>,
    ) -> Came {
        match self.act {
            Act::Resync(names) => {
                let journal = journal.clone();
                let options = ResynchronizeOptions { interrupt, journal, ..self.options.clone() };
                Came::Outcomes(resync(client, names, &options).await)
            }
            Act::FollowJob => {
                let job = job(wire);
                Came::Followed(follow(client, job, FollowOptions::default(), |_| {}).await)
            }
            Act::CancelJob => Came::Cancelled(cancel_job(client, &job(wire)).await),
        }
    }
}

/// As the command line does it.
async fn resync(client: &Client, names: &[&str], options: &ResynchronizeOptions) -> Vec<Outcome> {
    let mut found = Vec::new();
    for name in names {
        found.push((*name, find(client, name).await));
    }
    let mut outcomes = Vec::new();
    for (name, found) in found {
        outcomes.push(match found {
            Ok(vm) => resynchronize(client, name, vm, options, &()).await,
            Err(error) => Outcome::of_find_error(name, error),
        });
    }
    outcomes
}

/// The job that runs at the beginning.
fn job(wire: &Wire) -> Reference {
    let state = wire.state();
    let id = state.desk.world().jobs().next().map(|job| job.id.clone()).unwrap_or_default();
    Reference::new(resource_uri("Msvm_ConcreteJob"), vec![Selector::new("InstanceID", id)])
}

#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn message_id(&self) -> String {
        format!("uuid:00000000-0000-4000-8000-{:012X}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A journal in memory.
#[derive(Default)]
struct Pages(Mutex<String>);

impl Journal for Pages {
    fn past(&self, vm: &str) -> Option<Past> {
        journal_past(&self.0.lock().unwrap(), "hv01", vm).unwrap()
    }

    fn note(&self, vm: &VirtualMachine, entry: &JournalEntry) -> Result<(), String> {
        let line = journal_line("hv01", vm, Timestamp::UNIX_EPOCH, entry);
        self.0.lock().unwrap().push_str(&(line + "\n"));
        Ok(())
    }
}

/// How often a command is run, at most.
const MOST_RUNS: usize = 3;
/// How long nobody runs it again.
const BETWEEN: Duration = Duration::from_secs(5);
/// Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
