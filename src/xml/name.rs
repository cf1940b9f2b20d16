//! Qualified names.

use std::fmt;

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
