//! A request, as far as it can be understood.

use std::time::Duration;

use super::headers::{self, Terms};
use super::{Refusal, Service, Violation};
use crate::cim::Schema;
use crate::simulator::script::Operation;
use crate::wsman::{self, Body, DecodeError, Kind, Message, ns};
use crate::xml::{self, Element, XmlError};

/// A request.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Asked {
    /// The operation; `None` where it is none of this host's.
    pub(in crate::simulator) operation: Option<Operation>,
    /// The class that it is for, or the method that it invokes.
    pub(in crate::simulator) subject: String,
    /// The request's MessageID.
    pub(in crate::simulator) message_id: Option<String>,
    /// Bytes of the reply at most.
    pub(in crate::simulator) max_envelope: usize,
    /// How long it may take.
    pub(in crate::simulator) timeout: Duration,
    pub(super) message: Option<Message>,
    /// Elements of the body as they came.
    pub(super) body: Vec<Element>,
    /// Why it cannot be carried out.
    pub(super) refusal: Option<Refusal>,
    pub(super) violations: Vec<Violation>,
}

impl Asked {
    pub(super) fn read(bytes: &[u8], content_type: &str, schema: Schema) -> Self {
        let mut asked = Self { max_envelope: LARGEST, timeout: LONGEST, ..Self::default() };
        if let Err(refusal) = asked.fill(bytes, charset(content_type), schema) {
            asked.refusal = Some(refusal);
        }
        asked
    }

    fn fill(&mut self, bytes: &[u8], charset: Option<&str>, schema: Schema) -> Result<(), Refusal> {
        if charset.is_none() {
            self.blame("charset", "the content type names none");
        }
        let text = xml::decode(bytes, charset).map_err(|error| self.no_xml(error))?;
        let root = Element::parse(&text).map_err(|error| self.no_xml(error))?;
        self.structure(&root)?;
        let message = wsman::decode(&text, &schema).map_err(|error| match error {
            DecodeError::Xml(error) => self.no_xml(error),
            DecodeError::NotSoap => Refusal::Version,
            _ => Refusal::Schema,
        })?;
        self.message_id = message.headers.message_id.clone().filter(|id| !id.is_empty());
        self.classify(&message, schema);
        let checked = match message.kind {
            Kind::Identify => Ok(Terms::default()),
            _ => headers::check(&message.headers, &mut self.violations),
        };
        self.message = Some(message);
        let terms = checked?;
        self.max_envelope = terms.max_envelope.unwrap_or(LARGEST).min(LARGEST);
        self.timeout = terms.timeout.unwrap_or(LONGEST).min(LONGEST);
        Ok(())
    }

    fn blame(&mut self, rule: &'static str, text: impl Into<String>) {
        self.violations.push(Violation::new(rule, text));
    }

    fn no_xml(&mut self, error: XmlError) -> Refusal {
        self.blame("xml", error.to_string());
        match error {
            XmlError::Charset => Refusal::Charset,
            _ => Refusal::InvalidXml,
        }
    }

    fn structure(&mut self, root: &Element) -> Result<(), Refusal> {
        if !root.is(ns::SOAP, "Envelope") {
            self.blame("envelope", format!("{:?}", root.name()));
            return Err(Refusal::Version);
        }
        let parts: Vec<&Element> = root.elements().collect();
        let are_good = match parts.as_slice() {
            [header, body] => header.is(ns::SOAP, "Header") && body.is(ns::SOAP, "Body"),
            [body] => body.is(ns::SOAP, "Body"),
            _ => false,
        };
        if !are_good {
            self.blame("envelope", "something else than header and body");
            return Err(Refusal::HeaderInvalid);
        }
        let body = parts.last().map(|body| body.elements().cloned().collect());
        self.body = body.unwrap_or_default();
        Ok(())
    }

    fn classify(&mut self, message: &Message, schema: Schema) {
        if message.kind == Kind::Identify {
            self.operation = Some(Operation::Identify);
            return;
        }
        let action = message.headers.action.as_deref().unwrap_or_default();
        let uri = message.headers.resource_uri.as_deref().unwrap_or_default();
        let last = |uri: &str| uri.rsplit('/').next().unwrap_or_default().to_owned();
        self.operation = operation(action);
        self.subject = last(if self.operation == Some(Operation::Invoke) { action } else { uri });
        if let Body::Enumerate(body) = &message.body
            && let Some(class) =
                body.filter.as_ref().and_then(|filter| Service::class_of_query(schema, filter))
        {
            class.clone_into(&mut self.subject);
        }
    }
}

/// The operation that an action stands for. An action of none of the known namespaces names a method.
fn operation(action: &str) -> Option<Operation> {
    if let Some(name) = action.strip_prefix(ns::TRANSFER) {
        return (name == "/Get").then_some(Operation::Get);
    }
    if let Some(name) = action.strip_prefix(ns::ENUMERATION) {
        return match name {
            "/Enumerate" => Some(Operation::Enumerate),
            "/Pull" => Some(Operation::Pull),
            "/Release" => Some(Operation::Release),
            _ => None,
        };
    }
    (!action.starts_with(ns::EVENTING)).then_some(Operation::Invoke)
}

fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// MaxEnvelopeSizekb: 500.
const LARGEST: usize = 500 * 1024;
/// MaxTimeoutms: what an operation may take at most, whatever was asked for.
const LONGEST: Duration = Duration::from_secs(60);
