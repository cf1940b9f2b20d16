//! One element per line, for people and for diffs.

use super::{Event, Reader, XmlError};

/// Prints a document with one element per line. Text is never reflowed or trimmed: an element that holds text
/// keeps it on its line as it is; only blanks between elements change.
///
/// Prefixes and declarations stay where they are.
///
/// # Errors
/// The document is unacceptable.
pub fn pretty(document: &str) -> Result<String, XmlError> {
    check(document)?;
    let mut out = String::with_capacity(document.len() * 2);
    let mut tokens = quick_xml::Reader::from_str(document);
    let mut state = State::default();
    loop {
        let token = tokens.read_event().map_err(|_| XmlError::Malformed(tokens.error_position()))?;
        if matches!(token, quick_xml::events::Event::Eof) {
            break;
        }
        state.write(&mut out, &token);
    }
    state.flush(&mut out);
    out.push('\n');
    Ok(out)
}

fn check(document: &str) -> Result<(), XmlError> {
    let mut reader = Reader::new(document);
    while reader.next_event()? != Event::Eof {}
    Ok(())
}

#[derive(Default)]
struct State {
    depth: usize,
    /// Text since the last tag, verbatim; blanks between tags vanish.
    pending: String,
    /// Whether the last tag was a start tag.
    after_start: bool,
    begun: bool,
}

impl State {
    fn write(&mut self, out: &mut String, token: &quick_xml::events::Event<'_>) {
        use quick_xml::events::Event as Token;
        match token {
            Token::Start(start) => {
                self.new_line(out);
                push(out, &["<", start, ">"]);
                self.depth += 1;
                self.after_start = true;
            }
            Token::Empty(start) => {
                self.new_line(out);
                push(out, &["<", start, "/>"]);
                self.after_start = false;
            }
            Token::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                if self.after_start {
                    // A leaf: its text belongs to it, blanks included.
                    out.push_str(&self.pending);
                    self.pending.clear();
                } else {
                    self.new_line(out);
                }
                push(out, &["</", end, ">"]);
                self.after_start = false;
            }
            Token::Text(text) => self.pending.push_str(text),
            Token::CData(text) => push(&mut self.pending, &["<![CDATA[", text, "]]>"]),
            Token::GeneralRef(reference) => push(&mut self.pending, &["&", reference, ";"]),
            Token::Comment(_) | Token::PI(_) | Token::Decl(_) | Token::DocType(_) | Token::Eof => {}
        }
    }

    /// Text that stands between two tags stays there, verbatim; blanks give way to a new line.
    fn new_line(&mut self, out: &mut String) {
        if !self.flush(out) && self.begun {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", self.depth));
        }
        self.begun = true;
    }

    /// Gives whether there was text to write.
    fn flush(&mut self, out: &mut String) -> bool {
        let has_text = !self.pending.trim().is_empty();
        if has_text {
            out.push_str(&self.pending);
        }
        self.pending.clear();
        has_text
    }
}

fn push(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn text_is_never_touched() {
        let document = "<a xmlns:p='u'> <p:b> </p:b><c>x &amp;\n y</c><d><e/></d>mixed <f>1</f> tail</a>";
        let printed = pretty(document).unwrap();
        let lines = "<a xmlns:p='u'>\n  <p:b> </p:b>\n  <c>x &amp;\n y</c>\n  <d>\n    <e/>\n  </d>mixed <f>1</f> tail</a>\n";
        assert_eq!(printed, lines);
        assert_eq!(pretty(&printed).unwrap(), printed);
    }
}
