//! One replication relationship: its state, health and times.

use jiff::Timestamp;

use crate::cim::{Instance, Reference, Selector, Value};
use crate::client::Client;
use crate::error::Error;
use crate::msvm::replication_relationship::{ReplicationHealth, ReplicationRelationship, ReplicationState};
use crate::msvm::{RelationshipId, resource_uri};

use super::find::by_id;

/// Where one relationship stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// `ReplicationState`
    pub state: ReplicationState,
    /// `ReplicationHealth`: an aggregate over the monitoring interval, no criterion of success.
    pub health: Option<ReplicationHealth>,
    /// `LastReplicationTime`, by the host's clock.
    pub last_replication: Option<Timestamp>,
    /// `LastApplyTime`, by the host's clock.
    pub last_apply: Option<Timestamp>,
}

impl Replica {
    /// Reads a relationship, or the computer system that mirrors its primary one.
    ///
    /// # Errors
    /// There is no usable `ReplicationState`.
    pub(super) fn from_instance(instance: &Instance) -> Result<Self, Error> {
        let number = |name| instance.number(name).and_then(|number| u16::try_from(number).ok());
        let time = |name| instance.get(name).and_then(Value::as_datetime).and_then(|time| time.happened());
        let state = number("ReplicationState").ok_or_else(|| Error::Instance {
            class: instance.class.to_string(),
            property: "ReplicationState",
        })?;
        Ok(Self {
            state: state.into(),
            health: number("ReplicationHealth").map(Into::into),
            last_replication: time("LastReplicationTime"),
            last_apply: time("LastApplyTime"),
        })
    }

    /// What stands for a relationship that is not there.
    pub(super) const ABSENT: Self =
        Self { state: ReplicationState::Disabled, health: None, last_replication: None, last_apply: None };

    /// Whether it waits for a resynchronization to be started, or for the time of a scheduled one.
    pub fn is_waiting(&self) -> bool {
        self.state == ReplicationState::WaitingToStartResynchronization
    }
}

/// Reads one relationship again and again; on hosts before 2012 R2, which have no such class, the computer
/// system that mirrors the primary one.
#[derive(Clone, Debug)]
pub struct ReplicaReader {
    id: RelationshipId,
    has_class: bool,
}

impl ReplicaReader {
    /// A reader of that relationship.
    pub fn new(id: RelationshipId) -> Self {
        Self { id, has_class: true }
    }

    /// The relationship.
    pub fn id(&self) -> &RelationshipId {
        &self.id
    }

    /// Whether the host has the class of relationships.
    pub fn has_class(&self) -> bool {
        self.has_class
    }

    /// The relationship; `None` where there is none.
    ///
    /// # Errors
    /// The host cannot be read.
    pub async fn read(&mut self, client: &Client) -> Result<Option<Replica>, Error> {
        if self.has_class {
            match client.get(&self.reference()).await {
                Ok(instance) => return Replica::from_instance(&instance).map(Some),
                Err(error) if !error.is_not_found() && !is_no_class(&error) => return Err(error),
                // Windows answers alike for a class and an instance that do not exist.
                Err(error) if !is_no_class(&error) && has_class(client).await? => return Ok(None),
                Err(_) => self.has_class = false,
            }
        }
        if self.id.number != 0 {
            return Ok(None);
        }
        let vm = by_id(client, &self.id.vm).await?;
        let replica = vm.and_then(|vm| vm.replica);
        Ok(replica.filter(|replica| replica.state != ReplicationState::Disabled))
    }

    fn reference(&self) -> Reference {
        let uri = resource_uri(ReplicationRelationship::CLASS);
        Reference::new(uri, vec![Selector::new("InstanceID", self.id.to_string())])
    }
}

fn is_no_class(error: &Error) -> bool {
    error.fault().is_some_and(crate::wsman::Fault::is_no_such_class)
}

/// Whether the host has the class of relationships: its enumeration brings something, or at least no fault.
async fn has_class(client: &Client) -> Result<bool, Error> {
    use crate::wsman::{Enumerate, EnumerationMode};
    let body = Enumerate { mode: Some(EnumerationMode::Epr), ..Enumerate::default() };
    match client.enumerate(&resource_uri(ReplicationRelationship::CLASS), body).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() || is_no_class(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
