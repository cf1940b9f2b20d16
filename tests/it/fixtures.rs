//! Every recording of `fixtures/`, replayed by the program itself: same output, same exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folders() -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut folders: Vec<_> = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn replay(recording: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hvreplica"))
        .env_clear()
        .arg("--replay")
        .arg(recording)
        .args(arguments.lines())
        .output()
        .unwrap()
}

#[test]
fn every_fixture_replays_to_what_was_said() {
    let folders = folders();
    assert!(folders.len() >= 11, "{folders:?}");
    for folder in folders {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let done = replay(&folder, &text("arguments"));
        assert_eq!(String::from_utf8_lossy(&done.stdout), text("stdout"), "{}", folder.display());
        assert_eq!(done.status.code().unwrap().to_string(), text("exit").trim(), "{}", folder.display());
    }
}

#[test]
fn a_request_for_another_machine_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/resync-succeeds");
    let copy = std::env::temp_dir().join(format!("hvreplica-fixture-{}", std::process::id()));
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let files = fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path());
    let call = files.filter(|file| file.to_str().unwrap().ends_with("-invoke.request.xml")).min().unwrap();
    let text = fs::read_to_string(&call).unwrap();
    let name = text.rfind("<w:Selector Name=\"Name\">").unwrap() + "<w:Selector Name=\"Name\">".len();
    let mut changed = text.clone();
    let other = if &text[name..=name] == "F" { "E" } else { "F" };
    changed.replace_range(name..=name, other);
    assert_ne!(changed, text);
    fs::write(&call, changed).unwrap();
    let done = replay(&copy, "resync\nweb01\n-o\njson");
    fs::remove_dir_all(&copy).unwrap();
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("the request is not the recorded one"), "{said}");
    assert!(!said.contains("\"outcome\":\"succeeded\""), "{said}");
}
