//! What holds for every sequence of looks.

use std::time::Duration;

use hvreplica::replica::{Acceptance, Course, Observation, ReplicaSeen, Step, Verdict};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::{INTERVAL, J, R, baseline, host, observe};

fn jobs() -> impl Strategy<Value = J> {
    let states = prop_oneof![Just(2), Just(4), Just(5), Just(7), Just(8), Just(9), Just(10), Just(32768)];
    prop_oneof![
        Just(J::No),
        Just(J::Gone),
        Just(J::Blind),
        states.clone().prop_map(J::Resync),
        states.prop_map(J::Other),
    ]
}

fn replicas() -> impl Strategy<Value = R> {
    let states = prop_oneof![
        4 => Just(3_u16),
        4 => 7_u16..=11,
        1 => 0_u16..=22,
    ];
    prop_oneof![
        8 => states.clone().prop_map(R::S),
        4 => (states, -10_i64..2000).prop_map(|(state, last)| R::At(state, last)),
        1 => Just(R::Removed),
        1 => Just(R::Away),
        1 => Just(R::Blind),
    ]
}

fn acceptances() -> impl Strategy<Value = Acceptance> {
    prop_oneof![Just(Acceptance::Accepted), Just(Acceptance::InDoubt), Just(Acceptance::Attached)]
}

/// Pauses between looks, what is seen, and how far the host's clock is off by then.
fn looks() -> impl Strategy<Value = Vec<(u64, J, R, i64)>> {
    vec((1_u64..40, jobs(), replicas(), -2_i64..2), 1..40)
}

fn observation(at: u64, job: J, replica: R, off: i64) -> Observation {
    Observation {
        at: Duration::from_secs(at),
        host_time: Some(host(i64::try_from(at).unwrap() + off)),
        job: job.seen(),
        replica: replica.seen(),
    }
}

/// Shows those looks; gives what was seen until it was decided, and how.
fn play(course: &mut Course, looks: &[(u64, J, R, i64)]) -> (Vec<Observation>, Option<Verdict>) {
    let (mut at, mut seen) = (0, Vec::new());
    for (pause, job, replica, off) in looks {
        at += pause;
        let look = observation(at, *job, *replica, *off);
        let step = observe(course, &look);
        seen.push(look);
        match step {
            Step::Continue | Step::NeedRivals => {}
            Step::NeedInterval => course.set_interval(INTERVAL),
            Step::Done(ending) => return (seen, Some(ending.verdict)),
        }
    }
    (seen, None)
}

fn state(look: &Observation) -> Option<u16> {
    match &look.replica {
        ReplicaSeen::Seen(replica) => Some(replica.state.code()),
        _ => None,
    }
}

fn shows_a_run(look: &Observation) -> bool {
    let is_readable = look.replica != ReplicaSeen::Unreadable;
    let is_resync = matches!(&look.job, hvreplica::replica::JobSeen::Seen(job) if job.is_resynchronization());
    state(look) == Some(10) || is_readable && is_resync
}

proptest! {
    #[test]
    fn success_is_seen_twice(before in 0_u16..=22, acceptance in acceptances(), looks in looks()) {
        let (seen, verdict) = play(&mut Course::new(baseline(before, None), acceptance), &looks);
        if verdict == Some(Verdict::Succeeded) {
            let states: Vec<_> =
                seen.iter().filter(|look| look.replica != ReplicaSeen::Unreadable).map(state).collect();
            prop_assert!(states.ends_with(&[Some(3), Some(3)]), "{states:?}");
            let failed = |look: &Observation| matches!(
                &look.job, hvreplica::replica::JobSeen::Seen(job) if job.is_over() && !job.is_success()
            );
            prop_assert!(!failed(seen.last().unwrap()) || seen.iter().any(|look| !failed(look)));
        }
    }

    #[test]
    fn doubt_is_overcome_by_a_run_alone(before in 7_u16..=8, looks in looks()) {
        let (seen, verdict) = play(&mut Course::new(baseline(before, None), Acceptance::InDoubt), &looks);
        if verdict == Some(Verdict::Succeeded) {
            prop_assert!(seen.iter().any(shows_a_run));
        }
    }

    #[test]
    fn no_success_before_its_time(before in 7_u16..=9, start in 1_i64..2000, acceptance in acceptances(),
        looks in looks())
    {
        let (seen, verdict) = play(&mut Course::new(baseline(before, Some(start)), acceptance), &looks);
        let last = seen.last().unwrap();
        if last.host_time < Some(host(start)) {
            prop_assert!(verdict != Some(Verdict::Succeeded));
            if matches!(state(last), Some(3 | 7..=10)) && verdict.is_some() {
                // A job that failed is the only reason.
                let failed = seen.iter().any(|look| matches!(
                    &look.job, hvreplica::replica::JobSeen::Seen(job) if job.is_over() && !job.is_success()
                ));
                prop_assert!(failed);
            }
        }
    }

    #[test]
    fn what_stays_is_decided(before in 7_u16..=11, acceptance in acceptances(), looks in looks(),
        last in prop_oneof![Just(3_u16), Just(4), Just(5), Just(6), Just(7), Just(8), Just(9), Just(11), Just(12)],
        job in prop_oneof![Just(J::No), Just(J::Gone), Just(J::Blind), Just(J::Other(7))])
    {
        let mut course = Course::new(baseline(before, None), acceptance);
        let (seen, verdict) = play(&mut course, &looks);
        if verdict.is_none() {
            let at = seen.last().unwrap().at.as_secs();
            let tail: Vec<_> = (1..=45).map(|n| (if n == 1 { at + 15 } else { 15 }, job, R::S(last), 0)).collect();
            prop_assert!(play(&mut course, &tail).1.is_some(), "{before} {acceptance:?} {last} {job:?}");
        }
    }

    #[test]
    fn away_is_unknown(before in 7_u16..=11, acceptance in acceptances(), looks in looks(), job in jobs()) {
        let mut course = Course::new(baseline(before, None), acceptance);
        if play(&mut course, &looks).1.is_none() {
            let tail = [(10_000, job, R::Away, 0), (1, job, R::Away, 0)];
            prop_assert_eq!(play(&mut course, &tail).1, Some(Verdict::Unknown));
        }
    }

    #[test]
    fn silence_is_never_success(before in 0_u16..=22, acceptance in acceptances(), job in jobs(),
        pause in 1_u64..100, clock in any::<bool>())
    {
        let mut course = Course::new(baseline(before, None), acceptance);
        for n in 0..700 {
            let mut look = observation(n * pause, job, R::Blind, 0);
            look.host_time = look.host_time.filter(|_| clock);
            if let Step::Done(ending) = course.observe(&look) {
                prop_assert_eq!(ending.verdict, Verdict::Unknown);
                prop_assert!(n * pause >= 600);
                return Ok(());
            }
        }
        prop_assert!(false, "it is never given up");
    }
}
