//! What a decoded envelope holds.

use crate::cim::{Instance, Name, Reference, Selector, Value};
use crate::xml::{Element, XmlError};

use super::filter::Filter;
use super::{Fault, Headers};

/// The operation that a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// wsmid:Identify
    Identify,
    /// WS-Transfer Get
    Get,
    /// WS-Transfer Put
    Put,
    /// WS-Transfer Create
    Create,
    /// WS-Transfer Delete
    Delete,
    /// WS-Enumeration Enumerate
    Enumerate,
    /// WS-Enumeration Pull
    Pull,
    /// WS-Enumeration Release
    Release,
    /// A method of a class
    Invoke,
    /// WS-Eventing Subscribe
    Subscribe,
    /// WS-Eventing Unsubscribe
    Unsubscribe,
    /// An event
    Event,
    /// A SOAP fault
    Fault,
    /// Anything else
    Other,
}

impl Kind {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Get => "get",
            Self::Put => "put",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Enumerate => "enumerate",
            Self::Pull => "pull",
            Self::Release => "release",
            Self::Invoke => "invoke",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Event => "event",
            Self::Fault => "fault",
            Self::Other => "other",
        }
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client.
    Request,
    /// From the host.
    Response,
}

/// A decoded envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The operation.
    pub kind: Kind,
    /// The way it goes.
    pub direction: Direction,
    /// The headers.
    pub headers: Headers,
    /// The first element of the body.
    pub body: Body,
    /// Further elements of the body.
    pub more: Vec<Element>,
}

/// What a body holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// Nothing.
    Empty,
    /// The question of Identify.
    Identify,
    /// The answer of Identify.
    Identity(Identity),
    /// One instance: of Get, Put, Create, or an event.
    Instance(Instance),
    /// Enumerate.
    Enumerate(Enumerate),
    /// The answer to Enumerate or Pull.
    Items(EnumerateReply),
    /// Pull.
    Pull(Pull),
    /// Release, with its context.
    Release(String),
    /// A method's parameters, in or out.
    Invocation(Invocation),
    /// A fault.
    Fault(Box<Fault>),
    /// Where Create put the new instance.
    Created(Reference),
    /// Anything else.
    Other(Element),
}

/// The answer of Identify (DSP0226, 11).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// `ProductVendor`
    pub product_vendor: String,
    /// `ProductVersion`
    pub product_version: String,
    /// `ProtocolVersion`
    pub protocol_version: String,
    /// Everything else, by element name.
    pub more: Vec<(Name, Value)>,
}

/// What an enumeration brings (MS-WSMV 3.1.4.1.17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EnumerationMode {
    /// Instances.
    #[default]
    Object,
    /// References only.
    Epr,
    /// Both.
    ObjectAndEpr,
}

impl EnumerationMode {
    /// The text of `w:EnumerationMode`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Object => "EnumerateObject",
            Self::Epr => "EnumerateEPR",
            Self::ObjectAndEpr => "EnumerateObjectAndEPR",
        }
    }

    /// The mode of that text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Object, Self::Epr, Self::ObjectAndEpr].into_iter().find(|mode| mode.text() == text.trim())
    }
}

/// The body of Enumerate (DSP0226, 8.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enumerate {
    /// What restricts the items.
    pub filter: Option<Filter>,
    /// What the items are; `None` is the default.
    pub mode: Option<EnumerationMode>,
    /// Whether the first items come with the reply.
    pub optimize: bool,
    /// How many items at most in the reply.
    pub max_elements: Option<u32>,
    /// Elements that are none of these.
    pub more: Vec<Element>,
}

/// The body of Pull (DSP0226, 8.4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pull {
    /// The enumeration context, verbatim.
    pub context: String,
    /// How many items at most.
    pub max_elements: Option<u32>,
    /// Elements that are none of these.
    pub more: Vec<Element>,
}

/// The answer to Enumerate or Pull.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnumerateReply {
    /// The context for the next Pull, verbatim; `None` where absent or empty.
    pub context: Option<String>,
    /// The items.
    pub items: Vec<Item>,
    /// Whether `EndOfSequence` stands in it.
    pub end_of_sequence: bool,
    /// Elements that are none of these.
    pub more: Vec<Element>,
}

impl EnumerateReply {
    /// The context to pull on with: `None` when the sequence is over, whatever context came along.
    pub fn next_context(&self) -> Option<&str> {
        if self.end_of_sequence { None } else { self.context.as_deref() }
    }
}

/// One item of an enumeration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The instance, unless only references were asked for.
    pub instance: Option<Instance>,
    /// The reference, where the mode carries one.
    pub reference: Option<Reference>,
}

/// A method with its parameters of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// Name of the method.
    pub method: String,
    /// Parameters in the order of the wire, without the return value.
    pub parameters: Vec<(Name, Value)>,
    /// The return value of an answer.
    pub return_value: Option<Value>,
}

impl Invocation {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Message {
    /// The fault in it.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.body {
            Body::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// The selectors of its header.
    pub fn selectors(&self) -> &[Selector] {
        &self.headers.selectors
    }
}

/// An envelope that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No acceptable XML.
    #[error("the message is no acceptable XML")]
    Xml(#[from] XmlError),
    /// The root is no SOAP 1.2 envelope.
    #[error("the message is no SOAP 1.2 envelope")]
    NotSoap,
    /// The answer relates to another message.
    #[error("the reply relates to another message")]
    WrongRelatesTo,
    /// The answer is no answer to this request.
    #[error("the reply does not answer a {}", .0.name())]
    WrongReply(Kind),
    /// A reference lacks its resource URI.
    #[error("a reference without resource URI")]
    BadReference,
}
