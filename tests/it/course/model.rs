//! A host on which others interfere: whatever they do, success is said only of what was resynchronized.

use std::time::Duration;

use hvreplica::replica::{Acceptance, Baseline, Course, Observation, ReplicaSeen, Step, Verdict};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::prop_assert;

use super::{BEFORE, INTERVAL, J, host, observe, replica};

/// What somebody does, or what befalls the replication.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Pause,
    Resume,
    Cancel,
    Break,
}

/// One run of the model.
#[derive(Clone, Debug)]
struct Plan {
    before: u16,
    is_executed: bool,
    acceptance: Acceptance,
    /// From the call to state 10.
    delay: u64,
    /// In state 10.
    work: u64,
    /// Whether the job lives as long as the work, or for so many seconds.
    job: Option<u64>,
    /// How long a request is at work, feigning its aim.
    request: u64,
    /// What is done, and how long after the deed before; never more than one between two looks.
    deeds: Vec<(u64, Deed)>,
    pauses: Vec<u64>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let deeds = prop_oneof![Just(Deed::Pause), Just(Deed::Resume), Just(Deed::Cancel), Just(Deed::Break)];
    let acceptance = prop_oneof![Just(Acceptance::Accepted), Just(Acceptance::InDoubt)];
    (
        (7_u16..=9, any::<bool>(), acceptance),
        (0_u64..10, 20_u64..300, proptest::option::of(0_u64..40), 0_u64..=8),
        vec((16_u64..120, deeds), 0..12),
        vec(1_u64..=15, 400),
    )
        .prop_map(|((before, executed, acceptance), (delay, work, job, request), deeds, pauses)| Plan {
            before,
            is_executed: executed || acceptance == Acceptance::Accepted,
            acceptance,
            delay,
            work,
            job,
            request,
            deeds,
            pauses,
        })
}

/// The host, second by second.
struct World {
    plan: Plan,
    now: u64,
    state: u16,
    left: u64,
    /// A request at work: what it feigns, where it leads, and when.
    request: Option<(u16, u16, u64)>,
    last: i64,
    has_succeeded: bool,
    has_job_failed: bool,
    ran_until: Option<u64>,
    deeds: std::vec::IntoIter<(u64, Deed)>,
    next: Option<(u64, Deed)>,
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut deeds = plan.deeds.clone().into_iter();
        let next = deeds.next();
        let (state, left) = (plan.before, plan.work);
        Self {
            plan,
            now: 0,
            state,
            left,
            request: None,
            last: BEFORE,
            has_succeeded: false,
            has_job_failed: false,
            ran_until: None,
            deeds,
            next,
        }
    }

    fn tick(&mut self) {
        self.now += 1;
        if self.plan.is_executed && self.now == self.plan.delay + 1 && matches!(self.state, 7..=9) {
            self.state = 10;
        }
        if let Some((_, aim, at)) = self.request
            && at <= self.now
        {
            self.state = aim;
            self.request = None;
        }
        match self.state {
            10 if self.request.is_none() => {
                self.left -= 1;
                if self.left == 0 {
                    (self.state, self.has_succeeded) = (3, true);
                    (self.left, self.ran_until) = (self.plan.work, self.ran_until.or(Some(self.now)));
                    self.last = i64::try_from(self.now).unwrap();
                }
            }
            3 if self.now.is_multiple_of(INTERVAL.as_secs()) => self.last = i64::try_from(self.now).unwrap(),
            _ => {}
        }
        if let Some((at, deed)) = self.next
            && at <= self.now
        {
            self.befall(deed);
            self.next = self.deeds.next().map(|(pause, deed)| (self.now + pause, deed));
        }
    }

    fn befall(&mut self, deed: Deed) {
        let done = self.now + self.plan.request;
        let mut ask = |feigned, aim| self.request = Some((feigned, aim, done));
        match (deed, self.state) {
            (Deed::Pause, 3) => ask(7, 7),
            (Deed::Pause, 10) => ask(7, 11),
            // Resuming what waits for a resynchronization, or whose one is suspended, resynchronizes.
            (Deed::Resume, 9 | 11) => ask(3, 10),
            (Deed::Resume, 7 | 8) => ask(3, 3),
            (Deed::Cancel, 10 | 11) => {
                self.left = self.plan.work;
                self.has_job_failed = true;
                self.ran_until = self.ran_until.or(Some(self.now));
                ask(9, 9);
            }
            (Deed::Break, 10) => {
                (self.state, self.left) = (8, self.plan.work);
                self.has_job_failed = true;
                self.ran_until = self.ran_until.or(Some(self.now));
            }
            _ => {}
        }
    }

    fn look(&self) -> Observation {
        let seen = self.request.map_or(self.state, |(feigned, ..)| feigned);
        let job = match (self.plan.acceptance, self.plan.job) {
            (Acceptance::InDoubt, _) => J::No,
            // The job only starts the work.
            (_, Some(life)) if self.now >= life => J::Other(7),
            (_, Some(_)) => J::Other(4),
            (_, None) if self.ran_until.is_none() => J::Resync(4),
            (_, None) if self.has_job_failed => J::Gone,
            (_, None) => J::Resync(7),
        };
        Observation {
            at: Duration::from_secs(self.now),
            host_time: Some(host(i64::try_from(self.now).unwrap())),
            job: job.seen(),
            replica: ReplicaSeen::Seen(replica(seen, self.last)),
        }
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
    #[test]
    fn success_is_true(plan in plans()) {
        let baseline = Baseline::new(&replica(plan.before, BEFORE), Some(host(0)), None);
        let mut course = Course::new(baseline, plan.acceptance);
        let mut world = World::new(plan.clone());
        for pause in &plan.pauses {
            for _ in 0..*pause {
                world.tick();
            }
            match observe(&mut course, &world.look()) {
                Step::Continue | Step::NeedRivals => {}
                Step::NeedInterval => course.set_interval(INTERVAL),
                    Step::Done(ending) => {
                    if ending.verdict == Verdict::Succeeded {
                        prop_assert!(world.has_succeeded, "{} at {} s", ending.reason, world.now);
                    }
                    return Ok(());
                }
            }
        }
    }
}
