//! Which virtual machines are meant, and which are refused here.

use hvreplica::simulator::TARGET;

use super::{line, quick, resync, run, still, transcript};

fn guid(server: &hvreplica::simulator::Server, name: &str) -> String {
    server.inspect(|world| world.machines().find(|machine| machine.name == name).unwrap().guid.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_is_looked_at_first() {
    let server = still("healthy").await;
    let names: Vec<String> = server.inspect(|world| {
        let names = world.machines().map(|machine| machine.name.clone());
        names.filter(|name| name != "twin" && !name.contains("-EC67") && name.len() < 30).collect()
    });
    let mut args: Vec<&str> = names.iter().map(String::as_str).collect();
    args.push("--dry-run");
    let (code, results) = resync(&server, &args).await;
    let lines = names.iter().zip(&results).map(|(name, result)| {
        let hint = result["error"]["hint"].as_str().unwrap_or_default();
        let envelope = if result["envelope"].is_string() { "(envelope)" } else { "" };
        format!("{name}: {} {envelope}\n    {hint}\n", line(code, result))
    });
    insta::assert_snapshot!(lines.collect::<String>());
    assert_eq!(server.truth().host.calls, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names() {
    let server = still("healthy").await;
    let target = guid(&server, TARGET);
    let lower = target.to_lowercase();
    for (given, wanted) in [
        (target.as_str(), Some(target.clone())),
        (lower.as_str(), Some(target.clone())),
        ("データベース-01", Some(guid(&server, "データベース-01"))),
        (r#"R&D <test> "q" 'a' \b"#, Some(guid(&server, r#"R&D <test> "q" 'a' \b"#))),
        (" spaced  name ", Some(guid(&server, " spaced  name "))),
        ("50%_off [a-z] ^1", Some(guid(&server, "50%_off [a-z] ^1"))),
        ("HVSIM01", Some(guid(&server, "HVSIM01"))),
        ("twin", None),
        ("spaced name", None),
        ("WEB01", None),
        ("web0_", None),
        ("web%", None),
        ("' OR 1=1 OR ElementName='", None),
        ("00000000-0000-0000-0000-000000000000", None),
    ] {
        let (code, results) = resync(&server, &["--dry-run", "--", given]).await;
        let result = &results[0];
        match wanted {
            Some(id) => assert_eq!((code, &result["vm"]["id"]), (0, &id.into()), "{given}"),
            None => assert_eq!((code, &result["outcome"]), (9, &"not_found".into()), "{given}"),
        }
    }
    let (_, results) = resync(&server, &["twin"]).await;
    let candidates = results[0]["error"]["candidates"].as_array().unwrap();
    let names: Vec<_> = candidates.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["twin", "twin"]);
    assert_ne!(candidates[0]["id"], candidates[1]["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_in_one_run() {
    let server = quick("healthy").await;
    let target = guid(&server, TARGET);
    let args = [TARGET, "healthy", "nosuch", &target, TARGET, "paused", "twin"];
    let (code, results) = resync(&server, &args).await;
    let outcomes: Vec<_> = results.iter().map(|result| result["outcome"].as_str().unwrap()).collect();
    assert_eq!(
        (code, outcomes.as_slice()),
        (10, &["succeeded", "refused", "not_found", "succeeded", "not_found"][..])
    );
    assert_eq!(server.truth().host.resynchronizations.len(), 2);
    let (code, results) = resync(&server, &["nosuch", "twin"]).await;
    assert_eq!((code, results.len()), (9, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_wait() {
    let server = quick("healthy").await;
    let waiting = server.inspect(|world| {
        let is_waiting = |machine: &&hvreplica::simulator::Machine| {
            machine.relationships.iter().any(|relationship| relationship.state == 9)
        };
        world.machines().filter(is_waiting).count()
    });
    let (code, results) = resync(&server, &["--all-required", "--parallel", "4"]).await;
    assert_eq!((code, results.len()), (0, waiting));
    assert!(results.iter().all(|result| result["outcome"] == "succeeded"));
    let truth = server.truth();
    assert_eq!((truth.host.resynchronizations.len(), truth.host.succeeded.len()), (waiting, waiting));
    let args = ["resync", "--all-required"];
    let ended = run(&server, &args).await;
    insta::assert_snapshot!(transcript(&args, &ended));
    let (code, results) = resync(&server, &["--all-required"]).await;
    assert_eq!((code, results.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_extended_relationship() {
    let server = quick("healthy").await;
    let (code, results) = resync(&server, &["replica-extended"]).await;
    assert_eq!(line(code, &results[0]), "0 succeeded invoked return 4096 state 9>3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forced() {
    let server = quick("healthy").await;
    let (code, results) = resync(&server, &["healthy", "--force"]).await;
    assert_eq!((code, &results[0]["return_value"]["code"]), (5, &32775.into()));
    assert_eq!(results[0]["invoked"], true);
    let (code, results) = resync(&server, &["no-replication", "--force"]).await;
    assert_eq!((code, &results[0]["return_value"]["code"]), (5, &32775.into()));
    assert_eq!(results[0]["invoked"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status() {
    let server = still("healthy").await;
    let mut text = String::new();
    for args in [
        vec!["status"],
        vec!["status", "-o", "json", TARGET, "replica-extended"],
        vec!["status", "-o", "ndjson", "no-replication", "state-02"],
        vec!["status", "twin"],
        vec!["status", "nosuch", "-o", "json"],
        vec!["status", "WEB01"],
    ] {
        let ended = run(&server, &args).await;
        text.push_str(&transcript(&args, &ended));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_of_an_old_host() {
    let server = still("pre-2012-r2").await;
    let args = ["status", TARGET, "healthy"];
    insta::assert_snapshot!(transcript(&args, &run(&server, &args).await));
}
