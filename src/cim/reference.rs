//! A reference: what points at an instance.

use super::Instance;

/// A pointer to an instance, as WS-Management carries it: a resource URI and selectors (DSP0226, 5.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Address of the endpoint, as it came; the anonymous role where none was given.
    pub address: String,
    /// Resource URI, which names the class.
    pub resource_uri: String,
    /// Selectors, in the order of the wire.
    pub selectors: Vec<Selector>,
}

/// One key of a reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    /// Name of the key.
    pub name: String,
    /// Its value.
    pub value: SelectorValue,
}

/// The value of a key: text, or a reference where the key is one (association classes).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SelectorValue {
    /// Text, verbatim.
    Text(String),
    /// A reference.
    Reference(Box<Reference>),
}

impl Selector {
    /// A selector with a text value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: SelectorValue::Text(value.into()) }
    }
}

impl Reference {
    /// A reference to the instance of that resource with these keys.
    pub fn new(resource_uri: impl Into<String>, selectors: Vec<Selector>) -> Self {
        Self { address: ANONYMOUS.to_owned(), resource_uri: resource_uri.into(), selectors }
    }

    /// The text of the selector of that name, in any case.
    pub fn selector(&self, name: &str) -> Option<&str> {
        let found = self.selectors.iter().find(|selector| selector.name.eq_ignore_ascii_case(name))?;
        match &found.value {
            SelectorValue::Text(text) => Some(text),
            SelectorValue::Reference(_) => None,
        }
    }

    /// The class that the resource URI names: its last segment.
    pub fn class(&self) -> &str {
        let path = self.resource_uri.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether both point at the same instance: class, keys and values compare without case, order is free.
    pub fn same_instance(&self, other: &Self) -> bool {
        self.resource_uri.eq_ignore_ascii_case(&other.resource_uri)
            && self.selectors.len() == other.selectors.len()
            && self.selectors.iter().all(|own| {
                other.selectors.iter().any(|theirs| {
                    theirs.name.eq_ignore_ascii_case(&own.name) && same_value(&own.value, &theirs.value)
                })
            })
    }

    /// The reference to an instance: the keys are taken from its properties.
    ///
    /// Gives `None` where a key is missing or no text or number.
    pub fn to_instance<'k>(
        resource_uri: impl Into<String>,
        instance: &Instance,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Option<Self> {
        let selectors = keys
            .into_iter()
            .map(|key| {
                let value = instance.get(key)?;
                match value.as_reference() {
                    Some(reference) => Some(Selector {
                        name: key.to_owned(),
                        value: SelectorValue::Reference(Box::new(reference.clone())),
                    }),
                    None => Some(Selector::new(key, value.to_text()?)),
                }
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self::new(resource_uri, selectors))
    }
}

fn same_value(own: &SelectorValue, theirs: &SelectorValue) -> bool {
    match (own, theirs) {
        (SelectorValue::Text(own), SelectorValue::Text(theirs)) => {
            own == theirs || own.to_lowercase() == theirs.to_lowercase()
        }
        (SelectorValue::Reference(own), SelectorValue::Reference(theirs)) => own.same_instance(theirs),
        _ => false,
    }
}

/// The anonymous role of WS-Addressing: the sender's own connection.
pub(crate) const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
