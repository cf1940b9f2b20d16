//! What the host told, what the client said, and the reckoning of both.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hvreplica::replica::{Outcome, OutcomeKind as Kind};
use serde_json::Value;

use crate::host::USER;
use crate::verdict::{Tally, wrong};

/// A machine, by name and GUID.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) id: String,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    /// Accounts of the host until now.
    accounts: u64,
    rested: VecDeque<Machine>,
    tallies: HashMap<String, Tally>,
    said: Vec<Said>,
    counts: Counts,
    outcomes: BTreeMap<&'static str, u64>,
    violations: BTreeMap<String, u64>,
}

/// A verdict that is to be held against what the host will have told by then.
struct Said {
    machine: Machine,
    outcome: Outcome,
    due: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub(crate) runs: u64,
    pub(crate) wrong: u64,
    pub(crate) twice: u64,
    pub(crate) mishaps: u64,
    pub(crate) connections: u64,
    pub(crate) outcomes: String,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn put_all(&self, machines: Vec<Machine>) {
        let mut state = self.state();
        state.tallies = machines.iter().map(|machine| (machine.id.clone(), Tally::default())).collect();
        state.rested = machines.into();
    }

    /// A machine to work on: the one that has rested longest.
    pub(crate) fn take(&self) -> Option<Machine> {
        let mut state = self.state();
        let machine = state.rested.pop_front()?;
        let tally = state.tallies.insert(machine.id.clone(), Tally::default()).unwrap_or_default();
        if !tally.returned.is_empty() || tally.requests > 0 {
            state.counts.twice += 1;
            println!("WRONG {}: something was executed while nobody worked on it", machine.name);
        }
        Some(machine)
    }

    /// Takes in what was said of a machine.
    pub(crate) fn said(&self, machine: Machine, outcome: Outcome) {
        let mut state = self.state();
        // What the host still holds back may come late.
        let is_certain = matches!(outcome.kind, Kind::Succeeded | Kind::Refused | Kind::Scheduled);
        let due = state.accounts + if is_certain { SOON } else { LATE };
        state.said.push(Said { machine, outcome, due });
    }

    /// Takes in what the host tells.
    pub(crate) fn account(&self, account: &Value) {
        let mut state = self.state();
        state.accounts += 1;
        state.add(account);
        let now = state.accounts;
        let (due, not_yet) = std::mem::take(&mut state.said).into_iter().partition(|said| said.due <= now);
        state.said = not_yet;
        for said in due {
            state.reckon(said);
        }
    }

    /// Waits for the last verdicts to be held against the truth.
    pub(crate) async fn settled(&self) {
        let begun = Instant::now();
        while !self.state().said.is_empty() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.state();
        let outcomes: Vec<String> =
            state.outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
        Counts { outcomes: outcomes.join(", "), ..state.counts.clone() }
    }

    pub(crate) fn breaches(&self) -> Vec<String> {
        let state = self.state();
        let rules = state.violations.iter();
        let mut breaches: Vec<String> =
            rules.map(|(rule, count)| format!("a rule was broken {count} times: {rule}")).collect();
        if state.counts.wrong + state.counts.twice > 0 {
            breaches.push(format!(
                "{} wrong verdicts, {} double invocations",
                state.counts.wrong, state.counts.twice
            ));
        }
        if !state.said.is_empty() {
            breaches.push(format!("{} verdicts could not be checked: the host is silent", state.said.len()));
        }
        breaches
    }
}

impl State {
    fn add(&mut self, account: &Value) {
        let list = |name: &str| account[name].as_array().cloned().unwrap_or_default();
        let is_ours = |call: &Value| call["user"].as_str() == Some(USER);
        let value = |call: &Value| call["return_value"].as_u64().unwrap_or_default();
        for call in list("calls") {
            self.of(&call["vm"], |tally| match is_ours(&call) {
                true => tally.returned.push(value(&call)),
                false => tally.is_disturbed = true,
            });
        }
        for request in list("requests") {
            self.of(&request["subject"], |tally| match is_ours(&request) {
                true => tally.requests += 1,
                false => tally.is_disturbed = true,
            });
        }
        for run in list("begun") {
            self.of(&run["vm"], |tally| tally.begun += 1);
        }
        for run in list("succeeded") {
            self.of(&run["vm"], |tally| tally.succeeded += 1);
        }
        for mishap in list("befallen") {
            self.counts.mishaps += 1;
            if mishap["vm"].is_null() {
                self.tallies.values_mut().for_each(|tally| tally.is_disturbed = true);
            } else {
                self.of(&mishap["vm"], |tally| tally.is_disturbed = true);
            }
        }
        for violation in list("violations") {
            let rule =
                violation.as_str().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
            // A context changes with each Pull, so that one whose reply is lost cannot go on.
            if rule != "context" {
                *self.violations.entry(rule).or_default() += 1;
            }
        }
        self.counts.connections = account["connections"].as_u64().unwrap_or_default();
    }

    fn of(&mut self, id: &Value, note: impl FnOnce(&mut Tally)) {
        if let Some(tally) = id.as_str().and_then(|id| self.tallies.get_mut(id)) {
            note(tally);
        }
    }

    fn reckon(&mut self, said: Said) {
        let Said { machine, outcome, .. } = said;
        let tally = self.tallies.insert(machine.id.clone(), Tally::default()).unwrap_or_default();
        self.counts.runs += 1;
        *self.outcomes.entry(outcome.kind.name()).or_default() += 1;
        if let Some(text) = tally.twice() {
            self.counts.twice += 1;
            println!("WRONG {}: {text}", machine.name);
        }
        if let Some(text) = wrong(&outcome, &tally) {
            self.counts.wrong += 1;
            let failure = outcome.failure.as_ref().map(|failure| (&failure.kind, &failure.message));
            println!(
                "WRONG {}: {}, but {text}: {tally:?}, states {:?}, {failure:?}",
                machine.name,
                outcome.kind.name(),
                outcome.states_seen
            );
        }
        self.rested.push_back(machine);
    }
}

/// Accounts after which everything is told that has happened.
const SOON: u64 = 2;
/// The same where a request may still be on its way: the longest delay is fifteen seconds.
const LATE: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);
