//! The built command against the simulated host: what it prints, how it ends, and whether that is true.

mod bad_input;
mod certificates;
#[cfg(feature = "credssp")]
mod credssp;
mod doctor;
mod hostile;
mod interrupts;
mod jobs;
#[cfg(target_os = "linux")]
mod memory;
mod outcomes;
mod recordings;
mod targets;
mod usage;
mod wsman;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use hvreplica::secret::Secret;
use hvreplica::simulator::{HostTime, Operation, Scenario, Served, Server, ServerSettings, ServerTruth};
use serde_json::Value;

pub(super) const USER: &str = r"EXAMPLE\operator";
pub(super) const PASSWORD: &str = "Pä55 wörd";
/// Host seconds in one of ours.
const SPEED: u32 = 100;

/// What a run left.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

/// A host whose clock stands still.
pub(super) fn settings(scenario: &str) -> ServerSettings {
    let mut settings =
        ServerSettings::new(*Scenario::named(scenario).unwrap(), USER, Secret::new(PASSWORD.to_owned()));
    settings.pace = HostTime::Manual;
    settings.begins = Some("2026-11-24T12:00:00Z".parse().unwrap());
    settings
}

/// A host whose clock stands still.
pub(super) async fn still(scenario: &str) -> Server {
    Server::start(settings(scenario)).await.unwrap()
}

/// A host whose clock runs fast.
pub(super) async fn quick(scenario: &str) -> Server {
    let mut settings = settings(scenario);
    settings.pace = HostTime::Times(SPEED);
    Server::start(settings).await.unwrap()
}

/// The command with those arguments, with nothing of this process's environment.
pub(super) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hvreplica"));
    command.args(args).env_clear().env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The command for that host.
pub(super) fn command_on(url: &str, args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("HVREPLICA_HOST", url).env("HVREPLICA_USER", USER).env("HVREPLICA_PASSWORD", PASSWORD);
    command
}

/// Runs it to its end.
pub(super) async fn end(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    ended(output)
}

pub(super) fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended {
        code: output.status.code().expect("it ends by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    for text in [&ended.out, &ended.err] {
        assert!(!text.contains(PASSWORD) && !text.contains("panicked"), "{text}");
    }
    ended
}

/// Runs it on that simulated host, which must have nothing to complain of.
pub(super) async fn run(server: &Server, args: &[&str]) -> Ended {
    let ended = end(command_on(&server.url(), args)).await;
    let truth = server.truth();
    assert_eq!(truth.violations, [], "{args:?}");
    assert_eq!(truth.open_enumerations, 0, "{args:?}");
    ended
}

/// Runs `resync -o json`, compares what it says with what happened, and gives the results.
pub(super) async fn resync(server: &Server, args: &[&str]) -> (i32, Vec<Value>) {
    resync_repeating(server, args, 0).await
}

/// The same where the host proves so many times that a call did not run, and it goes again.
pub(super) async fn resync_repeating(server: &Server, args: &[&str], repeated: usize) -> (i32, Vec<Value>) {
    let all = [&["resync", "-o", "json", "--poll-interval", "20ms"], args].concat();
    let before = server.truth();
    let ended = run(server, &all).await;
    let after = server.truth();
    let document: Value = serde_json::from_str(&ended.out).expect("one JSON document");
    assert_eq!(document["format"], 1);
    let results = document["results"].as_array().unwrap().clone();
    let invoked = results.iter().filter(|result| result["invoked"] == true).count();
    let sent = calls(&after) - calls(&before);
    assert!(sent <= invoked + repeated, "{sent} calls, {results:?}");
    results.iter().for_each(|result| is_true(result, &before, &after));
    (ended.code, results)
}

/// Requests to call Resynchronize, executed or not.
fn calls(truth: &ServerTruth) -> usize {
    let is_call =
        |served: &&Served| served.operation == Some(Operation::Invoke) && served.subject == "Resynchronize";
    truth.requests.iter().filter(is_call).count()
}

/// What the result says is what happened.
fn is_true(result: &Value, before: &ServerTruth, after: &ServerTruth) {
    let Some(id) = result["vm"]["id"].as_str() else { return };
    let executions = after.executions(id) - before.executions(id);
    let accepted = after.host.accepted(id) - before.host.accepted(id);
    let successes = |truth: &ServerTruth| truth.host.succeeded.iter().filter(|(vm, _)| vm == id).count();
    let succeeded = successes(after) > successes(before);
    let may_have_run = result["error"]["may_have_run"] == true;
    assert!(executions <= 1, "{executions} executions, {result}");
    assert!(executions == 0 || result["invoked"] == true, "{result}");
    match result["outcome"].as_str().unwrap() {
        "succeeded" => assert!(succeeded, "{result}"),
        "refused" | "not_found" | "unreachable" | "unauthorized" => {
            assert_eq!((accepted, may_have_run), (0, false), "{result}");
        }
        "failed" | "cancelled" | "superseded" => assert!(!succeeded, "{result}"),
        _ => {}
    }
    if accepted > 0 && !result["error"].is_null() {
        assert!(may_have_run, "{result}");
    }
}

/// One result in one line.
pub(super) fn line(code: i32, result: &Value) -> String {
    let number = |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    let flag = |name: &'static str| if result[name] == true { name } else { "" };
    let states = &result["replication_state"];
    let mut text = format!(
        "{code} {} {} {} return {} state {}>{}",
        result["outcome"].as_str().unwrap(),
        flag("invoked"),
        flag("attached"),
        number(&result["return_value"]["code"]),
        number(&states["before"]["code"]),
        number(&states["after"]["code"]),
    );
    if let Some(message) = result["error"]["message"].as_str() {
        // How far the host was when it was last seen depends on the machine's load.
        let message = message.split("; the call left").next().unwrap_or_default();
        text.push_str(&format!(": {}", ports(message)));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A run as text for a snapshot: without ports, lines of progress, and lengths of time.
pub(super) fn transcript(args: &[&str], ended: &Ended) -> String {
    let block = |name: &str, text: &str| match scrub(text) {
        text if text.is_empty() => String::new(),
        text => format!("--- {name}\n{text}"),
    };
    format!(
        "$ hvreplica {}\n{}{}--- exit {}\n",
        args.join(" "),
        block("stderr", &ended.err),
        block("stdout", &ended.out),
        ended.code
    )
}

fn scrub(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !is_progress(line))
        .map(|line| fingerprints(&without_time_taken(&looks(&ports(line)))));
    lines.map(|line| line + "\n").collect()
}

/// `web01:  13 %  8s  Resynchronizing (10)`
fn is_progress(line: &str) -> bool {
    line.contains("s  ") && line.ends_with(')')
}

/// Replaces the port of a loopback address.
fn ports(line: &str) -> String {
    let mut parts = line.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("127.0.0.1:PORT");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

/// `looked 5 times`: how often depends on how fast it went.
fn looks(line: &str) -> String {
    let Some((head, rest)) = line.split_once("; looked ") else { return line.to_owned() };
    format!("{head}; looked N{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A certificate is made anew for each run.
fn fingerprints(line: &str) -> String {
    let is_print = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = line.split(' ').map(|word| if is_print(word) { "SHA256" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// `web01: resynchronized in 1m 02s`
fn without_time_taken(line: &str) -> String {
    match line.rsplit_once(" in ") {
        Some((head, time)) if time.ends_with('s') && time.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{head} in TIME")
        }
        _ => line.to_owned(),
    }
}

/// A document with what differs from run to run replaced.
pub(super) fn redacted(mut document: Value, keys: &[&str]) -> Value {
    match &mut document {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                *value = match value {
                    Value::Null => Value::Null,
                    _ if keys.contains(&key.as_str()) => format!("[{key}]").into(),
                    _ => redacted(value.take(), keys),
                };
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| *value = redacted(value.take(), keys)),
        _ => {}
    }
    document
}

/// A port that is taken, so that nobody else listens there, and refuses everybody.
pub(super) struct ClosedPort(tokio::net::TcpSocket);

impl ClosedPort {
    pub(super) fn url(&self) -> String {
        format!("http://{}/wsman", self.0.local_addr().unwrap())
    }
}

pub(super) fn closed_port() -> ClosedPort {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    ClosedPort(socket)
}

/// An empty folder of that name for this test run.
pub(super) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
