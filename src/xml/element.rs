//! Small trees, for headers, faults and comparing.

use std::fmt::Write as _;

use super::pretty::is_blank;
use super::reader::Content;
use super::{Event, QName, Reader, XmlError};

/// An element with everything in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Namespace URI, empty for none.
    pub namespace: String,
    /// Local name.
    pub local: String,
    /// Attributes, without declarations.
    pub attributes: Vec<Attribute>,
    /// Children in order.
    pub children: Vec<Node>,
}

/// An attribute with its resolved name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace URI, empty for none.
    pub namespace: String,
    /// Local name.
    pub local: String,
    /// Value.
    pub value: String,
}

/// A child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text.
    Text(String),
}

impl Element {
    /// Reads a whole document.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn parse(document: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(document);
        if reader.next_event()? != Event::Start {
            return Err(XmlError::NoRoot);
        }
        let root = Self::read(&mut reader)?;
        match reader.next_event()? {
            Event::Eof => Ok(root),
            _ => Err(XmlError::SecondRoot),
        }
    }

    /// Reads the element that began last, to its end.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut element = Self::begun(reader)?;
        loop {
            match reader.text_or_child()? {
                Content::Text(text) => {
                    element.push_text(&text);
                    return Ok(element);
                }
                Content::Child(text) => {
                    element.push_text(&text);
                    element.children.push(Node::Element(Self::read(reader)?));
                }
            }
        }
    }

    /// The element that began last, without its children.
    ///
    /// # Errors
    /// Its attributes are malformed.
    pub fn begun(reader: &Reader<'_>) -> Result<Self, XmlError> {
        let name = reader.name();
        let attributes = reader
            .attributes()?
            .into_iter()
            .map(|(name, value)| Attribute {
                namespace: name.namespace.to_owned(),
                local: name.local.to_owned(),
                value: value.into_owned(),
            })
            .collect();
        Ok(Self {
            namespace: name.namespace.to_owned(),
            local: name.local.to_owned(),
            attributes,
            children: Vec::new(),
        })
    }

    /// The resolved name.
    pub fn name(&self) -> QName<'_> {
        QName { namespace: &self.namespace, local: &self.local }
    }

    /// Whether it is that name in that namespace.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.name().is(namespace, local)
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child element of that name.
    pub fn find(&self, namespace: &str, local: &str) -> Option<&Self> {
        self.elements().find(|element| element.is(namespace, local))
    }

    /// The value of an attribute.
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|own| own.local == local && own.namespace == namespace)?;
        Some(&found.value)
    }

    /// Its own text, without that of its children.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.children.push(Node::Text(text.to_owned()));
        }
    }

    /// The children that count when comparing: blanks between elements do not.
    fn significant(&self) -> Vec<&Node> {
        let has_elements = self.elements().next().is_some();
        self.children
            .iter()
            .filter(|node| match node {
                Node::Element(_) => true,
                Node::Text(text) => !has_elements || !is_blank(text),
            })
            .collect()
    }
}

/// The first difference between two trees of qualified names, as a path and what differs; `None` where they
/// are equal. Prefixes, the order of attributes and blanks between elements make no difference.
pub fn difference(expected: &Element, found: &Element) -> Option<String> {
    let mut path = String::new();
    compare(expected, found, &mut path).map(|what| format!("{path}: {what}"))
}

fn compare(expected: &Element, found: &Element, path: &mut String) -> Option<String> {
    let _ = write!(path, "/{}", expected.local);
    if expected.name() != found.name() {
        return Some(format!("expected {:?}, found {:?}", expected.name(), found.name()));
    }
    if let Some(what) = compare_attributes(expected, found) {
        return Some(what);
    }
    let (own, theirs) = (expected.significant(), found.significant());
    for (at, node) in own.iter().enumerate() {
        let what = match (node, theirs.get(at)) {
            (Node::Text(own), Some(Node::Text(theirs))) if own == theirs => None,
            (Node::Element(own), Some(Node::Element(theirs))) => {
                let length = path.len();
                let what = compare(own, theirs, path);
                if what.is_none() {
                    path.truncate(length);
                }
                what
            }
            (own, theirs) => {
                Some(format!("expected {}, found {}", describe(Some(own)), describe(theirs.copied())))
            }
        };
        if what.is_some() {
            return what;
        }
    }
    let extra = theirs.get(own.len()).copied();
    extra.map(|extra| format!("expected nothing more, found {}", describe(Some(extra))))
}

fn compare_attributes(expected: &Element, found: &Element) -> Option<String> {
    for own in &expected.attributes {
        let theirs = found.attribute(&own.namespace, &own.local);
        if theirs != Some(&own.value) {
            return Some(format!("attribute {} expected {:?}, found {theirs:?}", own.local, own.value));
        }
    }
    let extra =
        found.attributes.iter().find(|theirs| expected.attribute(&theirs.namespace, &theirs.local).is_none());
    extra.map(|extra| format!("attribute {} is not expected", extra.local))
}

fn describe(node: Option<&Node>) -> String {
    match node {
        None => "nothing".to_owned(),
        Some(Node::Text(text)) => format!("{text:?}"),
        Some(Node::Element(element)) => format!("{:?}", element.name()),
    }
}
