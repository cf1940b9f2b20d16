//! Names on the wire that a class or an instance goes by.

use std::fmt;
use std::str::FromStr;

use super::NAMESPACE;

/// The resource URI of a class in [`NAMESPACE`], as WMI's plug-in spells it.
pub fn resource_uri(class: &str) -> String {
    format!("{WMI_PREFIX}{NAMESPACE}/{class}")
}

/// Whether `Msvm_ComputerSystem.Name` names a virtual machine: a GUID. The host's own instance has its host name.
pub fn is_vm_name(name: &str) -> bool {
    let lengths = name.split('-').map(str::len);
    lengths.eq(GUID_GROUPS) && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// `Msvm_ReplicationRelationship.InstanceID`: `Microsoft:GUID\HVR\N`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelationshipId {
    /// `Msvm_ComputerSystem.Name` of the virtual machine.
    pub vm: String,
    /// 0 for the relationship of primary and replica, 1 for the extended one.
    pub number: u32,
}

/// Text that is no relationship's InstanceID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no InstanceID of a replication relationship")]
pub struct RelationshipIdError;

impl RelationshipId {
    /// The relationship of that virtual machine and number.
    pub fn new(vm: impl Into<String>, number: u32) -> Self {
        Self { vm: vm.into(), number }
    }
}

impl fmt::Display for RelationshipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ID_PREFIX}{}{ID_MIDDLE}{}", self.vm, self.number)
    }
}

impl FromStr for RelationshipId {
    type Err = RelationshipIdError;

    fn from_str(text: &str) -> Result<Self, RelationshipIdError> {
        let (prefix, rest) = text.split_at_checked(ID_PREFIX.len()).ok_or(RelationshipIdError)?;
        let (vm, rest) = rest.split_at_checked(GUID_LENGTH).ok_or(RelationshipIdError)?;
        let (middle, number) = rest.split_at_checked(ID_MIDDLE.len()).ok_or(RelationshipIdError)?;
        let is_ours = prefix.eq_ignore_ascii_case(ID_PREFIX)
            && middle.eq_ignore_ascii_case(ID_MIDDLE)
            && is_vm_name(vm)
            && number.bytes().all(|byte| byte.is_ascii_digit());
        match number.parse() {
            Ok(number) if is_ours => Ok(Self::new(vm, number)),
            _ => Err(RelationshipIdError),
        }
    }
}

const WMI_PREFIX: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
const GUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const GUID_LENGTH: usize = 36;
const ID_PREFIX: &str = "Microsoft:";
const ID_MIDDLE: &str = r"\HVR\";

#[cfg(test)]
mod tests {
    use super::{RelationshipId, RelationshipIdError, is_vm_name, resource_uri};

    const VM: &str = "4EA7033C-356C-4EBA-9F77-1A3399CFCD72";

    #[test]
    fn resource_uris_name_namespace_and_class() {
        assert_eq!(
            resource_uri("Msvm_ReplicationService"),
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ReplicationService"
        );
    }

    #[test]
    fn only_guids_name_virtual_machines() {
        assert!(is_vm_name(VM));
        assert!(is_vm_name(&VM.to_lowercase()));
        for other in
            ["HV1", "", "{4EA7033C-356C-4EBA-9F77-1A3399CFCD72}", "4EA7033C-356C-4EBA-9F77-1A3399CFCD7G"]
        {
            assert!(!is_vm_name(other), "{other}");
        }
        assert!(!is_vm_name("4EA7033C356C-4EBA--9F77-1A3399CFCD72"));
    }

    #[test]
    fn relationship_ids_round_trip() {
        let id: RelationshipId = format!(r"Microsoft:{VM}\HVR\1").parse().unwrap();
        assert_eq!(id, RelationshipId::new(VM, 1));
        assert_eq!(id.to_string(), format!(r"Microsoft:{VM}\HVR\1"));
    }

    #[test]
    fn other_ids_are_refused() {
        let others = [
            format!(r"Microsoft:{VM}\HVR"),
            format!(r"Microsoft:{VM}\HVR\"),
            format!(r"Microsoft:{VM}\HVR\+1"),
            format!(r"Microsoft:{VM}\HVR\0\0"),
            r"Microsoft:HOST\HVR\0".to_owned(),
            format!("Microsoft:{VM}"),
        ];
        for other in others {
            assert_eq!(other.parse::<RelationshipId>(), Err(RelationshipIdError), "{other}");
        }
    }
}
