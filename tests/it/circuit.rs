//! A host that fails is left alone, by all clients of it at once; under a clock that jumps.

use std::time::Duration;

use hvreplica::cim::{Instance, Reference, Selector};
use hvreplica::error::Error;
use hvreplica::job::{Ending, FollowOptions, follow};
use hvreplica::msvm::{NAMESPACE, resource_uri};
use hvreplica::transport::{Delivery, TransportErrorKind as Broken};
use hvreplica::wsman::{Item, Reply};

use crate::support::script::{Answer, Script, items};

const CLASS: &str = "Msvm_ConcreteJob";

fn reference() -> Reference {
    Reference::new(resource_uri(CLASS), vec![Selector::new("InstanceID", "a")])
}

fn job(state: u16) -> Instance {
    Instance::new(CLASS, NAMESPACE).with("InstanceID", "a").with("JobState", state).with("JobType", 107_u16)
}

fn seen(state: u16) -> Answer {
    let item = Item { instance: Some(job(state)), reference: None };
    Answer::Say(Box::new(Reply::Enumerate(items(vec![item], None))))
}

fn got() -> Answer {
    Answer::Say(Box::new(Reply::Get(job(4))))
}

fn refused() -> Answer {
    Answer::Broken(Broken::Connect, Delivery::NotSent)
}

fn is_refused(result: &Result<Instance, Error>) -> bool {
    result.as_ref().is_err_and(|error| error.transport() == Some(&Broken::Connect))
}

#[tokio::test(start_paused = true)]
async fn after_three_failures_others_fail_at_once_and_one_tries_it_again() {
    // Each read that fails so has two tries.
    let script = Script::new((0..7).map(|_| refused()).chain([got()]));
    let client = script.client();
    for _ in 0..3 {
        assert!(is_refused(&client.get(&reference()).await));
    }
    assert_eq!(script.times().len(), 6);
    let other = client.over(script.clone());
    assert!(is_refused(&other.get(&reference()).await));
    assert_eq!(script.times().len(), 6);

    tokio::time::sleep(Duration::from_secs(5)).await;
    let (reference, other) = (reference(), &other);
    let both = tokio::join!(client.get(&reference), other.get(&reference));
    assert!(is_refused(&both.0) && is_refused(&both.1));
    assert_eq!(script.times().len(), 7);

    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(other.get(&reference).await.is_ok());
    assert!(client.get(&reference).await.is_ok());
    assert_eq!(script.times().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_with_one_read_for_all_and_ends_no_following() {
    const FOLLOWERS: usize = 8;
    let outage = (0..20).map(|_| refused());
    let script = Script::new((0..FOLLOWERS).map(|_| seen(4)).chain(outage).chain([seen(7)]));
    let client = script.client();
    let following = (0..FOLLOWERS).map(|_| {
        let client = client.over(script.clone());
        async move { follow(&client, reference(), FollowOptions::default(), |_| {}).await }
    });
    let endings = futures_util::future::join_all(following).await;
    for ending in endings {
        let Ok(Ending::Over(job)) = ending else { panic!("{ending:?}") };
        assert_eq!(job.state.code(), 7);
    }
    // What fails before it is noticed comes from all of them; from then on one read goes at a time.
    let times: Vec<Duration> = script.times().split_off(FOLLOWERS);
    let probes: Vec<Duration> = times.iter().copied().take(20).skip(2 * FOLLOWERS).collect();
    assert!(!probes.is_empty());
    for pair in probes.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(5), "{probes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_changes_something_is_never_held_back() {
    let script = Script::new([refused()]);
    let client = script.client();
    for _ in 0..3 {
        assert!(is_refused(&client.get(&reference()).await));
    }
    let call = hvreplica::wsman::Invoke {
        target: reference(),
        method: "RequestStateChange".to_owned(),
        parameters: Vec::new(),
    };
    assert!(client.invoke(call).await.is_err());
    assert_eq!(script.times().len(), 7);
}
