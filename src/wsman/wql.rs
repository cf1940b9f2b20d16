//! WQL queries from typed parts, so that no value can leave its quotes.

use std::fmt;

use crate::cim::{Reference, SelectorValue};

/// A WQL query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wql(String);

impl Wql {
    /// `SELECT * FROM class`.
    pub fn select(class: &str) -> Self {
        Self(format!("SELECT * FROM {class}"))
    }

    /// Adds a condition: the property equals the text. Several are joined by AND.
    #[must_use]
    pub fn equals(self, property: &str, value: &str) -> Self {
        let joint = if self.0.contains(" WHERE ") { "AND" } else { "WHERE" };
        Self(format!("{} {joint} {property} = '{}'", self.0, quote(value)))
    }

    /// `ASSOCIATORS OF {object} WHERE AssocClass = … ResultClass = …`. Gives `None` where the object has a
    /// reference among its keys, which a path cannot hold here.
    pub fn associators(object: &Reference, association_class: &str, result_class: &str) -> Option<Self> {
        let path = object_path(object)?;
        Some(Self(format!(
            "ASSOCIATORS OF {{{path}}} WHERE AssocClass = {association_class} ResultClass = {result_class}"
        )))
    }
}

impl fmt::Display for Wql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The relative WMI path of an instance: `Class.Key='value',…`.
fn object_path(object: &Reference) -> Option<String> {
    let keys = object
        .selectors
        .iter()
        .map(|selector| match &selector.value {
            SelectorValue::Text(text) => Some(format!("{}='{}'", selector.name, quote(text))),
            SelectorValue::Reference(_) => None,
        })
        .collect::<Option<Vec<_>>>()?;
    Some(format!("{}.{}", object.class(), keys.join(",")))
}

/// Escapes the text of a literal in single quotes: WQL drops single backslashes and ends at a quote.
fn quote(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    use super::Wql;

    #[test]
    fn values_stay_inside_their_quotes() {
        let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", r"it's \ here");
        let text = r"SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'it\'s \\ here'";
        assert_eq!(query.to_string(), text);
    }
}
