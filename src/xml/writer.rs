//! A writer in which text cannot stay unescaped and an element cannot stay open.

use super::decode::is_allowed;

/// What cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// XML 1.0 has no way to carry the character.
    #[error("the text holds the character U+{:04X}, which XML cannot carry", u32::from(*.0))]
    ForbiddenCharacter(char),
}

/// Writes one document. Names are given with the prefix that the document declares for them.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    failed: Option<WriteError>,
}

/// An element whose start tag is still open for attributes.
#[derive(Debug)]
pub struct Open<'w> {
    writer: &'w mut Writer,
    name: &'w str,
}

impl Writer {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an element, such as `s:Body`. It ends with the call that gives its content.
    pub fn element<'w>(&'w mut self, name: &'w str) -> Open<'w> {
        self.out.push('<');
        self.out.push_str(name);
        Open { writer: self, name }
    }

    /// Writes text between elements.
    pub fn text(&mut self, text: &str) {
        self.escape(text, false);
    }

    /// The document.
    ///
    /// # Errors
    /// Some text held a character that XML cannot carry.
    pub fn finish(self) -> Result<String, WriteError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.out),
        }
    }

    fn escape(&mut self, text: &str, in_attribute: bool) {
        // Most texts go as they are. Characters beyond the controls that are forbidden begin with 0xEF.
        let is_plain = |byte: u8| byte >= 0x20 && !matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xEF);
        if text.bytes().all(is_plain) {
            self.out.push_str(text);
            return;
        }
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' if in_attribute => self.out.push_str("&quot;"),
                // A reader would turn these into something else.
                '\r' => self.out.push_str("&#xD;"),
                '\n' if in_attribute => self.out.push_str("&#xA;"),
                '\t' if in_attribute => self.out.push_str("&#x9;"),
                _ if is_allowed(character) => self.out.push(character),
                _ => {
                    self.failed.get_or_insert(WriteError::ForbiddenCharacter(character));
                }
            }
        }
    }
}

impl Open<'_> {
    /// Adds an attribute.
    #[must_use]
    pub fn attribute(self, name: &str, value: &str) -> Self {
        self.writer.out.push(' ');
        self.writer.out.push_str(name);
        self.writer.out.push_str("=\"");
        self.writer.escape(value, true);
        self.writer.out.push('"');
        self
    }

    /// Declares a prefix; the empty one is the default namespace.
    #[must_use]
    pub fn declare(self, prefix: &str, namespace: &str) -> Self {
        if prefix.is_empty() {
            return self.attribute("xmlns", namespace);
        }
        let name = format!("xmlns:{prefix}");
        self.attribute(&name, namespace)
    }

    /// Ends the element without content.
    pub fn empty(self) {
        self.writer.out.push_str("/>");
    }

    /// Ends the element with this text; empty text gives a start and an end tag.
    pub fn text(self, text: &str) {
        self.content(|writer| writer.text(text));
    }

    /// Ends the element with what the closure writes.
    pub fn content(self, write: impl FnOnce(&mut Writer)) {
        self.writer.out.push('>');
        write(self.writer);
        self.writer.out.push_str("</");
        self.writer.out.push_str(self.name);
        self.writer.out.push('>');
    }
}
