//! The simulated host, a process of its own, and what it says of itself while it runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hvreplica::secret::Secret;
use serde_json::Value;

use crate::ledger::Ledger;

/// A running host; it ends when it is dropped.
pub(crate) struct Host {
    process: Child,
    pub(crate) port: u16,
    pub(crate) password: Secret<String>,
}

impl Host {
    /// Starts one whose accounts go into the ledger.
    pub(crate) fn start(seed: u64, ledger: &Arc<Ledger>) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hvreplica"))
            .args(["simulate", "-o", "ndjson", "--user", USER])
            .args(["--speed", "60", "--crowd", &MACHINES.to_string()])
            .args(["--unrest", &seed.to_string(), "--per-mille", "25"])
            .env_remove("HVREPLICA_PASSWORD")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let url = ready["url"].as_str().unwrap();
        let port = url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap();
        let password = Secret::new(ready["password"].as_str().unwrap().to_owned());
        let ledger = Arc::clone(ledger);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                ledger.account(&serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, port, password }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) const USER: &str = "operator";
pub(crate) const MACHINES: u16 = 1000;
