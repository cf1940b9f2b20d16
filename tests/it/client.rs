//! What a client sends, how often, and what it says of it; under a clock that jumps.

use std::sync::Arc;
use std::time::Duration;

use hvreplica::cim::{Instance, Reference, Selector, Value};
use hvreplica::client::{Client, ClientOptions, Surroundings};
use hvreplica::error::Error;
use hvreplica::msvm::{NAMESPACE, SCHEMA, resource_uri};
use hvreplica::transport::{
    Connection, Delivery, Exchange, HttpRequest, Transport, TransportError, TransportErrorKind as Broken,
};
use hvreplica::wsman::{Body, Enumerate, Invocation, Invoke, Item, Kind, Reply, ns};

use crate::support::script::{Answer, SOAP, Script, coded, context_lost, fault, items, quota, timed_out};

const CLASS: &str = "Msvm_ComputerSystem";

fn instance(name: &str) -> Instance {
    Instance::new(CLASS, NAMESPACE).with("Name", name)
}

fn reference() -> Reference {
    Reference::new(resource_uri(CLASS), vec![Selector::new("Name", "a")])
}

fn found() -> Answer {
    Answer::Say(Box::new(Reply::Get(instance("a"))))
}

fn page(names: &[&str], context: Option<&str>) -> Answer {
    let all = names.iter().map(|name| Item { instance: Some(instance(name)), reference: None });
    Answer::Say(Box::new(Reply::Enumerate(items(all.collect(), context))))
}

fn pulled(names: &[&str], context: Option<&str>) -> Answer {
    let all = names.iter().map(|name| Item { instance: Some(instance(name)), reference: None });
    Answer::Say(Box::new(Reply::Pull(items(all.collect(), context))))
}

fn lost() -> Answer {
    Answer::Broken(Broken::ConnectionLost, Delivery::MayHaveRun)
}

fn call() -> Invoke {
    Invoke { target: reference(), method: "RequestStateChange".to_owned(), parameters: Vec::new() }
}

fn returned(code: u32) -> Answer {
    Answer::Say(Box::new(Reply::Invoke {
        resource_uri: resource_uri(CLASS),
        method: "RequestStateChange".to_owned(),
        parameters: Vec::new(),
        return_value: code,
    }))
}

async fn names(client: &Client) -> Result<Vec<String>, Error> {
    let found = client.enumerate(&resource_uri(CLASS), Enumerate::default()).await?;
    Ok(found.iter().map(|item| item.instance.as_ref().unwrap().text("Name").unwrap().to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_again_within_bounds() {
    let millis = |all: &[u64]| all.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>();
    let busy = || Answer::Status(503, None);
    for (trouble, times) in [
        (vec![busy(), busy()], vec![0, 500, 1500]),
        (vec![Answer::Status(503, Some(7)), Answer::Status(503, Some(90))], vec![0, 7000, 27_000]),
        (vec![quota(), quota(), timed_out()], vec![0, 500, 1500, 3500]),
        (vec![lost(), lost(), lost(), lost()], vec![0, 500, 1500, 3500, 7500]),
        (vec![Answer::Broken(Broken::Connect, Delivery::NotSent)], vec![0, 500]),
        (vec![fault("InternalError", Some(0x8004_1045))], vec![0, 500]),
    ] {
        let script = Script::new(trouble.into_iter().chain([found()]));
        let instance = script.client().get(&reference()).await.unwrap();
        assert_eq!(instance.text("Name"), Some("a"));
        assert_uneven(&script.times(), &millis(&times));
    }
}

/// Pauses are up to a quarter longer than these times say, never shorter, and never longer than 20 s.
#[track_caller]
fn assert_uneven(times: &[Duration], wanted: &[Duration]) {
    assert_eq!(times.len(), wanted.len(), "{times:?}");
    for (pause, wanted) in times.windows(2).zip(wanted.windows(2)) {
        let (pause, wanted) = (pause[1] - pause[0], wanted[1] - wanted[0]);
        let longest = (wanted * 5 / 4).min(Duration::from_secs(20));
        assert!((wanted..=longest).contains(&pause), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_say_when_to_come_back() {
    let Answer::Say(fault) = quota() else { unreachable!() };
    let script = Script::new([Answer::SayLater(fault, 3), found()]);
    script.client().get(&reference()).await.unwrap();
    assert_uneven(&script.times(), &[0, 3].map(Duration::from_secs));
}

#[tokio::test(start_paused = true)]
async fn reads_end() {
    let denied = || coded(ns::WSMAN, "AccessDenied", Some(5));
    let gone = || coded(ns::ADDRESSING, "DestinationUnreachable", None);
    let astray = Answer::Astray(Box::new(Reply::Get(instance("a"))));
    let html = Answer::Raw(200, "text/html", b"<html></html>".to_vec());
    for (trouble, tries, kind) in [
        (Answer::Status(503, None), 5, "http"),
        (quota(), 5, "fault"),
        (lost(), 5, "connection_lost"),
        (Answer::Broken(Broken::Connect, Delivery::NotSent), 2, "connect"),
        (Answer::Broken(Broken::NameLookup, Delivery::NotSent), 1, "name_lookup"),
        (Answer::Broken(Broken::BrokenSeal, Delivery::MayHaveRun), 1, "untrusted_reply"),
        (Answer::Status(404, None), 1, "http"),
        (Answer::Status(401, None), 1, "unauthorized"),
        (Answer::Status(500, None), 1, "http"),
        (denied(), 1, "unauthorized"),
        (gone(), 1, "fault"),
        (astray, 1, "reply"),
        (html, 1, "not_winrm"),
        (Answer::Raw(200, SOAP, Vec::new()), 1, "not_winrm"),
        (Answer::Raw(200, SOAP, b"<s:Envelope".to_vec()), 1, "reply"),
        (Answer::Raw(200, SOAP, b"<a/>".to_vec()), 1, "reply"),
        (Answer::Raw(200, SOAP, b"\xff\xfe<\x00a".to_vec()), 1, "reply"),
        (Answer::Raw(200, "application/soap+xml;charset=klingon", b"<a/>".to_vec()), 1, "reply"),
        (returned(0), 1, "reply"),
    ] {
        let label = format!("{trouble:?}");
        let script = Script::new([trouble]);
        let error = script.client().get(&reference()).await.unwrap_err();
        assert_eq!((script.kinds().len(), error.kind()), (tries, kind), "{label}: {error}");
        assert!(!error.chain().contains('\n') && error.hint().is_none_or(|hint| !hint.contains('\n')));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_sent_once_whatever_comes_back() {
    let astray = Answer::Astray(Box::new(Reply::Release));
    let html = Answer::Raw(200, "text/html; charset=utf-8", b"<html></html>".to_vec());
    let sealed = |kind| Answer::Broken(kind, Delivery::MayHaveRun);
    for (answer, may_have_run) in [
        (Answer::Status(503, Some(1)), true),
        (Answer::Status(500, None), true),
        (Answer::Status(401, None), false),
        (Answer::Status(404, None), false),
        (Answer::Status(413, None), false),
        (Answer::Status(502, None), true),
        (quota(), true),
        (timed_out(), true),
        (fault("InternalError", Some(0x8004_1033)), true),
        (fault("InternalError", None), true),
        (coded(ns::WSMAN, "AccessDenied", Some(5)), false),
        (coded(ns::ADDRESSING, "ActionNotSupported", Some(2_150_858_753)), false),
        (coded(ns::ADDRESSING, "DestinationUnreachable", Some(2_150_858_752)), false),
        (lost(), true),
        (Answer::Broken(Broken::ConnectionLost, Delivery::NotSent), false),
        (Answer::Broken(Broken::Connect, Delivery::NotSent), false),
        (sealed(Broken::TimedOut), true),
        (sealed(Broken::BrokenSeal), true),
        (sealed(Broken::ReplyInClear), true),
        (sealed(Broken::TooLarge { limit: 1 }), true),
        (astray, true),
        (html, true),
        (Answer::Raw(200, SOAP, Vec::new()), true),
        (Answer::Raw(200, SOAP, b"<s:Envelope><".to_vec()), true),
        (found(), true),
        (page(&[], None), true),
    ] {
        let label = format!("{answer:?}");
        // A second call would be let through.
        let script = Script::new([answer, returned(0)]);
        let error = script.client().invoke(call()).await.unwrap_err();
        assert_eq!(script.kinds(), [Kind::Invoke], "{label}");
        assert_eq!(error.may_have_run(), may_have_run, "{label}: {error}");
        script.look(|asked| assert_eq!(asked[0].connection, Connection::Fresh));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_call_returns() {
    let script = Script::new([returned(4096)]);
    let answer: Invocation = script.client().invoke(call()).await.unwrap();
    assert_eq!(answer.return_value.as_ref().and_then(Value::as_u64), Some(4096));
    // A method that only reads may go again.
    let script = Script::new([Answer::Status(503, None), returned(0)]);
    script.client().invoke_read(call()).await.unwrap();
    assert_eq!(script.kinds(), [Kind::Invoke; 2]);
}

#[tokio::test(start_paused = true)]
async fn pages_follow_their_context() {
    let script = Script::new([page(&["a"], Some("1")), pulled(&["b", "c"], Some("2")), pulled(&["d"], None)]);
    assert_eq!(names(&script.client()).await.unwrap(), ["a", "b", "c", "d"]);
    assert_eq!(script.kinds(), [Kind::Enumerate, Kind::Pull, Kind::Pull]);
    let contexts = script.look(|asked| asked.iter().filter_map(context).collect::<Vec<_>>());
    assert_eq!(contexts, ["1", "2"]);
}

fn context(asked: &crate::support::script::Asked) -> Option<String> {
    match &asked.message.body {
        Body::Pull(pull) => Some(pull.context.clone()),
        Body::Release(context) => Some(context.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_yet_is_asked_again_with_the_same_context() {
    let script = Script::new([page(&[], Some("1")), timed_out(), timed_out(), pulled(&["a"], None)]);
    assert_eq!(names(&script.client()).await.unwrap(), ["a"]);
    let contexts = script.look(|asked| asked.iter().filter_map(context).collect::<Vec<_>>());
    assert_eq!(contexts, ["1", "1", "1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_for_ever_is_given_up_and_released() {
    let script = Script::new([page(&[], Some("1")), timed_out()]);
    let error = names(&script.client()).await.unwrap_err();
    assert!(error.fault().unwrap().is_timed_out());
    let kinds = script.kinds();
    assert_eq!(kinds.last(), Some(&Kind::Release));
    assert!(kinds.len() < 100, "{}", kinds.len());
}

#[tokio::test(start_paused = true)]
async fn a_lost_context_begins_anew() {
    let script =
        Script::new([page(&["a"], Some("1")), context_lost(), page(&["a"], Some("2")), pulled(&["b"], None)]);
    assert_eq!(names(&script.client()).await.unwrap(), ["a", "b"]);
    assert_eq!(script.kinds(), [Kind::Enumerate, Kind::Pull, Kind::Enumerate, Kind::Pull]);
    // Not for ever.
    let answers = (0..20).flat_map(|_| [page(&["a"], Some("1")), context_lost()]);
    let script = Script::new(answers);
    assert!(names(&script.client()).await.unwrap_err().fault().unwrap().is_context_lost());
    assert_eq!(script.kinds().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_released() {
    let script = Script::new([page(&["a"], Some("1")), Answer::Status(404, None)]);
    assert_eq!(names(&script.client()).await.unwrap_err().kind(), "http");
    assert_eq!(script.kinds(), [Kind::Enumerate, Kind::Pull, Kind::Release]);
    let script = Script::new([page(&["a"], Some("1")), Answer::Say(Box::new(Reply::Release))]);
    let client = script.client();
    let mut pages = client.pages(resource_uri(CLASS), Enumerate::default());
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    pages.release().await;
    assert_eq!(script.look(|asked| context(&asked[1])).as_deref(), Some("1"));
    // What has ended is not.
    let script = Script::new([page(&["a"], None)]);
    let client = script.client();
    let mut pages = client.pages(resource_uri(CLASS), Enumerate::default());
    while pages.next().await.unwrap().is_some() {}
    pages.release().await;
    assert_eq!(script.kinds(), [Kind::Enumerate]);
}

#[tokio::test(start_paused = true)]
async fn an_endless_enumeration_of_nothing_ends() {
    let script = Script::new([page(&[], Some("1")), pulled(&[], Some("1"))]);
    let ended = tokio::time::timeout(Duration::from_secs(86_400), names(&script.client())).await;
    assert!(ended.expect("it ends").is_err());
    assert_eq!(script.kinds().last(), Some(&Kind::Release));
}

/// Keeps how long an answer is waited for, and what is asked.
#[derive(Default)]
struct Patience(std::sync::Mutex<Vec<(Duration, String)>>);

impl Transport for Patience {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        let body = String::from_utf8(request.body).unwrap();
        self.0.lock().unwrap().push((request.timeout, body));
        Box::pin(async { Err(TransportError::new(Broken::NotHttp, Delivery::NotSent)) })
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_longer_than_the_host_may_work() {
    for (seconds, header) in [(60, "PT60.000S"), (1, "PT1.000S")] {
        let transport = Arc::new(Patience::default());
        let mut options = ClientOptions::new("http://hv1:5985/wsman");
        options.operation_timeout = Duration::from_secs(seconds);
        let client = Client::new(transport.clone(), options, Surroundings::default(), SCHEMA);
        assert!(client.get(&reference()).await.is_err());
        assert!(client.invoke(call()).await.is_err());
        let asked = transport.0.lock().unwrap();
        assert_eq!(asked.len(), 2);
        for (patience, body) in asked.iter() {
            assert_eq!(*patience, Duration::from_secs(seconds + 5));
            assert!(body.contains(&format!("OperationTimeout>{header}<")), "{body}");
        }
    }
}
