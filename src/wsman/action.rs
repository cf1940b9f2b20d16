//! Action URIs.

use super::message::{Direction, Kind};

/// The action of a request or a reply of that kind; `None` for Identify, Invoke and faults.
pub(super) fn of(kind: Kind, direction: Direction) -> Option<&'static str> {
    let (_, request, reply) = KNOWN.iter().find(|(known, _, _)| *known == kind)?;
    Some(match direction {
        Direction::Request => request,
        Direction::Response => reply,
    })
}

/// Which operation and direction an action stands for.
pub(super) fn classify(action: &str) -> Option<(Kind, Direction)> {
    if FAULTS.contains(&action) {
        return Some((Kind::Fault, Direction::Response));
    }
    KNOWN.iter().find_map(|(kind, request, reply)| match action {
        _ if action == *request => Some((*kind, Direction::Request)),
        _ if action == *reply => Some((*kind, Direction::Response)),
        _ => None,
    })
}

/// The action of a fault whose subcode is in that namespace.
pub(super) fn of_fault(subcode_namespace: &str) -> &'static str {
    match subcode_namespace {
        super::ns::WSMAN => FAULTS[1],
        super::ns::ENUMERATION => FAULTS[2],
        super::ns::EVENTING => FAULTS[3],
        _ => FAULTS[0],
    }
}

const FAULTS: [&str; 5] = [
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
    "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault",
    "http://schemas.xmlsoap.org/ws/2004/08/eventing/fault",
    "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault",
];

const KNOWN: [(Kind, &str, &str); 9] = [
    (
        Kind::Get,
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get",
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse",
    ),
    (
        Kind::Put,
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/Put",
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/PutResponse",
    ),
    (
        Kind::Create,
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create",
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse",
    ),
    (
        Kind::Delete,
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete",
        "http://schemas.xmlsoap.org/ws/2004/09/transfer/DeleteResponse",
    ),
    (
        Kind::Enumerate,
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate",
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/EnumerateResponse",
    ),
    (
        Kind::Pull,
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull",
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/PullResponse",
    ),
    (
        Kind::Release,
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release",
        "http://schemas.xmlsoap.org/ws/2004/09/enumeration/ReleaseResponse",
    ),
    (
        Kind::Subscribe,
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe",
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscribeResponse",
    ),
    (
        Kind::Unsubscribe,
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/Unsubscribe",
        "http://schemas.xmlsoap.org/ws/2004/08/eventing/UnsubscribeResponse",
    ),
];
