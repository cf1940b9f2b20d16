//! Finds the virtual machine that is meant: by GUID, or by a name that only one has.

use crate::cim::{Instance, Reference, Selector};
use crate::client::Client;
use crate::error::Error;
use crate::msvm::computer_system::{ComputerSystem, ReplicationMode};
use crate::msvm::{is_vm_name, resource_uri};
use crate::wsman::{Enumerate, Filter, Wql};

use super::Replica;

/// A virtual machine, as the host shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualMachine {
    /// `Name`: the GUID.
    pub id: String,
    /// `ElementName`: the name for people, which need not be unique.
    pub name: String,
    /// `ReplicationMode`
    pub mode: ReplicationMode,
    /// What `Msvm_ComputerSystem` itself says of the primary relationship; deprecated since 2012 R2, and all
    /// there is before.
    pub replica: Option<Replica>,
}

/// Why no virtual machine was found.
#[derive(Debug)]
#[non_exhaustive]
pub enum FindError {
    /// None has that name or GUID.
    NotFound {
        /// Those whose name differs only in case or in blanks around it.
        similar: Vec<VirtualMachine>,
    },
    /// Several have that name.
    Ambiguous(Vec<VirtualMachine>),
    /// The name is that of the host itself.
    Host,
    /// The host cannot be read.
    Failed(Error),
}

impl From<Error> for FindError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl VirtualMachine {
    /// Reads an `Msvm_ComputerSystem`; `None` for the host's own instance, whose name is no GUID.
    pub(super) fn from_instance(instance: &Instance) -> Option<Self> {
        let id = instance.text("Name").filter(|name| is_vm_name(name))?;
        let mode = instance.number("ReplicationMode").and_then(|mode| u16::try_from(mode).ok());
        Some(Self {
            id: id.to_owned(),
            name: instance.text("ElementName").unwrap_or_default().to_owned(),
            mode: mode.unwrap_or_default().into(),
            replica: Replica::from_instance(instance).ok(),
        })
    }

    /// Where it is.
    pub fn reference(&self) -> Reference {
        Reference::new(
            resource_uri(ComputerSystem::CLASS),
            vec![Selector::new("CreationClassName", ComputerSystem::CLASS), Selector::new("Name", &self.id)],
        )
    }
}

/// Finds the virtual machine that `wanted` names. A GUID is only ever a GUID, also where another machine has
/// it as its display name; a name has to be exact and unique.
///
/// # Errors
/// [`FindError`].
pub async fn find(client: &Client, wanted: &str) -> Result<VirtualMachine, FindError> {
    // PowerShell and others write a GUID in braces.
    let bare =
        wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|bare| is_vm_name(bare));
    let wanted = bare.unwrap_or(wanted);
    if is_vm_name(wanted) {
        return by_id(client, wanted).await?.ok_or(FindError::NotFound { similar: Vec::new() });
    }
    let instances = select(client, "ElementName", wanted).await?;
    let all: Vec<_> = instances.iter().filter_map(VirtualMachine::from_instance).collect();
    let is_host = || instances.iter().any(|host| host.text("ElementName") == Some(wanted));
    let (mut exact, similar): (Vec<_>, Vec<_>) = all.into_iter().partition(|vm| vm.name == wanted);
    match exact.pop() {
        None if similar.is_empty() && is_host() => Err(FindError::Host),
        None => Err(FindError::NotFound { similar }),
        Some(vm) if exact.is_empty() => Ok(vm),
        Some(vm) => {
            exact.push(vm);
            Err(FindError::Ambiguous(exact))
        }
    }
}

/// The virtual machine of that GUID.
///
/// # Errors
/// The host cannot be read.
pub(super) async fn by_id(client: &Client, id: &str) -> Result<Option<VirtualMachine>, Error> {
    let instances = select(client, "Name", id).await?;
    let mut found = instances.iter().filter_map(VirtualMachine::from_instance);
    Ok(found.find(|vm| vm.id.eq_ignore_ascii_case(id)))
}

/// All virtual machines of the host.
///
/// # Errors
/// The host cannot be read.
pub(super) async fn all(client: &Client) -> Result<Vec<VirtualMachine>, Error> {
    let items = client.enumerate(&resource_uri(ComputerSystem::CLASS), Enumerate::default()).await?;
    Ok(items.iter().filter_map(|item| VirtualMachine::from_instance(item.instance.as_ref()?)).collect())
}

/// The virtual machines whose replication waits for a resynchronization (state 9), by the relationship that
/// they drive.
///
/// # Errors
/// The host cannot be read.
pub async fn waiting(client: &Client) -> Result<Vec<VirtualMachine>, Error> {
    let relationships = super::status::relationships(client).await?;
    let vms = all(client).await?;
    let is_waiting = |vm: &VirtualMachine| {
        let number = match vm.mode {
            ReplicationMode::Primary => 0,
            ReplicationMode::Replica => 1,
            _ => return false,
        };
        let found =
            relationships.iter().find(|(id, _)| id.number == number && id.vm.eq_ignore_ascii_case(&vm.id));
        let replica = match (found, &relationships) {
            (Some((_, replica)), _) => Some(replica),
            (None, all) if all.is_empty() && number == 0 => vm.replica.as_ref(),
            _ => None,
        };
        replica.is_some_and(Replica::is_waiting)
    };
    Ok(vms.into_iter().filter(is_waiting).collect())
}

/// The computer systems whose property has that value. Where a host refuses WQL, all are read and sifted here.
async fn select(client: &Client, property: &str, value: &str) -> Result<Vec<Instance>, Error> {
    let query = Wql::select(ComputerSystem::CLASS).equals(property, value);
    let body = Enumerate { filter: Some(Filter::Wql(query.to_string())), ..Enumerate::default() };
    let items = match client.enumerate(&resource_uri("*"), body).await {
        Err(Error::Fault(fault)) if fault.is_filter_refused() => {
            client.enumerate(&resource_uri(ComputerSystem::CLASS), Enumerate::default()).await?
        }
        other => other?,
    };
    let wanted = value.to_lowercase();
    let instances = items.into_iter().filter_map(|item| item.instance);
    Ok(instances
        .filter(|instance| {
            instance.text(property).is_some_and(|own| own == value || own.to_lowercase() == wanted)
        })
        .collect())
}
