//! A pull reader that resolves names by namespace.

use std::borrow::Cow;

use quick_xml::events::Event as Token;

use super::XmlError;
use super::attributes::{Broken, RawAttribute, Scanner, split_name};
use super::decode::is_allowed;
use super::name::{QName, TextName};
use super::namespaces::Namespaces;

/// Bounds of what is read from one document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: usize,
    /// Most elements and attributes together. One whose namespace is long counts several times, since each that
    /// is kept takes the namespace with it.
    pub elements: usize,
    /// Most attributes of one element, declarations included.
    pub attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, elements: 100_000, attributes: 200 }
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

/// Reads a document event by event and checks what the tokenizer does not.
pub struct Reader<'x> {
    document: &'x str,
    tokens: quick_xml::Reader<&'x [u8]>,
    namespaces: Namespaces<'x>,
    namespace: Cow<'x, str>,
    local: &'x str,
    attributes: Vec<RawAttribute<'x>>,
    /// The element that began last was written as one tag, and its end comes next.
    ends_at_once: bool,
    has_root: bool,
    elements: usize,
    limits: Limits,
}

impl<'x> Reader<'x> {
    /// A reader of that document.
    pub fn new(document: &'x str) -> Self {
        Self::with_limits(document, Limits::default())
    }

    /// A reader with other limits.
    pub fn with_limits(document: &'x str, limits: Limits) -> Self {
        Self {
            document,
            tokens: quick_xml::Reader::from_str(document),
            namespaces: Namespaces::default(),
            namespace: Cow::Borrowed(""),
            local: "",
            attributes: Vec::new(),
            ends_at_once: false,
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
        if self.ends_at_once {
            self.ends_at_once = false;
            return self.close();
        }
        loop {
            let token = self.tokens.read_event().map_err(|_| self.malformed())?;
            let text = match token {
                Token::Start(start) => {
                    self.open(start.len(), start.name().0.len())?;
                    return Ok(Event::Start);
                }
                Token::Empty(start) => {
                    self.open(start.len(), start.name().0.len())?;
                    self.ends_at_once = true;
                    return Ok(Event::Start);
                }
                Token::End(_) => return self.close(),
                Token::Text(text) => text.xml10_content(),
                Token::CData(text) => text.xml10_content(),
                Token::GeneralRef(reference) => text_of(resolve(&reference)?),
                Token::DocType(_) => return Err(XmlError::Dtd),
                Token::Comment(_) | Token::PI(_) | Token::Decl(_) => continue,
                Token::Eof => return self.end_of_document(),
            };
            if self.depth() > 0 {
                return Ok(Event::Text(text));
            }
            self.check_outside(&text)?;
        }
    }

    /// The name of the element that began last.
    pub fn name(&self) -> QName<'_> {
        QName { namespace: &self.namespace, local: self.local }
    }

    /// Whether the element that began last has attributes, not counting declarations.
    pub fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// The value of an attribute of the element that began last.
    ///
    /// # Errors
    /// Its value is malformed.
    pub fn attribute(&self, namespace: &str, local: &str) -> Result<Option<Cow<'x, str>>, XmlError> {
        let mut all = self.attributes.iter();
        match all.find(|attribute| attribute.local == local && attribute.namespace == namespace) {
            Some(attribute) => self.value_of(attribute).map(Some),
            None => Ok(None),
        }
    }

    /// All attributes of the element that began last, without declarations.
    ///
    /// # Errors
    /// A value is malformed.
    pub fn attributes(&self) -> Result<Vec<(QName<'_>, Cow<'x, str>)>, XmlError> {
        let all = self.attributes.iter().map(|attribute| {
            let name = QName { namespace: &attribute.namespace, local: attribute.local };
            Ok((name, self.value_of(attribute)?))
        });
        all.collect()
    }

    /// Resolves a QName that stands in text or in an attribute's value, such as `s:Sender`.
    pub fn resolve<'n>(&'n self, name: &'n str) -> Option<QName<'n>> {
        let name = name.trim();
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = self.namespaces.lookup(prefix)?;
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
        self.namespaces.depth()
    }

    /// Takes in a start tag that has just been read. The lengths are those of what stands between its brackets
    /// and of the name.
    fn open(&mut self, length: usize, name_length: usize) -> Result<(), XmlError> {
        if self.depth() == 0 && self.has_root {
            return Err(XmlError::SecondRoot);
        }
        self.has_root = true;
        if self.depth() >= self.limits.depth {
            return Err(XmlError::TooDeep);
        }
        self.namespaces.enter();
        self.attributes.clear();
        let tag = self.tag(length).and_then(|tag| tag.split_at_checked(name_length));
        let (name, attributes) = tag.ok_or_else(|| self.malformed())?;
        if !attributes.is_empty() {
            self.take_attributes(attributes)?;
        }
        let (prefix, local) = split_name(name).map_err(|Broken| self.malformed())?;
        self.local = local;
        let namespace = self.namespaces.lookup(prefix).ok_or(XmlError::UndeclaredPrefix)?;
        self.elements += cost(namespace);
        if self.elements > self.limits.elements {
            return Err(XmlError::TooManyElements);
        }
        self.namespace = namespace.clone();
        Ok(())
    }

    /// The last `length` bytes in front of the closing bracket of the tag that was just read.
    fn tag(&self, length: usize) -> Option<&'x str> {
        let read = self.document.len().checked_sub(self.tokens.get_ref().len())?;
        let read = self.document.get(..read)?.strip_suffix('>')?;
        let read = read.strip_suffix('/').unwrap_or(read);
        read.get(read.len().checked_sub(length)?..)
    }

    /// Takes in the attributes of a start tag: declarations first, since a prefix may be declared behind its
    /// use. Two prefixes of one namespace may not give an attribute twice.
    fn take_attributes(&mut self, tag: &'x str) -> Result<(), XmlError> {
        let mut scanner = Scanner(tag);
        let mut count = 0;
        while let Some(attribute) = scanner.next().map_err(|Broken| self.malformed())? {
            count += 1;
            if count > self.limits.attributes {
                return Err(XmlError::TooManyAttributes);
            }
            // Nobody may ask for the value; it has to be one all the same.
            let value = self.value_of(&attribute)?;
            match attribute.declared_prefix() {
                Some(prefix) => self.declare(prefix, value)?,
                None => self.attributes.push(attribute),
            }
        }
        self.resolve_attributes()
    }

    fn declare(&mut self, prefix: &'x str, namespace: Cow<'x, str>) -> Result<(), XmlError> {
        let namespace = match namespace {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        if namespace.is_empty() && !prefix.is_empty() {
            return Err(XmlError::UndeclaredPrefix);
        }
        if self.namespaces.declare(prefix, namespace) { Ok(()) } else { Err(self.malformed()) }
    }

    fn resolve_attributes(&mut self) -> Result<(), XmlError> {
        for at in 0..self.attributes.len() {
            let (earlier, rest) = self.attributes.split_at_mut(at);
            let Some(attribute) = rest.first_mut() else { break };
            if !attribute.prefix.is_empty() {
                let found = self.namespaces.lookup(attribute.prefix).ok_or(XmlError::UndeclaredPrefix)?;
                self.elements += cost(found);
                if self.elements > self.limits.elements {
                    return Err(XmlError::TooManyElements);
                }
                attribute.namespace = found.clone();
            } else {
                self.elements += 1;
            }
            let is_same = |other: &RawAttribute<'_>| {
                other.local == attribute.local && other.namespace == attribute.namespace
            };
            if earlier.iter().any(is_same) {
                return Err(self.malformed());
            }
        }
        Ok(())
    }

    fn value_of(&self, attribute: &RawAttribute<'x>) -> Result<Cow<'x, str>, XmlError> {
        attribute.value().map_err(|error| error.at(self.tokens.error_position()))
    }

    fn close(&mut self) -> Result<Event<'x>, XmlError> {
        if self.namespaces.leave() { Ok(Event::End) } else { Err(self.malformed()) }
    }

    /// Outside of the root element only blanks may stand.
    fn check_outside(&self, text: &str) -> Result<(), XmlError> {
        match (text.trim().is_empty(), self.has_root) {
            (true, _) => Ok(()),
            (false, true) => Err(XmlError::SecondRoot),
            (false, false) => Err(XmlError::NoRoot),
        }
    }

    fn end_of_document(&self) -> Result<Event<'x>, XmlError> {
        match (self.depth() == 0, self.has_root) {
            (false, _) => Err(XmlError::Unclosed),
            (true, false) => Err(XmlError::NoRoot),
            (true, true) => Ok(Event::Eof),
        }
    }

    fn malformed(&self) -> XmlError {
        XmlError::Malformed(self.tokens.error_position())
    }
}

/// For how many elements of the limit a name in that namespace counts.
fn cost(namespace: &str) -> usize {
    1 + namespace.len() / USUAL_NAMESPACE
}

/// In bytes; few are longer.
const USUAL_NAMESPACE: usize = 128;

/// What stands in an element, up to its first child.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'x> {
    /// Only this text; the element has ended.
    Text(Cow<'x, str>),
    /// A child element has begun, after this text.
    Child(Cow<'x, str>),
}

fn text_of(character: char) -> Cow<'static, str> {
    match character {
        '<' => Cow::Borrowed("<"),
        '>' => Cow::Borrowed(">"),
        '&' => Cow::Borrowed("&"),
        '\'' => Cow::Borrowed("'"),
        '"' => Cow::Borrowed("\""),
        other => Cow::Owned(other.to_string()),
    }
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
