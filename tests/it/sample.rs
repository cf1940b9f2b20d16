//! A class with a property of every type, and values for it.

use std::sync::LazyLock;
use std::time::Duration;

use hvreplica::cim::{
    Class, DateTime, Instance, Interval, Method, Name, Parameter, Property, Reference, Schema, Selector,
    SelectorValue, Type, Value,
};
use jiff::Timestamp;
use proptest::prelude::*;

/// The class that has everything, and a method that takes everything.
pub(crate) const EVERYTHING: &str = "T_Everything";
/// The class that is embedded.
pub(crate) const PART: &str = "T_Part";
/// The method.
pub(crate) const TAKE: &str = "Take";
/// The namespace of both.
pub(crate) const NAMESPACE: &str = "root/test";

/// The schema of both classes.
pub(crate) static SAMPLE: LazyLock<Schema> = LazyLock::new(|| {
    let scalars = TYPES.map(|kind| (kind, None));
    let inner: Vec<Property> =
        properties(scalars.iter().copied().filter(|(kind, _)| *kind != Type::Reference));
    let outer = properties(scalars.into_iter().chain([(Type::String, Some(PART))]));
    let parameters = outer.iter().map(|property| Parameter {
        name: property.name,
        kind: property.kind,
        is_array: property.is_array,
        is_in: true,
        is_out: true,
        target: property.target,
        values: &[],
    });
    let method = Method {
        name: TAKE,
        origin: EVERYTHING,
        returns: Type::Uint32,
        parameters: parameters.collect::<Vec<_>>().leak(),
        return_values: &[],
    };
    let class = |name, properties: Vec<Property>, methods| Class {
        name,
        superclass: None,
        is_abstract: false,
        is_association: false,
        properties: properties.leak(),
        methods,
    };
    let classes = vec![class(EVERYTHING, outer, vec![method].leak()), class(PART, inner, &[])];
    Schema::new(classes.leak())
});

/// One property and one array of each.
fn properties(kinds: impl Iterator<Item = (Type, Option<&'static str>)>) -> Vec<Property> {
    kinds
        .flat_map(|kind| [(kind, false), (kind, true)])
        .map(|((kind, target), is_array)| Property {
            name: format!("{kind}{}{}", target.unwrap_or_default(), if is_array { "List" } else { "" })
                .leak(),
            kind,
            is_array,
            is_key: false,
            origin: EVERYTHING,
            target,
            values: &[],
        })
        .collect()
}

/// An instance of that class with some of its properties, some of them null.
pub(crate) fn instance_of(class: &'static str, namespace: &'static str) -> BoxedStrategy<Instance> {
    let properties = SAMPLE.class(class).unwrap().properties;
    let values: Vec<_> = properties
        .iter()
        .map(|property| {
            let name = property.name;
            proptest::option::of(value_of(property))
                .prop_map(move |value| value.map(|value| (name.into(), value)))
        })
        .collect();
    values
        .prop_map(move |values| Instance {
            properties: values.into_iter().flatten().collect(),
            ..Instance::new(class, namespace)
        })
        .boxed()
}

fn value_of(property: &Property) -> BoxedStrategy<Value> {
    let scalar = match property.target {
        Some(target) => instance_of(target, "").prop_map(Value::from).boxed(),
        None => scalar_of(property.kind),
    };
    let value = match property.is_array {
        true => proptest::collection::vec(scalar, 1..4).prop_map(Value::Array).boxed(),
        false => scalar,
    };
    prop_oneof![9 => value, 1 => Just(Value::Null)].boxed()
}

/// A value of that type.
pub(crate) fn scalar_of(kind: Type) -> BoxedStrategy<Value> {
    use proptest::num::{f32, f64};
    match kind {
        Type::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Type::Uint8 => any::<u8>().prop_map(|value| Value::Unsigned(value.into())).boxed(),
        Type::Uint16 => any::<u16>().prop_map(Value::from).boxed(),
        Type::Uint32 => any::<u32>().prop_map(Value::from).boxed(),
        Type::Uint64 => any::<u64>().prop_map(Value::from).boxed(),
        Type::Sint8 => any::<i8>().prop_map(|value| Value::Signed(value.into())).boxed(),
        Type::Sint16 => any::<i16>().prop_map(|value| Value::Signed(value.into())).boxed(),
        Type::Sint32 => any::<i32>().prop_map(|value| Value::Signed(value.into())).boxed(),
        Type::Sint64 => any::<i64>().prop_map(Value::Signed).boxed(),
        Type::Real32 => {
            (f32::NORMAL | f32::SUBNORMAL | f32::ZERO | f32::INFINITE).prop_map(Value::Real32).boxed()
        }
        Type::Real64 => {
            (f64::NORMAL | f64::SUBNORMAL | f64::ZERO | f64::INFINITE).prop_map(Value::Real64).boxed()
        }
        Type::Char16 => any::<u16>()
            .prop_filter("XML cannot carry it", |unit| carries(*unit))
            .prop_map(Value::Char16)
            .boxed(),
        Type::String => text().prop_map(Value::from).boxed(),
        Type::DateTime => {
            prop_oneof![datetime().prop_map(Value::from), interval().prop_map(Value::from)].boxed()
        }
        Type::Reference => reference().prop_map(Value::from).boxed(),
    }
}

/// Text of characters that have broken parsers before, and of any others that XML can carry.
pub(crate) fn text() -> BoxedStrategy<String> {
    let nasty = proptest::sample::select(
        "&<>\"'\r\n\t ];#xD\u{85}\u{A0}\u{2028}\u{D7FF}\u{E000}\u{FFFD}äあ😀\u{10FFFF}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = any::<char>().prop_filter("XML cannot carry it", |character| {
        u16::try_from(u32::from(*character)).is_ok_and(carries) || u32::from(*character) > 0xFFFF
    });
    let character = prop_oneof![3 => nasty, 1 => any];
    let pieces = prop_oneof![
        8 => character.prop_map(String::from),
        1 => proptest::sample::select(vec!["]]>", "&amp;", "&#xD;", "<![CDATA[", "\r\n", "<!--", "<?x?>", "&#38;#60;"]).prop_map(str::to_owned)
    ];
    proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()).boxed()
}

/// Whether XML can carry the UTF-16 code unit: surrogates travel as numbers.
fn carries(unit: u16) -> bool {
    matches!(unit, 9 | 10 | 13 | 0x20..=0xFFFD)
}

/// A point in time, to the microsecond, in years of four digits.
pub(crate) fn datetime() -> impl Strategy<Value = DateTime> {
    (-11_644_473_600_000_000..253_402_207_200_000_000_i64)
        .prop_map(|micros| DateTime::at(Timestamp::from_microsecond(micros).unwrap()))
}

/// A length of time, to the microsecond, of at most eight digits of days.
pub(crate) fn interval() -> impl Strategy<Value = Interval> {
    (0..8_639_999_999_999_999_999_u64).prop_map(|micros| Interval::of(Duration::from_micros(micros)))
}

/// A reference, perhaps with references among its keys.
pub(crate) fn reference() -> BoxedStrategy<Reference> {
    let flat = (name(), proptest::collection::vec((name(), text()), 0..4)).prop_map(|(uri, keys)| {
        Reference::new(
            format!("urn:{uri}"),
            keys.into_iter().map(|(name, value)| Selector::new(name, value)).collect(),
        )
    });
    flat.prop_recursive(2, 6, 2, |inner| {
        (name(), proptest::collection::vec((name(), inner), 1..3)).prop_map(|(uri, keys)| {
            let selector = |(name, reference): (String, Reference)| Selector {
                name,
                value: SelectorValue::Reference(Box::new(reference)),
            };
            Reference::new(format!("urn:{uri}"), keys.into_iter().map(selector).collect())
        })
    })
    .boxed()
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_&<\"' ]{0,8}[a-z]"
}

/// Equal, times by their instant or length whatever their spelling.
pub(crate) fn are_same(values: &[(Name, Value)], expected: &[(Name, Value)]) -> bool {
    values.len() == expected.len()
        && values.iter().zip(expected).all(|((name, value), (expected_name, expected))| {
            name == expected_name && is_same(value, expected)
        })
}

fn is_same(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::DateTime(value), Value::DateTime(expected)) => value.instant() == expected.instant(),
        (Value::Interval(value), Value::Interval(expected)) => value.length() == expected.length(),
        (Value::Array(values), Value::Array(expected)) => {
            values.len() == expected.len()
                && values.iter().zip(expected).all(|(value, expected)| is_same(value, expected))
        }
        (Value::Instance(value), Value::Instance(expected)) => {
            value.class == expected.class && are_same(&value.properties, &expected.properties)
        }
        (value, expected) => value == expected,
    }
}

/// All types.
pub(crate) const TYPES: [Type; 15] = [
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
