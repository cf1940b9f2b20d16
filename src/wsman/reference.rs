//! References on the wire: endpoint references of WS-Addressing.

use crate::cim::{Reference, Selector, SelectorValue};
use crate::xml::Element;

use super::message::DecodeError;
use super::ns;

/// Reads a reference from the element that holds `a:Address` and the parameters, or that wraps an
/// `a:EndpointReference`. Both kinds of parameters are read: `ReferenceParameters` and `ReferenceProperties`.
pub(super) fn decode(element: &Element) -> Result<Reference, DecodeError> {
    if let Some(inner) = element.find(ns::ADDRESSING, "EndpointReference") {
        return decode(inner);
    }
    let parameters = || {
        element.elements().filter(|child| {
            child.is(ns::ADDRESSING, "ReferenceParameters") || child.is(ns::ADDRESSING, "ReferenceProperties")
        })
    };
    let in_parameters = |local: &str| parameters().find_map(|holder| holder.find(ns::WSMAN, local));
    let resource_uri = in_parameters("ResourceURI").ok_or(DecodeError::BadReference)?.text();
    let selectors = in_parameters("SelectorSet").map(selectors).transpose()?.unwrap_or_default();
    let address = element.find(ns::ADDRESSING, "Address").map(|address| address.text().trim().to_owned());
    Ok(Reference {
        address: address.unwrap_or_else(|| ns::ANONYMOUS.to_owned()),
        resource_uri: resource_uri.trim().to_owned(),
        selectors,
    })
}

/// Whether a child element of that name makes its parent a reference.
pub(super) fn begins_reference(namespace: &str, local: &str) -> bool {
    namespace == ns::ADDRESSING
        && matches!(local, "Address" | "EndpointReference" | "ReferenceParameters" | "ReferenceProperties")
}

/// Reads the selectors of a `w:SelectorSet`.
pub(super) fn selectors(set: &Element) -> Result<Vec<Selector>, DecodeError> {
    set.elements()
        .filter(|child| child.is(ns::WSMAN, "Selector"))
        .map(|selector| {
            let name = selector.attribute("", "Name").unwrap_or_default().to_owned();
            let value = match selector.elements().next() {
                Some(child) if child.is(ns::ADDRESSING, "EndpointReference") => {
                    SelectorValue::Reference(Box::new(decode(child)?))
                }
                Some(_) => SelectorValue::Reference(Box::new(decode(selector)?)),
                None => SelectorValue::Text(selector.text()),
            };
            Ok(Selector { name, value })
        })
        .collect()
}
