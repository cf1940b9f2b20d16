//! What a client does against the rules.

use std::fmt;

/// Something that no good client does, whether Windows minds or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a short name.
    pub rule: &'static str,
    /// What was found.
    pub text: String,
}

impl Violation {
    pub(in crate::simulator) fn new(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}
