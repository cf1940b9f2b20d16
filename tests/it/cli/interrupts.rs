//! Somebody presses Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use hvreplica::simulator::TARGET;
use serde_json::Value;

use super::{Ended, command_on, ended, line, quick, still};

/// Starts `resync web01 -o ndjson`, interrupts it at the first event of that name, and gives what it leaves.
async fn interrupted_at(
    url: String,
    event: &'static str,
    more: &'static [&'static str],
) -> (Ended, Vec<Value>) {
    let args = [&["resync", TARGET, "-o", "ndjson", "--poll-interval", "20ms"], more].concat();
    let mut child = command_on(&url, &args).spawn().unwrap();
    let run = move || {
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut events: Vec<Value> = Vec::new();
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 {
            events.push(serde_json::from_str(&line).unwrap());
            line.clear();
            if events.last().unwrap()["event"] == event {
                interrupt(&child);
                break;
            }
        }
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        events.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        (ended(child.wait_with_output().unwrap()), events)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_by_default() {
    let server = still("healthy").await;
    let (ended, events) = interrupted_at(server.url(), "progress", &[]).await;
    let result = &events.last().unwrap()["result"];
    assert_eq!(
        line(ended.code, result),
        "7 still_running invoked return 4096 state 9>10: interrupted; the resynchronization goes on"
    );
    let truth = server.truth();
    assert_eq!((truth.host.calls.len(), truth.violations), (1, vec![]));
    let job = truth.host.resynchronizations[0].job.clone().unwrap();
    assert!(result["error"]["hint"].as_str().unwrap().contains(&format!("hvreplica job follow {job}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_cancelled_where_that_is_wished() {
    let server = quick("healthy").await;
    let (ended, events) = interrupted_at(server.url(), "progress", &["--on-interrupt", "cancel"]).await;
    let result = &events.last().unwrap()["result"];
    assert_eq!((ended.code, &result["outcome"]), (6, &"cancelled".into()), "{result}");
    assert_eq!(result["replication_state"]["after"]["code"], 9);
    let truth = server.truth();
    assert_eq!((truth.host.succeeded.len(), truth.host.resynchronizations.len()), (0, 1));
    assert_eq!(truth.violations, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_anything_was_asked() {
    let server = quick("healthy").await;
    let (ended, events) = interrupted_at(server.url(), "resolved", &[]).await;
    let result = &events.last().unwrap()["result"];
    let truth = server.truth();
    // The signal may come too late; then it is as if it came later.
    match truth.host.resynchronizations.len() {
        0 => {
            assert_eq!((ended.code, &result["outcome"]), (130, &"cancelled".into()));
            assert_eq!(result["invoked"], false);
        }
        _ => assert_eq!((ended.code, &result["outcome"]), (7, &"still_running".into())),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_answer_is_not_waited_for() {
    // The third poll is never answered: the host's clock stands still.
    let server = still("silent").await;
    let begun = std::time::Instant::now();
    let (ended, events) = interrupted_at(server.url(), "progress", &[]).await;
    let result = &events.last().unwrap()["result"];
    assert_eq!((ended.code, &result["outcome"]), (7, &"still_running".into()), "{result}");
    let (code, results) = {
        let server = still("silent").await;
        super::resync(&server, &[TARGET, "--timeout", "1s"]).await
    };
    assert_eq!((code, &results[0]["outcome"]), (7, &"still_running".into()));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
