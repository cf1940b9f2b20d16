//! Wrong arguments: exit code 2, a helpful line, and nothing is sent.

use super::{command, command_on, end, folder, still, transcript};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments() {
    let server = still("healthy").await;
    let mut text = String::new();
    for args in [
        vec!["resync"],
        vec!["resync", "web01", "--all-required"],
        vec!["resync", "web01", "--at", "22:30", "--in", "1h"],
        vec!["resync", "web01", "--follow", "--no-follow"],
        vec!["resync", "web01", "--in", "soon"],
        vec!["resync", "web01", "--in", "-5s"],
        vec!["resync", "web01", "--in", "200h"],
        vec!["resync", "web01", "--at", "tomorrow"],
        vec!["resync", "web01", "--at", "2026-11-24T12:00:00", "-o", "json"],
        vec!["resync", "web01", "--parallel", "0"],
        vec!["resync", "web01", "--timeout", "1 fortnight"],
        vec!["resync", "web01", "--on-interrupt", "explode"],
        vec!["resync", "web01", "-o", "yaml"],
        vec!["resync", "web01", "--http", "--https"],
        vec!["resync", "web01", "--https", "-o", "json"],
        vec!["resync", "web01", "--port", "1"],
        vec!["resync", "web01", "--port", "99999"],
        vec!["resync", "web01", "--password-stdin", "--password-file", "x"],
        vec!["resync", "web01", "--password-file", "/no/such/file"],
        vec!["resync", "web01", "--password", "x"],
        vec!["resync", "web01", "--auth", "basic"],
        vec!["resync", "web01", "--auth", "credssp", "--keytab", "ops.keytab"],
        vec!["resync", "web01", "--auth", "digest"],
        vec!["resync", "web01", "--pin-sha256", "abc"],
        vec!["resync", "web01", "--ca-cert", "/no/such/file"],
        vec!["resync", "web01", "--replay", "/no/such/folder", "-o", "json"],
        vec!["resync", "web01", "--scrub"],
        vec!["resync", "web01", "--record", "a", "--replay", "b"],
        vec!["resync", "web01", "--profile", "none", "--config", "/no/such/file"],
        vec!["resync", "web01", "-q", "-v"],
        vec!["--host", "ftp://hv1", "status"],
        vec!["--host", "me@hv1", "status"],
        vec!["--host", "", "status"],
        vec!["--host", "hv1:port", "status", "-o", "json"],
        vec!["wsman", "get", "Msvm_ComputerSystem", "--selector", "Name"],
        vec!["wsman", "invoke", "Msvm_ConcreteJob", "GetErrorEx", "--param", "x"],
        vec!["wsman", "invoke", "Msvm_ConcreteJob", "RequestStateChange", "--param", "RequestedState=many"],
        vec!["wsman", "enumerate", "Msvm_ComputerSystem", "--max-elements", "0"],
        vec!["job"],
        vec!["job", "show"],
        vec!["decode"],
        vec!["simulate", "--scenario", "none"],
        vec!["simulate", "--listen", "nowhere"],
        vec!["explode"],
        vec![],
    ] {
        let ended = end(command_on(&server.url(), &args)).await;
        assert_eq!(ended.code, 2, "{args:?}: {ended:?}");
        text.push_str(&first_lines(&args, &ended));
    }
    insta::assert_snapshot!(text);
    let truth = server.truth();
    assert_eq!((truth.connections, truth.http_requests), (0, 0));
}

/// Usage and hints of the parser are long.
fn first_lines(args: &[&str], ended: &super::Ended) -> String {
    let mut ended = ended.clone();
    let is_hint = |line: &&str| line.trim_start().starts_with("hint");
    let mut lines: Vec<&str> = ended.err.lines().take(1).collect();
    lines.extend(ended.err.lines().skip(1).filter(is_hint));
    ended.err = lines.join("\n");
    transcript(args, &ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_is_missing() {
    let mut text = String::new();
    for (missing, args) in [
        ("HVREPLICA_HOST", vec!["resync", "web01", "-o", "json"]),
        ("HVREPLICA_USER", vec!["resync", "web01", "-o", "json"]),
        ("HVREPLICA_PASSWORD", vec!["resync", "web01", "-o", "json"]),
        ("HVREPLICA_HOST", vec!["status"]),
        ("HVREPLICA_PASSWORD", vec!["wsman", "identify", "-o", "json"]),
    ] {
        let mut command = command_on("http://127.0.0.1:9/wsman", &args);
        command.env_remove(missing);
        let ended = end(command).await;
        assert_eq!(ended.code, 2, "{missing}: {ended:?}");
        text.push_str(&format!("# without {missing}\n{}", transcript(&args, &ended)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_from_everywhere() {
    let server = still("healthy").await;
    let folder = folder("passwords");
    let file = folder.join("password");
    std::fs::write(&file, format!("{}\r\nsecond line\n", super::PASSWORD)).unwrap();
    let file = file.to_str().unwrap();
    let mut from_file = command_on(&server.url(), &["wsman", "identify", "--password-file", file]);
    from_file.env("HVREPLICA_PASSWORD", "another");
    assert_eq!(end(from_file).await.code, 0);
    let mut from_stdin = command_on(&server.url(), &["wsman", "identify", "--password-stdin"]);
    from_stdin.env_remove("HVREPLICA_PASSWORD").stdin(std::fs::File::open(file).unwrap());
    assert_eq!(end(from_stdin).await.code, 0);
    let mut empty = command_on(&server.url(), &["wsman", "identify", "--password-stdin"]);
    empty.env_remove("HVREPLICA_PASSWORD");
    let ended = end(empty).await;
    assert!([2, 4].contains(&ended.code), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_variables_are_as_good_as_none() {
    let server = still("healthy").await;
    let mut command = command_on(&server.url(), &["wsman", "identify"]);
    for name in ["AUTH", "PROXY", "PROFILE", "LOG", "KEY_PASSPHRASE"] {
        command.env(format!("HVREPLICA_{name}"), "");
    }
    assert_eq!(end(command).await.code, 0);
    for (name, missing) in [("HOST", "no host"), ("USER", "no user"), ("PASSWORD", "no password")] {
        let mut command = command_on(&server.url(), &["wsman", "identify", "--auth", "ntlm"]);
        command.env(format!("HVREPLICA_{name}"), "");
        let ended = end(command).await;
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.starts_with(&format!("hvreplica: {missing} given")), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles() {
    let server = still("healthy").await;
    let file = folder("profiles").join("config.toml");
    let text = format!("[profile.lab]\nhost = '{}'\nuser = '{}'\n", server.url(), super::USER);
    std::fs::write(&file, text).unwrap();
    let args = ["wsman", "identify", "--profile", "lab", "--config", file.to_str().unwrap()];
    let mut with_profile = command(&args);
    with_profile.env("HVREPLICA_PASSWORD", super::PASSWORD);
    assert_eq!(end(with_profile).await.code, 0);
    for text in ["[profile.lab]\npassword = 'x'", "[profile.lab]\nx = 1", "][", "[profile.other]\n"] {
        std::fs::write(&file, text).unwrap();
        let ended = end(command(&args)).await;
        assert_eq!((ended.code, ended.err.lines().count()), (2, 1), "{text}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_and_version() {
    let version = end(command(&["--version"])).await;
    assert_eq!((version.code, version.out), (0, format!("hvreplica {}\n", env!("CARGO_PKG_VERSION"))));
    let mut text = String::new();
    for args in [vec!["--help"], vec!["resync", "--help"], vec!["job", "--help"], vec!["wsman", "--help"]] {
        let ended = end(command(&args)).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        text.push_str(&transcript(&args, &ended));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_are_listed() {
    let ended = end(command(&["simulate", "--list", "-o", "json"])).await;
    let document: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let names: Vec<_> =
        document["scenarios"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let known: Vec<_> = hvreplica::simulator::Scenario::all().map(|one| one.name).collect();
    assert_eq!(names, known);
    let ended = end(command(&["simulate", "--list"])).await;
    assert_eq!(ended.out.lines().count(), known.len() + 1);
}
