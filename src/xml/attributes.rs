//! The attributes of a start tag, taken apart once.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute as Quoted;
use quick_xml::name::QName as RawName;

use super::XmlError;
use super::decode::is_allowed;

/// An attribute as it stands in the document.
#[derive(Clone, Debug)]
pub(super) struct RawAttribute<'x> {
    /// Prefix, empty for none.
    pub(super) prefix: &'x str,
    /// Local name.
    pub(super) local: &'x str,
    /// Namespace of the prefix.
    pub(super) namespace: Cow<'x, str>,
    raw: &'x str,
    /// Nothing in `raw` has to be replaced or checked.
    is_plain: bool,
}

impl<'x> RawAttribute<'x> {
    /// The value, without references and with its white space made blanks.
    pub(super) fn value(&self) -> Result<Cow<'x, str>, ValueError> {
        if self.is_plain {
            return Ok(Cow::Borrowed(self.raw));
        }
        let quoted = Quoted { key: RawName(self.local), value: Cow::Borrowed(self.raw) };
        let value = quoted.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        let value = value.map_err(|_| ValueError::Malformed)?;
        if value.chars().all(is_allowed) { Ok(value) } else { Err(ValueError::Forbidden) }
    }

    /// The prefix that it declares, empty for the default namespace; `None` where it declares nothing.
    pub(super) fn declared_prefix(&self) -> Option<&'x str> {
        match (self.prefix, self.local) {
            ("", "xmlns") => Some(""),
            ("xmlns", prefix) => Some(prefix),
            _ => None,
        }
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueError {
    /// A reference that leads nowhere.
    Malformed,
    /// A character that XML forbids.
    Forbidden,
}

/// Takes attributes off what stands behind the name of a start tag.
pub(super) struct Scanner<'x>(pub(super) &'x str);

impl<'x> Scanner<'x> {
    /// The next attribute, not yet resolved; `None` at the end.
    ///
    /// # Errors
    /// It is not well-formed.
    pub(super) fn next(&mut self) -> Result<Option<RawAttribute<'x>>, Broken> {
        let rest = skip_blanks(self.0);
        match rest.len() {
            0 => return Ok(None),
            // Blanks separate attributes from what is before them.
            length if length == self.0.len() => return Err(Broken),
            _ => {}
        }
        let (name, rest) = rest.split_at(name_length(rest)?);
        let rest = skip_blanks(rest).strip_prefix('=').ok_or(Broken)?;
        let (prefix, local) = split_name(name)?;
        let (raw, is_plain, rest) = quoted(skip_blanks(rest))?;
        self.0 = rest;
        Ok(Some(RawAttribute { prefix, local, namespace: Cow::Borrowed(""), raw, is_plain }))
    }
}

/// A start tag that is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Prefix, empty for none, and local name.
pub(super) fn split_name(name: &str) -> Result<(&str, &str), Broken> {
    let (prefix, local) = match name.bytes().position(|byte| byte == b':') {
        Some(0) => return Err(Broken),
        Some(at) => (&name[..at], &name[at + 1..]),
        None => ("", name),
    };
    if local.is_empty() { Err(Broken) } else { Ok((prefix, local)) }
}

/// Length of the name at the beginning.
fn name_length(text: &str) -> Result<usize, Broken> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'=' | b' ' | b'\t' | b'\r' | b'\n' => return Ok(at),
            b'<' | b'>' | b'&' | b'"' | b'\'' | b'/' => return Err(Broken),
            _ => {}
        }
    }
    Err(Broken)
}

/// What stands between the quotes at the beginning, whether it is plain, and what follows.
fn quoted(text: &str) -> Result<(&str, bool, &str), Broken> {
    let quote = text.bytes().next().filter(|byte| matches!(byte, b'"' | b'\'')).ok_or(Broken)?;
    let text = &text[1..];
    let length = text.bytes().position(|byte| byte == quote).ok_or(Broken)?;
    let (value, rest) = (&text[..length], &text[length + 1..]);
    // 0xEF begins the two characters beyond the controls that XML forbids.
    let is_special = |byte| (byte == b'&') | (byte < 0x20) | (byte == 0xEF);
    let (special, broken) = value.bytes().fold((false, false), |(special, broken), byte| {
        (special | is_special(byte), broken | (byte == b'<'))
    });
    if broken { Err(Broken) } else { Ok((value, !special, rest)) }
}

fn skip_blanks(text: &str) -> &str {
    let is_blank = |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let length = text.bytes().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    &text[length..]
}

impl ValueError {
    /// As an error of a document.
    pub(super) fn at(self, position: u64) -> XmlError {
        match self {
            Self::Malformed => XmlError::Malformed(position),
            Self::Forbidden => XmlError::ForbiddenCharacter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Scanner, ValueError};

    fn all(tag: &str) -> Result<Vec<(String, String)>, Broken> {
        let mut scanner = Scanner(tag);
        let mut found = Vec::new();
        while let Some(attribute) = scanner.next()? {
            let name = format!("{}|{}", attribute.prefix, attribute.local);
            found.push((name, attribute.value().unwrap().into_owned()));
        }
        Ok(found)
    }

    #[test]
    fn takes_attributes_apart() {
        let found = all(" a='1'\n p:b = \"x > 'y' &amp;\u{9}z\" xmlns:q='' ").unwrap();
        let wanted = [("|a", "1"), ("p|b", "x > 'y' & z"), ("xmlns|q", "")];
        assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(all(""), Ok(Vec::new()));
        assert_eq!(all(" \t"), Ok(Vec::new()));
    }

    #[test]
    fn refuses_what_is_no_attribute() {
        for tag in
            [" a", " a=", " a=1", " a='1", " a='1'b='2'", " ='1'", " a='<'", " :a='1'", " a:='1'", " a\"='1'"]
        {
            assert_eq!(all(tag), Err(Broken), "{tag}");
        }
        let value = |tag| Scanner(tag).next().unwrap().unwrap().value().map(|value| value.into_owned());
        assert_eq!(value(" a='&b;'"), Err(ValueError::Malformed));
        assert_eq!(value(" a='\u{FFFE}'"), Err(ValueError::Forbidden));
        assert_eq!(value(" a='\u{1}'"), Err(ValueError::Forbidden));
        assert_eq!(value(" a='\u{FEFF}'").as_deref(), Ok("\u{FEFF}"));
    }
}
