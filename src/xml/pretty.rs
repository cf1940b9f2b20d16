//! One element per line, for people and for diffs; on the way, text can be replaced.

use quick_xml::events::{BytesStart, Event as Token};

use super::reader::resolve;
use super::{Event, Reader, Writer, XmlError};

/// Where a text stands.
#[derive(Debug)]
pub struct Place<'p> {
    /// The element that holds it.
    pub element: &'p OpenElement,
    /// The elements around that one, the root first.
    pub ancestors: &'p [OpenElement],
    /// The attribute whose value it is, as written; `None` for text between tags.
    pub attribute: Option<&'p str>,
}

/// An element on the way to a text.
#[derive(Debug, Default)]
pub struct OpenElement {
    /// Local name.
    pub local: String,
    /// Attributes as written, without declarations.
    pub attributes: Vec<(String, String)>,
    /// Whether text other than blanks stands between its tags.
    is_mixed: bool,
}

/// Prints a document with one element per line. Text is never reflowed or trimmed: only blanks between the
/// tags of an element that has no other text change. Comments, processing instructions and the declaration
/// are left out; the result is UTF-8.
///
/// Prefixes and declarations stay where they are.
///
/// # Errors
/// The document is unacceptable.
pub fn pretty(document: &str) -> Result<String, XmlError> {
    rewrite(document, |_, _| None)
}

/// Prints like [`pretty`], and asks for each text and each value of an attribute whether another one takes its
/// place. Both are given and taken unescaped.
///
/// # Errors
/// The document is unacceptable.
pub fn rewrite(
    document: &str,
    edit: impl FnMut(&Place<'_>, &str) -> Option<String>,
) -> Result<String, XmlError> {
    check(document)?;
    let mut mixed = mixed_elements(document)?.into_iter();
    let mut tokens = quick_xml::Reader::from_str(document);
    let mut printer = Printer {
        out: String::with_capacity(document.len() * 2),
        open: Vec::new(),
        raw: String::new(),
        text: String::new(),
        after_start: false,
        edit,
    };
    loop {
        match tokens.read_event().map_err(|_| XmlError::Malformed(tokens.error_position()))? {
            Token::Start(start) => printer.start(&start, mixed.next().unwrap_or_default())?,
            Token::Empty(start) => {
                mixed.next();
                printer.empty(&start)?;
            }
            Token::End(end) => printer.end(&end),
            Token::Text(text) => printer.push(&[&text], &text.xml10_content()),
            Token::CData(text) => printer.push(&["<![CDATA[", &text, "]]>"], &text.xml10_content()),
            Token::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                printer.push(&["&", &reference, ";"], character.encode_utf8(&mut [0; 4]));
            }
            Token::Comment(_) | Token::PI(_) | Token::Decl(_) | Token::DocType(_) => {}
            Token::Eof => break,
        }
    }
    printer.out.push('\n');
    Ok(printer.out)
}

/// Whether a text consists of what XML calls white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' ' | '\t' | '\r' | '\n'))
}

fn check(document: &str) -> Result<(), XmlError> {
    let mut reader = Reader::new(document);
    while reader.next_event()? != Event::Eof {}
    Ok(())
}

/// Of each element in document order, whether text other than blanks stands between its tags.
fn mixed_elements(document: &str) -> Result<Vec<bool>, XmlError> {
    let mut tokens = quick_xml::Reader::from_str(document);
    let mut mixed = Vec::new();
    let mut open = Vec::new();
    loop {
        let has_text = match tokens.read_event().map_err(|_| XmlError::Malformed(tokens.error_position()))? {
            Token::Start(_) => {
                open.push(mixed.len());
                mixed.push(false);
                false
            }
            Token::Empty(_) => {
                mixed.push(false);
                false
            }
            Token::End(_) => {
                open.pop();
                false
            }
            Token::Text(text) => !is_blank(&text),
            Token::CData(_) | Token::GeneralRef(_) => true,
            Token::Comment(_) | Token::PI(_) | Token::Decl(_) | Token::DocType(_) => false,
            Token::Eof => return Ok(mixed),
        };
        if has_text && let Some(flag) = open.last().and_then(|at: &usize| mixed.get_mut(*at)) {
            *flag = true;
        }
    }
}

struct Printer<F> {
    out: String,
    open: Vec<OpenElement>,
    /// Text since the last tag, as it stands in the document.
    raw: String,
    /// The same, unescaped.
    text: String,
    /// Whether the last tag was a start tag.
    after_start: bool,
    edit: F,
}

impl<F: FnMut(&Place<'_>, &str) -> Option<String>> Printer<F> {
    fn push(&mut self, raw: &[&str], text: &str) {
        self.raw.extend(raw.iter().copied());
        self.text.push_str(text);
    }

    fn start(&mut self, start: &BytesStart<'_>, is_mixed: bool) -> Result<(), XmlError> {
        self.before_tag();
        let element = self.tag(start, is_mixed, ">")?;
        self.open.push(element);
        self.after_start = true;
        Ok(())
    }

    fn empty(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        self.before_tag();
        self.tag(start, false, "/>")?;
        self.after_start = false;
        Ok(())
    }

    fn end(&mut self, end: &str) {
        let is_mixed = self.open.last().is_some_and(|element| element.is_mixed);
        if self.after_start || is_mixed {
            self.write_text();
        }
        self.open.pop();
        if !self.after_start && !is_mixed {
            self.new_line();
        }
        self.out.extend(["</", end, ">"]);
        self.after_start = false;
    }

    /// What stands in front of a tag: the text of a mixed element, otherwise a new line.
    fn before_tag(&mut self) {
        if self.open.last().is_some_and(|element| element.is_mixed) {
            self.write_text();
        } else if self.out.is_empty() {
            self.raw.clear();
            self.text.clear();
        } else {
            self.new_line();
        }
    }

    fn new_line(&mut self) {
        self.raw.clear();
        self.text.clear();
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.open.len()));
    }

    fn write_text(&mut self) {
        if let Some((element, ancestors)) = self.open.split_last()
            && !self.raw.is_empty()
        {
            let place = Place { element, ancestors, attribute: None };
            let edited = (self.edit)(&place, &self.text).and_then(|text| escaped(&text));
            self.out.push_str(edited.as_deref().unwrap_or(&self.raw));
        }
        self.raw.clear();
        self.text.clear();
    }

    /// Writes a start tag; as it is where no attribute changes.
    fn tag(&mut self, start: &BytesStart<'_>, is_mixed: bool, close: &str) -> Result<OpenElement, XmlError> {
        let mut element =
            OpenElement { local: start.local_name().as_ref().to_owned(), attributes: Vec::new(), is_mixed };
        let mut all = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| XmlError::Malformed(0))?;
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            let value = value.map_err(|_| XmlError::Malformed(0))?.into_owned();
            let is_declaration = attribute.key.as_namespace_binding().is_some();
            let name = attribute.key.as_ref().to_owned();
            if !is_declaration {
                element.attributes.push((name.clone(), value.clone()));
            }
            all.push((name, value, is_declaration));
        }
        let mut is_edited = false;
        for (name, value, _) in all.iter_mut().filter(|(.., is_declaration)| !is_declaration) {
            let place = Place { element: &element, ancestors: &self.open, attribute: Some(name) };
            if let Some(edited) = (self.edit)(&place, value) {
                *value = edited;
                is_edited = true;
            }
        }
        let written = if is_edited { written(start.name().as_ref(), &all) } else { None };
        self.out.extend(["<", written.as_deref().unwrap_or(start), close]);
        Ok(element)
    }
}

fn escaped(text: &str) -> Option<String> {
    let mut writer = Writer::new();
    writer.text(text);
    writer.finish().ok()
}

/// A start tag without its brackets.
fn written(name: &str, attributes: &[(String, String, bool)]) -> Option<String> {
    let mut writer = Writer::new();
    let mut open = writer.element(name);
    for (name, value, _) in attributes {
        open = open.attribute(name, value);
    }
    open.empty();
    let tag = writer.finish().ok()?;
    Some(tag.strip_prefix('<')?.strip_suffix("/>")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{pretty, rewrite};

    #[test]
    fn text_is_never_touched() {
        let document =
            "<a xmlns:p='u'> <p:b> </p:b><c>x &amp;\n y</c><d><e/></d><f>mixed <g>1</g> <h/> </f></a>";
        let printed = pretty(document).unwrap();
        let lines = "<a xmlns:p='u'>\n  <p:b> </p:b>\n  <c>x &amp;\n y</c>\n  <d>\n    <e/>\n  </d>\n  \
                     <f>mixed <g>1</g> <h/> </f>\n</a>\n";
        assert_eq!(printed, lines);
        assert_eq!(pretty(&printed).unwrap(), printed);
    }

    #[test]
    fn blanks_count_where_a_reader_could_see_them() {
        let kept = "<a><b>\u{a0}<c/></b><d>&#xD;<e/></d><f><![CDATA[ ]]></f><g><!-- x --> </g></a>";
        let lines =
            "<a>\n  <b>\u{a0}<c/></b>\n  <d>&#xD;<e/></d>\n  <f><![CDATA[ ]]></f>\n  <g> </g>\n</a>\n";
        assert_eq!(pretty(kept).unwrap(), lines);
    }

    #[test]
    fn texts_and_attributes_can_be_replaced() {
        let document = "<a xmlns:p='u' p:k='1&amp;' j='2'><p:b>x<![CDATA[&]]>&lt;</p:b><c/></a>";
        let mut seen = Vec::new();
        let printed = rewrite(document, |place, text| {
            seen.push(format!("{} {:?} {text}", place.element.local, place.attribute));
            (text != "2").then(|| "<\">".to_owned())
        });
        let lines =
            "<a xmlns:p=\"u\" p:k=\"&lt;&quot;&gt;\" j=\"2\">\n  <p:b>&lt;\"&gt;</p:b>\n  <c/>\n</a>\n";
        assert_eq!(printed.unwrap(), lines);
        assert_eq!(seen, ["a Some(\"p:k\") 1&", "a Some(\"j\") 2", "b None x&<"]);
    }
}
