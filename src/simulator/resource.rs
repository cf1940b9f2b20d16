//! Names of the namespace on the wire.

use crate::wsman::{cim_namespace, wmi_uri};

/// The namespace, as it is written in resource URIs.
pub const NAMESPACE: &str = "root/virtualization/v2";

/// The resource URI of a class of the namespace.
pub fn resource_uri(class: &str) -> String {
    wmi_uri(NAMESPACE, class)
}

/// Whether that is the namespace, in any case and with slashes of either kind.
pub(super) fn is_own_namespace(namespace: &str) -> bool {
    namespace.replace('\\', "/").eq_ignore_ascii_case(NAMESPACE)
}

/// The class that a resource URI of the namespace names; `None` for another namespace.
pub(super) fn class_of(resource_uri: &str) -> Option<&str> {
    let (namespace, class) = cim_namespace(resource_uri)?;
    is_own_namespace(namespace).then_some(class)
}
