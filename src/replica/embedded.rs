//! Embedded instances that calls take.

use crate::cim::{Instance, Value};
use crate::msvm::replication_relationship::ReplicationRelationship;
use crate::msvm::{NAMESPACE, RelationshipId};

/// The relationship as the parameter `ReplicationRelationship` wants it: its key is enough to name it.
pub(super) fn relationship(id: &RelationshipId) -> Value {
    Instance::new(ReplicationRelationship::CLASS, NAMESPACE).with("InstanceID", id.to_string()).into()
}
