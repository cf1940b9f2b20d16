//! What a CIM class is: the meta schema of DSP0004, as data.

use std::fmt;

/// A CIM intrinsic type (DSP0004, "Intrinsic data types"), or a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `boolean`
    Boolean,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `sint8`
    Sint8,
    /// `sint16`
    Sint16,
    /// `sint32`
    Sint32,
    /// `sint64`
    Sint64,
    /// `real32`
    Real32,
    /// `real64`
    Real64,
    /// `char16`
    Char16,
    /// `string`
    String,
    /// `datetime`, a timestamp or an interval
    DateTime,
    /// A reference to an instance
    Reference,
}

impl Type {
    /// The name in MOF and in the `TYPE` attribute of CIM-XML.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint8 => "sint8",
            Self::Sint16 => "sint16",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Real32 => "real32",
            Self::Real64 => "real64",
            Self::Char16 => "char16",
            Self::String => "string",
            Self::DateTime => "datetime",
            Self::Reference => "reference",
        }
    }

    /// The type of that name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Whether values are whole numbers.
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Uint8
                | Self::Uint16
                | Self::Uint32
                | Self::Uint64
                | Self::Sint8
                | Self::Sint16
                | Self::Sint32
                | Self::Sint64
        )
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const ALL: [Type; 15] = [
    Type::Boolean,
    Type::Uint8,
    Type::Uint16,
    Type::Uint32,
    Type::Uint64,
    Type::Sint8,
    Type::Sint16,
    Type::Sint32,
    Type::Sint64,
    Type::Real32,
    Type::Real64,
    Type::Char16,
    Type::String,
    Type::DateTime,
    Type::Reference,
];

/// One entry of a value map: a number and its documented label.
pub type ValueLabel = (i64, &'static str);

/// A property of a class.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// Name, verbatim.
    pub name: &'static str,
    /// Type of the value or of the elements of the array.
    pub kind: Type,
    /// Whether the value is an array.
    pub is_array: bool,
    /// Whether the property is a key of the class.
    pub is_key: bool,
    /// Class that declares it first.
    pub origin: &'static str,
    /// Class whose instances a string carries (`EmbeddedInstance`), or to which a reference points.
    pub target: Option<&'static str>,
    /// Documented numbers and their labels, in ascending order (`ValueMap`, `Values`).
    pub values: &'static [ValueLabel],
}

/// A parameter of a method.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name, verbatim; XML of parameters is case-sensitive.
    pub name: &'static str,
    /// Type of the value or of the elements of the array.
    pub kind: Type,
    /// Whether the value is an array.
    pub is_array: bool,
    /// Whether the caller gives it.
    pub is_in: bool,
    /// Whether the method gives it back.
    pub is_out: bool,
    /// Class whose instances a string carries (`EmbeddedInstance`), or to which a reference points.
    pub target: Option<&'static str>,
    /// Documented numbers and their labels.
    pub values: &'static [ValueLabel],
}

/// A method of a class.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Name, verbatim.
    pub name: &'static str,
    /// Class that declares it first.
    pub origin: &'static str,
    /// Type of the return value.
    pub returns: Type,
    /// Parameters in the order of declaration.
    pub parameters: &'static [Parameter],
    /// Documented return values and their labels.
    pub return_values: &'static [ValueLabel],
}

impl Method {
    /// The parameter of that name, in any case.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
    }

    /// The label of a return value.
    pub fn return_label(&self, code: i64) -> Option<&'static str> {
        label(self.return_values, code)
    }
}

/// A class with everything it inherits.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    /// Name, verbatim.
    pub name: &'static str,
    /// The class it derives from.
    pub superclass: Option<&'static str>,
    /// Whether it has no instances of its own.
    pub is_abstract: bool,
    /// Whether it is an association.
    pub is_association: bool,
    /// All properties, inherited ones first.
    pub properties: &'static [Property],
    /// All methods, inherited ones first.
    pub methods: &'static [Method],
}

impl Class {
    /// The property of that name, in any case.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
            .or_else(|| self.properties.iter().find(|property| property.name.eq_ignore_ascii_case(name)))
    }

    /// The method of that name, in any case.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name.eq_ignore_ascii_case(name))
    }

    /// Names of the keys, in the order of declaration.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.properties.iter().filter(|property| property.is_key).map(|property| property.name)
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    classes: &'static [Class],
}

impl Schema {
    /// Knows no class: every value is decoded as text.
    pub const EMPTY: Self = Self { classes: &[] };

    /// The schema of these classes.
    pub const fn new(classes: &'static [Class]) -> Self {
        Self { classes }
    }

    /// The class of that name, in any case.
    pub fn class(&self, name: &str) -> Option<&'static Class> {
        self.classes
            .iter()
            .find(|class| class.name == name)
            .or_else(|| self.classes.iter().find(|class| class.name.eq_ignore_ascii_case(name)))
    }

    /// All classes.
    pub fn classes(&self) -> &'static [Class] {
        self.classes
    }

    /// Whether `class` is `ancestor` or derives from it.
    pub fn is_a(&self, class: &str, ancestor: &str) -> bool {
        let mut next = Some(class);
        while let Some(name) = next {
            if name.eq_ignore_ascii_case(ancestor) {
                return true;
            }
            next = self.class(name).and_then(|class| class.superclass);
        }
        false
    }
}

/// The label of a number in a value map.
pub fn label(values: &'static [ValueLabel], number: i64) -> Option<&'static str> {
    values.iter().find(|(value, _)| *value == number).map(|(_, label)| *label)
}
