//! The index of a recording, from which whole runs are answered.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use hvreplica::transport::{Connection, HttpRequest, Replayer, Transport};
use libfuzzer_sys::fuzz_target;

const REQUEST: &str = include_str!("../../fixtures/resync-not-found/01-enumerate.request.xml");
const RESPONSE: &str = include_str!("../../fixtures/resync-not-found/01-enumerate.response.xml");

/// A folder of this process's own. It stays behind, as the corpus does.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("hvreplica-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("01-enumerate.request.xml"), REQUEST).expect("a file");
    fs::write(folder.join("01-enumerate.response.xml"), RESPONSE).expect("a file");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(FOLDER.join("recording.json"), bytes).expect("a file");
    let Ok(replayer) = Replayer::open(&*FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for _ in 0..2 {
        let request = HttpRequest {
            body: REQUEST.as_bytes().to_vec(),
            timeout: Duration::from_secs(1),
            connection: Connection::Any,
            lane: String::new(),
        };
        runtime.block_on(replayer.exchange(request)).ok();
    }
    let _ = (replayer.unused(), replayer.host(), replayer.message_ids());
});
