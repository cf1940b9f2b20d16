//! One CIM value.

use super::{DateTime, Instance, Interval, Reference, Type};

/// A CIM value of any type. Null, the empty string and the empty array stay apart; an absent property is no
/// value at all (DSP0004, "Null values").
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// `boolean`
    Boolean(bool),
    /// `uint8` to `uint64`
    Unsigned(u64),
    /// `sint8` to `sint64`
    Signed(i64),
    /// `real32`
    Real32(f32),
    /// `real64`
    Real64(f64),
    /// `char16`: one UTF-16 code unit
    Char16(u16),
    /// `string`, and any value whose type is not known
    String(String),
    /// `datetime` that is a point in time
    DateTime(DateTime),
    /// `datetime` that is a length of time
    Interval(Interval),
    /// A reference to an instance
    Reference(Box<Reference>),
    /// An embedded instance
    Instance(Box<Instance>),
    /// An array
    Array(Vec<Value>),
}

/// Text that is no value of the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}")]
pub struct ValueError {
    /// The type that was asked for.
    pub kind: Type,
    /// The beginning of the text.
    pub text: String,
}

impl ValueError {
    fn new(kind: Type, text: &str) -> Self {
        Self { kind, text: text.chars().take(LONGEST_QUOTE).collect() }
    }
}

impl Value {
    /// Reads a scalar from its text on the wire (DSP0230, "CIM data types"); strings are taken as they are,
    /// other types without the blanks around them. Booleans may have any case and be `0` or `1`, as several
    /// servers write them.
    ///
    /// # Errors
    /// The text is no value of that type. References are never text.
    pub fn parse(kind: Type, text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::new(kind, text);
        if kind == Type::String {
            return Ok(Self::String(text.to_owned()));
        }
        if kind == Type::Char16 {
            return parse_char16(text).map(Self::Char16).ok_or_else(wrong);
        }
        let trimmed = text.trim_ascii();
        let unsigned = |max: u64| {
            let digits = trimmed.strip_prefix('+').unwrap_or(trimmed);
            digits.parse::<u64>().ok().filter(|number| *number <= max).map(Self::Unsigned).ok_or_else(wrong)
        };
        let signed = |min: i64, max: i64| {
            let number = trimmed.parse::<i64>().ok().filter(|number| (min..=max).contains(number));
            number.map(Self::Signed).ok_or_else(wrong)
        };
        match kind {
            Type::Boolean => match trimmed {
                "1" => Ok(Self::Boolean(true)),
                "0" => Ok(Self::Boolean(false)),
                _ if trimmed.eq_ignore_ascii_case("true") => Ok(Self::Boolean(true)),
                _ if trimmed.eq_ignore_ascii_case("false") => Ok(Self::Boolean(false)),
                _ => Err(wrong()),
            },
            Type::Uint8 => unsigned(u64::from(u8::MAX)),
            Type::Uint16 => unsigned(u64::from(u16::MAX)),
            Type::Uint32 => unsigned(u64::from(u32::MAX)),
            Type::Uint64 => unsigned(u64::MAX),
            Type::Sint8 => signed(i64::from(i8::MIN), i64::from(i8::MAX)),
            Type::Sint16 => signed(i64::from(i16::MIN), i64::from(i16::MAX)),
            Type::Sint32 => signed(i64::from(i32::MIN), i64::from(i32::MAX)),
            Type::Sint64 => signed(i64::MIN, i64::MAX),
            Type::Real32 => parse_real::<f32>(trimmed).map(Self::Real32).ok_or_else(wrong),
            Type::Real64 => parse_real::<f64>(trimmed).map(Self::Real64).ok_or_else(wrong),
            Type::DateTime => DateTime::parse(trimmed)
                .map(Self::DateTime)
                .or_else(|_| Interval::parse(trimmed).map(Self::Interval))
                .map_err(|_| wrong()),
            Type::String | Type::Char16 | Type::Reference => Err(wrong()),
        }
    }

    /// The scalar as text of the wire; `None` for null, references, instances and arrays.
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Boolean(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Signed(value) => value.to_string(),
            Self::Real32(value) => real_text(value.is_nan(), value.is_infinite(), *value > 0.0, value),
            Self::Real64(value) => real_text(value.is_nan(), value.is_infinite(), *value > 0.0, value),
            Self::Char16(unit) => char16_text(*unit),
            Self::String(value) => value.clone(),
            Self::DateTime(value) => value.to_string(),
            Self::Interval(value) => value.to_string(),
            Self::Null | Self::Reference(_) | Self::Instance(_) | Self::Array(_) => return None,
        })
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// The number, from an unsigned or a non-negative signed value, or from text that is one.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            Self::String(value) => value.trim().parse().ok(),
            _ => None,
        }
    }

    /// The number, from a signed or an unsigned value, or from text that is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Signed(value) => Some(*value),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::String(value) => value.trim().parse().ok(),
            _ => None,
        }
    }

    /// The truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The point in time.
    pub fn as_datetime(&self) -> Option<&DateTime> {
        match self {
            Self::DateTime(value) => Some(value),
            _ => None,
        }
    }

    /// The length of time.
    pub fn as_interval(&self) -> Option<&Interval> {
        match self {
            Self::Interval(value) => Some(value),
            _ => None,
        }
    }

    /// The reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(value) => Some(value),
            _ => None,
        }
    }

    /// The embedded instance.
    pub fn as_instance(&self) -> Option<&Instance> {
        match self {
            Self::Instance(value) => Some(value),
            _ => None,
        }
    }

    /// The elements: of an array all, of null none, of a scalar itself.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Null => &[],
            Self::Array(values) => values,
            scalar => std::slice::from_ref(scalar),
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Unsigned(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Unsigned(value.into())
    }
}

impl From<DateTime> for Value {
    fn from(value: DateTime) -> Self {
        Self::DateTime(value)
    }
}

impl From<Interval> for Value {
    fn from(value: Interval) -> Self {
        Self::Interval(value)
    }
}

impl From<Reference> for Value {
    fn from(value: Reference) -> Self {
        Self::Reference(Box::new(value))
    }
}

impl From<Instance> for Value {
    fn from(value: Instance) -> Self {
        Self::Instance(Box::new(value))
    }
}

/// A single character, or a number of more than one digit as WMI may write it.
fn parse_char16(text: &str) -> Option<u16> {
    let mut units = text.encode_utf16();
    match (units.next(), units.next()) {
        (Some(unit), None) => Some(unit),
        _ => text.trim().parse().ok(),
    }
}

/// One character; a lone surrogate as its number, which is all that text can hold of it.
fn char16_text(unit: u16) -> String {
    char::from_u32(unit.into()).map_or_else(|| unit.to_string(), String::from)
}

fn parse_real<T: std::str::FromStr>(text: &str) -> Option<T> {
    let spelled = match text {
        "INF" | "+INF" => "inf",
        "-INF" => "-inf",
        other if other.bytes().any(|byte| byte.is_ascii_digit()) || other == "NaN" => other,
        _ => return None,
    };
    spelled.parse().ok()
}

fn real_text(is_nan: bool, is_infinite: bool, is_positive: bool, value: impl ToString) -> String {
    match (is_nan, is_infinite, is_positive) {
        (true, _, _) => "NaN".to_owned(),
        (_, true, true) => "INF".to_owned(),
        (_, true, false) => "-INF".to_owned(),
        _ => value.to_string(),
    }
}

const LONGEST_QUOTE: usize = 60;
