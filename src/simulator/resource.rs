//! Names of the namespace on the wire.

/// The namespace, as it is written in resource URIs.
pub const NAMESPACE: &str = "root/virtualization/v2";

const WMI_ROOT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";

/// The resource URI of a class of the namespace.
pub fn resource_uri(class: &str) -> String {
    format!("{WMI_ROOT}{NAMESPACE}/{class}")
}

/// Whether that is the namespace, in any case and with slashes of either kind.
pub(super) fn is_own_namespace(namespace: &str) -> bool {
    namespace.replace('\\', "/").eq_ignore_ascii_case(NAMESPACE)
}

/// The class that a resource URI of the namespace names; `None` for another namespace.
pub(super) fn class_of(resource_uri: &str) -> Option<&str> {
    let head = resource_uri.get(..WMI_ROOT.len())?;
    if !head.eq_ignore_ascii_case(WMI_ROOT) {
        return None;
    }
    let (namespace, class) = resource_uri.get(WMI_ROOT.len()..)?.rsplit_once('/')?;
    is_own_namespace(namespace).then_some(class)
}
