//! Reads faults in all their shapes: WSManFault, nested in a provider's, a CIM error, or nothing but a code.

use crate::xml::{Content, Element, Reader, TextName, XmlError};

use super::fault::{Fault, FaultCode, QualifiedName};
use super::ns;

/// Reads the `s:Fault` that began last.
pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Fault, XmlError> {
    let mut fault = Fault::new(FaultCode::Other(String::new()), None, "");
    while reader.child()? {
        match reader.name() {
            name if name.is(ns::SOAP, "Code") => read_code(reader, &mut fault)?,
            name if name.is(ns::SOAP, "Reason") => fault.reason = read_reason(reader)?,
            name if name.is(ns::SOAP, "Detail") => {
                while reader.child()? {
                    let element = Element::read(reader)?;
                    read_detail(&element, &mut fault);
                    fault.elements.push(element);
                }
            }
            _ => fault.elements.push(Element::read(reader)?),
        }
    }
    Ok(fault)
}

fn read_code(reader: &mut Reader<'_>, fault: &mut Fault) -> Result<(), XmlError> {
    let mut names = Vec::new();
    let outside = reader.depth();
    // Subcodes nest; the values come in document order.
    while reader.depth() >= outside {
        match reader.text_or_child()? {
            Content::Child(_) if reader.name().is(ns::SOAP, "Value") => {
                let name = reader.text_name()?;
                names.push((qualified(&name), name.text));
            }
            Content::Child(_) | Content::Text(_) => {}
        }
    }
    let mut names = names.into_iter();
    if let Some((name, text)) = names.next() {
        fault.code = code_of(&name, &text);
    }
    let mut subcodes = names.map(|(name, _)| name);
    fault.subcode = subcodes.next();
    fault.more_subcodes = subcodes.collect();
    Ok(())
}

/// Where the prefix is not declared, it stays in the name.
fn qualified(name: &TextName) -> QualifiedName {
    match &name.namespace {
        Some(namespace) => QualifiedName { namespace: namespace.clone(), local: name.local().to_owned() },
        None => QualifiedName { namespace: String::new(), local: name.text.trim().to_owned() },
    }
}

fn code_of(name: &QualifiedName, text: &str) -> FaultCode {
    if name.namespace != ns::SOAP {
        return FaultCode::Other(text.trim().to_owned());
    }
    match name.local.as_str() {
        "Sender" => FaultCode::Sender,
        "Receiver" => FaultCode::Receiver,
        "MustUnderstand" => FaultCode::MustUnderstand,
        "VersionMismatch" => FaultCode::VersionMismatch,
        "DataEncodingUnknown" => FaultCode::DataEncodingUnknown,
        _ => FaultCode::Other(text.trim().to_owned()),
    }
}

/// The texts in all languages, one behind the other.
fn read_reason(reader: &mut Reader<'_>) -> Result<String, XmlError> {
    let mut texts = Vec::new();
    while reader.child()? {
        texts.push(reader.text()?.into_owned());
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts.join("\n"))
}

fn read_detail(element: &Element, fault: &mut Fault) {
    if element.is(ns::WSMAN, "FaultDetail") {
        fault.detail.get_or_insert_with(|| element.text().trim().to_owned());
    } else if element.is(ns::FAULT, "WSManFault") {
        read_wsman_fault(element, fault);
    } else if is_cim_error(element) {
        read_cim_error(element, fault);
    }
}

/// The outer WSManFault; its message is text, or a provider's fault with another WSManFault in it.
fn read_wsman_fault(element: &Element, fault: &mut Fault) {
    fault.wsman_code = code_attribute(element);
    fault.machine = element.attribute("", "Machine").filter(|machine| !machine.is_empty()).map(str::to_owned);
    let Some(message) = element.find(ns::FAULT, "Message") else { return };
    fault.wsman_message = some_text(message);
    let Some(provider) = message.find(ns::FAULT, "ProviderFault") else { return };
    fault.provider = provider.attribute("", "provider").map(str::to_owned);
    fault.provider_message = some_text(provider);
    let mut inner = provider.find(ns::FAULT, "WSManFault");
    while let Some(nested) = inner {
        fault.provider_code = code_attribute(nested).or(fault.provider_code);
        let message = nested.find(ns::FAULT, "Message");
        if let Some(text) = message.and_then(some_text) {
            fault.provider_message = Some(text);
        }
        let deeper = message.and_then(|message| message.find(ns::FAULT, "ProviderFault"));
        inner = deeper.and_then(|deeper| deeper.find(ns::FAULT, "WSManFault"));
    }
    if fault.provider_code.is_none() {
        fault.provider_code = extended_status(provider);
    }
}

/// `StatusCode` of an `__ExtendedStatus` beside the provider's text.
fn extended_status(provider: &Element) -> Option<u32> {
    let extended = provider.find(ns::FAULT, "ExtendedError")?;
    let status = extended.elements().next()?;
    number(status.elements().find(|child| child.local == "StatusCode")?)
}

/// A CIM error has a class of its own in each namespace: what counts is the mark or the local name.
fn is_cim_error(element: &Element) -> bool {
    element.attribute(ns::BINDING, "IsCIM_Error").is_some()
        || matches!(element.local.as_str(), "MSFT_WmiError" | "OMI_Error" | "CIM_Error")
}

fn read_cim_error(element: &Element, fault: &mut Fault) {
    let part = |names: &[&str]| {
        names.iter().find_map(|name| {
            element.elements().find(|child| child.local == *name && !child.text().is_empty())
        })
    };
    fault.cim_status = part(&["CIMStatusCode"]).and_then(number);
    fault.provider_code = fault.provider_code.or_else(|| part(&["error_Code"]).and_then(number));
    let text = part(&["Message", "error_WindowsErrorMessage", "OMI_ErrorMessage"]).and_then(some_text);
    fault.provider_message = fault.provider_message.take().or(text);
}

fn code_attribute(element: &Element) -> Option<u32> {
    element.attribute("", "Code")?.trim().parse().ok()
}

fn number(element: &Element) -> Option<u32> {
    element.text().trim().parse().ok()
}

fn some_text(element: &Element) -> Option<String> {
    let text = element.text();
    if text.trim().is_empty() { None } else { Some(text) }
}
