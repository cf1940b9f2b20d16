//! An instance: a class name, its namespace and named values.

use std::borrow::Cow;

use super::Value;

/// A name of a class or property, borrowed where the schema has it.
pub type Name = Cow<'static, str>;

/// An instance of a CIM class. Properties keep the order of the wire; names compare in any case (DSP0004).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// Class name; empty for a projection, which has none.
    pub class: Name,
    /// Namespace such as `root/virtualization/v2`, or the XML namespace where it is no WMI class.
    pub namespace: Name,
    /// Properties by name.
    pub properties: Vec<(Name, Value)>,
}

impl Instance {
    /// An instance without properties.
    pub fn new(class: impl Into<Name>, namespace: impl Into<Name>) -> Self {
        Self { class: class.into(), namespace: namespace.into(), properties: Vec::new() }
    }

    /// Adds a property, for building.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// The value of a property, null included; `None` where the instance does not have it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The text of a string property that is there and not null.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The number of a property that is there and not null.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_u64)
    }
}
