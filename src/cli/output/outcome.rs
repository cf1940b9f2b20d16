//! Outcomes, jobs and failures, as JSON (contract of `resync -o json`) and in words.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::job::{Job, JobError};
use crate::replica::{Failure, Outcome, OutcomeKind, VirtualMachine};

use super::super::duration::words;
use super::text::{line, printable_lines};

/// The document of several outcomes.
pub(in crate::cli) fn results(host: &str, outcomes: &[Outcome], error: Option<Value>) -> Value {
    let results: Vec<Value> = outcomes.iter().map(|outcome| result(host, outcome)).collect();
    let mut document = json!({ "format": FORMAT, "results": results });
    if let (Some(error), Some(document)) = (error, document.as_object_mut()) {
        document.insert("error".to_owned(), error);
    }
    document
}

/// One outcome.
pub(in crate::cli) fn result(host: &str, outcome: &Outcome) -> Value {
    let code = |code: u64, label: &str| json!({ "code": code, "label": label });
    let state = |state: Option<crate::msvm::replication_relationship::ReplicationState>| {
        state.map(|state| code(state.code().into(), &state.label()))
    };
    let (name, id) = match &outcome.vm {
        Some(vm) => (Some(vm.name.as_str()), Some(vm.id.as_str())),
        None if crate::msvm::is_vm_name(&outcome.asked) => (None, Some(outcome.asked.as_str())),
        None => (Some(outcome.asked.as_str()), None),
    };
    let mut result = json!({
        "host": host,
        "vm": { "name": name, "id": id },
        "outcome": outcome.kind.name(),
        "invoked": outcome.invoked,
        "attached": outcome.attached,
        "return_value": outcome.return_value.map(|value| code(value.code().into(), &value.label())),
        "job": outcome.job.as_ref().map(|found| job(found, &outcome.job_errors)),
        "replication_state": { "before": state(outcome.state_before), "after": state(outcome.state_after) },
        "replication_health": outcome.health.map(|health| code(health.code().into(), &health.label())),
        "started_at": outcome.started_at.map(time),
        "finished_at": outcome.finished_at.map(time),
        "error": outcome.failure.as_ref().map(failure),
    });
    if let Some(result) = result.as_object_mut() {
        if let Some(start) = outcome.start_time {
            result.insert("start_time".to_owned(), time(start).into());
        }
        if let Some(envelope) = &outcome.envelope {
            result.insert("envelope".to_owned(), envelope.as_str().into());
        }
    }
    result
}

/// A job.
pub(in crate::cli) fn job(job: &Job, errors: &[JobError]) -> Value {
    let errors: Vec<Value> = errors
        .iter()
        .map(|error| {
            let number = error.code.as_deref().and_then(|code| code.parse::<i64>().ok());
            let code = number.map(Value::from).or_else(|| error.code.as_deref().map(Value::from));
            json!({ "code": code, "message": error.message })
        })
        .collect();
    json!({
        "class": job.class,
        "instance_id": job.instance_id,
        "state": { "code": job.state.code(), "label": job.state_label() },
        "percent_complete": job.percent_complete,
        "elapsed_seconds": job.elapsed.map(|elapsed| elapsed.as_secs()),
        "errors": errors,
    })
}

fn failure(failure: &Failure) -> Value {
    let mut value = json!({
        "kind": failure.kind,
        "message": failure.message,
        "hint": failure.hint,
        "may_have_run": failure.may_have_run,
    });
    if !failure.candidates.is_empty()
        && let Some(value) = value.as_object_mut()
    {
        let candidates: Vec<Value> = failure.candidates.iter().map(vm).collect();
        value.insert("candidates".to_owned(), candidates.into());
    }
    value
}

fn vm(vm: &VirtualMachine) -> Value {
    json!({ "name": vm.name, "id": vm.id })
}

/// A moment, as RFC 3339 in UTC.
pub(in crate::cli) fn time(moment: Timestamp) -> String {
    moment.to_string()
}

/// One outcome in words: what standard output gets.
pub(in crate::cli) fn words_of(outcome: &Outcome) -> String {
    let name = outcome.vm.as_ref().map_or(outcome.asked.as_str(), |vm| vm.name.as_str());
    let mut text = format!("{}: {}", line(name), sentence(outcome));
    if outcome.states_seen.len() > 1 {
        let states: Vec<String> =
            outcome.states_seen.iter().map(|state| format!("{state} ({})", state.code())).collect();
        text.push_str(&format!("\n  state: {}", states.join(" → ")));
    }
    if let Some(envelope) = &outcome.envelope {
        text.push_str(&format!("\n{}", printable_lines(envelope)));
    }
    text
}

/// What is wrong with it and what to do: what standard error gets.
pub(in crate::cli) fn advice_of(outcome: &Outcome) -> Option<String> {
    let failure = outcome.failure.as_ref()?;
    let name = outcome.vm.as_ref().map_or(outcome.asked.as_str(), |vm| vm.name.as_str());
    let mut text = format!("hvreplica: {}: {}", line(name), line(&failure.message));
    for error in &outcome.job_errors {
        let code = error.code.as_deref().map(|code| format!("{}: ", line(code))).unwrap_or_default();
        text.push_str(&format!("\n  job error {code}{}", line(&error.message)));
    }
    for candidate in &failure.candidates {
        text.push_str(&format!("\n  candidate {}  {}", line(&candidate.id), line(&candidate.name)));
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("\n  hint: {}", line(hint)));
    }
    Some(text)
}

fn sentence(outcome: &Outcome) -> String {
    let took = outcome
        .started_at
        .zip(outcome.finished_at)
        .map(|(began, ended)| ended.duration_since(began).unsigned_abs());
    let took = took.map(|took| format!(" in {}", words(took))).unwrap_or_default();
    match outcome.kind {
        OutcomeKind::Succeeded => format!("resynchronized{took}"),
        OutcomeKind::Scheduled => match outcome.start_time {
            Some(start) => format!("scheduled for {start}"),
            None => "scheduled".to_owned(),
        },
        OutcomeKind::Started if outcome.envelope.is_some() => "would be resynchronized".to_owned(),
        OutcomeKind::Started if outcome.attached => "a resynchronization is running already".to_owned(),
        OutcomeKind::Started => "started".to_owned(),
        OutcomeKind::Refused => "refused".to_owned(),
        OutcomeKind::Failed => format!("failed{took}"),
        OutcomeKind::Cancelled if outcome.invoked || outcome.attached => format!("cancelled{took}"),
        OutcomeKind::Cancelled => "cancelled before anything was asked".to_owned(),
        OutcomeKind::Suspended => "suspended".to_owned(),
        OutcomeKind::Superseded => "superseded by a failover".to_owned(),
        OutcomeKind::StillRunning => "still running".to_owned(),
        OutcomeKind::Unknown => "outcome unknown".to_owned(),
        OutcomeKind::NotFound => "not found".to_owned(),
        OutcomeKind::Unreachable if is_configuration(outcome) => "not possible".to_owned(),
        OutcomeKind::Unreachable => "host not reached".to_owned(),
        OutcomeKind::Unauthorized => "not authorized".to_owned(),
    }
}

/// The number of the format of all documents.
pub(in crate::cli) const FORMAT: u8 = 1;

fn is_configuration(outcome: &Outcome) -> bool {
    outcome.failure.as_ref().is_some_and(|failure| failure.kind == "configuration")
}
