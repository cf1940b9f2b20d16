//! `doctor`: what it finds on hosts that lack something, and what packagers get.

use std::fmt::Write as _;

use hvreplica::simulator::{HostTime, Server};
use serde_json::Value;

use super::{Ended, command, command_on, end, folder, run, settings};

/// A host whose clock goes with ours.
async fn host(scenario: &str) -> Server {
    let mut settings = settings(scenario);
    settings.begins = None;
    settings.pace = HostTime::Times(1);
    Server::start(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_named() {
    let mut text = String::new();
    for scenario in
        ["healthy", "wrong-password", "access-denied", "no-hyperv-rights", "no-hyperv", "vmms-restart-8"]
    {
        let ended = run(&host(scenario).await, &["doctor"]).await;
        writeln!(text, "## {scenario}: exit {}\n{}", ended.code, ended.out).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_programs_each_check_is_an_object() {
    let server = host("no-hyperv-rights").await;
    let Ended { code, out, .. } = run(&server, &["doctor", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["format"], &document["host"]), (0, &1.into(), &"127.0.0.1".into()));
    let of = |field: &str| -> Vec<String> {
        let checks = document["checks"].as_array().unwrap();
        checks.iter().map(|check| check[field].as_str().unwrap_or("-").to_owned()).collect()
    };
    let names = ["name", "port", "listener", "authentication", "rights", "namespace", "service", "clock"];
    assert_eq!(of("name"), names);
    assert_eq!(of("result"), ["ok", "ok", "ok", "ok", "warning", "ok", "ok", "ok"]);

    let lines = run(&server, &["doctor", "-o", "ndjson"]).await.out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), document["checks"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_listens_the_port_is_blamed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/wsman", free.local_addr().unwrap());
    drop(free);
    let Ended { code, out, .. } = end(command_on(&url, &["doctor", "-o", "json"])).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["checks"][1]["result"]), (3, &"failed".into()));
    assert_eq!(document["checks"][2]["result"], "skipped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packagers_get_completions_and_a_manual() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = end(command(&["completions", shell])).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert!(ended.out.contains("resync") && ended.out.contains("suspend-first"), "{shell}");
    }
    let folder = folder("manual");
    let ended = end(command(&["man", folder.to_str().unwrap()])).await;
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""));
    for page in ["hvreplica.1", "hvreplica-resync.1", "hvreplica-doctor.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".TH hvreplica"), "{page}");
    }
    let text = std::fs::read_to_string(folder.join("hvreplica.1")).unwrap();
    assert!(text.contains("outcome unknown: it may have run"), "the exit codes");
}
