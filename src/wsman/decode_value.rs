//! Elements to CIM values (DSP0230; MS-WSMV 2.2.4.8), with the types that the schema declares.

use std::borrow::Cow;

use crate::cim::{DateTime, Instance, Interval, Name, Parameter, Property, Schema, Type, Value};
use crate::xml::{Content, Element, Node, Reader, XmlError};

use super::instance_decode::{Members, class_of_type, decode_members, namespace_of};
use super::{cim_xml, ns, reference};

/// What the schema says of a property or parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    kind: Type,
    pub(super) is_array: bool,
    target: Option<&'static str>,
}

impl From<&'static Property> for Declared {
    fn from(property: &'static Property) -> Self {
        Self { kind: property.kind, is_array: property.is_array, target: property.target }
    }
}

impl From<&'static Parameter> for Declared {
    fn from(parameter: &'static Parameter) -> Self {
        Self { kind: parameter.kind, is_array: parameter.is_array, target: parameter.target }
    }
}

impl Declared {
    pub(super) const fn scalar(kind: Type) -> Self {
        Self { kind, is_array: false, target: None }
    }
}

/// Reads the value of the element that began last, to its end. A text that is no value of the declared type
/// stays text, so that nothing is lost.
pub(super) fn read(
    reader: &mut Reader<'_>,
    declared: Option<Declared>,
    schema: &Schema,
) -> Result<Value, XmlError> {
    if !reader.has_attributes() {
        return content(reader, None, declared, schema);
    }
    if is_nil(reader)? {
        reader.skip()?;
        return Ok(Value::Null);
    }
    let type_name = class_of_type(reader)?;
    // What the schema knows has no attributes of its own; elsewhere they may say something.
    let attributes = if declared.is_some() { Vec::new() } else { own_attributes(reader)? };
    let value = content(reader, type_name, declared, schema)?;
    Ok(if attributes.is_empty() { value } else { with_attributes(attributes, value) })
}

fn content(
    reader: &mut Reader<'_>,
    type_name: Option<(Name, Name)>,
    declared: Option<Declared>,
    schema: &Schema,
) -> Result<Value, XmlError> {
    match reader.text_or_child()? {
        Content::Text(text) => Ok(scalar(text, declared, schema)),
        Content::Child(text) => read_structure(reader, &text, type_name, declared, schema),
    }
}

/// The attributes of the element that began last, as properties of their own; those of XML Schema are none.
pub(super) fn own_attributes(reader: &Reader<'_>) -> Result<Vec<(Name, Value)>, XmlError> {
    let all = reader.attributes()?.into_iter();
    let own = all.filter(|(name, _)| !matches!(name.namespace, ns::XSI | ns::XML | ns::SOAP));
    Ok(own.map(|(name, value)| attribute(name.local, &value)).collect())
}

fn attribute(local: &str, value: &str) -> (Name, Value) {
    (Name::Owned(format!("@{local}")), value.into())
}

/// A value that came with attributes: an instance that has them before what it is.
fn with_attributes(mut attributes: Vec<(Name, Value)>, value: Value) -> Value {
    match value {
        Value::Instance(mut instance) => {
            attributes.append(&mut instance.properties);
            instance.properties = attributes;
            Value::Instance(instance)
        }
        value => {
            attributes.push((Name::Borrowed(STRAY), value));
            Instance { properties: attributes, ..Instance::default() }.into()
        }
    }
}

pub(super) fn is_nil(reader: &Reader<'_>) -> Result<bool, XmlError> {
    let nil = reader.attribute(ns::XSI, "nil")?;
    Ok(nil.is_some_and(|nil| matches!(nil.as_bytes().trim_ascii(), b"true" | b"1")))
}

fn scalar(text: Cow<'_, str>, declared: Option<Declared>, schema: &Schema) -> Value {
    match declared {
        Some(Declared { kind: Type::String, target: None, .. }) => Value::String(text.into_owned()),
        Some(Declared { kind, .. }) if kind != Type::String => {
            Value::parse(kind, &text).unwrap_or_else(|_| Value::String(text.into_owned()))
        }
        _ if cim_xml::looks_like_instance(&text) => cim_xml::instance_from_text(&text, schema)
            .map_or_else(|_| Value::String(text.into_owned()), Value::from),
        _ => Value::String(text.into_owned()),
    }
}

/// A value with elements of its own, the first of which has begun behind `text`.
fn read_structure(
    reader: &mut Reader<'_>,
    text: &str,
    type_name: Option<(Name, Name)>,
    declared: Option<Declared>,
    schema: &Schema,
) -> Result<Value, XmlError> {
    let name = reader.name();
    if name.namespace == ns::CIM
        && let Some(read) = time_reader(name.local)
    {
        let content = reader.text()?;
        let value = read(&content).unwrap_or_else(|| Value::String(content.into_owned()));
        while reader.child()? {
            reader.skip()?;
        }
        return Ok(value);
    }
    if reference::begins_reference(name.namespace, name.local) {
        return read_reference(reader, text, schema);
    }
    let (class, namespace) = match (type_name, declared.and_then(|declared| declared.target)) {
        (Some(found), _) => found,
        (None, Some(target)) => (Name::Borrowed(target), namespace_of(name.namespace, target)),
        (None, None) => (Name::Borrowed(""), Name::Owned(name.namespace.to_owned())),
    };
    let known = schema.class(&class);
    let properties = decode_members(reader, Members::Class(known), Some(text), schema)?;
    Ok(Instance { class, namespace, properties }.into())
}

/// How the elements of a `cimDateTime` are read.
fn time_reader(local: &str) -> Option<fn(&str) -> Option<Value>> {
    match local {
        "Datetime" | "Date" | "Time" | "CIM_DateTime" | "Interval" => Some(|text: &str| {
            let time = DateTime::parse(text).map(Value::DateTime);
            time.or_else(|_| Interval::parse(text).map(Value::Interval)).ok()
        }),
        _ => None,
    }
}

fn read_reference(reader: &mut Reader<'_>, text: &str, schema: &Schema) -> Result<Value, XmlError> {
    let mut holder = Element::default();
    loop {
        holder.children.push(Node::Element(Element::read(reader)?));
        if !reader.child()? {
            break;
        }
    }
    match reference::decode(&holder) {
        Ok(reference) => Ok(reference.into()),
        Err(_) => Ok(from_element(&holder, Some(text), schema)),
    }
}

/// A value of an element that is no value of CIM: its parts become properties, so that nothing is lost.
pub(super) fn from_element(element: &Element, text: Option<&str>, schema: &Schema) -> Value {
    if element.attribute(ns::XSI, "nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1")) {
        return Value::Null;
    }
    let own = element.attributes.iter();
    let own = own.filter(|own| !matches!(own.namespace.as_str(), ns::XSI | ns::XML | ns::SOAP));
    let attributes: Vec<_> = own.map(|own| attribute(&own.local, &own.value)).collect();
    let value = content_of(element, text, schema);
    if attributes.is_empty() { value } else { with_attributes(attributes, value) }
}

fn content_of(element: &Element, text: Option<&str>, schema: &Schema) -> Value {
    if element.elements().next().is_none() {
        return scalar(Cow::Owned(element.text()), None, schema);
    }
    if let Ok(reference) = reference::decode(element) {
        return reference.into();
    }
    let mut instance = Instance::new("", element.namespace.clone());
    for child in element.elements() {
        let value = from_element(child, None, schema);
        super::instance_decode::add(&mut instance.properties, Name::Owned(child.local.clone()), value);
    }
    let own = element.text();
    for stray in [text.unwrap_or_default(), &own] {
        if !stray.trim().is_empty() {
            super::instance_decode::add(&mut instance.properties, Name::Borrowed(STRAY), stray.into());
        }
    }
    instance.into()
}

/// Name under which text between elements is kept.
pub(super) const STRAY: &str = "#text";
