//! Filters of Enumerate (MS-WSMV 3.1.4.1.13; DSP0226, 8.3; DSP0227, 10).

use crate::cim::{Reference, Selector};
use crate::xml::{Element, Writer};

use super::encode_value::{write_reference_content, write_selectors};
use super::message::DecodeError;
use super::{ns, reference};

/// What restricts an enumeration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// A WQL query; the resource URI has to be of class `*`.
    Wql(String),
    /// Equality of properties.
    Selectors(Vec<Selector>),
    /// Instances associated with one; the resource URI has to be of class `*`.
    Association(Association),
    /// Another dialect with its content.
    Other {
        /// `Dialect`
        dialect: String,
        /// The filter element.
        content: Element,
    },
}

/// An association filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Association {
    /// Whether the association instances themselves are wanted instead of the far ends.
    pub instances: bool,
    /// The instance to start from.
    pub object: Reference,
    /// Class of the association.
    pub association_class: Option<String>,
    /// Role of the object in it.
    pub role: Option<String>,
    /// Class of the result.
    pub result_class: Option<String>,
    /// Role of the result.
    pub result_role: Option<String>,
}

impl Filter {
    /// The URI of its dialect.
    pub fn dialect(&self) -> &str {
        match self {
            Self::Wql(_) => WQL,
            Self::Selectors(_) => SELECTOR,
            Self::Association(_) => ASSOCIATION,
            Self::Other { dialect, .. } => dialect,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match self {
            Self::Wql(query) => writer.element("w:Filter").attribute("Dialect", WQL).text(query),
            Self::Selectors(selectors) => writer
                .element("w:Filter")
                .attribute("Dialect", SELECTOR)
                .content(|writer| write_selectors(writer, selectors)),
            Self::Association(association) => writer
                .element("w:Filter")
                .attribute("Dialect", ASSOCIATION)
                .content(|writer| association.write(writer)),
            Self::Other { dialect, content } => {
                writer.element("w:Filter").attribute("Dialect", dialect).text(&content.text());
            }
        }
    }

    pub(super) fn decode(element: &Element) -> Result<Self, DecodeError> {
        let dialect = element.attribute("", "Dialect").unwrap_or_default();
        Ok(match dialect {
            WQL => Self::Wql(element.text()),
            SELECTOR => {
                let set = element.find(ns::WSMAN, "SelectorSet");
                Self::Selectors(set.map(reference::selectors).transpose()?.unwrap_or_default())
            }
            ASSOCIATION => match Association::decode(element)? {
                Some(association) => Self::Association(association),
                None => Self::Other { dialect: dialect.to_owned(), content: element.clone() },
            },
            _ => Self::Other { dialect: dialect.to_owned(), content: element.clone() },
        })
    }
}

impl Association {
    fn write(&self, writer: &mut Writer) {
        let name = if self.instances { "b:AssociationInstances" } else { "b:AssociatedInstances" };
        writer.element(name).content(|writer| {
            writer.element("b:Object").content(|writer| write_reference_content(writer, &self.object));
            let parts = [
                ("b:AssociationClassName", &self.association_class),
                ("b:Role", &self.role),
                ("b:ResultClassName", &self.result_class),
                ("b:ResultRole", &self.result_role),
            ];
            for (name, value) in parts {
                if let Some(value) = value {
                    writer.element(name).text(value);
                }
            }
        });
    }

    /// Gives `None` where the filter has a form of its own.
    fn decode(filter: &Element) -> Result<Option<Self>, DecodeError> {
        let Some(root) = filter.elements().next().filter(|root| root.namespace == ns::BINDING) else {
            return Ok(None);
        };
        let Some(object) = root.find(ns::BINDING, "Object") else { return Ok(None) };
        let known = ["Object", "AssociationClassName", "Role", "ResultClassName", "ResultRole"];
        if !root.elements().all(|child| known.contains(&child.local.as_str())) {
            return Ok(None);
        }
        let part = |local: &str| root.find(ns::BINDING, local).map(|part| part.text().trim().to_owned());
        Ok(Some(Self {
            instances: root.local == "AssociationInstances",
            object: match reference::decode(object) {
                Ok(object) => object,
                Err(_) => return Ok(None),
            },
            association_class: part("AssociationClassName"),
            role: part("Role"),
            result_class: part("ResultClassName"),
            result_role: part("ResultRole"),
        }))
    }
}

const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
const SELECTOR: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
const ASSOCIATION: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
