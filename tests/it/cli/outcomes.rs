//! How resynchronizations end: every scenario of the simulated host, and the ways of asking.

use std::sync::Arc;

use hvreplica::simulator::{Scenario, TARGET};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    Ended, command_on, end, line, quick, redacted, resync, resync_repeating, run, still, transcript,
};

/// Bodies of many megabytes, or pauses of the real clock, are for other tests; so is who comes first, the host by
/// itself or the client.
const LEFT_OUT: [&str; 4] = ["automatic", "giant-reply", "silent", "slow-polls"];

/// What is asked for besides `resync web01`.
fn more(scenario: &str) -> &'static [&'static str] {
    match scenario {
        "scheduled" | "scheduled-short-job" => &["--in", "20m", "--follow"],
        "unknown-state-midway" => &["--timeout", "3s"],
        _ => &[],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario() {
    let at_a_time = Arc::new(Semaphore::new(6));
    let runs: Vec<_> = Scenario::all()
        .filter(|scenario| !LEFT_OUT.contains(&scenario.name))
        .map(|scenario| {
            let at_a_time = Arc::clone(&at_a_time);
            tokio::spawn(async move {
                let _turn = at_a_time.acquire().await.unwrap();
                let server = quick(scenario.name).await;
                let args = [&[TARGET], more(scenario.name)].concat();
                let repeated = usize::from(scenario.name == "auth-lost");
                let (code, results) = resync_repeating(&server, &args, repeated).await;
                assert_eq!(results.len(), 1, "{}", scenario.name);
                format!("{:<24} {}\n", scenario.name, line(code, &results[0]))
            })
        })
        .collect();
    let mut text = String::new();
    for run in runs {
        text.push_str(&run.await.unwrap());
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_words() {
    let mut text = String::new();
    for (scenario, args) in [
        ("healthy", vec!["resync", TARGET]),
        ("healthy", vec!["resync", TARGET, "-q"]),
        ("job-exception", vec!["resync", TARGET]),
        ("job-warnings", vec!["resync", TARGET, "--yes"]),
        ("return-code-32775", vec!["resync", TARGET]),
        ("return-code-32769", vec!["resync", TARGET]),
        ("suspended-midway", vec!["resync", TARGET]),
        ("failover-midway", vec!["resync", TARGET]),
        ("response-lost", vec!["resync", TARGET]),
        ("request-lost", vec!["resync", TARGET]),
        ("already-suspended", vec!["resync", TARGET]),
        ("wrong-password", vec!["resync", TARGET]),
        ("no-hyperv", vec!["resync", TARGET]),
        ("no-hyperv-rights", vec!["resync", TARGET]),
    ] {
        let server = quick(scenario).await;
        let args = [&args[..], &["--poll-interval", "20ms"]].concat();
        let ended = run(&server, &args).await;
        text.push_str(&format!("# {scenario}\n{}\n", transcript(&args, &ended)));
    }
    insta::assert_snapshot!(text);
}

const CHANGING: [&str; 4] = ["started_at", "finished_at", "elapsed_seconds", "start_time"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_documents() {
    let mut text = String::new();
    for (scenario, args) in [
        ("healthy", vec![TARGET]),
        ("job-exception", vec![TARGET]),
        ("already-resyncing", vec![TARGET]),
        ("healthy", vec!["twin", "healthy"]),
    ] {
        let server = quick(scenario).await;
        let (code, results) = resync(&server, &args).await;
        let results: Vec<_> = results.into_iter().map(|result| redacted(result, &CHANGING)).collect();
        let document = serde_json::to_string_pretty(&results).unwrap();
        text.push_str(&format!("# {scenario} {}: exit {code}\n{document}\n", args.join(" ")));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_followed() {
    let server = still("healthy").await;
    let (code, results) = resync(&server, &[TARGET, "--no-follow"]).await;
    assert_eq!(line(code, &results[0]), "0 started invoked return 4096 state 9>10");
    // A second time it is attached to.
    let (code, results) = resync(&server, &[TARGET, "--no-follow"]).await;
    assert_eq!((code, &results[0]["attached"], &results[0]["invoked"]), (0, &true.into(), &false.into()));
    assert_eq!(results[0]["outcome"], "started");
    assert_eq!(server.truth().host.resynchronizations.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attached_to() {
    let server = quick("healthy").await;
    let (_, first) = resync(&server, &[TARGET, "--no-follow"]).await;
    let ended = run(&server, &["resync", TARGET, "-o", "json", "--poll-interval", "20ms"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    let result = &document["results"][0];
    assert_eq!(line(ended.code, result), "0 succeeded attached return - state 10>3");
    assert_eq!(result["job"]["instance_id"], first[0]["job"]["instance_id"]);
    assert_eq!(server.truth().host.resynchronizations.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled() {
    let server = still("scheduled").await;
    for (vm, when, start) in [
        (TARGET, ["--in", "1h"], "2026-11-24T13:00:00Z"),
        ("off", ["--at", "2026-11-24T23:30:00+01:00"], "2026-11-24T22:30:00Z"),
        ("paused", ["--at", "11:59"], "2026-11-25T11:59:00Z"),
    ] {
        let (code, results) = resync(&server, &[&[vm], &when[..]].concat()).await;
        let result = &results[0];
        assert_eq!(
            (code, &result["outcome"], &result["start_time"]),
            (0, &"scheduled".into(), &start.into())
        );
        let calls = server.truth().host.resynchronizations;
        assert_eq!(calls.last().unwrap().start_time, Some(start.parse().unwrap()));
    }
    for when in ["2026-11-24T12:00:00Z", "2026-12-01T12:00:01Z", "2020-01-01T00:00:00Z"] {
        let (code, results) = resync(&server, &["critical", "--at", when]).await;
        assert_eq!((code, &results[0]["outcome"]), (5, &"refused".into()), "{when}");
    }
    assert_eq!(server.truth().host.resynchronizations.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_from_a_pause_waits_in_state_9() {
    let server = quick("scheduled-short-job").await;
    let (code, results) = resync(&server, &["paused", "--in", "20m", "--follow"]).await;
    assert_eq!(line(code, &results[0]), "0 succeeded invoked return 4096 state 7>3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_first() {
    let server = quick("healthy").await;
    let (code, results) = resync(&server, &["healthy", "--suspend-first"]).await;
    assert_eq!(line(code, &results[0]), "0 succeeded invoked return 4096 state 3>3");
    // What stops it stops it before the pause.
    let server = quick("healthy").await;
    let (code, _) = resync(&server, &["healthy", "--suspend-first", "--at", "2020-01-01T00:00:00Z"]).await;
    assert_eq!((code, server.truth().host.calls.len()), (5, 0));
    let (code, results) = resync(&server, &["healthy", "--suspend-first", "--dry-run"]).await;
    assert_eq!((code, server.truth().host.calls.len()), (0, 0));
    assert!(results[0]["envelope"].as_str().unwrap().contains("/Resynchronize<"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_is_left_behind_is_confessed() {
    let server = quick("return-code-32778").await;
    let (code, results) = resync(&server, &["healthy", "--suspend-first"]).await;
    assert_eq!(
        line(code, &results[0]),
        "5 refused invoked return 32778 state 3>7: the host refused: Out of memory (32778); \
         it was paused for this and still is"
    );
    let hint = results[0]["error"]["hint"].as_str().unwrap();
    let arguments: Vec<_> = hint.split('`').nth(1).unwrap().split(' ').skip(1).collect();
    let resumed = run(&server, &arguments).await;
    assert_eq!(resumed.code, 0, "{resumed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waited_for_long_enough() {
    let server = still("healthy").await;
    let (code, results) = resync(&server, &[TARGET, "--timeout", "200ms"]).await;
    let result = &results[0];
    assert_eq!((code, &result["outcome"]), (7, &"still_running".into()));
    let job = result["job"]["instance_id"].as_str().unwrap();
    let hint = result["error"]["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("hvreplica job follow {job}")), "{hint}");
    assert_eq!(result["finished_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_one_is_resumed_by_the_command_that_is_given() {
    let server = quick("already-suspended").await;
    let (code, results) = resync(&server, &[TARGET]).await;
    assert_eq!(
        (code, &results[0]["outcome"], &results[0]["invoked"]),
        (7, &"suspended".into(), &false.into())
    );
    let hint = results[0]["error"]["hint"].as_str().unwrap();
    let arguments: Vec<_> = hint.split('`').nth(1).unwrap().split(' ').skip(1).collect();
    let resumed = run(&server, &arguments).await;
    assert_eq!(resumed.code, 0, "{resumed:?}");
    // Until the request has ended, the state reads as 3.
    while server.inspect(|world| world.target().unwrap().relationships[0].state) != 10 {
        tokio::task::yield_now().await;
    }
    let (code, results) = resync(&server, &[TARGET]).await;
    assert_eq!((code, &results[0]["outcome"]), (0, &"succeeded".into()));
    assert_eq!(server.truth().host.resynchronizations.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events() {
    let mut text = String::new();
    for scenario in ["healthy", "job-exception", "already-resyncing", "response-lost", "healthy-vm"] {
        let server = quick(scenario).await;
        let ended = run(&server, &["resync", TARGET, "-o", "ndjson", "--poll-interval", "20ms"]).await;
        let events: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        names.dedup();
        text.push_str(&format!("{scenario}: {} exit {}\n", names.join(" "), ended.code));
        for event in &events {
            assert!(event["time"].is_string() && event["vm"]["name"] == TARGET, "{event}");
            if event["event"] == "progress" {
                assert!(event["elapsed"].is_u64() && event.get("percent").is_some(), "{event}");
            }
        }
        let result = &events.last().unwrap()["result"];
        text.push_str(&format!("  {}\n", line(ended.code, result)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_home() {
    let closed = super::closed_port();
    let url = closed.url();
    let mut text = String::new();
    for args in [
        vec!["resync", TARGET, "other"],
        vec!["resync", TARGET, "-o", "json"],
        vec!["resync", "--all-required", "-o", "json"],
        vec!["resync", "--all-required", "-o", "ndjson"],
        vec!["status", "-o", "json"],
    ] {
        let ended: Ended = end(command_on(&url, &args)).await;
        text.push_str(&transcript(&args, &ended));
    }
    insta::assert_snapshot!(text);
}
