//! `NAME=VALUE` arguments to selectors and typed parameters.

use crate::cim::{DateTime, Interval, Name, Parameter, Reference, Schema, Selector, Type, Value};
use crate::wsman::{WMI, cim_namespace, wmi_uri};

/// The resource URI of what was given: a URI as it is, or a class of a namespace.
pub(super) fn resource_uri(resource: &str, namespace: &str) -> String {
    if resource.contains("://") { resource.to_owned() } else { wmi_uri(namespace, resource) }
}

/// The URI of class `*` in the namespace of that one, which WQL needs.
pub(super) fn any_class(uri: &str) -> String {
    match cim_namespace(uri) {
        Some((namespace, _)) => wmi_uri(namespace, "*"),
        None => uri.to_owned(),
    }
}

/// Reads selectors.
pub(super) fn selectors(given: &[String]) -> Result<Vec<Selector>, String> {
    given
        .iter()
        .map(|text| {
            let (name, value) =
                text.split_once('=').ok_or_else(|| format!("--selector {text:?} is not KEY=VALUE"))?;
            Ok(Selector::new(name, value))
        })
        .collect()
}

/// Reads parameters of a method, with the types that the schema has for them; without one they are text. One
/// that repeats is an array.
pub(super) fn parameters(
    given: &[String],
    resource_uri: &str,
    method: &str,
    schema: &Schema,
) -> Result<Vec<(Name, Value)>, String> {
    let class = resource_uri.rsplit('/').next().unwrap_or_default();
    let known = schema.class(class).and_then(|class| class.method(method));
    let mut parameters: Vec<(Name, Value)> = Vec::new();
    for text in given {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("--param {text:?} is not NAME=VALUE"))?;
        let declared = known.and_then(|method| method.parameter(name));
        if let (Some(method), None) = (known, declared) {
            let names: Vec<_> =
                method.parameters.iter().filter(|one| one.is_in).map(|one| one.name).collect();
            return Err(format!("{} has no parameter {name:?}; it has {}", method.name, names.join(", ")));
        }
        let value = value_of(value, declared, resource_uri)?;
        let is_array = declared.is_some_and(|declared| declared.is_array);
        let name: Name = declared.map_or_else(|| name.to_owned().into(), |declared| declared.name.into());
        match parameters.iter_mut().find(|(own, _)| *own == name) {
            Some((_, Value::Array(values))) => values.push(value),
            Some(_) if declared.is_some() => {
                return Err(format!("--param {name} is no array and may not repeat"));
            }
            Some((_, first)) => {
                let one = std::mem::replace(first, Value::Null);
                *first = Value::Array(vec![one, value]);
            }
            None if is_array => parameters.push((name, Value::Array(vec![value]))),
            None => parameters.push((name, value)),
        }
    }
    // In the order of declaration, as the host's own client sends them.
    if let Some(method) = known {
        let place = |name: &str| method.parameters.iter().position(|parameter| parameter.name == name);
        parameters.sort_by_key(|(name, _)| place(name));
    }
    Ok(parameters)
}

fn value_of(text: &str, declared: Option<&'static Parameter>, resource_uri: &str) -> Result<Value, String> {
    let Some(declared) = declared else { return Ok(text.into()) };
    let wrong = |what: &str| format!("--param {}={text}: {what}", declared.name);
    match declared.kind {
        Type::Reference => reference(text, resource_uri)
            .map(Value::from)
            .ok_or_else(|| wrong("a reference is written Class.Key=\"value\",Key=\"value\"")),
        Type::DateTime => {
            let time = DateTime::parse(text).map(Value::from);
            time.or_else(|_| Interval::parse(text).map(Value::from)).map_err(|_| {
                wrong("neither a time such as 2026-11-24T20:00:00Z nor a length such as P0DT0H5M0S")
            })
        }
        kind => Value::parse(kind, text).map_err(|error| wrong(&error.to_string())),
    }
}

/// Reads a WMI object path, in the namespace of the resource unless it names its own.
fn reference(path: &str, resource_uri: &str) -> Option<Reference> {
    let (own, namespace) = match cim_namespace(resource_uri) {
        Some((namespace, _)) => (path, namespace),
        None => (path, ""),
    };
    let (namespace, rest) = match own.split_once(':') {
        Some((head, rest)) if !head.contains('=') => (head.trim_start_matches(['\\', '/']), rest),
        _ => (namespace, own),
    };
    let (class, keys) = rest.split_once('.')?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let selectors = split_keys(keys)?;
    if !is_name(class) || selectors.iter().any(|selector| !is_name(&selector.name)) {
        return None;
    }
    let uri = if namespace.is_empty() { format!("{WMI}{class}") } else { wmi_uri(namespace, class) };
    Some(Reference::new(uri, selectors))
}

/// Reads `Key="value",Key='value',Key=7`; a backslash escapes what follows in quotes.
fn split_keys(mut text: &str) -> Option<Vec<Selector>> {
    let mut selectors = Vec::new();
    loop {
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = match rest.chars().next()? {
            quote @ ('"' | '\'') => quoted(&rest[1..], quote)?,
            _ => rest
                .find(',')
                .map_or_else(|| (rest.to_owned(), ""), |end| (rest[..end].to_owned(), &rest[end..])),
        };
        selectors.push(Selector::new(name.trim(), value));
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return rest.is_empty().then_some(selectors),
        }
    }
}

fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            end if end == quote => return Some((value, &text[at + end.len_utf8()..])),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{parameters, reference, resource_uri};
    use crate::cim::Value;
    use crate::msvm::SCHEMA;

    #[test]
    fn paths_become_references() {
        let uri = resource_uri("Msvm_ReplicationService", "root/virtualization/v2");
        let found =
            reference(r#"Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name='A\\B"'"#, &uri)
                .unwrap();
        assert_eq!(found.resource_uri, resource_uri("Msvm_ComputerSystem", "root/virtualization/v2"));
        assert_eq!(found.selector("Name"), Some("A\\B\""));
        for bad in ["x", "Class.", "Class.K", "Class.K=\"v", "Class.K=\"v\"x", "a b.K=1"] {
            assert_eq!(reference(bad, &uri), None, "{bad}");
        }
    }

    #[test]
    fn parameters_have_the_types_of_the_schema() {
        let uri = resource_uri("Msvm_ReplicationService", "root/virtualization/v2");
        let given = ["StartTime=2026-11-24T20:00:00Z", "ComputerSystem=Msvm_ComputerSystem.Name=\"A\""]
            .map(str::to_owned);
        let found = parameters(&given, &uri, "Resynchronize", &SCHEMA).unwrap();
        assert_eq!(found[0].0, "ComputerSystem");
        assert!(matches!(found[1].1, Value::DateTime(_)));
        let wrong = parameters(&["Start=1".to_owned()], &uri, "Resynchronize", &SCHEMA).unwrap_err();
        assert_eq!(wrong, "Resynchronize has no parameter \"Start\"; it has ComputerSystem, StartTime");
    }
}
