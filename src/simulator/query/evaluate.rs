//! Whether an instance meets a condition.

use std::cmp::Ordering;

use super::{Condition, Literal, Operator, Select, Subject, path};
use crate::cim::{DateTime, Instance, Interval, Schema, Value};

impl Select {
    /// Whether the instance meets the condition.
    pub fn admits(&self, instance: &Instance, schema: Schema) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(instance, schema))
    }

    /// The instance, or what the projection leaves of it: no class, properties in alphabetical order.
    pub fn project(&self, instance: Instance) -> Instance {
        let Some(wanted) = &self.properties else { return instance };
        let mut kept = Instance::new("", instance.namespace);
        kept.properties = instance.properties;
        kept.properties.retain(|(name, _)| wanted.iter().any(|own| own.eq_ignore_ascii_case(name)));
        kept
    }
}

impl Condition {
    fn holds(&self, instance: &Instance, schema: Schema) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(instance, schema)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(instance, schema)),
            Self::Not(part) => !part.holds(instance, schema),
            Self::IsNull(subject) => subject.value(instance).is_null(),
            Self::Like { subject, pattern } => {
                subject.value(instance).as_str().is_some_and(|text| pattern.fits(text))
            }
            Self::Isa { subject, class } => {
                subject.class(instance).is_some_and(|own| schema.is_a(&own, class))
            }
            Self::Compare { subject, operator, literal } => {
                operator.holds(&subject.value(instance), literal, schema)
            }
        }
    }
}

impl Subject {
    fn value(self, instance: &Instance) -> Value {
        match self {
            Self::Property(name) => instance.get(name).cloned().unwrap_or(Value::Null),
            Self::Class | Self::Instance => Value::String(instance.class.clone().into_owned()),
        }
    }

    fn class(self, instance: &Instance) -> Option<String> {
        match self {
            Self::Class | Self::Instance => Some(instance.class.clone().into_owned()),
            Self::Property(name) => match instance.get(name)? {
                Value::Reference(reference) => Some(reference.class().to_owned()),
                Value::Instance(embedded) => Some(embedded.class.clone().into_owned()),
                _ => None,
            },
        }
    }
}

impl Operator {
    fn holds(self, value: &Value, literal: &Literal, schema: Schema) -> bool {
        if *literal == Literal::Null {
            return match self {
                Self::Equal => value.is_null(),
                Self::Unequal => !value.is_null(),
                _ => false,
            };
        }
        if value.is_null() {
            return false;
        }
        let order = compare(value, literal, schema);
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::Unequal => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::Greater => order == Some(Ordering::Greater),
            Self::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// How the value stands to the literal; `None` where they cannot be compared. Case of strings does not count.
fn compare(value: &Value, literal: &Literal, schema: Schema) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(own), Literal::Text(text)) => Some(own.to_lowercase().cmp(&text.to_lowercase())),
        (Value::Boolean(own), Literal::Boolean(other)) => Some(own.cmp(other)),
        (Value::Boolean(own), Literal::Number(number)) => Some(i128::from(*own).cmp(number)),
        (Value::Boolean(own), Literal::Text(text)) => {
            Some(own.to_string().as_str().cmp(text.to_ascii_lowercase().as_str()))
        }
        (Value::DateTime(own), Literal::Text(text)) => {
            Some(own.instant()?.cmp(&DateTime::parse(text).ok()?.instant()?))
        }
        (Value::Interval(own), Literal::Text(text)) => {
            Some(own.length()?.cmp(&Interval::parse(text).ok()?.length()?))
        }
        (Value::Reference(own), Literal::Text(text)) => {
            let other = path::parse(text, schema).ok()?;
            own.same_instance(&other).then_some(Ordering::Equal)
        }
        (number, Literal::Number(other)) => Some(whole(number)?.cmp(other)),
        (number, Literal::Text(text)) => Some(whole(number)?.cmp(&text.trim().parse().ok()?)),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Unsigned(number) => Some((*number).into()),
        Value::Signed(number) => Some((*number).into()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
