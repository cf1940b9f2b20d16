//! What MOF says, before anything is inherited.

use std::fmt;
use std::rc::Rc;

/// What is wrong with a schema, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Where it stands.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.file, self.place.line, self.message)
    }
}

impl std::error::Error for Error {}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Name of the file.
    pub(crate) file: Rc<str>,
    /// Line, from 1.
    pub(crate) line: usize,
}

impl Place {
    /// The error of that message here.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error { place: self.clone(), message: message.into() }
    }
}

/// One file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Document {
    /// What `#pragma namespace` says.
    pub(crate) namespace: Option<String>,
    /// Qualifiers that it declares.
    pub(crate) declarations: Vec<Declaration>,
    /// Classes that it declares.
    pub(crate) classes: Vec<Class>,
}

/// Declares a qualifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    /// Name.
    pub(crate) name: String,
    /// Type of its value.
    pub(crate) kind: DataType,
    /// Whether the value is an array.
    pub(crate) is_array: bool,
    /// Value where a class does not give the qualifier.
    pub(crate) default: Literal,
    /// What may carry it, in lower case.
    pub(crate) scopes: Vec<String>,
    /// How it spreads, in lower case.
    pub(crate) flavors: Vec<String>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Class {
    /// Qualifiers.
    pub(crate) qualifiers: Qualifiers,
    /// Name.
    pub(crate) name: String,
    /// The class it derives from.
    pub(crate) superclass: Option<String>,
    /// Properties that it declares or overrides.
    pub(crate) properties: Vec<Property>,
    /// Methods that it declares or overrides.
    pub(crate) methods: Vec<Method>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A property, or a parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    /// Qualifiers.
    pub(crate) qualifiers: Qualifiers,
    /// Type of the value or of the elements.
    pub(crate) kind: DataType,
    /// Name.
    pub(crate) name: String,
    /// Whether the value is an array.
    pub(crate) is_array: bool,
    /// Initial value.
    pub(crate) default: Option<Literal>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A method.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Method {
    /// Qualifiers.
    pub(crate) qualifiers: Qualifiers,
    /// Type of the return value.
    pub(crate) returns: DataType,
    /// Name.
    pub(crate) name: String,
    /// Parameters in order.
    pub(crate) parameters: Vec<Property>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DataType {
    /// An intrinsic type, in lower case.
    Intrinsic(&'static str),
    /// A reference to an instance of that class.
    Reference(String),
}

impl DataType {
    /// The intrinsic type of that name, in any case.
    pub(crate) fn intrinsic(name: &str) -> Option<Self> {
        INTRINSIC.into_iter().find(|known| known.eq_ignore_ascii_case(name)).map(Self::Intrinsic)
    }

    /// Whether values are whole numbers.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::Intrinsic(name) if name.contains("int"))
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A whole number
    Integer(i128),
    /// A number with a point
    Real(f64),
    /// A character in single quotes
    Character(char),
    /// Text
    Text(String),
    /// Constants in braces
    Array(Vec<Literal>),
}

/// A qualifier with its value; `None` where only the name stands there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Qualifier {
    /// Name.
    pub(crate) name: String,
    /// Value.
    pub(crate) value: Option<Literal>,
    /// Flavors given on the spot, in lower case.
    pub(crate) flavors: Vec<String>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A list of qualifiers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Qualifiers(pub(crate) Vec<Qualifier>);

impl Qualifiers {
    /// The qualifier of that name, in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&Qualifier> {
        self.0.iter().find(|qualifier| qualifier.name.eq_ignore_ascii_case(name))
    }

    /// The value of a boolean qualifier; a name alone means true.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.value {
            None => Some(true),
            Some(Literal::Boolean(value)) => Some(value),
            Some(_) => None,
        }
    }

    /// Whether a boolean qualifier is there and true.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    /// The value of a string qualifier.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.value {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The elements of a qualifier that is an array of strings.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let Some(Literal::Array(values)) = &self.get(name)?.value else { return None };
        values
            .iter()
            .map(|value| match value {
                Literal::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

const INTRINSIC: [&str; 14] = [
    "boolean", "uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64", "real32",
    "real64", "char16", "string", "datetime",
];
