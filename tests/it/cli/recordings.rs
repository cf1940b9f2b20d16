//! What was recorded is replayed, and nothing else.

use std::path::Path;

use super::{command, end, folder, quick, run, still};

async fn replayed(folder: &Path, args: &[&str]) -> super::Ended {
    let folder = folder.to_str().unwrap();
    end(command(&[&["--replay", folder], args].concat())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_again_without_the_host() {
    for (scenario, args) in [
        ("healthy", vec!["resync", "web01", "-o", "json"]),
        ("healthy", vec!["resync", "web01"]),
        ("job-exception", vec!["resync", "web01", "-o", "ndjson"]),
        ("response-lost", vec!["resync", "web01", "-o", "json"]),
        ("request-lost", vec!["resync", "web01", "-o", "json"]),
        ("busy-503", vec!["status", "-o", "json"]),
        ("small-batches", vec!["wsman", "enumerate", "Msvm_ComputerSystem", "-o", "ndjson"]),
        ("healthy", vec!["resync", "web01", "off", "paused", "--parallel", "3", "-o", "json"]),
        ("healthy", vec!["resync", "twin", "-o", "json"]),
        ("healthy", vec!["resync", "web01", "--in", "2h", "-o", "json"]),
        ("wrong-password", vec!["resync", "web01", "-o", "json"]),
    ] {
        let server = quick(scenario).await;
        let folder = folder(&format!("{scenario}-{}", args.concat().len())).join("recording");
        let path = folder.to_str().unwrap();
        let args = [&args[..], &["--poll-interval", "20ms"]].concat();
        let first = run(&server, &[&["--record", path], &args[..]].concat()).await;
        server.stop().await;
        let second = replayed(&folder, &args).await;
        assert_eq!(
            (second.code, &second.out),
            (first.code, &first.out),
            "{scenario} {args:?}: {}",
            second.err
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_changed_character_is_refused() {
    let server = quick("healthy").await;
    let folder = folder("changed").join("recording");
    let args = ["resync", "web01", "-o", "json", "--poll-interval", "20ms"];
    run(&server, &[&["--record", folder.to_str().unwrap()], &args[..]].concat()).await;
    let mut requests: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with("request.xml"))
        .collect();
    requests.sort();
    let mut changes = 0;
    for path in requests {
        let text = std::fs::read_to_string(&path).unwrap();
        let Some(begin) = text.find("Selector ").and_then(|at| text[at..].find('>').map(|end| at + end + 1))
        else {
            continue;
        };
        let mut changed = text.clone().into_bytes();
        changed[begin] = if changed[begin] == b'0' { b'1' } else { b'0' };
        std::fs::write(&path, changed).unwrap();
        let ended = replayed(&folder, &args).await;
        assert_eq!(ended.code, 2, "{path:?}: {ended:?}");
        assert!(!ended.out.contains("\"succeeded\""), "{}", ended.out);
        std::fs::write(&path, text).unwrap();
        changes += 1;
    }
    assert!(changes > 3, "{changes}");
    assert_eq!(replayed(&folder, &args).await.code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_question_is_refused() {
    let server = still("healthy").await;
    let folder = folder("another").join("recording");
    run(&server, &["--record", folder.to_str().unwrap(), "status", "web01"]).await;
    for args in [
        vec!["status", "off"],
        vec!["resync", "off", "-o", "json"],
        vec!["job", "list"],
        vec!["wsman", "identify"],
    ] {
        assert_eq!(replayed(&folder, &args).await.code, 2, "{args:?}");
    }
    let nowhere = folder.join("nowhere");
    assert_eq!(replayed(&nowhere, &["status"]).await.code, 2);
    // A recording is not written over.
    let ended = run(&server, &["--record", folder.to_str().unwrap(), "status", "web01"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrubbed() {
    let server = quick("healthy").await;
    let folder = folder("scrubbed").join("recording");
    let args =
        ["--record", folder.to_str().unwrap(), "--scrub", "resync", "web01", "--poll-interval", "20ms"];
    assert_eq!(run(&server, &args).await.code, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("web01") && !text.to_lowercase().contains("hvsim01"), "{text}");
    }
}
