//! A pull reader that resolves names by namespace.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use quick_xml::events::{BytesStart, Event as Token};
use quick_xml::name::QName as RawName;

use super::XmlError;
use super::decode::is_allowed;

/// Bounds of what is read from one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: usize,
    /// Most elements.
    pub elements: usize,
    /// Most attributes of one element, declarations included.
    pub attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, elements: 4_000_000, attributes: 200 }
    }
}

/// What comes next. Adjacent pieces of text may come apart: use [`Reader::text`] to have them whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'x> {
    /// An element begins; [`Reader::name`] and [`Reader::attribute`] are about it.
    Start,
    /// The innermost open element ends.
    End,
    /// Text.
    Text(Cow<'x, str>),
    /// The document is over.
    Eof,
}

/// A resolved name. No namespace is the empty string.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QName<'n> {
    /// Namespace URI.
    pub namespace: &'n str,
    /// Local name.
    pub local: &'n str,
}

impl<'n> QName<'n> {
    /// The name in that namespace.
    pub const fn new(namespace: &'n str, local: &'n str) -> Self {
        Self { namespace, local }
    }

    /// Whether it is that name in that namespace.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

impl fmt::Debug for QName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.namespace, self.local)
    }
}

/// Reads a document event by event and checks what the tokenizer does not.
pub struct Reader<'x> {
    tokens: quick_xml::Reader<&'x [u8]>,
    start: BytesStart<'x>,
    namespace: Rc<str>,
    bindings: Vec<Binding>,
    scopes: Vec<usize>,
    seen: Vec<Rc<str>>,
    has_root: bool,
    elements: usize,
    limits: Limits,
}

struct Binding {
    prefix: Box<str>,
    namespace: Rc<str>,
}

impl<'x> Reader<'x> {
    /// A reader of that document.
    pub fn new(document: &'x str) -> Self {
        Self::with_limits(document, Limits::default())
    }

    /// A reader with other limits.
    pub fn with_limits(document: &'x str, limits: Limits) -> Self {
        let mut tokens = quick_xml::Reader::from_str(document);
        tokens.config_mut().expand_empty_elements = true;
        let none: Rc<str> = Rc::from("");
        Self {
            tokens,
            start: BytesStart::new(""),
            namespace: Rc::clone(&none),
            bindings: Vec::new(),
            scopes: Vec::new(),
            seen: vec![none, Rc::from(XML)],
            has_root: false,
            elements: 0,
            limits,
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn next_event(&mut self) -> Result<Event<'x>, XmlError> {
        loop {
            let token = self.tokens.read_event().map_err(|_| self.malformed())?;
            match token {
                Token::Start(start) => {
                    self.open(start)?;
                    return Ok(Event::Start);
                }
                Token::End(_) => {
                    let scope = self.scopes.pop().ok_or_else(|| self.malformed())?;
                    self.bindings.truncate(scope);
                    return Ok(Event::End);
                }
                Token::Text(text) => {
                    if let Some(event) = self.text_event(text.xml10_content())? {
                        return Ok(event);
                    }
                }
                Token::CData(text) => {
                    if let Some(event) = self.text_event(text.xml10_content())? {
                        return Ok(event);
                    }
                }
                Token::GeneralRef(reference) => {
                    let character = resolve(&reference)?;
                    if let Some(event) = self.text_event(Cow::Owned(character.to_string()))? {
                        return Ok(event);
                    }
                }
                Token::Empty(_) => return Err(self.malformed()),
                Token::DocType(_) => return Err(XmlError::Dtd),
                Token::Comment(_) | Token::PI(_) | Token::Decl(_) => {}
                Token::Eof => return self.end_of_document(),
            }
        }
    }

    /// The name of the element that began last.
    pub fn name(&self) -> QName<'_> {
        QName { namespace: &self.namespace, local: local_part(self.start.name()) }
    }

    /// The namespace of the element that began last, shared.
    pub fn shared_namespace(&self) -> Rc<str> {
        Rc::clone(&self.namespace)
    }

    /// The value of an attribute of the element that began last.
    ///
    /// # Errors
    /// The attributes are malformed.
    pub fn attribute(&self, namespace: &str, local: &str) -> Result<Option<Cow<'_, str>>, XmlError> {
        if self.start.attributes_raw().is_empty() {
            return Ok(None);
        }
        for attribute in self.start.attributes() {
            let attribute = attribute.map_err(|_| self.malformed())?;
            let (name, prefix) = attribute.key.decompose();
            if name.as_ref() != local || attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let own = match prefix {
                None => "",
                Some(prefix) => self.lookup(prefix.as_ref()).ok_or(XmlError::UndeclaredPrefix)?,
            };
            if own == namespace {
                return self.attribute_value(&attribute).map(Some);
            }
        }
        Ok(None)
    }

    /// All attributes of the element that began last, without declarations.
    ///
    /// # Errors
    /// The attributes are malformed.
    pub fn attributes(&self) -> Result<Vec<(QName<'_>, Cow<'_, str>)>, XmlError> {
        let mut found = Vec::new();
        for attribute in self.start.attributes() {
            let attribute = attribute.map_err(|_| self.malformed())?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let namespace = match attribute.key.prefix() {
                None => "",
                Some(prefix) => self.lookup(prefix.as_ref()).ok_or(XmlError::UndeclaredPrefix)?,
            };
            let value = self.attribute_value(&attribute)?;
            found.push((QName { namespace, local: local_part(attribute.key) }, value));
        }
        Ok(found)
    }

    /// Resolves a QName that stands in text or in an attribute's value, such as `s:Sender`.
    pub fn resolve<'n>(&'n self, name: &'n str) -> Option<QName<'n>> {
        let name = name.trim();
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = self.lookup(prefix)?;
        Some(QName { namespace, local })
    }

    /// Reads on to the end of the innermost open element and gives its text, whole.
    ///
    /// # Errors
    /// [`XmlError::UnexpectedElement`] where it has child elements.
    pub fn text(&mut self) -> Result<Cow<'x, str>, XmlError> {
        match self.text_or_child()? {
            Content::Text(text) => Ok(text),
            Content::Child(_) => Err(XmlError::UnexpectedElement),
        }
    }

    /// As [`Reader::text`], for a text that is a qualified name. Declarations on the element itself count.
    ///
    /// # Errors
    /// As [`Reader::text`].
    pub fn text_name(&mut self) -> Result<TextName, XmlError> {
        let mut name = TextName::default();
        loop {
            match self.next_event()? {
                Event::Text(piece) => {
                    name.text.push_str(&piece);
                    // The declarations are gone once the element has ended.
                    name.namespace = self.resolve(&name.text).map(|found| found.namespace.to_owned());
                }
                Event::End => return Ok(name),
                Event::Start => return Err(XmlError::UnexpectedElement),
                Event::Eof => return Err(XmlError::Unclosed),
            }
        }
    }

    /// Reads the content of the innermost open element up to its end or its first child element. In front of
    /// a child the text is what separates it; the child has begun.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn text_or_child(&mut self) -> Result<Content<'x>, XmlError> {
        let mut whole: Cow<'x, str> = Cow::Borrowed("");
        loop {
            match self.next_event()? {
                Event::Text(piece) if whole.is_empty() => whole = piece,
                Event::Text(piece) => whole.to_mut().push_str(&piece),
                Event::End => return Ok(Content::Text(whole)),
                Event::Start => return Ok(Content::Child(whole)),
                Event::Eof => return Err(XmlError::Unclosed),
            }
        }
    }

    /// The next child element of the innermost open element: `true` when one began, `false` when the
    /// element ended. Text between the children is passed over.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn child(&mut self) -> Result<bool, XmlError> {
        loop {
            match self.next_event()? {
                Event::Start => return Ok(true),
                Event::End => return Ok(false),
                Event::Text(_) => {}
                Event::Eof => return Err(XmlError::Unclosed),
            }
        }
    }

    /// Reads on past the end of the innermost open element.
    ///
    /// # Errors
    /// Everything that makes a document unacceptable.
    pub fn skip(&mut self) -> Result<(), XmlError> {
        let outside = self.depth().saturating_sub(1);
        while self.depth() > outside {
            if self.next_event()? == Event::Eof {
                return Err(XmlError::Unclosed);
            }
        }
        Ok(())
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.scopes.len()
    }

    fn open(&mut self, start: BytesStart<'x>) -> Result<(), XmlError> {
        if self.scopes.is_empty() && self.has_root {
            return Err(XmlError::SecondRoot);
        }
        self.has_root = true;
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(XmlError::TooManyElements);
        }
        if self.scopes.len() >= self.limits.depth {
            return Err(XmlError::TooDeep);
        }
        self.scopes.push(self.bindings.len());
        if !start.attributes_raw().is_empty() {
            self.declare(&start)?;
        }
        let prefix = start.name().prefix().map(|prefix| prefix.as_ref().to_owned());
        self.namespace = match prefix {
            None => self.binding("").map_or_else(|| self.none(), Rc::clone),
            Some(prefix) if prefix == "xml" => self.intern(XML),
            Some(prefix) => self.binding(&prefix).map(Rc::clone).ok_or(XmlError::UndeclaredPrefix)?,
        };
        self.start = start;
        Ok(())
    }

    /// Takes in the declarations of a start tag and checks all its attributes.
    fn declare(&mut self, start: &BytesStart<'x>) -> Result<(), XmlError> {
        let mut count = 0;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| self.malformed())?;
            count += 1;
            if count > self.limits.attributes {
                return Err(XmlError::TooManyAttributes);
            }
            let raw = attribute.key.as_ref();
            let prefix = match raw.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => &rest[1..],
                _ => {
                    // Nobody may ask for the value; what it refers to has to exist all the same.
                    if attribute.value.contains('&') {
                        self.attribute_value(&attribute)?;
                    }
                    continue;
                }
            };
            let value = self.attribute_value(&attribute)?;
            if value.is_empty() && !prefix.is_empty() {
                return Err(XmlError::UndeclaredPrefix);
            }
            let namespace = self.intern(value.trim());
            self.bindings.push(Binding { prefix: prefix.into(), namespace });
        }
        self.check_prefixes(start)
    }

    /// A prefix of an attribute may be declared behind it, so this comes last. Two prefixes of one namespace
    /// may not give an attribute twice.
    fn check_prefixes(&self, start: &BytesStart<'x>) -> Result<(), XmlError> {
        let mut earlier: Vec<(&str, &str)> = Vec::new();
        for attribute in start.attributes().flatten() {
            let Some(prefix) = attribute.key.prefix() else { continue };
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let namespace = self.lookup(prefix.as_ref()).ok_or(XmlError::UndeclaredPrefix)?;
            let name = (namespace, local_part(attribute.key));
            if earlier.contains(&name) {
                return Err(self.malformed());
            }
            earlier.push(name);
        }
        Ok(())
    }

    fn attribute_value<'a>(
        &self,
        attribute: &quick_xml::events::attributes::Attribute<'a>,
    ) -> Result<Cow<'a, str>, XmlError> {
        let value =
            attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| self.malformed())?;
        if value.chars().all(is_allowed) { Ok(value) } else { Err(XmlError::ForbiddenCharacter) }
    }

    fn text_event(&self, text: Cow<'x, str>) -> Result<Option<Event<'x>>, XmlError> {
        if !self.scopes.is_empty() {
            return Ok(Some(Event::Text(text)));
        }
        match (text.trim().is_empty(), self.has_root) {
            (true, _) => Ok(None),
            (false, true) => Err(XmlError::SecondRoot),
            (false, false) => Err(XmlError::NoRoot),
        }
    }

    fn end_of_document(&self) -> Result<Event<'x>, XmlError> {
        match (self.scopes.is_empty(), self.has_root) {
            (false, _) => Err(XmlError::Unclosed),
            (true, false) => Err(XmlError::NoRoot),
            (true, true) => Ok(Event::Eof),
        }
    }

    fn lookup(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "xml" => Some(XML),
            "" => Some(self.binding("").map_or("", |namespace| namespace)),
            _ => self.binding(prefix).map(|namespace| &**namespace),
        }
    }

    fn binding(&self, prefix: &str) -> Option<&Rc<str>> {
        self.bindings
            .iter()
            .rev()
            .find(|binding| &*binding.prefix == prefix)
            .map(|binding| &binding.namespace)
    }

    fn intern(&mut self, namespace: &str) -> Rc<str> {
        if let Some(known) = self.seen.iter().find(|known| &***known == namespace) {
            return Rc::clone(known);
        }
        let fresh: Rc<str> = Rc::from(namespace);
        self.seen.push(Rc::clone(&fresh));
        fresh
    }

    fn none(&self) -> Rc<str> {
        self.seen.first().map_or_else(|| Rc::from(""), Rc::clone)
    }

    fn malformed(&self) -> XmlError {
        XmlError::Malformed(self.tokens.error_position())
    }
}

/// A qualified name that stands in text, such as `s:Sender`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextName {
    /// The text as it came.
    pub text: String,
    /// Namespace URI of its prefix; `None` where that is not declared.
    pub namespace: Option<String>,
}

impl TextName {
    /// The part behind the prefix.
    pub fn local(&self) -> &str {
        let name = self.text.trim();
        name.split_once(':').map_or(name, |(_, local)| local)
    }
}

/// What stands in an element, up to its first child.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'x> {
    /// Only this text; the element has ended.
    Text(Cow<'x, str>),
    /// A child element has begun, after this text.
    Child(Cow<'x, str>),
}

fn local_part(name: RawName<'_>) -> &str {
    name.0.split_once(':').map_or(name.0, |(_, local)| local)
}

/// The character of one of the five entities or of a number.
pub(super) fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, XmlError> {
    let number = reference.resolve_char_ref().map_err(|_| XmlError::ForbiddenCharacter)?;
    if let Some(character) = number {
        return if is_allowed(character) { Ok(character) } else { Err(XmlError::ForbiddenCharacter) };
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(XmlError::Entity),
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";
