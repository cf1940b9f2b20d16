//! Each row of the table of verdicts, and sequences that look like success and are none.

use hvreplica::replica::{Acceptance, Baseline, Course, JobSeen, Observation, ReplicaSeen, Step, Verdict};

use super::J::{Blind, Gone, No, Other, Resync};
use super::R::{self, At, Away, Removed, S};
use super::{BEFORE, INTERVAL, J, accepted, baseline, host, in_doubt, observe, play, replica};

type Looks = Vec<(u64, J, R)>;

/// The same look every so many seconds.
fn every(seconds: u64, from: u64, to: u64, job: J, replica: R) -> Looks {
    (from..=to).step_by(usize::try_from(seconds).unwrap()).map(|at| (at, job, replica)).collect()
}

#[track_caller]
fn check(mut course: Course, looks: &[(u64, J, R)], wanted: Option<(usize, Verdict)>) {
    assert_eq!(play(&mut course, looks), wanted, "{looks:?}");
}

#[test]
fn replicating_with_times_that_moved_is_success_from_every_state() {
    for before in [7, 8, 9, 11] {
        let looks = [(1, Resync(4), S(10)), (60, Resync(7), At(3, 59)), (61, Resync(7), At(3, 59))];
        check(accepted(before), &looks, Some((2, Verdict::Succeeded)));
        let unseen = [(1, Gone, S(before)), (20, Gone, At(3, 19)), (21, Gone, At(3, 19))];
        check(accepted(before), &unseen, Some((2, Verdict::Succeeded)));
    }
}

#[test]
fn times_that_somebody_else_may_have_moved_are_no_proof() {
    for before in [7, 8, 11] {
        let mut course = accepted(before);
        let look = |at: u64, replica: R| Observation {
            at: std::time::Duration::from_secs(at),
            host_time: Some(host(i64::try_from(at).unwrap())),
            job: JobSeen::Gone,
            replica: replica.seen(),
        };
        assert_eq!(course.observe(&look(1, S(10))), Step::Continue);
        assert_eq!(course.observe(&look(60, At(3, 59))), Step::Continue);
        let last = look(61, At(3, 59));
        assert_eq!(course.observe(&last), Step::NeedRivals);
        assert_eq!(course.set_rivals(true, &last), Step::NeedInterval);
        let looks = every(15, 75, 700, Gone, At(3, 59));
        check(course, &looks, Some((39, Verdict::Unknown)));
    }
}

#[test]
fn a_state_seen_once_may_be_feigned() {
    for before in [7, 8, 9, 10, 11] {
        let looks = [(1, Gone, S(10)), (2, Gone, At(3, 1)), (3, Gone, S(10)), (4, Gone, At(3, 1))];
        check(accepted(before), &looks, None);
    }
}

#[test]
fn times_of_before_the_call_or_of_its_own_second_are_no_proof() {
    for last in [BEFORE, -1, 0] {
        let looks = every(1, 1, 599, Gone, At(3, last));
        check(accepted(7), &looks, None);
    }
    let half_a_second_later = |state| {
        let mut replica = replica(state, 0);
        replica.last_replication = Some(host(0) + std::time::Duration::from_millis(999));
        replica
    };
    assert!(!baseline(9, None).has_moved(&half_a_second_later(3)));
    assert!(baseline(9, None).has_moved(&replica(3, 1)));
}

#[test]
fn without_a_clock_only_a_change_is_proof() {
    let known = Baseline::new(&replica(9, BEFORE), None, None);
    assert!(known.has_moved(&replica(3, BEFORE + 1)) && !known.has_moved(&replica(3, BEFORE)));
    let mut empty = replica(9, 0);
    empty.last_replication = None;
    let unknown = Baseline::new(&empty, None, None);
    assert!(!unknown.has_moved(&replica(3, 5)));
    let clocked = Baseline::new(&empty, Some(host(0)), None);
    assert!(clocked.has_moved(&replica(3, 5)) && !clocked.has_moved(&replica(3, 0)));
}

#[test]
fn replicating_without_movement_waits_two_intervals() {
    let mut looks = vec![(1, Gone, S(10))];
    looks.extend(every(15, 15, 630, Gone, S(3)));
    // 15 s and 600 s more.
    check(accepted(9), &looks, Some((41, Verdict::Succeeded)));
    check(in_doubt(9), &looks, Some((41, Verdict::Succeeded)));
    for before in [3, 7, 8, 10, 11] {
        check(accepted(before), &looks, Some((41, Verdict::Unknown)));
        check(in_doubt(before), &looks, Some((41, Verdict::Unknown)));
    }
}

#[test]
fn a_job_that_ended_well_with_the_work_is_proof() {
    for before in [7, 8, 9, 11] {
        for state in [7, 32768] {
            let mut looks = vec![(1, Other(4), S(10))];
            looks.extend(every(1, 60, 75, Other(state), S(3)));
            check(accepted(before), &looks, Some((11, Verdict::Succeeded)));
        }
    }
}

#[test]
fn a_job_that_only_started_the_work_is_proof_from_state_9_alone() {
    let mut looks = vec![(1, Other(7), S(10))];
    looks.extend(every(2, 60, 700, Other(7), S(3)));
    check(accepted(9), &looks, Some((6, Verdict::Succeeded)));
    for before in [7, 8, 11] {
        check(accepted(before), &looks, Some((301, Verdict::Unknown)));
    }
}

#[test]
fn a_job_that_ended_well_elsewhere_than_in_state_3_is_no_proof_of_a_later_3() {
    // The job completes while the machine is in 8, and then somebody resumes it.
    for fallen in [7, 8] {
        let mut looks = vec![(1, Other(4), S(10)), (10, Other(7), S(fallen))];
        looks.extend(every(15, 15, 700, Other(7), At(3, 14)));
        for before in [7, 8, 9, 10] {
            check(accepted(before), &looks, Some((42, Verdict::Unknown)));
        }
    }
}

#[test]
fn running_again_after_a_fall_can_succeed() {
    let looks =
        [(1, Gone, S(10)), (10, Gone, S(8)), (11, Gone, S(10)), (60, Gone, At(3, 59)), (61, Gone, At(3, 59))];
    check(accepted(9), &looks, Some((4, Verdict::Succeeded)));
}

#[test]
fn replication_that_ran_before_moves_its_times_by_itself() {
    // Forced on a machine in state 3, and accepted.
    check(accepted(3), &every(15, 1, 700, Gone, At(3, 1)), Some((40, Verdict::Unknown)));
    let looks = [(1, Gone, S(10)), (60, Gone, At(3, 59)), (61, Gone, At(3, 59))];
    check(accepted(3), &looks, Some((2, Verdict::Succeeded)));
}

#[test]
fn a_failed_job_is_no_success_whatever_the_state() {
    for (state, verdict) in [(8, Verdict::Cancelled), (9, Verdict::Failed), (10, Verdict::Failed)] {
        for after in [7, 8, 9] {
            let looks = [(1, Resync(4), S(10)), (9, Resync(state), S(after)), (10, Resync(state), S(after))];
            check(accepted(9), &looks, Some((2, verdict)));
        }
        let looks = [(1, Resync(4), S(10)), (9, Resync(state), At(3, 8)), (10, Gone, At(3, 8))];
        check(accepted(9), &looks, Some((2, Verdict::Failed)));
        check(accepted(9), &[(1, Resync(state), S(9))], Some((0, verdict)));
    }
}

#[test]
fn the_job_that_does_the_work_counts_more_than_the_one_that_started_it() {
    let looks = [
        (1, Other(7), S(10)),
        (2, Resync(4), S(10)),
        (60, Resync(10), At(3, 59)),
        (61, Resync(10), At(3, 59)),
    ];
    check(accepted(9), &looks, Some((3, Verdict::Failed)));
    let mut looks = vec![(1, Other(7), S(10)), (2, Resync(4), S(10))];
    looks.extend(every(1, 60, 75, Resync(7), S(3)));
    check(accepted(7), &looks, Some((12, Verdict::Succeeded)));
}

#[test]
fn a_job_at_work_contradicts_for_a_while() {
    let looks = every(5, 5, 100, Resync(4), At(3, 4));
    check(accepted(9), &looks, Some((6, Verdict::Succeeded)));
    let looks = every(1, 5, 100, Resync(4), At(3, 4));
    check(accepted(9), &looks, Some((30, Verdict::Succeeded)));
    let mut looks = vec![(1, Resync(4), S(10))];
    looks.extend(every(5, 5, 100, Resync(4), S(8)));
    check(accepted(9), &looks, Some((7, Verdict::Failed)));
}

#[test]
fn suspended_by_somebody() {
    check(accepted(9), &[(1, Resync(4), S(10)), (2, Resync(5), S(11))], Some((1, Verdict::Suspended)));
    check(accepted(9), &[(1, Gone, S(11))], Some((0, Verdict::Suspended)));
    // From 11, by force: it may not have begun yet.
    check(accepted(11), &every(1, 0, 29, Gone, S(11)), None);
}

#[test]
fn fallen_back_after_it_ran() {
    for (state, verdict) in [(7, Verdict::Cancelled), (8, Verdict::Failed), (9, Verdict::Failed)] {
        for before in [7, 8, 9, 10] {
            let looks = [(1, Gone, S(10)), (2, Gone, S(state)), (3, Gone, S(state))];
            check(accepted(before), &looks, Some((2, verdict)));
            check(in_doubt(before), &looks, Some((2, verdict)));
        }
    }
}

#[test]
fn never_begun() {
    for before in [7, 8, 9] {
        // Accepted: 30 s. In doubt: 8 s, and five looks at the least.
        check(accepted(before), &every(1, 0, 60, No, S(before)), Some((30, Verdict::Failed)));
        check(in_doubt(before), &every(1, 0, 60, No, S(before)), Some((8, Verdict::Unknown)));
        check(in_doubt(before), &every(10, 0, 60, No, S(before)), Some((4, Verdict::Unknown)));
        // It waits to start.
        check(accepted(before), &every(1, 0, 29, Gone, S(9)), None);
        // A job at work is waited for.
        check(in_doubt(before), &every(10, 0, 600, Resync(2), S(before)), None);
    }
    check(in_doubt(9), &[(0, No, S(8)), (1, No, S(8))], Some((1, Verdict::Unknown)));
}

#[test]
fn failover_and_removal() {
    for state in [4, 5, 6, 12, 13, 14] {
        for course in [accepted(9), in_doubt(7)] {
            check(course, &[(1, Blind, S(10)), (2, Gone, S(state))], Some((1, Verdict::Superseded)));
        }
    }
    for gone in [S(0), Removed] {
        check(accepted(9), &[(1, Gone, gone), (2, Gone, gone)], Some((1, Verdict::Failed)));
    }
}

#[test]
fn away_or_out_of_reach_is_unknown() {
    for course in [accepted(9), in_doubt(7)] {
        let looks = [(1, Resync(4), S(10)), (2, Gone, Away), (3, Gone, Away)];
        check(course, &looks, Some((2, Verdict::Unknown)));
    }
    let looks = every(60, 0, 700, Blind, R::Blind);
    check(accepted(9), &looks, Some((10, Verdict::Unknown)));
    let mut looks = every(60, 0, 540, Blind, R::Blind);
    looks.push((590, Blind, S(10)));
    looks.extend(every(60, 600, 1140, Blind, R::Blind));
    check(accepted(9), &looks, None);
}

#[test]
fn states_that_say_nothing_are_watched() {
    for state in [1, 2, 15, 16, 17, 18, 19, 20, 21, 99] {
        check(accepted(9), &every(60, 0, 100_000, Gone, S(state)), None);
    }
}

#[test]
fn a_scheduled_start_is_not_judged_before_its_time() {
    let course = |before| Course::new(baseline(before, Some(3600)), Acceptance::Accepted);
    for before in [7, 8, 9] {
        for job in [No, Gone, Resync(2), Other(7)] {
            for state in [before, 9, 3, 7, 8, 10] {
                check(course(before), &every(15, 1, 3599, job, At(state, 60)), None);
            }
            let mut looks = every(15, 1, 3599, job, S(9));
            let before_start = looks.len();
            looks.extend([(3601, job, S(10)), (3660, Gone, At(3, 3655)), (3661, Gone, At(3, 3655))]);
            check(course(before), &looks, Some((before_start + 2, Verdict::Succeeded)));
        }
        let mut looks = every(15, 1, 3599, Gone, S(9));
        let before_start = looks.len();
        looks.extend(every(1, 3600, 3700, Gone, S(9)));
        check(course(before), &looks, Some((before_start + 30, Verdict::Failed)));
        check(course(before), &[(1, Resync(8), S(before))], Some((0, Verdict::Cancelled)));
        check(course(before), &[(1, Gone, S(5))], Some((0, Verdict::Superseded)));
    }
}

#[test]
fn resumed_before_the_scheduled_start_is_no_success() {
    for before in [7, 8] {
        let mut looks = every(15, 1, 3599, Resync(2), At(3, 60));
        looks.extend(every(15, 3600, 4300, Gone, At(3, 3605)));
        let mut course = Course::new(baseline(before, Some(3600)), Acceptance::Accepted);
        assert_eq!(play(&mut course, &looks).unwrap().1, Verdict::Unknown);
    }
    // From 9 it has been resynchronized, whoever asked for it.
    let mut looks = every(15, 1, 3599, Resync(2), At(3, 60));
    looks.extend(every(15, 3600, 4300, Gone, At(3, 3605)));
    let mut course = Course::new(baseline(9, Some(3600)), Acceptance::Accepted);
    assert_eq!(play(&mut course, &looks).unwrap().1, Verdict::Succeeded);
}

#[test]
fn a_host_clock_that_is_put_back_or_missing_delays_nothing() {
    for offset in [Some(-86_400), None] {
        let mut course = accepted(7);
        let verdict = (0..100).find_map(|n: u64| {
            let look = Observation {
                at: std::time::Duration::from_secs(n * 15),
                host_time: match (n, offset) {
                    (0, _) => Some(host(0)),
                    (_, offset) => offset.map(host),
                },
                job: JobSeen::Gone,
                replica: ReplicaSeen::Seen(replica(3, BEFORE)),
            };
            match observe(&mut course, &look) {
                Step::Continue | Step::NeedRivals => None,
                Step::NeedInterval => {
                    course.set_interval(INTERVAL);
                    None
                }
                Step::Done(ending) => Some((n, ending.verdict)),
            }
        });
        assert_eq!(verdict, Some((40, Verdict::Unknown)));
    }
}

#[test]
fn attached() {
    let attached = || Course::new(baseline(10, None), Acceptance::Attached);
    let looks = [(0, Resync(7), At(3, 1)), (1, Resync(7), At(3, 1))];
    check(attached(), &looks, Some((1, Verdict::Succeeded)));
    check(attached(), &every(5, 0, 20, Resync(7), S(3)), Some((2, Verdict::Succeeded)));
    check(attached(), &[(0, Gone, S(9)), (1, Gone, S(9))], Some((1, Verdict::Failed)));
    check(attached(), &[(0, No, S(10)), (1, No, S(11))], Some((1, Verdict::Suspended)));
}
