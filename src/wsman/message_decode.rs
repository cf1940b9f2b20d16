//! Envelopes to messages.

use crate::cim::{Instance, Name, Schema, Value};
use crate::xml::{self, Element, Event, QName, Reader, XmlError};

use super::decode_value::from_element;
use super::filter::Filter;
use super::instance_decode::{InstanceDecoder, Members, RETURN_VALUE, add, decode_members};
use super::message::{
    Body, DecodeError, Direction, Enumerate, EnumerateReply, EnumerationMode, Identity, Invocation, Item,
    Kind, Message, Pull,
};
use super::{Headers, Request, action, fault_decode, ns, reference};

/// Decodes any envelope, request or reply, of any server.
///
/// # Errors
/// It is no acceptable XML, or no SOAP 1.2 envelope.
pub fn decode(document: &str, schema: &Schema) -> Result<Message, DecodeError> {
    Decoder::new(document, schema, None).message()
}

/// Decodes an envelope from bytes, in UTF-8 or UTF-16.
///
/// # Errors
/// As [`decode`], and where the bytes are no text.
pub fn decode_bytes(bytes: &[u8], charset: Option<&str>, schema: &Schema) -> Result<Message, DecodeError> {
    decode(&xml::decode(bytes, charset)?, schema)
}

/// Decodes the reply to a request and checks that it is one.
///
/// # Errors
/// As [`decode`]; [`DecodeError::WrongRelatesTo`] where it answers another message, and
/// [`DecodeError::WrongReply`] where its body does not fit the request.
pub fn decode_reply(
    document: &str,
    request: &Request,
    message_id: &str,
    schema: &Schema,
) -> Result<Message, DecodeError> {
    let kind = request.kind();
    let message = Decoder::new(document, schema, Some(request)).message()?;
    let is_fault = message.fault().is_some();
    let relates = match message.headers.relates_to.as_deref() {
        Some(relates_to) => relates_to.eq_ignore_ascii_case(message_id),
        // A host that could not read the request cannot name it; Identify has no message id at all.
        None => is_fault || kind == Kind::Identify,
    };
    if !relates {
        return Err(DecodeError::WrongRelatesTo);
    }
    let fits = match (&message.body, kind) {
        (Body::Fault(_), _) => true,
        (Body::Identity(_), Kind::Identify) => true,
        (Body::Instance(_), Kind::Get) => true,
        (Body::Items(_), Kind::Enumerate | Kind::Pull) => true,
        (Body::Invocation(invocation), Kind::Invoke) => invocation.return_value.is_some(),
        (_, Kind::Release) => true,
        _ => false,
    };
    if fits { Ok(message) } else { Err(DecodeError::WrongReply(kind)) }
}

struct Decoder<'x, 'a> {
    reader: Reader<'x>,
    schema: &'a Schema,
    /// The request that the message answers, if it is known.
    request: Option<&'a Request>,
    headers: Headers,
    more: Vec<Element>,
    instances: InstanceDecoder,
}

impl<'x, 'a> Decoder<'x, 'a> {
    fn new(document: &'x str, schema: &'a Schema, request: Option<&'a Request>) -> Self {
        Self {
            reader: Reader::new(document),
            schema,
            request,
            headers: Headers::default(),
            more: Vec::new(),
            instances: InstanceDecoder::default(),
        }
    }

    fn message(mut self) -> Result<Message, DecodeError> {
        if self.reader.next_event()? != Event::Start || !self.reader.name().is(ns::SOAP, "Envelope") {
            return Err(DecodeError::NotSoap);
        }
        let mut body = None;
        while self.reader.child()? {
            match self.reader.name() {
                name if name.is(ns::SOAP, "Header") => {
                    let elements = self.elements()?;
                    self.headers = Headers::from_elements(elements)?;
                }
                name if name.is(ns::SOAP, "Body") && body.is_none() => body = Some(self.body()?),
                _ => self.reader.skip()?,
            }
        }
        if self.reader.next_event()? != Event::Eof {
            return Err(XmlError::SecondRoot.into());
        }
        let body = body.unwrap_or(Body::Empty);
        let (kind, direction) = classify(&self.headers, &body);
        Ok(Message { kind, direction, headers: self.headers, body, more: self.more })
    }

    /// The child elements of the innermost open element, to its end.
    fn elements(&mut self) -> Result<Vec<Element>, XmlError> {
        let mut elements = Vec::new();
        while self.reader.child()? {
            elements.push(Element::read(&mut self.reader)?);
        }
        Ok(elements)
    }

    fn body(&mut self) -> Result<Body, DecodeError> {
        if !self.reader.child()? {
            return Ok(Body::Empty);
        }
        let body = self.first()?;
        self.more = self.elements()?;
        Ok(body)
    }

    /// Reads the first element of the body, which has begun.
    fn first(&mut self) -> Result<Body, DecodeError> {
        let QName { namespace, local } = self.reader.name();
        match (namespace, local) {
            (ns::SOAP, "Fault") => Ok(Body::Fault(Box::new(fault_decode::decode(&mut self.reader)?))),
            (ns::IDENTITY, "Identify") => {
                self.reader.skip()?;
                Ok(Body::Identify)
            }
            (ns::IDENTITY, "IdentifyResponse") => self.identity(),
            (ns::ENUMERATION, "Enumerate") => self.enumerate(),
            (ns::ENUMERATION, "EnumerateResponse" | "PullResponse") => self.items(),
            (ns::ENUMERATION, "Pull") => self.pull(),
            (ns::ENUMERATION, "Release") => self.release(),
            (ns::TRANSFER, "ResourceCreated") => {
                let element = Element::read(&mut self.reader)?;
                Ok(match reference::decode(&element) {
                    Ok(reference) => Body::Created(reference),
                    Err(_) => Body::Other(element),
                })
            }
            (ns::EVENTING | ns::ENUMERATION, _) => Ok(Body::Other(Element::read(&mut self.reader)?)),
            _ => self.by_action(),
        }
    }

    /// What an element of another namespace is depends on the operation.
    fn by_action(&mut self) -> Result<Body, DecodeError> {
        let action = self.headers.action.as_deref().unwrap_or_default();
        let local = self.reader.name().local;
        let is_invoke = matches!(self.request, Some(Request::Invoke(_)));
        if is_invoke || is_invocation(action, local) {
            return self.invocation();
        }
        match action::classify(action) {
            Some((Kind::Get | Kind::Put | Kind::Create, _)) => self.instance(),
            None if is_event(action) => self.instance(),
            _ => Ok(Body::Other(Element::read(&mut self.reader)?)),
        }
    }

    fn instance(&mut self) -> Result<Body, DecodeError> {
        Ok(Body::Instance(self.object()?))
    }

    /// An instance, or the properties of a fragment.
    fn object(&mut self) -> Result<Instance, DecodeError> {
        if self.reader.name().is(ns::WSMAN, "XmlFragment") {
            let properties = decode_members(&mut self.reader, Members::Class(None), None, self.schema)?;
            return Ok(Instance { properties, ..Instance::default() });
        }
        Ok(self.instances.read(&mut self.reader, self.schema)?)
    }

    fn identity(&mut self) -> Result<Body, DecodeError> {
        let mut identity = Identity::default();
        while self.reader.child()? {
            let element = Element::read(&mut self.reader)?;
            let text = element.text();
            match element.local.as_str() {
                "ProductVendor" => identity.product_vendor = text,
                "ProductVersion" => identity.product_version = text,
                "ProtocolVersion" => identity.protocol_version = text,
                _ => {
                    let value = from_element(&element, None, self.schema);
                    add(&mut identity.more, Name::Owned(element.local), value);
                }
            }
        }
        Ok(Body::Identity(identity))
    }

    fn enumerate(&mut self) -> Result<Body, DecodeError> {
        let mut body = Enumerate::default();
        for element in self.elements()? {
            match element.local.as_str() {
                "Filter" if body.filter.is_none() => body.filter = Some(Filter::decode(&element)?),
                "OptimizeEnumeration" => body.optimize = true,
                "MaxElements" => match element.text().trim().parse() {
                    Ok(count) => body.max_elements = Some(count),
                    Err(_) => body.more.push(element),
                },
                "EnumerationMode" => match EnumerationMode::parse(&element.text()) {
                    Some(mode) => body.mode = Some(mode),
                    None => body.more.push(element),
                },
                _ => body.more.push(element),
            }
        }
        Ok(Body::Enumerate(body))
    }

    fn pull(&mut self) -> Result<Body, DecodeError> {
        let mut body = Pull::default();
        for element in self.elements()? {
            match element.local.as_str() {
                "EnumerationContext" => body.context = element.text(),
                "MaxElements" => match element.text().trim().parse() {
                    Ok(count) => body.max_elements = Some(count),
                    Err(_) => body.more.push(element),
                },
                _ => body.more.push(element),
            }
        }
        Ok(Body::Pull(body))
    }

    fn release(&mut self) -> Result<Body, DecodeError> {
        let context = self.elements()?.into_iter().find(|element| element.local == "EnumerationContext");
        Ok(Body::Release(context.map(|context| context.text()).unwrap_or_default()))
    }

    /// Servers disagree on the namespace of `Items` and `EndOfSequence`: either counts.
    fn items(&mut self) -> Result<Body, DecodeError> {
        let mut reply = EnumerateReply::default();
        while self.reader.child()? {
            match self.reader.name().local {
                "EnumerationContext" => {
                    let context = Element::read(&mut self.reader)?.text();
                    reply.context = Some(context).filter(|context| !context.trim().is_empty());
                }
                "Items" => {
                    while self.reader.child()? {
                        let item = self.item()?;
                        reply.items.push(item);
                    }
                }
                "EndOfSequence" => {
                    reply.end_of_sequence = true;
                    self.reader.skip()?;
                }
                _ => reply.more.push(Element::read(&mut self.reader)?),
            }
        }
        Ok(Body::Items(reply))
    }

    fn item(&mut self) -> Result<Item, DecodeError> {
        let name = self.reader.name();
        if name.is(ns::ADDRESSING, "EndpointReference") {
            let element = Element::read(&mut self.reader)?;
            return Ok(Item { instance: None, reference: Some(reference::decode(&element)?) });
        }
        if !name.is(ns::WSMAN, "Item") {
            return Ok(Item { instance: Some(self.object()?), reference: None });
        }
        let mut item = Item::default();
        while self.reader.child()? {
            let part = self.item()?;
            item.instance = part.instance.or(item.instance);
            item.reference = part.reference.or(item.reference);
        }
        Ok(item)
    }

    fn invocation(&mut self) -> Result<Body, DecodeError> {
        let QName { namespace, local } = self.reader.name();
        let method = match self.request {
            Some(Request::Invoke(invoke)) => invoke.method.clone(),
            _ => local.trim_end_matches("_INPUT").trim_end_matches("_OUTPUT").to_owned(),
        };
        let action = self.headers.action.as_deref().unwrap_or_default();
        let asked = self.request.map(Request::resource_uri);
        let places = [
            asked,
            Some(namespace),
            self.headers.resource_uri.as_deref(),
            action.rsplit_once('/').map(|(uri, _)| uri),
        ];
        let known = places
            .into_iter()
            .flatten()
            .find_map(|uri| self.schema.class(uri.rsplit('/').next().unwrap_or_default())?.method(&method));
        let members = Members::Method(known);
        let mut parameters = decode_members(&mut self.reader, members, None, self.schema)?;
        let at = parameters.iter().position(|(name, _)| name == RETURN_VALUE);
        let return_value = at.map(|at| parameters.remove(at).1).filter(|value| *value != Value::Null);
        Ok(Body::Invocation(Invocation { method, parameters, return_value }))
    }
}

fn is_invocation(action: &str, local: &str) -> bool {
    if local.ends_with("_INPUT") || local.ends_with("_OUTPUT") {
        return true;
    }
    // OMI answers with the bare name of the method.
    let last = action.rsplit('/').next().unwrap_or_default();
    !last.is_empty() && last.trim_end_matches("Response") == local && !is_shell(action)
}

/// Remote shells name their elements after actions, too; they are no methods of a class.
fn is_shell(action: &str) -> bool {
    action.starts_with("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/")
}

fn is_event(action: &str) -> bool {
    EVENTS.contains(&action)
}

fn classify(headers: &Headers, body: &Body) -> (Kind, Direction) {
    let direction = if headers.relates_to.is_some() { Direction::Response } else { Direction::Request };
    let action = headers.action.as_deref().unwrap_or_default();
    match body {
        Body::Identify => (Kind::Identify, Direction::Request),
        Body::Identity(_) => (Kind::Identify, Direction::Response),
        Body::Enumerate(_) => (Kind::Enumerate, Direction::Request),
        Body::Pull(_) => (Kind::Pull, Direction::Request),
        Body::Release(_) => (Kind::Release, Direction::Request),
        Body::Fault(_) => (Kind::Fault, Direction::Response),
        Body::Items(_) => match action::classify(action) {
            Some((Kind::Enumerate, _)) => (Kind::Enumerate, Direction::Response),
            _ => (Kind::Pull, Direction::Response),
        },
        Body::Invocation(invocation) => {
            let is_reply = invocation.return_value.is_some() || headers.relates_to.is_some();
            let is_reply = is_reply || action.ends_with("Response");
            (Kind::Invoke, if is_reply { Direction::Response } else { Direction::Request })
        }
        Body::Created(_) => (Kind::Create, Direction::Response),
        Body::Instance(_) | Body::Other(_) | Body::Empty => match action::classify(action) {
            Some(known) => known,
            None if is_event(action) => (Kind::Event, Direction::Response),
            None => (Kind::Other, direction),
        },
    }
}

const EVENTS: [&str; 5] = [
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/Event",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/DroppedEvents",
    "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd",
];
