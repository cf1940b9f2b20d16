//! Names of the namespace as a client may spell them.

use crate::msvm::NAMESPACE;
use crate::wsman::cim_namespace;

/// Whether that is the namespace, in any case and with slashes of either kind.
pub(super) fn is_own_namespace(namespace: &str) -> bool {
    namespace.replace('\\', "/").eq_ignore_ascii_case(NAMESPACE)
}

/// The class that a resource URI of the namespace names; `None` for another namespace.
pub(super) fn class_of(resource_uri: &str) -> Option<&str> {
    let (namespace, class) = cim_namespace(resource_uri)?;
    is_own_namespace(namespace).then_some(class)
}
