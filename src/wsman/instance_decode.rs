//! Elements to instances and parameters.

use crate::cim::{Class, Instance, Method, Name, Schema, Value};
use crate::xml::{Content, Reader, XmlError};

use super::decode_value::{self, Declared, STRAY};
use super::ns;

/// What declares the child elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Members {
    /// Properties of a class, if it is known.
    Class(Option<&'static Class>),
    /// Parameters of a method, if it is known.
    Method(Option<&'static Method>),
}

impl Members {
    /// The name as the schema has it, and what it declares.
    fn find(self, local: &str) -> Option<(&'static str, Declared)> {
        match self {
            Self::Class(class) => {
                let property = class?.property(local)?;
                Some((property.name, property.into()))
            }
            Self::Method(method) => {
                if local == RETURN_VALUE {
                    return Some((RETURN_VALUE, Declared::scalar(method?.returns)));
                }
                let parameter = method?.parameter(local)?;
                Some((parameter.name, parameter.into()))
            }
        }
    }
}

/// Decodes instances one after the other and remembers the order of the properties of the last, since hosts
/// repeat it: names are looked up once for an enumeration.
#[derive(Debug, Default)]
pub(super) struct InstanceDecoder {
    class: String,
    shape: Vec<(Name, Option<Declared>)>,
}

impl InstanceDecoder {
    /// Reads the instance whose element began last.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, schema: &Schema) -> Result<Instance, XmlError> {
        let name = reader.name();
        let known = schema.class(name.local);
        let namespace = namespace_of(name.namespace, name.local);
        if self.class != name.local {
            name.local.clone_into(&mut self.class);
            self.shape.clear();
        }
        let class = known.map_or_else(|| Name::Owned(self.class.clone()), |known| Name::Borrowed(known.name));
        if decode_value::is_nil(reader)? {
            reader.skip()?;
            return Ok(Instance::new(class, namespace));
        }
        let mut attributes = decode_value::own_attributes(reader)?;
        let properties = self.properties(reader, Members::Class(known), schema)?;
        if attributes.is_empty() {
            return Ok(Instance { class, namespace, properties });
        }
        attributes.extend(properties);
        Ok(Instance { class, namespace, properties: attributes })
    }

    fn properties(
        &mut self,
        reader: &mut Reader<'_>,
        members: Members,
        schema: &Schema,
    ) -> Result<Vec<(Name, Value)>, XmlError> {
        let mut properties: Vec<(Name, Value)> = Vec::with_capacity(self.shape.len());
        let mut aligned = true;
        loop {
            match reader.text_or_child()? {
                Content::Text(text) => {
                    keep_stray(&mut properties, &text);
                    break;
                }
                Content::Child(text) => keep_stray(&mut properties, &text),
            }
            let local = reader.name().local;
            let is_repeated = properties.last().is_some_and(|(name, _)| name == local);
            let at = properties.len() - usize::from(is_repeated);
            match self.shape.get(at).filter(|(name, _)| aligned && name == local).cloned() {
                Some((name, declared)) => {
                    let value = as_declared(decode_value::read(reader, declared, schema)?, declared);
                    if is_repeated {
                        add(&mut properties, name, value);
                    } else {
                        properties.push((name, value));
                    }
                }
                None => {
                    aligned = aligned && is_repeated;
                    read_member(reader, members, &mut properties, schema)?;
                }
            }
        }
        if !aligned || self.shape.is_empty() {
            self.remember(members, &properties);
        }
        Ok(properties)
    }

    fn remember(&mut self, members: Members, properties: &[(Name, Value)]) {
        let shape = properties.iter().map(|(name, _)| match members.find(name) {
            Some((name, declared)) => (Name::Borrowed(name), Some(declared)),
            None => (name.clone(), None),
        });
        self.shape = shape.collect();
    }
}

/// Reads the children of the innermost open element as properties or parameters. Where the first has begun
/// already, `begun` is the text in front of it.
pub(super) fn decode_members(
    reader: &mut Reader<'_>,
    members: Members,
    begun: Option<&str>,
    schema: &Schema,
) -> Result<Vec<(Name, Value)>, XmlError> {
    let mut properties = Vec::new();
    if let Some(text) = begun {
        keep_stray(&mut properties, text);
        read_member(reader, members, &mut properties, schema)?;
    }
    loop {
        match reader.text_or_child()? {
            Content::Text(text) => {
                keep_stray(&mut properties, &text);
                return Ok(properties);
            }
            Content::Child(text) => {
                keep_stray(&mut properties, &text);
                read_member(reader, members, &mut properties, schema)?;
            }
        }
    }
}

fn read_member(
    reader: &mut Reader<'_>,
    members: Members,
    properties: &mut Vec<(Name, Value)>,
    schema: &Schema,
) -> Result<(), XmlError> {
    let local = reader.name().local;
    let found = members.find(local);
    let name = found.map_or_else(|| Name::Owned(local.to_owned()), |(name, _)| Name::Borrowed(name));
    let declared = found.map(|(_, declared)| declared);
    let value = decode_value::read(reader, declared, schema)?;
    add(properties, name, as_declared(value, declared));
    Ok(())
}

/// A declared array is one even with a single element (MS-WSMV 3.1.4.1.26).
fn as_declared(value: Value, declared: Option<Declared>) -> Value {
    match value {
        Value::Null => Value::Null,
        value if declared.is_some_and(|declared| declared.is_array) => Value::Array(vec![value]),
        value => value,
    }
}

/// Adds a property; an element that repeats makes an array.
pub(super) fn add(properties: &mut Vec<(Name, Value)>, name: Name, value: Value) {
    let Some((_, present)) = properties.iter_mut().rev().find(|(own, _)| *own == name) else {
        properties.push((name, value));
        return;
    };
    let more = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    match present {
        Value::Array(values) => values.extend(more),
        scalar => {
            let first = std::mem::replace(scalar, Value::Null);
            *scalar = Value::Array(std::iter::once(first).chain(more).collect());
        }
    }
}

fn keep_stray(properties: &mut Vec<(Name, Value)>, text: &str) {
    if !text.trim().is_empty() {
        add(properties, Name::Borrowed(STRAY), text.into());
    }
}

/// The CIM namespace of a class from its XML namespace; that itself where it is no WMI class.
pub(super) fn namespace_of(xml_namespace: &str, class: &str) -> Name {
    match ns::cim_namespace(xml_namespace) {
        Some((path, last)) if last.eq_ignore_ascii_case(class) => match path {
            HYPER_V => Name::Borrowed(HYPER_V),
            _ => Name::Owned(path.to_owned()),
        },
        _ => Name::Owned(xml_namespace.to_owned()),
    }
}

/// Class and namespace that `xsi:type` names, such as `p:Msvm_Error_Type`.
pub(super) fn class_of_type(reader: &Reader<'_>) -> Result<Option<(Name, Name)>, XmlError> {
    let Some(text) = reader.attribute(ns::XSI, "type")? else { return Ok(None) };
    let Some(name) = reader.resolve(&text) else { return Ok(None) };
    let Some(class) = name.local.strip_suffix("_Type") else { return Ok(None) };
    Ok(Some((Name::Owned(class.to_owned()), namespace_of(name.namespace, class))))
}

/// Name of the element that carries what a method returns.
pub(super) const RETURN_VALUE: &str = "ReturnValue";

/// The namespace nearly every instance is in; kept here only to save its allocation.
const HYPER_V: &str = "root/virtualization/v2";
