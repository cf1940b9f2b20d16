//! Parameters of a method: their form on the wire, before anything is executed.

use super::{Asked, Refusal, Violation};
use crate::cim::{Method, Name, Parameter, Type, Value};
use crate::wsman::{Body, Message, ns};
use crate::xml::Element;

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'static Method,
    /// The method as the action spells it.
    pub(super) name: &'a str,
    pub(super) uri: &'a str,
}

/// What is given.
#[derive(Debug)]
pub(super) enum Given {
    Values(Vec<(Name, Value)>),
    /// An embedded instance that Hyper-V's parser does not read: the method says so itself.
    Unreadable,
}

#[derive(Debug)]
pub(super) struct Checked {
    pub(super) outcome: Result<Given, Refusal>,
    pub(super) violations: Vec<Violation>,
}

pub(super) fn check(call: &Call<'_>, asked: &Asked, message: &Message) -> Checked {
    let mut check = Check { call, violations: Vec::new() };
    let outcome = check.body(asked, message);
    Checked { outcome, violations: check.violations }
}

struct Check<'a> {
    call: &'a Call<'a>,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn refuse<T>(&mut self, rule: &'static str, text: &str, refusal: Refusal) -> Result<T, Refusal> {
        self.violations.push(Violation::new(rule, text));
        Err(refusal)
    }

    fn body(&mut self, asked: &Asked, message: &Message) -> Result<Given, Refusal> {
        let [root] = asked.body.as_slice() else {
            return self.refuse("input", "not exactly one element in the body", Refusal::Schema);
        };
        if root.local.strip_suffix("_INPUT") != Some(self.call.name) {
            return self.refuse("input", &root.local, Refusal::Schema);
        }
        if root.namespace != self.call.uri {
            self.violations.push(Violation::new("input-namespace", root.namespace.clone()));
        }
        let Body::Invocation(invocation) = &message.body else { return Err(Refusal::Schema) };
        let elements: Vec<&Element> = root.elements().collect();
        for (at, element) in elements.iter().enumerate() {
            let parameter = self.parameter(element)?;
            let is_repeated = elements.iter().take(at).any(|earlier| earlier.local == element.local);
            if is_repeated && !parameter.is_array {
                return self.refuse("parameter-repeated", &element.local, Refusal::Schema);
            }
            self.value(element, parameter)?;
        }
        let is_unreadable = elements.iter().any(|element| self.is_unreadable(element));
        self.typed(&invocation.parameters)?;
        Ok(if is_unreadable { Given::Unreadable } else { Given::Values(invocation.parameters.clone()) })
    }

    fn parameter(&mut self, element: &Element) -> Result<&'static Parameter, Refusal> {
        if element.namespace != self.call.uri {
            return self.refuse("parameter-namespace", &element.namespace, Refusal::XmlNamespace);
        }
        let mut declared = self.call.method.parameters.iter();
        match declared.find(|parameter| parameter.is_in && parameter.name == element.local) {
            Some(parameter) => Ok(parameter),
            None => self.refuse("parameter-name", &element.local, Refusal::Schema),
        }
    }

    fn value(&mut self, element: &Element, parameter: &Parameter) -> Result<(), Refusal> {
        let has_children = element.elements().next().is_some();
        if is_nil(element) {
            return if has_children || !element.text().trim().is_empty() {
                self.refuse("nil-content", &element.local, Refusal::Schema)
            } else {
                Ok(())
            };
        }
        match parameter.kind {
            Type::Reference => self.reference(element),
            Type::DateTime => self.datetime(element),
            _ if has_children => self.refuse("parameter-markup", &element.local, Refusal::Schema),
            _ => Ok(()),
        }
    }

    fn reference(&mut self, element: &Element) -> Result<(), Refusal> {
        if element.find(ns::ADDRESSING, "EndpointReference").is_some() {
            return self.refuse("reference-wrapper", &element.local, Refusal::Schema);
        }
        let address = element.find(ns::ADDRESSING, "Address");
        let parameters = element.find(ns::ADDRESSING, "ReferenceParameters");
        let uri = parameters.and_then(|parameters| parameters.find(ns::WSMAN, "ResourceURI"));
        if address.is_none() || uri.is_none() {
            return self.refuse("reference", &element.local, Refusal::Schema);
        }
        Ok(())
    }

    fn datetime(&mut self, element: &Element) -> Result<(), Refusal> {
        let mut children = element.elements();
        let (Some(child), None) = (children.next(), children.next()) else {
            return self.refuse("datetime-form", &element.text(), Refusal::XmlValue);
        };
        if child.is(ns::CIM, "Datetime") {
            let text = child.text();
            let time = text.trim().split_once('T').map_or("", |(_, time)| time);
            if !time.ends_with('Z') && !time.contains(['+', '-']) {
                self.violations.push(Violation::new("datetime-zone", text));
            }
            Ok(())
        } else if child.is(ns::CIM, "Interval") {
            Ok(())
        } else {
            self.refuse("datetime-form", &child.local, Refusal::XmlValue)
        }
    }

    /// Hyper-V reads embedded instances with a parser that knows no named entities.
    fn is_unreadable(&mut self, element: &Element) -> bool {
        let mut declared = self.call.method.parameters.iter();
        let parameter = declared.find(|parameter| parameter.name == element.local);
        let is_embedded = parameter.is_some_and(|found| found.kind == Type::String && found.target.is_some());
        let text = element.text();
        if !is_embedded || text.trim().is_empty() {
            return false;
        }
        let is_bad = NAMED_ENTITIES.iter().any(|entity| text.contains(entity))
            || !text.trim().starts_with("<INSTANCE");
        if is_bad {
            self.violations.push(Violation::new("embedded", element.local.clone()));
        }
        is_bad
    }

    /// The decoder leaves as text what is no value of the declared type.
    fn typed(&mut self, parameters: &[(Name, Value)]) -> Result<(), Refusal> {
        for (name, value) in parameters {
            let declared = self.call.method.parameters.iter().find(|parameter| parameter.name == *name);
            let takes_text = declared.is_none_or(|declared| declared.kind == Type::String);
            if !takes_text && value.elements().iter().any(|value| value.as_str().is_some()) {
                return self.refuse("parameter-value", name, Refusal::XmlValue);
            }
        }
        Ok(())
    }
}

fn is_nil(element: &Element) -> bool {
    matches!(element.attribute(ns::XSI, "nil"), Some("true" | "1"))
}

const NAMED_ENTITIES: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
