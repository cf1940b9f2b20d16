//! A host whose every text is meant for the terminal: nothing of it gets there as it is, and nothing is lost in JSON.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Desk, Scenario};
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Ended, USER, command_on, end};
use crate::support::host::SOAP;
use crate::support::raw::{is_authorized, read_request, refusal};

/// As XML carries it: an escape in one character, a reversal, a new line, a blank that cannot be seen.
const NASTY: &str = "\u{9b}31m\u{202e}gpj\u{2028}\u{2066}\n\u{7f}\u{200b}";
/// Where a host's own words are.
const WORDS: [&str; 8] = [
    "ElementName",
    "Description",
    "Caption",
    "Status",
    "JobStatus",
    "StatusDescriptions",
    "ErrorDescription",
    "Message",
];

/// A simulated host over Basic in clear whose words end with something nasty. Its clock goes on with each request.
async fn nasty(scenario: &str) -> (String, String) {
    let scenario = Scenario::named(scenario).unwrap();
    let begins = "2026-11-24T12:00:00Z".parse().unwrap();
    let desk = Desk::new(SCHEMA, (scenario.world, scenario.server), USER, 1, begins);
    let guid = desk.world().target().unwrap().guid.clone();
    let shared = Arc::new(Mutex::new((desk, begins)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/wsman", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, Arc::clone(&shared)));
        }
    });
    (url, guid)
}

async fn serve(mut socket: TcpStream, shared: Arc<Mutex<(Desk, Timestamp)>>) -> Option<()> {
    loop {
        let (head, body) = read_request(&mut socket).await?;
        let answer = if is_authorized(&head) { answer(&body, &shared) } else { refusal("Basic") };
        socket.write_all(answer.as_bytes()).await.ok()?;
    }
}

fn answer(request: &[u8], shared: &Mutex<(Desk, Timestamp)>) -> String {
    let (desk, now) = &mut *shared.lock().unwrap();
    *now = now.checked_add(Duration::from_secs(3)).unwrap();
    let asking = desk.read(request);
    let handled = desk.handle(&asking, *now);
    let mut text = handled.text;
    for word in WORDS {
        text = text.replace(&format!("</p:{word}>"), &format!("{NASTY}</p:{word}>"));
    }
    text = text.replace("</s:Text>", &format!("{NASTY}</s:Text>"));
    text = text.replace("</f:Message>", &format!("{NASTY}</f:Message>"));
    let (status, length) = (handled.status, text.len());
    format!("HTTP/1.1 {status} X\r\nContent-Type: {SOAP}\r\nContent-Length: {length}\r\n\r\n{text}")
}

async fn run(url: &str, args: &[&str]) -> Ended {
    let basic = ["--auth", "basic", "--danger-allow-unencrypted", "--poll-interval", "10ms"];
    end(command_on(url, &[args, &basic[..]].concat())).await
}

/// What people read has no character in it that does something else than be seen.
fn is_harmless(args: &[&str], ended: &Ended) {
    for text in [&ended.out, &ended.err] {
        let bad =
            text.chars().find(|c| (c.is_control() && *c != '\n') || NASTY[2..].contains(*c) && !c.is_ascii());
        assert_eq!(bad, None, "{args:?}: {text}");
        assert!(!text.lines().any(|line| line.starts_with("\\u{7f}")), "{args:?}: {text}");
    }
}

fn shows_it(text: &str) -> bool {
    text.contains(r"\u{9b}31m\u{202e}gpj\u{2028}\u{2066}\u{a}\u{7f}\u{200b}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_the_host_are_written_out_for_people() {
    let (url, guid) = nasty("job-exception").await;
    let selector = format!("Name={guid}");
    let query = format!("SELECT * FROM Msvm_ComputerSystem WHERE Name = '{guid}'");
    for (code, args) in [
        (0, vec!["status"]),
        (
            0,
            vec![
                "wsman",
                "get",
                "Msvm_ComputerSystem",
                "--selector",
                "CreationClassName=Msvm_ComputerSystem",
                "--selector",
                &selector,
            ],
        ),
        (0, vec!["wsman", "enumerate", "Msvm_ComputerSystem", "--wql", &query, "-vvv"]),
        (9, vec!["wsman", "get", "Msvm_NoSuchClass", "--selector", "Name=x"]),
        (0, vec!["resync", &guid, "--dry-run"]),
        (6, vec!["resync", &guid, "-vvv"]),
    ] {
        let ended = run(&url, &args).await;
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        is_harmless(&args, &ended);
        assert!(shows_it(&ended.out) || shows_it(&ended.err), "{args:?}: {ended:?}");
    }
    let ended = run(&url, &["job", "list"]).await;
    is_harmless(&["job", "list"], &ended);
    let id = ended.out.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let ended = run(&url, &["job", "show", &id]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    is_harmless(&["job", "show"], &ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_the_host_are_whole_in_json() {
    let (url, guid) = nasty("job-exception").await;
    let ended = run(&url, &["status", &guid, "-o", "json"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    let name = format!("web01{NASTY}");
    assert_eq!(document["relationships"][0]["vm"]["name"], name.as_str());
    let ended = run(&url, &["resync", &guid, "-o", "json"]).await;
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    let result = &document["results"][0];
    assert_eq!((&result["vm"]["name"], &result["outcome"]), (&name.as_str().into(), &"failed".into()));
    let ended = run(&url, &["resync", &guid, "--dry-run", "-o", "ndjson"]).await;
    for line in ended.out.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["vm"]["name"] == name.as_str() || event["vm"]["name"] == guid.as_str(), "{line}");
    }
}
