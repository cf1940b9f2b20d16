//! Requests: what the client sends.

use crate::cim::{Name, Reference, Schema, Selector, Value};
use crate::xml::Writer;

use super::encode_value::{EncodeError, write_value};
use super::header::{self, RequestHeader};
use super::message::{Direction, Enumerate, Kind, Pull};
use super::{action, ns};

/// A request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Asks what answers there (DSP0226, 11).
    Identify,
    /// Reads one instance (WS-Transfer Get).
    Get(Reference),
    /// Begins an enumeration of a resource.
    Enumerate {
        /// Resource URI.
        resource_uri: String,
        /// The body.
        body: Enumerate,
    },
    /// Brings the next items.
    Pull {
        /// Resource URI of the Enumerate.
        resource_uri: String,
        /// The body.
        body: Pull,
    },
    /// Gives an enumeration up.
    Release {
        /// Resource URI of the Enumerate.
        resource_uri: String,
        /// The context.
        context: String,
    },
    /// Calls a method.
    Invoke(Invoke),
}

/// A method call.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    /// The instance, its class being the one that has the method.
    pub target: Reference,
    /// Name of the method, verbatim.
    pub method: String,
    /// In-parameters in the order of declaration.
    pub parameters: Vec<(Name, Value)>,
}

impl Request {
    /// The operation.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Identify => Kind::Identify,
            Self::Get(_) => Kind::Get,
            Self::Enumerate { .. } => Kind::Enumerate,
            Self::Pull { .. } => Kind::Pull,
            Self::Release { .. } => Kind::Release,
            Self::Invoke(_) => Kind::Invoke,
        }
    }

    /// The resource URI it is about.
    pub fn resource_uri(&self) -> &str {
        match self {
            Self::Identify => "",
            Self::Get(target) | Self::Invoke(Invoke { target, .. }) => &target.resource_uri,
            Self::Enumerate { resource_uri, .. }
            | Self::Pull { resource_uri, .. }
            | Self::Release { resource_uri, .. } => resource_uri,
        }
    }

    fn selectors(&self) -> &[Selector] {
        match self {
            Self::Get(target) | Self::Invoke(Invoke { target, .. }) => &target.selectors,
            _ => &[],
        }
    }

    fn action(&self) -> String {
        match self {
            Self::Invoke(invoke) => format!("{}/{}", invoke.target.resource_uri, invoke.method),
            other => action::of(other.kind(), Direction::Request).unwrap_or_default().to_owned(),
        }
    }
}

/// Writes a request as an envelope.
///
/// # Errors
/// Some text cannot be carried by XML.
pub fn encode(request: &Request, header: &RequestHeader, schema: &Schema) -> Result<String, EncodeError> {
    let mut writer = Writer::new();
    let envelope = writer.element("s:Envelope").declare("s", ns::SOAP);
    if *request == Request::Identify {
        envelope.content(|writer| {
            writer.element("s:Header").empty();
            writer.element("s:Body").content(|writer| {
                writer.element("wsmid:Identify").declare("wsmid", ns::IDENTITY).empty();
            });
        });
        return Ok(writer.finish()?);
    }
    let mut envelope = envelope;
    for prefix in prefixes(request) {
        envelope = envelope.declare(prefix, ns::of_prefix(prefix));
    }
    envelope.content(|writer| {
        header::write(writer, header, &request.action(), request.resource_uri(), request.selectors());
        // Two tags also around nothing: some servers do not know the short form.
        writer.element("s:Body").content(|writer| write_body(writer, request, schema));
    });
    Ok(writer.finish()?)
}

fn prefixes(request: &Request) -> &'static [&'static str] {
    match request {
        Request::Enumerate { body, .. } if body.filter.is_some() => &["a", "w", "m", "n", "b"],
        Request::Enumerate { .. } | Request::Pull { .. } | Request::Release { .. } => &["a", "w", "m", "n"],
        Request::Get(_) | Request::Identify | Request::Invoke(_) => &["a", "w", "m"],
    }
}

fn write_body(writer: &mut Writer, request: &Request, schema: &Schema) {
    match request {
        Request::Identify | Request::Get(_) => {}
        Request::Enumerate { body, .. } => writer.element("n:Enumerate").content(|writer| {
            if let Some(filter) = &body.filter {
                filter.write(writer);
            }
            if body.optimize {
                writer.element("w:OptimizeEnumeration").empty();
            }
            if let Some(count) = body.max_elements {
                writer.element("w:MaxElements").text(&count.to_string());
            }
            if let Some(mode) = body.mode {
                writer.element("w:EnumerationMode").text(mode.text());
            }
        }),
        Request::Pull { body, .. } => writer.element("n:Pull").content(|writer| {
            writer.element("n:EnumerationContext").text(&body.context);
            if let Some(count) = body.max_elements {
                writer.element("n:MaxElements").text(&count.to_string());
            }
        }),
        Request::Release { context, .. } => {
            writer.element("n:Release").content(|writer| writer.element("n:EnumerationContext").text(context))
        }
        Request::Invoke(invoke) => write_invoke(writer, invoke, schema),
    }
}

fn write_invoke(writer: &mut Writer, invoke: &Invoke, schema: &Schema) {
    let name = format!("p:{}_INPUT", invoke.method);
    writer
        .element(&name)
        .declare("p", &invoke.target.resource_uri)
        .declare("xsi", ns::XSI)
        .declare("cim", ns::CIM)
        .content(|writer| {
            for (name, value) in &invoke.parameters {
                write_value(writer, &format!("p:{name}"), value, schema);
            }
        });
}
