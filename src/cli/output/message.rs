//! A decoded envelope as one JSON document.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cim::Value;
use crate::wsman::{
    Association, Body, Direction, Enumerate, EnumerateReply, Fault, Filter, Headers, Identity, Invocation,
    Message, Pull, ns, symbol,
};
use crate::xml::{Element, Node};

use super::json::Json;

/// A file and what it holds, as `decode` prints it.
#[derive(Debug)]
pub struct DecodedFile<'a> {
    /// Name as it was given.
    pub file: &'a str,
    /// The envelope.
    pub message: &'a Message,
}

impl Serialize for DecodedFile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", self.file)?;
        map.serialize_entry("kind", message.kind.name())?;
        map.serialize_entry(
            "direction",
            match message.direction {
                Direction::Request => "request",
                Direction::Response => "response",
            },
        )?;
        write_headers(&mut map, &message.headers)?;
        write_body(&mut map, message)?;
        write_elements(&mut map, "headers", other_headers(&message.headers))?;
        map.end()
    }
}

fn write_headers<M: SerializeMap>(map: &mut M, headers: &Headers) -> Result<(), M::Error> {
    map.serialize_entry("action", &headers.action)?;
    map.serialize_entry("message_id", &headers.message_id)?;
    map.serialize_entry("relates_to", &headers.relates_to)?;
    map.serialize_entry("to", &headers.to)?;
    map.serialize_entry("resource_uri", &headers.resource_uri)?;
    map.serialize_entry("selectors", &Json(headers.selectors.as_slice()))
}

/// The headers that have no field of their own, a second one of a name included.
fn other_headers(headers: &Headers) -> impl Iterator<Item = &Element> {
    let elements = &headers.elements;
    elements.iter().enumerate().filter_map(|(at, element)| {
        let has_field = FIELDS.iter().any(|(namespace, local)| element.is(namespace, local));
        let is_first = !elements.iter().take(at).any(|earlier| earlier.name() == element.name());
        (!has_field || !is_first).then_some(element)
    })
}

fn write_body<M: SerializeMap>(map: &mut M, message: &Message) -> Result<(), M::Error> {
    let more = &message.more;
    match &message.body {
        Body::Empty | Body::Identify => {}
        Body::Identity(identity) => map.serialize_entry("identity", &IdentityJson(identity))?,
        Body::Instance(instance) => map.serialize_entry("items", &[Json(instance)])?,
        Body::Enumerate(enumerate) => write_enumerate(map, enumerate)?,
        Body::Items(reply) => write_items(map, reply)?,
        Body::Pull(pull) => write_pull(map, pull)?,
        Body::Release(context) => map.serialize_entry("enumeration_context", context)?,
        Body::Invocation(invocation) => write_invocation(map, invocation, message.direction)?,
        Body::Fault(fault) => map.serialize_entry("fault", &FaultJson(fault))?,
        Body::Created(reference) => map.serialize_entry("reference", &Json(reference))?,
        Body::Other(element) => {
            return write_elements(map, "body", std::iter::once(element).chain(more));
        }
    }
    write_elements(map, "body", more.iter())
}

fn write_enumerate<M: SerializeMap>(map: &mut M, enumerate: &Enumerate) -> Result<(), M::Error> {
    if let Some(filter) = &enumerate.filter {
        map.serialize_entry("filter", &FilterJson(filter))?;
    }
    if let Some(mode) = enumerate.mode {
        map.serialize_entry("enumeration_mode", mode.text())?;
    }
    map.serialize_entry("optimize", &enumerate.optimize)?;
    if let Some(count) = enumerate.max_elements {
        map.serialize_entry("max_elements", &count)?;
    }
    write_elements(map, "more", enumerate.more.iter())
}

fn write_pull<M: SerializeMap>(map: &mut M, pull: &Pull) -> Result<(), M::Error> {
    map.serialize_entry("enumeration_context", &pull.context)?;
    if let Some(count) = pull.max_elements {
        map.serialize_entry("max_elements", &count)?;
    }
    write_elements(map, "more", pull.more.iter())
}

fn write_items<M: SerializeMap>(map: &mut M, reply: &EnumerateReply) -> Result<(), M::Error> {
    map.serialize_entry("items", &Json(reply.items.as_slice()))?;
    map.serialize_entry("end_of_sequence", &reply.end_of_sequence)?;
    map.serialize_entry("enumeration_context", &reply.context)?;
    write_elements(map, "more", reply.more.iter())
}

fn write_invocation<M: SerializeMap>(
    map: &mut M,
    invocation: &Invocation,
    direction: Direction,
) -> Result<(), M::Error> {
    map.serialize_entry("method", &invocation.method)?;
    map.serialize_entry("parameters", &Json(invocation.parameters.as_slice()))?;
    match (direction, &invocation.return_value) {
        (Direction::Request, None) => Ok(()),
        (_, value) => map.serialize_entry("return_value", &value.as_ref().map(ReturnValue)),
    }
}

/// A number also where no schema says that the method returns one.
struct ReturnValue<'a>(&'a Value);

impl Serialize for ReturnValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.0.as_i64()) {
            (Value::String(_), Some(number)) => serializer.serialize_i64(number),
            (value, _) => Json(value).serialize(serializer),
        }
    }
}

/// Writes a list of elements, unless it is empty.
fn write_elements<'e, M: SerializeMap>(
    map: &mut M,
    name: &str,
    elements: impl Iterator<Item = &'e Element>,
) -> Result<(), M::Error> {
    let elements: Vec<_> = elements.map(Json).collect();
    if elements.is_empty() { Ok(()) } else { map.serialize_entry(name, &elements) }
}

struct IdentityJson<'a>(&'a Identity);

impl Serialize for IdentityJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let identity = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("product_vendor", &identity.product_vendor)?;
        map.serialize_entry("product_version", &identity.product_version)?;
        map.serialize_entry("protocol_version", &identity.protocol_version)?;
        for (name, value) in &identity.more {
            map.serialize_entry(&snake_case(name), &Json(value))?;
        }
        map.end()
    }
}

/// `SecurityProfiles` as `security_profiles`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// A fault as JSON.
pub(in crate::cli) fn fault_json(fault: &Fault) -> serde_json::Value {
    serde_json::to_value(FaultJson(fault)).unwrap_or_default()
}

struct FaultJson<'a>(&'a Fault);

impl Serialize for FaultJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fault = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &fault.code.to_string())?;
        map.serialize_entry("subcode", &fault.subcode.as_ref().map(ToString::to_string))?;
        if !fault.more_subcodes.is_empty() {
            let names: Vec<String> = fault.more_subcodes.iter().map(ToString::to_string).collect();
            map.serialize_entry("more_subcodes", &names)?;
        }
        map.serialize_entry("reason", &fault.reason)?;
        map.serialize_entry("wsman_code", &fault.wsman_code)?;
        map.serialize_entry("wsman_symbol", &fault.wsman_code.and_then(symbol))?;
        map.serialize_entry("wsman_message", &fault.wsman_message)?;
        map.serialize_entry("machine", &fault.machine)?;
        map.serialize_entry("detail", &fault.detail)?;
        map.serialize_entry("provider", &fault.provider)?;
        map.serialize_entry("provider_code", &fault.provider_code)?;
        map.serialize_entry("provider_symbol", &fault.provider_code.and_then(symbol))?;
        map.serialize_entry("provider_message", &fault.provider_message)?;
        map.serialize_entry("cim_status", &fault.cim_status)?;
        write_elements(&mut map, "detail_elements", fault.elements.iter())?;
        map.end()
    }
}

struct FilterJson<'a>(&'a Filter);

impl Serialize for FilterJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("dialect", self.0.dialect())?;
        match self.0 {
            Filter::Wql(query) => map.serialize_entry("query", query)?,
            Filter::Selectors(selectors) => {
                map.serialize_entry("selectors", &Json(selectors.as_slice()))?;
            }
            Filter::Association(association) => write_association(&mut map, association)?,
            Filter::Other { content, .. } => map.serialize_entry("content", &Json(content))?,
        }
        map.end()
    }
}

fn write_association<M: SerializeMap>(map: &mut M, association: &Association) -> Result<(), M::Error> {
    map.serialize_entry("association_instances", &association.instances)?;
    map.serialize_entry("object", &Json(&association.object))?;
    let parts = [
        ("association_class_name", &association.association_class),
        ("role", &association.role),
        ("result_class_name", &association.result_class),
        ("result_role", &association.result_role),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            map.serialize_entry(name, value)?;
        }
    }
    Ok(())
}

impl Serialize for Json<'_, Element> {
    /// `name`, `namespace`, `attributes` by local name, and `text`, null for
    /// `xsi:nil`, or `content` where elements are inside.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let element = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &element.local)?;
        map.serialize_entry("namespace", &element.namespace)?;
        let is_nil = is_nil(element);
        if element.attributes.len() > usize::from(is_nil) {
            map.serialize_entry("attributes", &Attributes(element))?;
        }
        if is_nil {
            map.serialize_entry("text", &())?;
        } else if element.elements().next().is_none() {
            map.serialize_entry("text", &element.text())?;
        } else {
            let content: Vec<_> = element.children.iter().filter_map(Content::new).collect();
            map.serialize_entry("content", &content)?;
        }
        map.end()
    }
}

fn is_nil(element: &Element) -> bool {
    element.attribute(ns::XSI, "nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1"))
}

struct Attributes<'a>(&'a Element);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_nil = is_nil(self.0);
        let shown = self.0.attributes.iter();
        let shown = shown.filter(|own| !is_nil || own.local != "nil" || own.namespace != ns::XSI);
        serializer.collect_map(shown.map(|attribute| {
            let name = match ns::prefix(&attribute.namespace) {
                Some(prefix) => format!("{prefix}:{}", attribute.local),
                None if attribute.namespace.is_empty() => attribute.local.clone(),
                None => format!("{{{}}}{}", attribute.namespace, attribute.local),
            };
            (name, &attribute.value)
        }))
    }
}

/// A child that counts: blanks between elements do not.
struct Content<'a>(&'a Node);

impl<'a> Content<'a> {
    fn new(node: &'a Node) -> Option<Self> {
        match node {
            Node::Text(text) if text.trim().is_empty() => None,
            _ => Some(Self(node)),
        }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Element(element) => Json(element).serialize(serializer),
            Node::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// Headers with a field of their own.
const FIELDS: [(&str, &str); 6] = [
    (ns::ADDRESSING, "Action"),
    (ns::ADDRESSING, "MessageID"),
    (ns::ADDRESSING, "RelatesTo"),
    (ns::ADDRESSING, "To"),
    (ns::WSMAN, "ResourceURI"),
    (ns::WSMAN, "SelectorSet"),
];

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_of_identity_become_fields() {
        assert_eq!(snake_case("SecurityProfiles"), "security_profiles");
        assert_eq!(snake_case("InitiativeName2X"), "initiative_name2_x");
    }
}
