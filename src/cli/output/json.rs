//! CIM values as JSON, written straight to the output without a tree in between.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::cim::{ANONYMOUS, Instance, Name, Reference, Selector, SelectorValue, Value};
use crate::wsman::Item;

/// A borrowed thing of the rooms below in its JSON form.
///
/// Implemented for [`Value`], [`Instance`], [`Reference`], [`Item`], and lists of properties and selectors.
#[derive(Debug)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

impl Serialize for Json<'_, Value> {
    /// Null, booleans, numbers and arrays are what JSON has for them; a real that is no number is text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Unsigned(value) => serializer.serialize_u64(*value),
            Value::Signed(value) => serializer.serialize_i64(*value),
            Value::Real32(value) if value.is_finite() => serializer.serialize_f32(*value),
            Value::Real64(value) if value.is_finite() => serializer.serialize_f64(*value),
            Value::String(value) => serializer.serialize_str(value),
            Value::DateTime(value) => serializer.collect_str(value),
            Value::Interval(value) => serializer.collect_str(value),
            Value::Array(values) => serializer.collect_seq(values.iter().map(Json)),
            Value::Reference(reference) => wrap(serializer, "reference", &Json(&**reference)),
            Value::Instance(instance) => wrap(serializer, "instance", &Embedded(instance)),
            Value::Real32(_) | Value::Real64(_) | Value::Char16(_) => {
                serializer.serialize_str(&self.0.to_text().unwrap_or_default())
            }
        }
    }
}

impl Serialize for Json<'_, Reference> {
    /// The address stands there only where it says more than "the connection you are using".
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reference = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resource_uri", &reference.resource_uri)?;
        map.serialize_entry("selectors", &Json(reference.selectors.as_slice()))?;
        if reference.address != ANONYMOUS {
            map.serialize_entry("address", &reference.address)?;
        }
        map.end()
    }
}

impl Serialize for Json<'_, [Selector]> {
    /// An object by name; a name that comes twice, which no host accepts, has an array.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, selector) in self.0.iter().enumerate() {
            let of_name = || self.0.iter().filter(|other| other.name == selector.name);
            if self.0.iter().take(at).any(|earlier| earlier.name == selector.name) {
                continue;
            }
            match of_name().count() {
                1 => map.serialize_entry(&selector.name, &Json(&selector.value))?,
                _ => {
                    let values: Vec<_> = of_name().map(|selector| Json(&selector.value)).collect();
                    map.serialize_entry(&selector.name, &values)?;
                }
            }
        }
        map.end()
    }
}

impl Serialize for Json<'_, SelectorValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            SelectorValue::Text(text) => serializer.serialize_str(text),
            SelectorValue::Reference(reference) => wrap(serializer, "reference", &Json(&**reference)),
        }
    }
}

impl Serialize for Json<'_, Instance> {
    /// `{"class","namespace","properties"}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_instance(&mut map, self.0)?;
        map.end()
    }
}

impl Serialize for Json<'_, Item> {
    /// An instance with its `reference`, or whichever of both there is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(instance) = &self.0.instance {
            write_instance(&mut map, instance)?;
        }
        if let Some(reference) = &self.0.reference {
            map.serialize_entry("reference", &Json(reference))?;
        }
        map.end()
    }
}

impl Serialize for Json<'_, [(Name, Value)]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Json(value))))
    }
}

impl Serialize for Json<'_, [Item]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            list.serialize_element(&Json(item))?;
        }
        list.end()
    }
}

/// An instance inside a value, which has no namespace of its own to tell.
struct Embedded<'a>(&'a Instance);

impl Serialize for Embedded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("class", &self.0.class)?;
        map.serialize_entry("properties", &Json(self.0.properties.as_slice()))?;
        map.end()
    }
}

fn write_instance<M: SerializeMap>(map: &mut M, instance: &Instance) -> Result<(), M::Error> {
    map.serialize_entry("class", &instance.class)?;
    map.serialize_entry("namespace", &instance.namespace)?;
    map.serialize_entry("properties", &Json(instance.properties.as_slice()))
}

fn wrap<S: Serializer>(serializer: S, name: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use super::Json;
    use crate::cim::{Instance, Reference, Selector, SelectorValue, Value};
    use crate::wsman::Item;

    fn text<T: ?Sized>(thing: &T) -> String
    where
        for<'a> Json<'a, T>: serde::Serialize,
    {
        serde_json::to_string(&Json(thing)).unwrap()
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        let largest = Value::Array(vec![Value::Unsigned(u64::MAX), Value::Signed(i64::MIN)]);
        assert_eq!(text(&largest), "[18446744073709551615,-9223372036854775808]");
        let reals = Value::Array(vec![Value::Real32(0.1), Value::Real64(f64::NEG_INFINITY)]);
        assert_eq!(text(&reals), r#"[0.1,"-INF"]"#);
    }

    #[test]
    fn references_and_instances_are_told_from_text() {
        let inner = Reference::new("u/Inner", vec![Selector::new("Name", "a\"b")]);
        let key = Selector { name: "Antecedent".to_owned(), value: SelectorValue::Reference(inner.into()) };
        let outer = Value::from(Reference::new("u/Outer", vec![key]));
        let selectors =
            r#"{"Antecedent":{"reference":{"resource_uri":"u/Inner","selectors":{"Name":"a\"b"}}}}"#;
        let expected = format!(r#"{{"reference":{{"resource_uri":"u/Outer","selectors":{selectors}}}}}"#);
        assert_eq!(text(&outer), expected);
        let instance = Value::from(Instance::new("Msvm_Error", "root").with("Code", Value::Null));
        let expected = r#"{"instance":{"class":"Msvm_Error","properties":{"Code":null}}}"#;
        assert_eq!(text(&instance), expected);
    }

    #[test]
    fn items_say_what_the_mode_brought() {
        let instance = Some(Instance::new("A", "root/x").with("On", true));
        let item = Item { instance, reference: Some(Reference::new("u/A", Vec::new())) };
        let expected = concat!(
            r#"{"class":"A","namespace":"root/x","properties":{"On":true},"#,
            r#""reference":{"resource_uri":"u/A","selectors":{}}}"#
        );
        assert_eq!(text(&item), expected);
    }

    #[test]
    fn a_selector_that_comes_twice_has_both_values() {
        let twice = [Selector::new("K", "1"), Selector::new("L", "2"), Selector::new("K", "3")];
        assert_eq!(text(twice.as_slice()), r#"{"K":["1","3"],"L":"2"}"#);
    }
}
