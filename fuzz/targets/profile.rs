//! Configuration files, with a profile that is asked for by name. Nothing is sent: answers would come from a recording
//! that is not there.
#![no_main]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use hvreplica::cli::{self, Exit};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("hvreplica-fuzz-{}.toml", std::process::id())));

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("a file");
    let words = ["hvreplica", "--quiet", "--profile", "p", "--replay", "/nowhere/at/all", "--config"];
    let arguments = words.iter().map(OsString::from).chain([FILE.clone().into_os_string(), "status".into()]);
    assert_eq!(cli::run(arguments), Exit::Usage);
});
