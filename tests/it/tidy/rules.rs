//! The rules of the code map, as functions from a file's name and text to what is wrong with it.

use super::source::{Path, code, paths, production};

/// Each room of `src`, in layers, and the rooms it may use.
pub(super) const ROOMS: [(&str, Shape, &[&str]); 15] = [
    ("secret", Shape::File, &[]),
    ("xml", Shape::Folder, &[]),
    ("cim", Shape::Folder, &["secret"]),
    ("wsman", Shape::Folder, &["secret", "xml", "cim"]),
    ("msvm", Shape::Folder, &["secret", "xml", "cim", "wsman"]),
    ("auth", Shape::Folder, &["secret"]),
    ("transport", Shape::Folder, &["secret", "xml", "cim", "wsman", "msvm", "auth"]),
    ("error", Shape::Folder, &["secret", "xml", "cim", "wsman", "msvm", "auth", "transport", "job"]),
    ("client", Shape::Folder, &["secret", "xml", "cim", "wsman", "msvm", "auth", "transport", "error"]),
    (
        "job",
        Shape::Folder,
        &["secret", "xml", "cim", "wsman", "msvm", "auth", "transport", "error", "client"],
    ),
    (
        "replica",
        Shape::Folder,
        &["secret", "xml", "cim", "wsman", "msvm", "auth", "transport", "error", "client", "job"],
    ),
    ("simulator", Shape::Folder, &["secret", "xml", "cim", "wsman", "msvm", "auth"]),
    (
        "cli",
        Shape::Folder,
        &[
            "secret",
            "xml",
            "cim",
            "wsman",
            "msvm",
            "auth",
            "transport",
            "error",
            "client",
            "job",
            "replica",
            "simulator",
        ],
    ),
    ("schema_compiler", Shape::Folder, &[]),
    ("main", Shape::File, &["cli"]),
];

/// How a room is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// `src/NAME.rs` alone.
    File,
    /// `src/NAME/mod.rs` and what stands beside it.
    Folder,
}

/// Rooms that do no input or output and take time and ids as arguments.
const PURE_ROOMS: [&str; 6] = ["xml", "cim", "wsman", "msvm", "auth", "schema_compiler"];

/// Files and folders of the simulator that begin so hold its sockets; all others are its pure world.
const SIMULATOR_DRIVERS: [&str; 2] = ["server", "listener"];

/// What a pure room may not name.
const IMPURE: [&[&str]; 19] = [
    &["std", "net"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["tokio"],
    &["reqwest"],
    &["hyper"],
    &["hyper_util"],
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["Uuid", "new_v4"],
    &["println!"],
    &["print!"],
    &["eprintln!"],
    &["eprint!"],
    &["dbg!"],
];

/// Macros of unfinished code.
const STUBS: [&str; 2] = ["todo!", "unimplemented!"];

/// Lines of a file before its test module, at most.
pub(super) const LONGEST: usize = 500;

/// Folders that only one machine has.
const MACHINE_FOLDERS: [&str; 4] = ["home", "root", "work", "Users"];

/// Everything that is wrong with a file of `src`; `file` is its path below `src`, with `/`.
pub(super) fn source(file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut wrong = direction(file, &code);
    wrong.extend(purity(file, &code));
    wrong.extend(size(file, text));
    wrong.extend(stubs(file, text));
    if file.ends_with("mod.rs") && !text.starts_with("//!") {
        wrong.push(format!("{file}: begins without saying what the room knows"));
    }
    wrong
}

/// Uses of rooms that the table does not allow.
fn direction(file: &str, code: &str) -> Vec<String> {
    let room = room_of(file);
    if room == "lib" {
        return Vec::new();
    }
    let Some((_, _, allowed)) = ROOMS.iter().find(|(name, ..)| *name == room) else {
        return vec![format!("{file}: {room} is no room of the table")];
    };
    let tests_begin = production(code).lines().count();
    let mut wrong = Vec::new();
    for Path { line, segments } in paths(code) {
        let supers = segments.iter().take_while(|segment| *segment == "super").count();
        let room_for_super = depth_of(file) + usize::from(line > tests_begin);
        if supers >= room_for_super {
            wrong.push(format!("{file}:{line}: reaches the crate's root by super"));
        }
        let (first, target) = match segments.as_slice() {
            [first, target, ..] => (first.as_str(), target.as_str()),
            _ => continue,
        };
        let outsider = room == "main";
        let names_a_room = first == if outsider { "hvreplica" } else { "crate" };
        if names_a_room && target != room && !allowed.contains(&target) {
            wrong.push(format!("{file}:{line}: {room} may not use {target}"));
        }
    }
    wrong
}

/// The room of a file: the first part of its path.
fn room_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// How many modules lie between the file's items and the crate's root.
fn depth_of(file: &str) -> usize {
    file.split('/').count() - usize::from(file.ends_with("/mod.rs"))
}

/// Clocks, sockets, files, random ids and printing in a pure room.
fn purity(file: &str, code: &str) -> Vec<String> {
    if !is_pure(file) || is_test_file(file) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for Path { line, segments } in paths(production(code)) {
        for needle in IMPURE {
            if segments.windows(needle.len()).any(|window| window == needle) {
                wrong.push(format!("{file}:{line}: a pure room names {}", needle.join("::")));
            }
        }
    }
    wrong
}

fn is_pure(file: &str) -> bool {
    let mut parts = file.split('/');
    match parts.next() {
        Some("job") => parts.next().is_some_and(|part| part.starts_with("follow")),
        Some("simulator") => {
            parts.next().is_some_and(|part| !SIMULATOR_DRIVERS.iter().any(|driver| part.starts_with(driver)))
        }
        Some(room) => PURE_ROOMS.contains(&room),
        None => false,
    }
}

/// Whether the whole file is a test module.
fn is_test_file(file: &str) -> bool {
    file.split('/').any(|part| matches!(part, "tests.rs" | "tests"))
}

fn size(file: &str, text: &str) -> Option<String> {
    let lines = production(text).lines().count();
    (lines > LONGEST && !is_test_file(file)).then(|| format!("{file}: {lines} lines before its tests"))
}

/// Unfinished code and tests that do not run.
pub(super) fn stubs(file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut wrong = Vec::new();
    for Path { line, segments } in paths(&code) {
        if let Some(stub) = segments.last().filter(|last| STUBS.contains(&last.as_str())) {
            wrong.push(format!("{file}:{line}: {stub}"));
        }
    }
    let ignored = |(_, line): &(usize, &str)| {
        line.contains("#[") && paths(line).iter().any(|path| path.segments == ["ignore"])
    };
    wrong.extend(
        code.lines()
            .enumerate()
            .filter(ignored)
            .map(|(at, _)| format!("{file}:{}: a test is ignored", at + 1)),
    );
    wrong
}

/// Absolute paths that only one machine has.
pub(super) fn machine_paths(file: &str, text: &str) -> Vec<String> {
    let names_one = |line: &str| {
        MACHINE_FOLDERS.iter().any(|folder| {
            let unix = format!("/{folder}/");
            line.match_indices(&unix).any(|(at, _)| !line[..at].ends_with(is_of_a_path))
                || line.contains(&format!(":\\{folder}\\"))
        })
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| names_one(line))
        .map(|(at, _)| format!("{file}:{}: a path of one machine", at + 1))
        .collect()
}

fn is_of_a_path(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | '/' | '}' | '~' | '*')
}

/// Dependencies of a manifest without a comment right above them.
pub(super) fn dependencies(manifest: &str) -> Vec<String> {
    let (mut wrong, mut among, mut above) = (Vec::new(), false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            among = line.trim_end_matches(']').ends_with("dependencies");
        } else if let Some((name, _)) =
            line.split_once('=').filter(|_| among && !line.starts_with([' ', '#']))
            && !above.starts_with("# ")
        {
            wrong.push(format!("Cargo.toml: {} has no reason above it", name.trim()));
        }
        above = line;
    }
    wrong
}

/// Entries of `src` that are no room, or one of another shape; a folder's name ends with `/`.
pub(super) fn layout(entries: &[String]) -> Vec<String> {
    let is_known = |entry: &&String| {
        *entry == "lib.rs"
            || ROOMS.iter().any(|(name, shape, _)| match shape {
                Shape::File => **entry == format!("{name}.rs"),
                Shape::Folder => **entry == format!("{name}/"),
            })
    };
    entries.iter().filter(|entry| !is_known(entry)).map(|entry| format!("src/{entry} is no room")).collect()
}
