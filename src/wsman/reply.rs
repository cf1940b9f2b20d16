//! Replies: what a host sends. Only the simulated host writes them.

use crate::cim::{Instance, Name, Reference, Schema, Value};
use crate::xml::Writer;

use super::encode_value::{EncodeError, write_instance, write_reference_content, write_value};
use super::message::{Direction, EnumerateReply, Identity, Item, Kind};
use super::{Fault, action, ns};

/// What a reply says besides its body.
#[derive(Clone, Debug)]
pub struct ReplyHeader {
    /// `uuid:` and a GUID.
    pub message_id: String,
    /// The request's MessageID; `None` where it had none.
    pub relates_to: Option<String>,
    /// Language of texts, such as `en-US`.
    pub language: String,
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// To Identify.
    Identify(Identity),
    /// To Get.
    Get(Instance),
    /// To Enumerate; items stand in `w:Items`.
    Enumerate(EnumerateReply),
    /// To Pull; items stand in `n:Items`.
    Pull(EnumerateReply),
    /// To Release.
    Release,
    /// To Invoke.
    Invoke {
        /// Resource URI of the class that was addressed.
        resource_uri: String,
        /// Name of the method.
        method: String,
        /// Out-parameters in the order of declaration.
        parameters: Vec<(Name, Value)>,
        /// The return value.
        return_value: u32,
    },
    /// A fault.
    Fault(Fault),
}

/// Writes a reply as an envelope.
///
/// # Errors
/// Some text cannot be carried by XML.
pub fn encode_reply(reply: &Reply, header: &ReplyHeader, schema: &Schema) -> Result<String, EncodeError> {
    let mut writer = Writer::new();
    let mut envelope = writer.element("s:Envelope").attribute("xml:lang", &header.language);
    for prefix in ["s", "a", "x", "n", "w", "b"] {
        envelope = envelope.declare(prefix, ns::of_prefix(prefix));
    }
    if matches!(reply, Reply::Fault(_)) {
        envelope = envelope.declare("e", ns::EVENTING);
    }
    envelope.content(|writer| {
        if matches!(reply, Reply::Identify(_)) {
            writer.element("s:Header").empty();
        } else {
            write_header(writer, reply, header);
        }
        writer.element("s:Body").content(|writer| write_body(writer, reply, header, schema));
    });
    Ok(writer.finish()?)
}

fn write_header(writer: &mut Writer, reply: &Reply, header: &ReplyHeader) {
    writer.element("s:Header").content(|writer| {
        writer.element("a:Action").text(&action_of(reply));
        writer.element("a:MessageID").text(&header.message_id);
        writer.element("a:To").text(ns::ANONYMOUS);
        if let Some(relates_to) = &header.relates_to {
            writer.element("a:RelatesTo").text(relates_to);
        }
        if let Reply::Fault(Fault { not_understood: Some(name), .. }) = reply {
            let qname = format!("u:{}", name.local);
            let element = writer.element("s:NotUnderstood").declare("u", &name.namespace);
            element.attribute("qname", &qname).empty();
        }
    });
}

fn action_of(reply: &Reply) -> String {
    let kind = match reply {
        Reply::Identify(_) => Kind::Identify,
        Reply::Get(_) => Kind::Get,
        Reply::Enumerate(_) => Kind::Enumerate,
        Reply::Pull(_) => Kind::Pull,
        Reply::Release => Kind::Release,
        Reply::Invoke { resource_uri, method, .. } => return format!("{resource_uri}/{method}Response"),
        Reply::Fault(fault) => {
            let namespace = fault.subcode.as_ref().map_or("", |subcode| &subcode.namespace);
            return action::of_fault(namespace).to_owned();
        }
    };
    action::of(kind, Direction::Response).unwrap_or_default().to_owned()
}

fn write_body(writer: &mut Writer, reply: &Reply, header: &ReplyHeader, schema: &Schema) {
    match reply {
        Reply::Identify(identity) => write_identity(writer, identity),
        Reply::Get(instance) => write_instance(writer, instance, schema),
        Reply::Enumerate(items) => {
            writer.element("n:EnumerateResponse").content(|writer| {
                writer.element("n:EnumerationContext").text(items.context.as_deref().unwrap_or_default());
                // Without OptimizeEnumeration there is nothing but the context.
                if !items.items.is_empty() || items.end_of_sequence {
                    writer.element("w:Items").content(|writer| write_items(writer, &items.items, schema));
                }
                if items.end_of_sequence {
                    writer.element("w:EndOfSequence").empty();
                }
            });
        }
        Reply::Pull(items) => {
            writer.element("n:PullResponse").content(|writer| {
                if let Some(context) = &items.context {
                    writer.element("n:EnumerationContext").text(context);
                }
                writer.element("n:Items").content(|writer| write_items(writer, &items.items, schema));
                if items.end_of_sequence {
                    writer.element("n:EndOfSequence").empty();
                }
            });
        }
        Reply::Release => {}
        Reply::Invoke { resource_uri, method, parameters, return_value } => {
            let name = format!("p:{method}_OUTPUT");
            writer
                .element(&name)
                .declare("xsi", ns::XSI)
                .declare("p", resource_uri)
                .declare("cim", ns::CIM)
                .content(|writer| {
                    for (name, value) in parameters {
                        write_value(writer, &format!("p:{name}"), value, schema);
                    }
                    writer.element("p:ReturnValue").text(&return_value.to_string());
                });
        }
        Reply::Fault(fault) => fault.write(writer, &header.language),
    }
}

fn write_identity(writer: &mut Writer, identity: &Identity) {
    writer.element("wsmid:IdentifyResponse").declare("wsmid", ns::IDENTITY).content(|writer| {
        writer.element("wsmid:ProtocolVersion").text(&identity.protocol_version);
        writer.element("wsmid:ProductVendor").text(&identity.product_vendor);
        writer.element("wsmid:ProductVersion").text(&identity.product_version);
    });
}

fn write_items(writer: &mut Writer, items: &[Item], schema: &Schema) {
    for item in items {
        match (&item.instance, &item.reference) {
            (Some(instance), None) => write_object(writer, instance, schema),
            (None, Some(reference)) => write_reference(writer, reference),
            (Some(instance), Some(reference)) => writer.element("w:Item").content(|writer| {
                write_object(writer, instance, schema);
                write_reference(writer, reference);
            }),
            (None, None) => {}
        }
    }
}

/// An instance, or a projection, which has no class.
fn write_object(writer: &mut Writer, instance: &Instance, schema: &Schema) {
    if !instance.class.is_empty() {
        return write_instance(writer, instance, schema);
    }
    writer.element("w:XmlFragment").declare("xsi", ns::XSI).declare("cim", ns::CIM).content(|writer| {
        for (name, value) in &instance.properties {
            write_value(writer, name, value, schema);
        }
    });
}

fn write_reference(writer: &mut Writer, reference: &Reference) {
    writer.element("a:EndpointReference").content(|writer| write_reference_content(writer, reference));
}
