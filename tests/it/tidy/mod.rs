//! Guards the code map: layers, purity, sizes, docs and manifest. Each rule is also shown a source that breaks it.

mod rules;
mod source;

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What is read beside `src`, for rules on all files of the project.
const PLACES: [&str; 13] = [
    "src",
    "tests",
    "fuzz",
    "schemas",
    "fixtures",
    ".ci",
    ".github",
    "build.rs",
    "Cargo.toml",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "clippy.toml",
];

/// All text files at or below `path`, by their path from the project's root, with `/`.
fn texts(path: &Path) -> Vec<(String, String)> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<_> = entries.flat_map(|entry| texts(&entry)).collect();
        found.sort();
        return found;
    }
    let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
    fs::read_to_string(path).ok().map(|text| (name, text)).into_iter().collect()
}

fn sources() -> Vec<(String, String)> {
    let all = texts(&Path::new(ROOT).join("src"));
    all.into_iter().map(|(name, text)| (name["src/".len()..].to_owned(), text)).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn sources_keep_the_rules() {
    let sources = sources();
    assert!(sources.iter().any(|(name, _)| name == "xml/mod.rs"), "the sources were not found");
    assert_none(&sources.iter().flat_map(|(name, text)| rules::source(name, text)).collect::<Vec<_>>());
}

#[test]
fn every_entry_of_src_is_a_room() {
    let entries: Vec<String> = fs::read_dir(Path::new(ROOT).join("src"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            format!("{}{}", path.file_name().unwrap().to_str().unwrap(), if path.is_dir() { "/" } else { "" })
        })
        .collect();
    assert_none(&rules::layout(&entries));
}

#[test]
fn tests_are_finished() {
    let tests = texts(&Path::new(ROOT).join("tests"));
    let rust = tests.iter().filter(|(name, _)| name.ends_with(".rs"));
    assert_none(&rust.flat_map(|(name, text)| rules::stubs(name, text)).collect::<Vec<_>>());
}

#[test]
fn nothing_names_one_machine() {
    let all = PLACES.iter().flat_map(|place| texts(&Path::new(ROOT).join(place)));
    assert_none(&all.flat_map(|(name, text)| rules::machine_paths(&name, &text)).collect::<Vec<_>>());
}

#[test]
fn every_dependency_has_a_reason() {
    assert_none(&rules::dependencies(&fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap()));
}

#[track_caller]
fn check(file: &str, text: &str, wanted: &[&str]) {
    assert_eq!(rules::source(file, text), wanted, "{text}");
}

#[test]
fn a_wrong_direction_is_seen() {
    check("cim/value.rs", "use crate::xml::Element;", &["cim/value.rs:1: cim may not use xml"]);
    check("cim/value.rs", "use crate::cim::Name; // crate::xml\nconst A: &str = \"crate::xml::B\";", &[]);
    check("auth/seal.rs", "\nfn a() { crate::cim::b() }", &["auth/seal.rs:2: auth may not use cim"]);
    check(
        "wsman/mod.rs",
        "//! W.\nuse crate::{\n    cim::Value,\n    msvm::{Job},\n};",
        &["wsman/mod.rs:4: wsman may not use msvm"],
    );
    check(
        "simulator/world.rs",
        "use crate::client::Client;",
        &["simulator/world.rs:1: simulator may not use client"],
    );
    check(
        "replica/find.rs",
        "use crate::simulator::World;",
        &["replica/find.rs:1: replica may not use simulator"],
    );
    check("xml/reader.rs", "use crate::Error;", &["xml/reader.rs:1: xml may not use Error"]);
    check("cli/mod.rs", "//! C.\nuse crate::simulator::World;\nuse crate::replica::Find;", &[]);
    check("main.rs", "use hvreplica::client::Client;", &["main.rs:1: main may not use client"]);
    check("helpers.rs", "", &["helpers.rs: helpers is no room of the table"]);
}

#[test]
fn a_way_around_by_super_is_seen() {
    check(
        "xml/reader.rs",
        "use super::super::cim::Value;",
        &["xml/reader.rs:1: reaches the crate's root by super"],
    );
    check("xml/mod.rs", "//! X.\nuse super::cim;", &["xml/mod.rs:2: reaches the crate's root by super"]);
    check("xml/reader.rs", "use super::Name;\n#[cfg(test)]\nmod tests {\n use super::super::Name;\n}", &[]);
}

#[test]
fn an_impure_room_is_seen() {
    let clock = "use std::time::Instant;\nfn a() { Instant::now(); }";
    check("wsman/header.rs", clock, &["wsman/header.rs:2: a pure room names Instant::now"]);
    check("job/follow.rs", clock, &["job/follow.rs:2: a pure room names Instant::now"]);
    check("job/run.rs", clock, &[]);
    check("simulator/server.rs", "use tokio::net::TcpListener;", &[]);
    check(
        "simulator/query/parser.rs",
        "use std::{fmt, fs};",
        &["simulator/query/parser.rs:1: a pure room names std::fs"],
    );
    check(
        "msvm/class.rs",
        "fn a() { println!(\"b\") }\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
        &["msvm/class.rs:1: a pure room names println!"],
    );
}

#[test]
fn a_long_file_is_seen() {
    let long = "\n".repeat(rules::LONGEST + 1);
    check("job/run.rs", &long, &["job/run.rs: 501 lines before its tests"]);
    check("job/run.rs", &format!("#[cfg(test)]\nmod tests {{\n{long}}}"), &[]);
}

#[test]
fn a_room_without_docs_is_seen() {
    check("job/mod.rs", "mod run;\n", &["job/mod.rs: begins without saying what the room knows"]);
}

#[test]
fn unfinished_code_is_seen() {
    let text = format!("fn a() {{ {}!() }}\n#[{} = \"slow\"]\nfn b() {{}}", "todo", "ignore");
    check("job/run.rs", &text, &["job/run.rs:1: todo!", "job/run.rs:2: a test is ignored"]);
}

#[test]
fn a_path_of_one_machine_is_seen() {
    let text = format!("a = \"/{}/b\"\nwmi/{}/virtualization\nC:\\{}\\c", "home", "root", "Users");
    let wanted = ["a.toml:1: a path of one machine", "a.toml:3: a path of one machine"];
    assert_eq!(rules::machine_paths("a.toml", &text), wanted);
}

#[test]
fn a_dependency_without_a_reason_is_seen() {
    let manifest = "[dependencies]\n# Reads.\na = \"1\"\nb = { version = \"1\", features = [\n    \"c\",\n] }\n[lints]\nd = 1\n";
    assert_eq!(rules::dependencies(manifest), ["Cargo.toml: b has no reason above it"]);
}

#[test]
fn a_room_of_another_shape_is_seen() {
    let entries = ["lib.rs", "secret.rs", "xml/", "error.rs", "util.rs"].map(str::to_owned);
    assert_eq!(rules::layout(&entries), ["src/error.rs is no room", "src/util.rs is no room"]);
}
