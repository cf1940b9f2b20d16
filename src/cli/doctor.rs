//! `doctor`: looks at everything between here and the resynchronization of a machine, and says what to do.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::Client;
use crate::msvm::computer_system::ComputerSystem;
use crate::msvm::replication_service::ReplicationService;
use crate::msvm::{is_vm_name, resource_uri};
use crate::wsman::Enumerate;

use super::args::{Connection, Format};
use super::connect::Host;
use super::doctor_checks::{Check, Findings, Sign, checks};
use super::exit::Exit;
use super::fail::{Fail, written};
use super::output::outcome::FORMAT;
use super::output::text::line;

/// Runs the command.
pub(super) async fn run(connection: &Connection) -> Exit {
    match examine(connection).await {
        Ok(exit) => exit,
        Err(fail) => fail.end(connection.output),
    }
}

async fn examine(connection: &Connection) -> Result<Exit, Fail> {
    let host = Host::new(connection)?;
    let found = checks(&findings(&host).await?);
    print(connection.output, &host.name, &found)?;
    host.close();
    Ok(found.iter().find_map(|check| check.exit).unwrap_or(Exit::Success))
}

/// Asks until something fails: what comes after it would fail for the same reason.
async fn findings(host: &Host) -> Result<Findings, Fail> {
    let mut findings = Findings { is_https: host.is_https(), route: host.route()?, ..Findings::default() };
    findings.offers = host.offers().await;
    if matches!(findings.offers, Some(Err(_))) {
        return Ok(findings);
    }
    let client = host.client()?;
    let identity = client.identify().await;
    let is_in = identity.is_ok();
    findings.identity = Some(identity);
    if !is_in {
        return Ok(findings);
    }
    if !host.is_replayed() {
        findings.clock = client.host_time().map(|theirs| (theirs, Timestamp::now()));
    }
    let service = client.enumerate(&resource_uri(ReplicationService::CLASS), Enumerate::default()).await;
    let is_there = service.as_ref().is_ok_and(|found| !found.is_empty());
    findings.services = Some(service.map(|found| found.len()));
    if is_there {
        findings.machines = Some(machines(&client).await);
    }
    Ok(findings)
}

/// How many virtual machines can be seen; the host's own instance is none.
async fn machines(client: &Client) -> Result<usize, crate::error::Error> {
    let found = client.enumerate(&resource_uri(ComputerSystem::CLASS), Enumerate::default()).await?;
    let names = found.iter().filter_map(|item| item.instance.as_ref()?.text("Name"));
    Ok(names.filter(|name| is_vm_name(name)).count())
}

fn print(format: Format, host: &str, found: &[Check]) -> Result<(), Fail> {
    let mut out = std::io::stdout().lock();
    written(match format {
        Format::Human => found.iter().try_for_each(|check| write!(out, "{}", words(check))),
        Format::Json => {
            let checks: Vec<Value> = found.iter().map(document).collect();
            writeln!(out, "{}", json!({ "format": FORMAT, "host": host, "checks": checks }))
        }
        Format::Ndjson => found.iter().try_for_each(|check| writeln!(out, "{}", document(check))),
    })
}

fn words(check: &Check) -> String {
    let mut text = format!("{:<8} {:<15} {}\n", check.sign.word(), check.name, line(&check.message));
    if let Some(hint) = check.hint.as_deref().filter(|_| check.sign != Sign::Good) {
        text.push_str(&format!("{:<24} hint: {}\n", "", line(hint)));
    }
    text
}

fn document(check: &Check) -> Value {
    json!({
        "name": check.name,
        "result": check.sign.word(),
        "message": check.message,
        "hint": check.hint,
    })
}
