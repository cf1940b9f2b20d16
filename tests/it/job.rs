//! Following a job to its end.

use std::time::Duration;

use hvreplica::cim::{Instance, Reference, Selector, Value};
use hvreplica::job::{Action, Ending, Follow, FollowOptions, JobReader, Observation, Pace, errors, follow};
use hvreplica::msvm::{NAMESPACE, resource_uri};
use hvreplica::transport::{Delivery, TransportErrorKind as Broken};
use hvreplica::wsman::{Item, Kind, Reply, ns};

use crate::course::job;
use crate::support::script::{Answer, Script, coded, items};

const CLASS: &str = "Msvm_ConcreteJob";
const ID: &str = "7F9D1E3A-0B52-4C58-8B5E-4D2F2E0C9A11";

fn reference() -> Reference {
    Reference::new(resource_uri(CLASS), vec![Selector::new("InstanceID", ID)])
}

fn instance(state: u16, percent: u16) -> Instance {
    Instance::new(CLASS, NAMESPACE)
        .with("InstanceID", ID)
        .with("JobState", state)
        .with("JobType", 107_u16)
        .with("PercentComplete", percent)
}

fn seen(state: u16, percent: u16) -> Answer {
    let item = Item { instance: Some(instance(state, percent)), reference: None };
    Answer::Say(Box::new(Reply::Enumerate(items(vec![item], None))))
}

fn nothing() -> Answer {
    Answer::Say(Box::new(Reply::Enumerate(items(Vec::new(), None))))
}

fn lost() -> Answer {
    Answer::Broken(Broken::ConnectionLost, Delivery::MayHaveRun)
}

fn no_filter() -> Answer {
    coded(ns::ENUMERATION, "CannotProcessFilter", Some(2_150_858_778))
}

fn a_follower() -> Follow {
    let second = Duration::from_secs(1);
    Follow::new(Pace::new(second, second * 15, 1), Duration::from_secs(60))
}

fn in_state(state: u16) -> Observation {
    Observation::Seen(Box::new(job(ID, 107.into(), state)))
}

#[test]
fn terminal_states_end_it_and_no_others() {
    for state in 2..=12_u16 {
        let action = a_follower().step(in_state(state), Duration::ZERO);
        let is_over = matches!(action, Action::Done(Ending::Over(_)));
        assert_eq!(is_over, matches!(state, 7..=10), "{state}: {action:?}");
    }
    assert!(matches!(a_follower().step(in_state(32768), Duration::ZERO), Action::Done(Ending::Over(_))));
}

#[test]
fn gone_is_neither_success_nor_failure() {
    assert_eq!(a_follower().step(Observation::Gone, Duration::ZERO), Action::Done(Ending::NotFound));
    let mut follower = a_follower();
    follower.step(in_state(4), Duration::ZERO);
    for seen_between in [in_state(4), in_state(3)] {
        assert!(matches!(follower.step(Observation::Gone, Duration::from_secs(1)), Action::Poll(_)));
        follower.step(seen_between, Duration::from_secs(2));
    }
    follower.step(in_state(4), Duration::from_secs(3));
    assert!(matches!(follower.step(Observation::Gone, Duration::from_secs(4)), Action::Poll(_)));
    let vanished = follower.step(Observation::Gone, Duration::from_secs(5));
    assert!(matches!(vanished, Action::Done(Ending::Vanished(job)) if job.state.code() == 4));
}

#[test]
fn patience_counts_from_the_first_silence() {
    let mut follower = a_follower();
    let at = Duration::from_secs;
    for (seconds, observation, ends) in [
        (0, Observation::Unreadable, false),
        (59, Observation::Unreadable, false),
        (59, in_state(4), false),
        (100, Observation::Unreadable, false),
        (159, Observation::Unreadable, false),
        (160, Observation::Unreadable, true),
    ] {
        let action = follower.step(observation, at(seconds));
        assert_eq!(matches!(action, Action::Done(Ending::LostContact(Some(_)))), ends, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_read_with_one_question() {
    let script = Script::new([seen(4, 10), seen(4, 60), seen(7, 100)]);
    let mut percents = Vec::new();
    let report = |job: &hvreplica::job::Job| percents.push(job.percent_complete.unwrap());
    let ending = follow(&script.client(), reference(), FollowOptions::default(), report).await.unwrap();
    assert!(matches!(ending, Ending::Over(job) if job.is_success() && job.reference == reference()));
    assert_eq!(percents, [10, 60, 100]);
    assert_eq!(script.kinds(), [Kind::Enumerate; 3]);
    let times = script.times();
    assert!((900..=1100).contains(&times[1].as_millis()), "{times:?}");
    assert!((1350..=1650).contains(&(times[2] - times[1]).as_millis()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_vanishes() {
    let script = Script::new([seen(4, 10), nothing()]);
    let ending = follow(&script.client(), reference(), FollowOptions::default(), |_| {}).await.unwrap();
    assert!(matches!(ending, Ending::Vanished(job) if job.percent_complete == Some(10)));
    let script = Script::new([nothing()]);
    let ending = follow(&script.client(), reference(), FollowOptions::default(), |_| {}).await.unwrap();
    assert_eq!(ending, Ending::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_is_borne_with_for_a_while() {
    let silence = std::iter::repeat_with(lost).take(30);
    let script = Script::new([seen(4, 10)].into_iter().chain(silence).chain([seen(7, 100)]));
    let ending = follow(&script.client(), reference(), FollowOptions::default(), |_| {}).await.unwrap();
    assert!(matches!(ending, Ending::Over(job) if job.is_success()));
    let script = Script::new([seen(4, 10), lost()]);
    let ending = follow(&script.client(), reference(), FollowOptions::default(), |_| {}).await.unwrap();
    assert!(matches!(ending, Ending::LostContact(Some(_))));
    let waited = *script.times().last().unwrap();
    assert!((600..660).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_not_tried_again() {
    let offered = vec!["Negotiate".to_owned()];
    let script = Script::new([seen(4, 10), Answer::Broken(Broken::Refused { offered }, Delivery::NotSent)]);
    let error = follow(&script.client(), reference(), FollowOptions::default(), |_| {}).await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(script.kinds().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_wql_is_refused_the_reference_is_read() {
    let get = |state| Answer::Say(Box::new(Reply::Get(instance(state, 0))));
    let gone = coded(ns::ADDRESSING, "DestinationUnreachable", Some(2_150_858_752));
    let script = Script::new([no_filter(), get(4), get(7), gone]);
    let client = script.client();
    let mut reader = JobReader::new(reference());
    for state in [4, 7] {
        assert_eq!(reader.read(&client).await.unwrap().unwrap().state.code(), state);
    }
    assert_eq!(reader.read(&client).await.unwrap(), None);
    assert_eq!(script.kinds(), [Kind::Enumerate, Kind::Get, Kind::Get, Kind::Get]);
    script.look(|asked| assert_eq!(asked[1].message.headers.selectors, reference().selectors));
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_wql_cannot_express_is_read_as_it_came() {
    let mut odd = reference();
    odd.selectors.push(Selector::new("__cimnamespace", "root/virtualization/v2"));
    let script = Script::new([Answer::Say(Box::new(Reply::Get(instance(4, 0))))]);
    let job = JobReader::new(odd.clone()).read(&script.client()).await.unwrap().unwrap();
    assert_eq!(job.reference, odd);
    assert_eq!(script.kinds(), [Kind::Get]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_state_is_no_job() {
    let item =
        Item { instance: Some(Instance::new(CLASS, NAMESPACE).with("InstanceID", ID)), reference: None };
    let script = Script::new([Answer::Say(Box::new(Reply::Enumerate(items(vec![item], None))))]);
    let error = JobReader::new(reference()).read(&script.client()).await.unwrap_err();
    assert_eq!(error.to_string(), "the host's Msvm_ConcreteJob has no usable JobState");
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_job() {
    let failed = |code: Option<u16>, text: Option<&str>| {
        let mut failed = job(ID, 107.into(), 10);
        failed.reference = reference();
        failed.error_code = code;
        failed.error_description = text.map(str::to_owned);
        failed
    };
    let answer = |errors: Value| {
        Answer::Say(Box::new(Reply::Invoke {
            resource_uri: resource_uri(CLASS),
            method: "GetErrorEx".to_owned(),
            parameters: vec![("Errors".into(), errors)],
            return_value: 0,
        }))
    };
    let error =
        Instance::new("Msvm_Error", NAMESPACE).with("Message", "disk is full").with("MessageID", "29244");
    let script = Script::new([answer(Value::Array(vec![Value::Instance(Box::new(error))]))]);
    let found = errors(&script.client(), &failed(Some(1), Some("its own"))).await;
    assert_eq!((found.len(), found[0].message.as_str()), (1, "disk is full"));
    assert_eq!(found[0].code.as_deref(), Some("29244"));
    for answer in [answer(Value::Null), Answer::Status(404, None)] {
        let script = Script::new([answer]);
        let found = errors(&script.client(), &failed(Some(32773), Some("its own"))).await;
        assert_eq!((found[0].code.as_deref(), found[0].message.as_str()), (Some("32773"), "its own"));
        assert_eq!(errors(&script.client(), &failed(None, None)).await, []);
    }
}
