//! Embedded instances: errors of jobs, issues of replication health, statistics.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::earlier;
use super::instances::{Given, number, text_value, time};
use super::job::Failure;
use super::machine::Relationship;
use super::state::{replication, returns};
use crate::cim::Value;

/// An Msvm_Error.
pub(super) fn error(failure: &Failure) -> (&'static str, Given) {
    let texts = |texts: Vec<Value>| if texts.is_empty() { Value::Null } else { Value::Array(texts) };
    let arguments = failure.arguments.iter().map(|text| text_value(text)).collect();
    let actions = failure.actions.iter().map(|text| text_value(text)).collect();
    let given = vec![
        ("ErrorSourceFormat", number(0)),
        ("ErrorType", number(failure.error_type)),
        ("Message", text_value(&failure.message)),
        ("MessageArguments", texts(arguments)),
        ("MessageID", text_value(failure.message_id)),
        ("OwningEntity", text_value("Microsoft-Windows-Hyper-V-VMMS")),
        ("PerceivedSeverity", number(failure.severity)),
        ("ProbableCause", number(UNKNOWN_CAUSE)),
        ("RecommendedActions", texts(actions)),
        ("CIMStatusCode", number(1)),
        ("CIMStatusCodeDescription", text_value(&returns::FAILED.to_string())),
    ];
    ("Msvm_Error", given)
}

/// What GetReplicationStatistics[Ex] has to say about the health of a relationship.
pub(super) fn health_issues(relationship: &Relationship, name: &str) -> Vec<Failure> {
    let issue = |message_id, message: String, actions| Failure {
        message_id,
        message,
        arguments: vec![name.to_owned()],
        error_type: 1,
        severity: 5,
        actions,
    };
    match relationship.state {
        replication::RESYNC_REQUIRED => vec![issue(
            "33680",
            format!("Virtual machine '{name}' requires resynchronization."),
            vec!["Resume replication to start the resynchronization."],
        )],
        replication::CRITICAL => {
            vec![issue("33682", format!("Replication of virtual machine '{name}' has failed."), Vec::new())]
        }
        _ => Vec::new(),
    }
}

/// An Msvm_ReplicationStatistics.
pub(super) fn statistics(relationship: &Relationship, now: Timestamp) -> (&'static str, Given) {
    let misses = if relationship.state == replication::REPLICATING { 0 } else { 5 };
    let given = vec![
        ("ApplicationConsistentSnapshotFailureCount", number(0)),
        ("EndStatisticTime", time(now)),
        ("MaxReplicationLatency", number(41)),
        ("MaxReplicationSize", Value::Unsigned(734_003_200)),
        ("NetworkFailureCount", number(0)),
        ("PendingReplicationSize", Value::Unsigned(1_048_576)),
        ("ReplicationFailureCount", number(0)),
        ("ReplicationHealth", number(relationship.health)),
        ("ReplicationLatency", number(800)),
        ("ReplicationMissCount", number(misses)),
        ("ReplicationSize", Value::Unsigned(5_368_709_120)),
        ("ReplicationSuccessCount", number(72)),
        ("StartStatisticTime", time(earlier(now, Duration::from_secs(6 * 3600)))),
    ];
    ("Msvm_ReplicationStatistics", given)
}

/// ProbableCause "Unknown".
const UNKNOWN_CAUSE: u16 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msvm::SCHEMA;
    use crate::simulator::resynchronize::comparison_failed;

    #[test]
    fn every_property_given_is_one_of_the_class() {
        let relationship = Relationship::new(0, replication::CRITICAL, None);
        let failures = comparison_failed().into_iter().chain(health_issues(&relationship, "web01"));
        let errors = failures.map(|failure| error(&failure));
        for (class, given) in errors.chain([statistics(&relationship, Timestamp::UNIX_EPOCH)]) {
            let declared = SCHEMA.class(class).unwrap();
            for (name, _) in given {
                assert!(declared.properties.iter().any(|property| property.name == name), "{class}.{name}");
            }
        }
    }
}
