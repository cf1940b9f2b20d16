//! What the client says against what really happened.

use std::collections::HashSet;
use std::time::Duration;

use hvreplica::job::Ending;
use hvreplica::replica::{JobCancel, Outcome, OutcomeKind as Kind};
use hvreplica::simulator::{Operation, Resynchronization, TARGET};

use crate::fault::{Fault, Plan, Soap};
use crate::flow::{Act, Came, Flow, Ran};
use crate::wire::{Seen, State, USER};

/// How the command goes when nothing breaks.
pub(crate) struct Undisturbed {
    pub(crate) words: String,
    pub(crate) exit: u8,
    pub(crate) seen: Vec<Seen>,
}

/// What is wrong with a run.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) verdicts: Vec<String>,
    pub(crate) twice: Vec<String>,
}

impl Undisturbed {
    pub(crate) fn of(flow: &Flow) -> Self {
        let ran = flow.run(Vec::new());
        let seen = ran.wire.state().seen.clone();
        Self { words: ran.came.words(), exit: ran.came.exit(), seen }
    }

    /// Number of the exchange that calls Resynchronize, or else any method.
    pub(crate) fn call(&self) -> Option<usize> {
        self.seen
            .iter()
            .position(|seen| seen.subject == RESYNCHRONIZE)
            .or_else(|| self.seen.iter().position(|seen| seen.operation == Some(Operation::Invoke)))
    }
}

/// Checks a run.
pub(crate) fn check(flow: &Flow, plan: &Plan, ran: &Ran, undisturbed: &Undisturbed) -> Wrong {
    let state = ran.wire.state();
    let mut check = Check { flow, state: &state, wrong: Wrong::default() };
    check.calls();
    check.limits(ran);
    match &ran.came {
        Came::Outcomes(outcomes) => {
            for outcome in outcomes {
                check.outcome(outcome);
            }
        }
        Came::Followed(Ok(ending)) => check.followed(ending),
        Came::Cancelled(Ok(cancel)) => check.cancelled(cancel),
        Came::Followed(Err(_)) | Came::Killed => {}
        Came::Cancelled(Err(_)) => check.not_cancelled(),
        Came::Hung => check.blame("it did not come back within a day"),
    }
    check.exit(&ran.came);
    if let [(at, fault)] = plan.as_slice()
        && is_harmless(flow, *at, *fault, undisturbed)
        && (ran.came.words(), ran.came.exit()) != (undisturbed.words.clone(), undisturbed.exit)
    {
        check.blame(format!("a fault that can be waited out leads to {:?}", ran.came.words()));
    }
    check.wrong
}

struct Check<'a> {
    flow: &'a Flow,
    state: &'a State,
    wrong: Wrong,
}

impl Check<'_> {
    fn blame(&mut self, text: impl Into<String>) {
        self.wrong.verdicts.push(text.into());
    }

    fn ours(&self, guid: &str) -> Vec<&Resynchronization> {
        let all = self.state.desk.world().truth().resynchronizations.iter();
        all.filter(|call| call.user == USER && call.vm.as_deref() == Some(guid)).collect()
    }

    /// Whether Resynchronize was taken on for us.
    fn accepted(&self, guid: &str) -> bool {
        self.ours(guid).iter().any(|call| call.was_accepted())
    }

    /// Whether that was in the last run of the command.
    fn accepted_now(&self, guid: &str) -> bool {
        let ours = self.ours(guid);
        ours.iter().any(|call| call.was_accepted() && call.at >= self.state.attempt.since)
    }

    /// Whether somebody else had the machine resynchronized: then ours may have ended all the same.
    fn has_rival(&self) -> bool {
        let mut calls = self.state.desk.world().truth().calls.iter();
        calls.any(|call| call.user != USER && matches!(call.return_value, 0 | 4096))
    }

    /// No call is carried out, or even sent, more than once.
    fn calls(&mut self) {
        let truth = self.state.desk.world().truth();
        let mut counted = HashSet::new();
        for call in truth.resynchronizations.iter().filter(|call| call.user == USER) {
            if !counted.insert(call.vm.clone()) {
                self.wrong.twice.push("Resynchronize was executed twice".to_owned());
            }
        }
        let mut sent = HashSet::new();
        let calls = self.state.seen.iter().filter(|seen| seen.operation == Some(Operation::Invoke));
        for call in calls.filter(|call| call.subject != "GetErrorEx" && call.left) {
            if !sent.insert((call.subject.clone(), call.about.clone())) {
                self.wrong.twice.push(format!("{} was sent twice", call.subject));
            }
        }
        let requests = truth.calls.iter().filter(|call| call.user == USER);
        let mut done = HashSet::new();
        for call in requests.filter(|call| call.method.starts_with("RequestReplicationStateChange")) {
            if !done.insert((call.method, call.subject.clone())) {
                self.wrong.twice.push(format!("{} was executed twice", call.method));
            }
        }
    }

    fn limits(&mut self, ran: &Ran) {
        let seen = &self.state.seen;
        if seen.len() > MOST_EXCHANGES {
            self.blame(format!("{} exchanges", seen.len()));
        }
        let patience = self.flow.options.timeout.map(|timeout| timeout + SLACK);
        if patience.is_some_and(|patience| ran.took > patience) {
            self.blame(format!("it took {:?} in spite of --timeout", ran.took));
        }
        let enumerating = |seen: &&Seen| {
            let is_one =
                matches!(seen.operation, Some(Operation::Enumerate | Operation::Pull | Operation::Release));
            is_one && !seen.faults.is_empty()
        };
        let open = self.state.desk.open_enumerations();
        if open > seen.iter().filter(enumerating).count() {
            self.blame(format!("{open} enumerations are left open"));
        }
        for violation in self.state.desk.violations() {
            // A context changes with each Pull, so that one whose reply is lost cannot go on.
            if violation.rule != "context" {
                self.blame(format!("against the rules: {violation}"));
            }
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let guid = match &outcome.vm {
            Some(vm) => vm.id.clone(),
            None => {
                if outcome.invoked || outcome.attached {
                    self.blame("invoked or attached without a machine");
                }
                return;
            }
        };
        let seen = self.state.seen.iter().skip(self.state.attempt.first);
        let calls = seen.filter(|seen| seen.subject == RESYNCHRONIZE);
        let mine: Vec<&Seen> =
            calls.filter(|seen| seen.about.as_deref().is_none_or(|about| about == guid)).collect();
        let left = mine.iter().any(|seen| seen.left);
        if outcome.invoked != left {
            self.blame(format!("invoked {} but it left: {left}", outcome.invoked));
        }
        self.kind(outcome, &guid);
        self.returned(outcome, &guid);
        self.pause(outcome, &guid);
        let needs_command = matches!(outcome.kind, Kind::Unknown | Kind::StillRunning | Kind::Suspended);
        let hint = outcome.failure.as_ref().and_then(|failure| failure.hint.as_deref()).unwrap_or_default();
        if needs_command && !hint.contains("`hvreplica ") {
            self.blame(format!("{} without the command that settles it: {hint:?}", outcome.kind.name()));
        }
    }

    fn kind(&mut self, outcome: &Outcome, guid: &str) {
        let truth = self.state.desk.world().truth();
        let count = |runs: &[(String, jiff::Timestamp)]| runs.iter().filter(|(vm, _)| vm == guid).count();
        let (begun, succeeded) = (count(&truth.begun), count(&truth.succeeded));
        let (read, shown) = self.state.read.get(guid).copied().unzip();
        let (invoked, attached) = (outcome.invoked, outcome.attached);
        let accepted = self.accepted(guid);
        match outcome.kind {
            Kind::Succeeded => {
                if succeeded == 0 {
                    self.blame("succeeded, but no resynchronization did");
                }
                if read != Some(3) {
                    self.blame(format!("succeeded, but the state was {read:?} when it was last read"));
                }
                if !invoked && !attached {
                    self.blame("succeeded without having asked or attached");
                }
            }
            Kind::Failed | Kind::Cancelled | Kind::Superseded if invoked || attached => {
                if begun <= 1 && !self.has_rival() && succeeded > 0 && shown == Some(3) && read == shown {
                    self.blame("no success, but it succeeded");
                }
                if begun <= 1 && read == Some(10) && shown == read {
                    self.blame("no success, but it is running");
                }
            }
            Kind::Refused | Kind::Cancelled if accepted => {
                self.blame("nothing was done, it says, but the call was accepted");
            }
            // That the host cannot be asked is said of this run alone.
            Kind::Unreachable | Kind::NotFound | Kind::Unauthorized if self.accepted_now(guid) => {
                self.blame("nothing was done, it says, but the call was accepted");
            }
            Kind::Refused | Kind::Unreachable | Kind::NotFound | Kind::Unauthorized | Kind::Cancelled
                if attached =>
            {
                self.blame("nothing was done, it says, but it had attached");
            }
            Kind::Suspended if shown != Some(11) => {
                self.blame(format!("suspended, but the state was {read:?}"));
            }
            Kind::Scheduled | Kind::Started if !accepted && !attached && begun == 0 => {
                self.blame("started, but nothing was accepted");
            }
            Kind::Unknown if !invoked && !attached => {
                self.blame("unknown, although nothing was asked for");
            }
            _ => {}
        }
    }

    fn returned(&mut self, outcome: &Outcome, guid: &str) {
        let Some(value) = outcome.return_value else { return };
        // A machine that has left is none that the host could name.
        let mut calls = self.state.desk.world().truth().resynchronizations.iter();
        if calls.any(|call| call.vm.is_none() && call.user == USER) {
            return;
        }
        if self.ours(guid).iter().all(|call| call.return_value != value.code()) {
            self.blame(format!("the host returned {} to nobody", value.code()));
        }
    }

    /// A replication that was paused for nothing is named, unless somebody else's resynchronization ends the pause.
    fn pause(&mut self, outcome: &Outcome, guid: &str) {
        if !self.flow.options.suspend_first || self.accepted(guid) {
            return;
        }
        let truth = self.state.desk.world().truth();
        let is_pause = |call: &&hvreplica::simulator::MethodCall| {
            call.user == USER
                && call.method.starts_with("RequestReplicationStateChange")
                && call.at >= self.state.attempt.since
        };
        let is_others = |call: &&Resynchronization| {
            call.user != USER && call.was_accepted() && call.vm.as_deref() == Some(guid)
        };
        if truth.resynchronizations.iter().any(|call| is_others(&call)) {
            return;
        }
        let paused = truth.calls.iter().filter(is_pause).any(|call| matches!(call.return_value, 0 | 4096));
        let says_so = outcome.failure.as_ref().is_some_and(|failure| failure.message.contains("pause"));
        if paused && !says_so && !outcome.attached {
            self.blame("the replication was paused for nothing, and that is not said");
        }
    }

    fn followed(&mut self, ending: &Ending) {
        let Some(id) = ending_job(ending) else { return };
        let world = self.state.desk.world();
        let job = world.jobs().find(|job| job.id.eq_ignore_ascii_case(&id));
        match (ending, job) {
            (Ending::Over(seen), Some(job)) if seen.state.code() != job.state => {
                self.blame(format!("the job is {}, it says, but it is {}", seen.state.code(), job.state));
            }
            (Ending::Over(seen), None) if seen.is_success() && world.truth().succeeded.is_empty() => {
                self.blame("the job has succeeded, it says, but no resynchronization did");
            }
            (Ending::Vanished(_), Some(job)) => {
                let text = format!("the job is gone, it says, but it is {}", job.state);
                self.blame(text);
            }
            _ => {}
        }
    }

    fn cancelled(&mut self, cancel: &JobCancel) {
        let target = self.target_state();
        let world = self.state.desk.world();
        let asked = self.asked_for_another_state();
        match cancel {
            JobCancel::Cancelled(job) => {
                let still = world
                    .jobs()
                    .any(|own| own.id.eq_ignore_ascii_case(&job.instance_id) && matches!(own.state, 2..=5));
                if still {
                    self.blame("cancelled, it says, but the job goes on");
                }
                if target == Some(10) && world.truth().begun.len() == 1 {
                    self.blame("cancelled, it says, but it runs");
                }
            }
            JobCancel::NotFound | JobCancel::EndedBefore(_) | JobCancel::Refused { .. } if asked => {
                self.blame("nothing was cancelled, it says, but the host had accepted");
            }
            _ => {}
        }
    }

    fn not_cancelled(&mut self) {
        if self.asked_for_another_state() {
            self.blame("an error that says that nothing was carried out, but the host had accepted");
        }
    }

    /// Whether the host accepted a request of ours for another state.
    fn asked_for_another_state(&self) -> bool {
        let mut calls = self.state.desk.world().truth().calls.iter();
        calls.any(|call| {
            call.user == USER && call.method.starts_with("Request") && matches!(call.return_value, 0 | 4096)
        })
    }

    fn target_state(&self) -> Option<u16> {
        let mut machines = self.state.desk.world().machines();
        machines.find(|machine| machine.name == TARGET)?.relationships.first().map(|found| found.state)
    }

    fn exit(&mut self, came: &Came) {
        let Came::Outcomes(outcomes) = came else { return };
        let codes: HashSet<u8> = outcomes.iter().map(documented).collect();
        let wanted = if codes.len() == 1 { codes.into_iter().next().unwrap_or_default() } else { 10 };
        if came.exit() != wanted {
            self.blame(format!("exit {} instead of {wanted}", came.exit()));
        }
    }
}

/// The exit code that is documented for an outcome.
fn documented(outcome: &Outcome) -> u8 {
    match outcome.kind.name() {
        "succeeded" | "scheduled" | "started" => 0,
        "unreachable" => 3,
        "unauthorized" => 4,
        "refused" => 5,
        "cancelled" if !outcome.invoked && !outcome.attached => 130,
        "failed" | "cancelled" | "superseded" => 6,
        "still_running" | "suspended" => 7,
        "not_found" => 9,
        _ => 8,
    }
}

fn ending_job(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Over(job) | Ending::Vanished(job) | Ending::Suspended(job) => Some(job.instance_id.clone()),
        Ending::LostContact(job) => job.as_ref().map(|job| job.instance_id.clone()),
        Ending::NotFound => None,
    }
}

/// Whether a single fault changes nothing for a client that reads again.
fn is_harmless(flow: &Flow, at: usize, fault: Fault, undisturbed: &Undisturbed) -> bool {
    let Some(seen) = undisturbed.seen.get(at) else { return false };
    let is_read = seen.operation.is_some_and(Operation::is_read) || seen.subject == "GetErrorEx";
    let takes_time = matches!(fault, Fault::ReplyLate | Fault::Slow(_) | Fault::Outage(_));
    if takes_time && !UNHURRIED.contains(&flow.name) {
        return false;
    }
    if fault == Fault::Reauthenticated || matches!(fault, Fault::Slow(_)) {
        return flow.options.timeout.is_none();
    }
    if !is_read || flow.options.timeout.is_some() {
        return false;
    }
    let passes = match fault {
        Fault::Closed
        | Fault::RequestLost
        | Fault::ReplyLost
        | Fault::ReplyLate
        | Fault::Connect
        | Fault::NoDate => true,
        Fault::Http { status, .. } => matches!(status, 503 | 502 | 504 | 408 | 429),
        Fault::Soap { kind, .. } => {
            matches!(kind, Soap::TimedOut | Soap::Quota | Soap::Provider(0x8004_1033 | 0x8004_1045))
        }
        _ => false,
    };
    let needs_clock = fault == Fault::NoDate && flow.options.schedule.is_some();
    if passes {
        return !needs_clock && flow.act != Act::CancelJob;
    }
    // While it is followed, whatever comes back can be asked for again.
    let is_followed = undisturbed.seen.iter().position(|seen| seen.subject == RESYNCHRONIZE);
    is_followed.is_some_and(|call| at > call)
        && matches!(flow.act, Act::Resync([_]))
        && matches!(
            fault,
            Fault::Truncated(_)
                | Fault::Html
                | Fault::Empty
                | Fault::Repeated
                | Fault::OfAnother
                | Fault::BrokenSeal
                | Fault::InClear
                | Fault::Outage(45)
                | Fault::Http { status: 500 | 404 | 413, .. }
        )
}

/// Flows in which it does not matter when something is asked.
const UNHURRIED: [&str; 5] = ["from-9", "from-8", "from-7", "fails", "several"];
const RESYNCHRONIZE: &str = "Resynchronize";
const MOST_EXCHANGES: usize = 20_000;
/// What an operation that is under way when the time is over may still take, with its repetitions.
const SLACK: Duration = Duration::from_secs(600);
