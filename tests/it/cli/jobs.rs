//! `job`: list, show, follow, cancel.

use std::time::Duration;

use hvreplica::simulator::{Server, TARGET};
use serde_json::Value;

use super::{quick, redacted, resync, run, still, transcript};

/// Begins a resynchronization and gives its job.
async fn begun(server: &Server) -> String {
    let (_, results) = resync(server, &[TARGET, "--no-follow"]).await;
    results[0]["job"]["instance_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listed_and_shown() {
    let server = still("healthy").await;
    let id = begun(&server).await;
    server.advance(Duration::from_secs(20));
    let mut text = String::new();
    for args in [
        vec!["job", "list"],
        vec!["job", "list", "-o", "json"],
        vec!["job", "list", "-o", "ndjson"],
        vec!["job", "show", &id],
        vec!["job", "show", &id, "-o", "json"],
        vec!["job", "show", "no-such-job"],
        vec!["job", "show", "no-such-job", "-o", "json"],
    ] {
        let ended = run(&server, &args).await;
        text.push_str(&transcript(&args, &ended));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any() {
    let server = still("healthy").await;
    let ended = run(&server, &["job", "list", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(document, serde_json::json!({ "format": 1, "host": "127.0.0.1", "jobs": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followed_to_its_end() {
    for (scenario, code, state) in [
        ("healthy", 0, 7),
        ("job-warnings", 0, 32768),
        ("job-exception", 6, 10),
        ("job-terminated", 6, 8),
        ("job-killed", 6, 9),
    ] {
        let server = quick(scenario).await;
        let id = begun(&server).await;
        let ended = run(&server, &["job", "follow", &id, "-o", "json", "--poll-interval", "20ms"]).await;
        let document: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((ended.code, &document["state"]["code"]), (code, &state.into()), "{scenario}");
        let has_errors = !document["errors"].as_array().unwrap().is_empty();
        assert_eq!(has_errors, scenario == "job-exception", "{scenario}: {document}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_vanishes_ended_nobody_knows_how() {
    let server = quick("jobs-lost").await;
    let id = begun(&server).await;
    let ended = run(&server, &["job", "follow", &id, "-o", "json", "--poll-interval", "20ms"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &document["error"]["kind"]), (8, &"unknown".into()));
    let ended = run(&server, &["job", "follow", &id, "--poll-interval", "20ms"]).await;
    assert_eq!(ended.code, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waited_for_long_enough() {
    let server = still("healthy").await;
    let id = begun(&server).await;
    let args = ["job", "follow", &id, "--timeout", "200ms", "--poll-interval", "20ms"];
    let ended = run(&server, &args).await;
    assert_eq!(ended.code, 7);
    assert!(ended.err.contains(&format!("hvreplica job follow {id}")), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled() {
    let server = quick("healthy").await;
    let id = begun(&server).await;
    let args = ["job", "cancel", &id, "-o", "json"];
    let ended = run(&server, &args).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &document["state"]["code"]), (0, &8.into()), "{ended:?}");
    assert_eq!(server.truth().host.succeeded, []);
    let ended = run(&server, &["job", "cancel", &id, "-o", "json"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &document["error"]["kind"]), (5, &"refused".into()));
    let ended = run(&server, &["job", "cancel", "no-such-job"]).await;
    assert_eq!(ended.code, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_as_events() {
    let server = quick("healthy").await;
    let id = begun(&server).await;
    let ended = run(&server, &["job", "follow", &id, "-o", "ndjson", "--poll-interval", "20ms"]).await;
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, events) = lines.split_last().unwrap();
    assert!(events.iter().all(|event| event["event"] == "progress"));
    let keys = ["started_at", "elapsed_seconds"];
    insta::assert_snapshot!(serde_json::to_string_pretty(&redacted(last.clone(), &keys)).unwrap());
}
