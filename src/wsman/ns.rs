//! Namespace URIs, the prefixes we write for them, and resource URIs.

/// SOAP 1.2.
pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing, in the edition of August 2004 that WS-Management uses.
pub const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
/// WS-Management (DSP0226).
pub const WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
/// WS-Transfer.
pub const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
/// WS-Enumeration.
pub const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
/// WS-Eventing.
pub const EVENTING: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
/// WS-Management CIM binding (DSP0227).
pub const BINDING: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd";
/// Microsoft's extensions of the headers (MS-WSMV).
pub const WSMV: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
/// Microsoft's fault detail (MS-WSMV).
pub const FAULT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
/// WS-CIM common types (DSP0230).
pub const CIM: &str = "http://schemas.dmtf.org/wbem/wscim/1/common";
/// XML Schema instance attributes.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// WS-Management identity.
pub const IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
/// The `xml` prefix.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The anonymous role: the sender's own connection.
pub const ANONYMOUS: &str = crate::cim::ANONYMOUS;
/// What every WMI resource URI begins with.
pub const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
/// Base of the URIs of `w:FaultDetail`.
pub const FAULT_DETAIL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

/// The usual prefix of a namespace, for what we write and print.
pub fn prefix(namespace: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(_, known)| *known == namespace).map(|(prefix, _)| *prefix)
}

/// The namespace that we write with this prefix.
pub(super) fn of_prefix(prefix: &str) -> &'static str {
    PREFIXES.iter().find(|(known, _)| *known == prefix).map_or("", |(_, namespace)| *namespace)
}

/// The resource URI of a class in a WMI namespace (MS-WSMV 3.1.4.1.1). Backslashes become slashes.
pub fn wmi_uri(namespace: &str, class: &str) -> String {
    let path = namespace.replace('\\', "/");
    format!("{WMI}{}/{class}", path.trim_matches('/'))
}

/// The CIM namespace and the class of a WMI resource URI; `None` for URIs of another form.
pub fn cim_namespace(resource_uri: &str) -> Option<(&str, &str)> {
    let head = resource_uri.get(..WMI.len())?;
    let path = resource_uri.get(WMI.len()..)?;
    if head.eq_ignore_ascii_case(WMI) { path.rsplit_once('/') } else { None }
}

const PREFIXES: [(&str, &str); 13] = [
    ("s", SOAP),
    ("a", ADDRESSING),
    ("w", WSMAN),
    ("x", TRANSFER),
    ("n", ENUMERATION),
    ("e", EVENTING),
    ("b", BINDING),
    ("m", WSMV),
    ("f", FAULT),
    ("cim", CIM),
    ("xsi", XSI),
    ("wsmid", IDENTITY),
    ("xml", XML),
];
