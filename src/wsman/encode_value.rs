//! CIM values to elements (DSP0230; MS-WSMV 2.2.4.8).

use crate::cim::{Instance, Reference, Schema, Selector, SelectorValue, Value};
use crate::xml::{WriteError, Writer};

use super::cim_xml;

/// A message that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A text that XML cannot carry.
    #[error("the message cannot be written as XML")]
    Text(#[from] WriteError),
}

/// Writes one value as an element of that name, an array as one element for each of its values.
pub(super) fn write_value(writer: &mut Writer, name: &str, value: &Value, schema: &Schema) {
    match value {
        Value::Null => writer.element(name).attribute("xsi:nil", "true").empty(),
        Value::Array(values) => {
            for value in values {
                write_value(writer, name, value, schema);
            }
        }
        Value::DateTime(time) => {
            let text = time.to_xs();
            writer.element(name).content(|writer| writer.element("cim:Datetime").text(&text));
        }
        Value::Interval(interval) => {
            let text = interval.to_xs();
            writer.element(name).content(|writer| writer.element("cim:Interval").text(&text));
        }
        Value::Reference(reference) => {
            writer.element(name).content(|writer| write_reference_content(writer, reference));
        }
        Value::Instance(instance) => match cim_xml::instance_to_text(instance, schema) {
            Ok(text) => writer.element(name).text(&text),
            // Written once more as it is, so that the writer reports what cannot be carried.
            Err(EncodeError::Text(WriteError::ForbiddenCharacter(character))) => {
                writer.element(name).text(character.encode_utf8(&mut [0; 4]));
            }
        },
        scalar => writer.element(name).text(&scalar.to_text().unwrap_or_default()),
    }
}

/// Writes the content of a reference parameter: Windows refuses an `a:EndpointReference` around it.
pub(super) fn write_reference_content(writer: &mut Writer, reference: &Reference) {
    writer.element("a:Address").text(&reference.address);
    writer.element("a:ReferenceParameters").content(|writer| {
        writer.element("w:ResourceURI").text(&reference.resource_uri);
        if !reference.selectors.is_empty() {
            write_selectors(writer, &reference.selectors);
        }
    });
}

/// Writes a `w:SelectorSet`.
pub(super) fn write_selectors(writer: &mut Writer, selectors: &[Selector]) {
    writer.element("w:SelectorSet").content(|writer| {
        for selector in selectors {
            let open = writer.element("w:Selector").attribute("Name", &selector.name);
            match &selector.value {
                SelectorValue::Text(text) => open.text(text),
                SelectorValue::Reference(reference) => open.content(|writer| {
                    writer
                        .element("a:EndpointReference")
                        .content(|writer| write_reference_content(writer, reference));
                }),
            }
        }
    });
}

/// Writes an instance as an element in the namespace of its class, as a host gives it.
pub(super) fn write_instance(writer: &mut Writer, instance: &Instance, schema: &Schema) {
    let name = format!("p:{}", instance.class);
    let namespace = class_namespace(instance);
    writer
        .element(&name)
        .declare("xsi", super::ns::XSI)
        .declare("p", &namespace)
        .declare("cim", super::ns::CIM)
        .attribute("xsi:type", &format!("p:{}_Type", instance.class))
        .content(|writer| {
            for (name, value) in &instance.properties {
                write_value(writer, &format!("p:{name}"), value, schema);
            }
        });
}

/// The XML namespace of a class: its WMI resource URI, or what came as namespace where that is a URI.
fn class_namespace(instance: &Instance) -> String {
    if instance.namespace.contains("://") {
        return instance.namespace.to_string();
    }
    super::ns::wmi_uri(&instance.namespace, &instance.class)
}
