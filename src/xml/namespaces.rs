//! Which prefix stands for which namespace, element by element.

use std::borrow::Cow;

/// The declarations in force.
#[derive(Default)]
pub(super) struct Namespaces<'x> {
    bindings: Vec<Binding<'x>>,
    /// For each open element, how many bindings were there before it.
    scopes: Vec<usize>,
}

struct Binding<'x> {
    prefix: &'x str,
    namespace: Cow<'x, str>,
}

impl<'x> Namespaces<'x> {
    /// An element begins.
    pub(super) fn enter(&mut self) {
        self.scopes.push(self.bindings.len());
    }

    /// An element ends, and what it declared with it; `false` where none is open.
    pub(super) fn leave(&mut self) -> bool {
        let Some(scope) = self.scopes.pop() else { return false };
        self.bindings.truncate(scope);
        true
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.scopes.len()
    }

    /// Declares a prefix, the empty one for the default, on the innermost element; `false` where it has done
    /// so before.
    pub(super) fn declare(&mut self, prefix: &'x str, namespace: Cow<'x, str>) -> bool {
        let scope = self.scopes.last().copied().unwrap_or_default();
        let is_new = self.bindings.iter().skip(scope).all(|binding| binding.prefix != prefix);
        self.bindings.push(Binding { prefix, namespace });
        is_new
    }

    /// The namespace of a prefix; `None` where nothing declares it.
    pub(super) fn lookup(&self, prefix: &str) -> Option<&Cow<'x, str>> {
        let found = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        match (found, prefix) {
            (_, "xml") => Some(const { &Cow::Borrowed(XML) }),
            (Some(binding), _) => Some(&binding.namespace),
            (None, "") => Some(const { &Cow::Borrowed("") }),
            (None, _) => None,
        }
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";

#[cfg(test)]
mod tests {
    use super::{Cow, Namespaces, XML};

    #[test]
    fn the_innermost_declaration_counts() {
        let mut namespaces = Namespaces::default();
        namespaces.enter();
        assert!(namespaces.declare("p", Cow::Borrowed("outer")));
        namespaces.enter();
        assert!(namespaces.declare("p", Cow::Borrowed("inner")));
        assert!(!namespaces.declare("p", Cow::Borrowed("again")));
        assert!(namespaces.leave());
        assert_eq!(namespaces.lookup("p").map(|found| &**found), Some("outer"));
        assert_eq!(namespaces.lookup("").map(|found| &**found), Some(""));
        assert_eq!(namespaces.lookup("xml").map(|found| &**found), Some(XML));
        assert!(namespaces.leave() && !namespaces.leave());
        assert_eq!(namespaces.lookup("p"), None);
    }
}
