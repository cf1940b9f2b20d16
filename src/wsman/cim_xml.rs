//! Embedded instances as CIM-XML text (DSP0201, `INSTANCE`), the form that Hyper-V takes and gives in strings.
//!
//! Hyper-V parses the text with a parser of its own: named entities fail there, numeric references work. So
//! text is escaped by number, arrays are `PROPERTY.ARRAY` even with one value, and a datetime is 25 characters.

use std::fmt::Write as _;

use crate::cim::{Class, Instance, Name, Schema, Type, Value};
use crate::xml::{Content, Event, Reader, WriteError, XmlError};

use super::encode_value::EncodeError;

/// Writes an instance as CIM-XML text. Types come from the schema, else from the values.
///
/// # Errors
/// Some text holds a character that XML cannot carry.
pub fn instance_to_text(instance: &Instance, schema: &Schema) -> Result<String, EncodeError> {
    let class = schema.class(&instance.class);
    let mut out = String::new();
    let _ = write!(out, "<INSTANCE CLASSNAME=\"{}\">", escape(&instance.class)?);
    for (name, value) in &instance.properties {
        write_property(&mut out, name, value, class, schema)?;
    }
    out.push_str("</INSTANCE>");
    Ok(out)
}

fn write_property(
    out: &mut String,
    name: &str,
    value: &Value,
    class: Option<&Class>,
    schema: &Schema,
) -> Result<(), EncodeError> {
    let property = class.and_then(|class| class.property(name));
    let kind = property.map_or_else(|| type_of(value), |property| property.kind);
    let is_array = property.map_or(matches!(value, Value::Array(_)), |property| property.is_array);
    let tag = if is_array { "PROPERTY.ARRAY" } else { "PROPERTY" };
    let _ = write!(out, "<{tag} NAME=\"{}\" TYPE=\"{kind}\">", escape(name)?);
    if !value.is_null() {
        if is_array {
            out.push_str("<VALUE.ARRAY>");
        }
        for element in value.elements() {
            let _ = write!(out, "<VALUE>{}</VALUE>", escape(&text_of(element, schema)?)?);
        }
        if is_array {
            out.push_str("</VALUE.ARRAY>");
        }
    }
    let _ = write!(out, "</{tag}>");
    Ok(())
}

fn text_of(value: &Value, schema: &Schema) -> Result<String, EncodeError> {
    Ok(match value {
        Value::DateTime(time) => time.to_dsp0004(),
        Value::Interval(interval) => interval.to_dsp0004(),
        Value::Boolean(true) => "TRUE".to_owned(),
        Value::Boolean(false) => "FALSE".to_owned(),
        Value::Instance(instance) => instance_to_text(instance, schema)?,
        scalar => scalar.to_text().unwrap_or_default(),
    })
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Boolean(_) => Type::Boolean,
        Value::Unsigned(_) => Type::Uint64,
        Value::Signed(_) => Type::Sint64,
        Value::Real32(_) => Type::Real32,
        Value::Real64(_) => Type::Real64,
        Value::Char16(_) => Type::Char16,
        Value::DateTime(_) | Value::Interval(_) => Type::DateTime,
        Value::Array(values) => values.first().map_or(Type::String, type_of),
        Value::Null | Value::String(_) | Value::Reference(_) | Value::Instance(_) => Type::String,
    }
}

/// Escapes by number.
fn escape(text: &str) -> Result<String, WriteError> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' | '\r' | '\n' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {
                return Err(WriteError::ForbiddenCharacter(character));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Whether the text looks like an embedded instance.
pub(super) fn looks_like_instance(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("<INSTANCE") || (text.starts_with("<?xml") && text.contains("<INSTANCE"))
}

/// Reads an instance from CIM-XML text. Values get the types that the text declares.
///
/// # Errors
/// It is no acceptable XML, or something other than one `INSTANCE`.
pub fn instance_from_text(text: &str, schema: &Schema) -> Result<Instance, XmlError> {
    read(text, schema, 0)
}

fn read(text: &str, schema: &Schema, depth: usize) -> Result<Instance, XmlError> {
    if depth > DEEPEST {
        return Err(XmlError::TooDeep);
    }
    let mut reader = Reader::new(text);
    if reader.next_event()? != Event::Start || reader.name().local != "INSTANCE" {
        return Err(XmlError::UnexpectedElement);
    }
    let class = attribute(&reader, "CLASSNAME")?.unwrap_or_default();
    let class: Name = schema.class(&class).map_or(Name::Owned(class), |known| Name::Borrowed(known.name));
    let mut instance = Instance::new(class, "");
    while reader.child()? {
        if let Some(property) = read_property(&mut reader, schema, depth)? {
            instance.properties.push(property);
        }
    }
    match reader.next_event()? {
        Event::Eof => Ok(instance),
        _ => Err(XmlError::SecondRoot),
    }
}

fn read_property(
    reader: &mut Reader<'_>,
    schema: &Schema,
    depth: usize,
) -> Result<Option<(Name, Value)>, XmlError> {
    let is_array = match reader.name().local {
        "PROPERTY" | "PROPERTY.REFERENCE" => false,
        "PROPERTY.ARRAY" => true,
        // Qualifiers say nothing of the instance.
        _ => {
            reader.skip()?;
            return Ok(None);
        }
    };
    let name = attribute(reader, "NAME")?.unwrap_or_default();
    let kind = attribute(reader, "TYPE")?.and_then(|kind| Type::parse(&kind)).unwrap_or(Type::String);
    let mut values: Option<Vec<Value>> = None;
    while reader.child()? {
        match reader.name().local {
            "VALUE.ARRAY" => {
                let list = values.get_or_insert_default();
                while reader.child()? {
                    list.push(read_scalar(reader, kind, schema, depth)?);
                }
            }
            "QUALIFIER" => reader.skip()?,
            _ => {
                let value = read_scalar(reader, kind, schema, depth)?;
                values.get_or_insert_default().push(value);
            }
        }
    }
    let value = match values {
        None => Value::Null,
        Some(values) if is_array => Value::Array(values),
        Some(values) => values.into_iter().next().unwrap_or(Value::Null),
    };
    Ok(Some((Name::Owned(name), value)))
}

/// Reads `VALUE`, `VALUE.NULL`, or a value with elements of its own (`VALUE.REFERENCE`), whose text is kept.
fn read_scalar(
    reader: &mut Reader<'_>,
    kind: Type,
    schema: &Schema,
    depth: usize,
) -> Result<Value, XmlError> {
    if reader.name().local == "VALUE.NULL" {
        reader.skip()?;
        return Ok(Value::Null);
    }
    let mut text = String::new();
    let outside = reader.depth() - 1;
    loop {
        match reader.text_or_child()? {
            Content::Text(piece) => text.push_str(&piece),
            Content::Child(piece) => text.push_str(&piece),
        }
        if reader.depth() <= outside {
            break;
        }
    }
    if kind == Type::String
        && looks_like_instance(&text)
        && let Ok(instance) = read(&text, schema, depth + 1)
    {
        return Ok(instance.into());
    }
    Ok(Value::parse(kind, &text).unwrap_or(Value::String(text)))
}

fn attribute(reader: &Reader<'_>, name: &str) -> Result<Option<String>, XmlError> {
    Ok(reader.attribute("", name)?.map(std::borrow::Cow::into_owned))
}

const DEEPEST: usize = 8;
