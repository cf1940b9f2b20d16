//! `status`: state, health, mode and last replication of each relationship.

use std::io::Write;

use serde_json::{Value, json};

use crate::replica::{FindError, RelationshipStatus, VirtualMachine, find, status};

use super::args::{Connection, Format, Status};
use super::connect::Host;
use super::exit::Exit;
use super::fail::{Fail, written};
use super::output::outcome::{FORMAT, time};
use super::output::text::{printable, table};

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Status) -> Exit {
    match show(connection, args).await {
        Ok(()) => Exit::Success,
        Err(fail) => fail.end(connection.output),
    }
}

async fn show(connection: &Connection, args: &Status) -> Result<(), Fail> {
    let host = Host::new(connection)?;
    let client = host.client()?;
    let mut named = Vec::new();
    for name in &args.vms {
        named.push(find(&client, name).await.map_err(|error| not_found(name, error))?);
    }
    let wanted = (!named.is_empty()).then_some(named.as_slice());
    let relationships = status(&client, wanted).await?;
    let mut out = std::io::stdout().lock();
    written(match connection.output {
        Format::Human if relationships.is_empty() => {
            let _ = writeln!(std::io::stderr().lock(), "hvreplica: there is no replication relationship");
            Ok(())
        }
        Format::Human => write!(out, "{}", words(&relationships)),
        Format::Json => {
            let rows: Vec<Value> = relationships.iter().map(relationship).collect();
            writeln!(out, "{}", json!({ "format": FORMAT, "host": host.name, "relationships": rows }))
        }
        Format::Ndjson => relationships.iter().try_for_each(|row| writeln!(out, "{}", relationship(row))),
    })?;
    host.close();
    Ok(())
}

/// A name that leads to no machine.
pub(super) fn not_found(name: &str, error: FindError) -> Fail {
    let list = |vms: &[VirtualMachine]| {
        vms.iter().map(|vm| format!("{} ({})", vm.name, vm.id)).collect::<Vec<_>>().join(", ")
    };
    match error {
        FindError::Failed(error) => Fail::from(&error),
        FindError::Ambiguous(vms) => Fail::new(
            Exit::NotFound,
            "not_found",
            format!("several virtual machines are called {name:?}: {}", list(&vms)),
        )
        .hint("name it by its GUID"),
        FindError::Host => Fail::new(Exit::NotFound, "not_found", format!("{name:?} is the host itself")),
        FindError::NotFound { similar } if !similar.is_empty() => Fail::new(
            Exit::NotFound,
            "not_found",
            format!("there is no virtual machine {name:?}; there is {}", list(&similar)),
        ),
        FindError::NotFound { .. } => {
            Fail::new(Exit::NotFound, "not_found", format!("there is no virtual machine {name:?} to be seen"))
                .hint("without the rights of Hyper-V Administrators a host shows no virtual machines at all")
        }
    }
}

fn relationship(row: &RelationshipStatus) -> Value {
    let replica = &row.replica;
    let mode = row.vm.mode;
    json!({
        "vm": { "name": row.vm.name, "id": row.vm.id },
        "relationship": row.number,
        "mode": { "code": mode.code(), "label": mode.label() },
        "state": { "code": replica.state.code(), "label": replica.state.label() },
        "health": replica.health.map(|health| json!({ "code": health.code(), "label": health.label() })),
        "last_replication_time": replica.last_replication.map(time),
        "last_apply_time": replica.last_apply.map(time),
        "interval_seconds": row.interval_seconds,
    })
}

fn words(relationships: &[RelationshipStatus]) -> String {
    let rows: Vec<Vec<String>> = relationships
        .iter()
        .map(|row| {
            let replica = &row.replica;
            let kind = if row.number == 0 { "" } else { " (extended)" };
            vec![
                format!("{}{kind}", printable(&row.vm.name)),
                row.vm.mode.to_string(),
                format!("{} ({})", replica.state, replica.state.code()),
                replica.health.map(|health| health.to_string()).unwrap_or_default(),
                replica.last_replication.map(time).unwrap_or_else(|| "never".to_owned()),
                printable(&row.vm.id).into_owned(),
            ]
        })
        .collect();
    table(&["VM", "MODE", "STATE", "HEALTH", "LAST REPLICATION", "ID"], &rows)
}
