//! Reads one property of an instance into the type that the schema says.

use crate::cim::{DateTime, Instance, Interval, Reference, Type, Value};

/// A property that holds no value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("property {property} of {class} is no {expected}{}", if *.is_array { " array" } else { "" })]
pub struct PropertyError {
    /// The class.
    pub class: &'static str,
    /// The property.
    pub property: &'static str,
    /// The type of the value, or of its elements.
    pub expected: Type,
    /// Whether an array was expected.
    pub is_array: bool,
}

/// Reads a property; absent is null.
pub(in crate::msvm) fn read<T: Field>(
    instance: &Instance,
    class: &'static str,
    property: &'static str,
) -> Result<T, PropertyError> {
    let value = instance.get(property).unwrap_or(&Value::Null);
    T::from_value(value).ok_or(PropertyError { class, property, expected: T::KIND, is_array: T::IS_ARRAY })
}

/// What a field can be: a value or null, or an array.
pub(in crate::msvm) trait Field: Sized {
    const KIND: Type;
    const IS_ARRAY: bool;
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T: Scalar> Field for Option<T> {
    const KIND: Type = T::KIND;
    const IS_ARRAY: bool = false;

    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: Scalar> Field for Vec<T> {
    const KIND: Type = T::KIND;
    const IS_ARRAY: bool = true;

    fn from_value(value: &Value) -> Option<Self> {
        value.elements().iter().filter(|element| !element.is_null()).map(T::from_value).collect()
    }
}

/// What a value that is not null can be. Values whose type was not known came as text.
pub(in crate::msvm) trait Scalar: Sized {
    const KIND: Type;
    fn from_value(value: &Value) -> Option<Self>;
}

/// A whole number.
pub(in crate::msvm) trait Number: Scalar {
    fn to_value(self) -> Value;
}

macro_rules! number {
    ($($number:ty = $kind:ident $variant:ident;)*) => {
        $(
            impl Scalar for $number {
                const KIND: Type = Type::$kind;

                fn from_value(value: &Value) -> Option<Self> {
                    match value {
                        Value::Unsigned(number) => Self::try_from(*number).ok(),
                        Value::Signed(number) => Self::try_from(*number).ok(),
                        Value::String(text) => match Value::parse(Self::KIND, text) {
                            Ok(Value::$variant(number)) => Self::try_from(number).ok(),
                            _ => None,
                        },
                        _ => None,
                    }
                }
            }

            impl Number for $number {
                fn to_value(self) -> Value {
                    Value::$variant(self.into())
                }
            }
        )*
    };
}

number! {
    u8 = Uint8 Unsigned;
    u16 = Uint16 Unsigned;
    u32 = Uint32 Unsigned;
    u64 = Uint64 Unsigned;
    i8 = Sint8 Signed;
    i16 = Sint16 Signed;
    i32 = Sint32 Signed;
    i64 = Sint64 Signed;
}

impl Scalar for bool {
    const KIND: Type = Type::Boolean;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Value::parse(Self::KIND, text).ok()?.as_bool(),
            other => other.as_bool(),
        }
    }
}

impl Scalar for String {
    const KIND: Type = Type::String;

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Scalar for DateTime {
    const KIND: Type = Type::DateTime;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text).ok(),
            other => other.as_datetime().cloned(),
        }
    }
}

impl Scalar for Interval {
    const KIND: Type = Type::DateTime;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text).ok(),
            other => other.as_interval().cloned(),
        }
    }
}

impl Scalar for Reference {
    const KIND: Type = Type::Reference;

    fn from_value(value: &Value) -> Option<Self> {
        value.as_reference().cloned()
    }
}

/// Any value, where the schema does not say what a text or a datetime holds.
impl Scalar for Value {
    const KIND: Type = Type::String;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_) => None,
            other => Some(other.clone()),
        }
    }
}
