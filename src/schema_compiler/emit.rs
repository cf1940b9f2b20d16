//! Writes the tables: one static per value map, and the classes in the structs of `cim`.

use std::collections::HashMap;
use std::fmt::Write;

use super::model::{DataType, Method, Property};
use super::names::camel;
use super::resolve::{Feature, Resolved, Schema};
use super::values::{entries, numbers};

/// `NAMESPACE` and `SCHEMA`.
pub(super) fn tables(schema: &Schema) -> String {
    let mut maps = Maps::default();
    let classes: String = schema.classes.iter().map(|class| table(class, &mut maps)).collect();
    let namespace = &schema.namespace;
    format!(
        "/// The WMI namespace of Hyper-V.\n\
         pub const NAMESPACE: &str = {namespace:?};\n\n\
         /// All classes of `schemas/` with everything they inherit.\n\
         pub static SCHEMA: Schema = Schema::new(&[\n{classes}]);\n\n{}",
        maps.code
    )
}

/// The value maps met so far, each written once.
#[derive(Default)]
struct Maps {
    code: String,
    names: HashMap<String, String>,
}

impl Maps {
    /// The expression of a value map.
    fn name(&mut self, values: &[(i64, &str)]) -> String {
        if values.is_empty() {
            return "&[]".to_owned();
        }
        let content = format!("{values:?}");
        if let Some(name) = self.names.get(&content) {
            return name.clone();
        }
        let name = format!("&VALUES_{}", self.names.len());
        let label = &name[1..];
        let _ = writeln!(self.code, "static {label}: [ValueLabel; {}] = {content};", values.len());
        self.names.insert(content, name.clone());
        name
    }
}

fn table(class: &Resolved, maps: &mut Maps) -> String {
    let properties: String = class.properties.iter().map(|feature| property(feature, maps)).collect();
    let methods: String = class.methods.iter().map(|feature| method(feature, maps)).collect();
    format!(
        "Class {{ name: {:?}, superclass: {:?}, is_abstract: {}, is_association: {}, \
         properties: &[\n{properties}], methods: &[\n{methods}] }},\n",
        class.name,
        class.superclass,
        class.qualifiers.is("Abstract"),
        class.qualifiers.is("Association"),
    )
}

fn property(feature: &Feature<Property>, maps: &mut Maps) -> String {
    let declared = &feature.declared;
    format!(
        "Property {{ name: {:?}, kind: {}, is_array: {}, is_key: {}, origin: {:?}, target: {:?}, values: {} }},\n",
        declared.name,
        kind(&declared.kind),
        declared.is_array,
        declared.qualifiers.is("Key"),
        feature.origin,
        target(declared),
        maps.name(&numbers(&feature.values)),
    )
}

fn method(feature: &Feature<Method>, maps: &mut Maps) -> String {
    let declared = &feature.declared;
    let parameters: String = declared.parameters.iter().map(|own| parameter(own, maps)).collect();
    format!(
        "Method {{ name: {:?}, origin: {:?}, returns: {}, parameters: &[\n{parameters}], return_values: {} }},\n",
        declared.name,
        feature.origin,
        kind(&declared.returns),
        maps.name(&numbers(&feature.values)),
    )
}

fn parameter(declared: &Property, maps: &mut Maps) -> String {
    // The resolver has refused value maps that cannot be read.
    let values =
        entries(&declared.qualifiers, declared.kind.is_integer(), &declared.place).unwrap_or_default();
    format!(
        "Parameter {{ name: {:?}, kind: {}, is_array: {}, is_in: {}, is_out: {}, target: {:?}, values: {} }},\n",
        declared.name,
        kind(&declared.kind),
        declared.is_array,
        declared.qualifiers.flag("In").unwrap_or(true),
        declared.qualifiers.is("Out"),
        target(declared),
        maps.name(&numbers(&values)),
    )
}

/// The class of a reference or of embedded instances.
fn target(declared: &Property) -> Option<&str> {
    match &declared.kind {
        DataType::Reference(class) => Some(class),
        DataType::Intrinsic(_) => declared.qualifiers.text("EmbeddedInstance"),
    }
}

fn kind(kind: &DataType) -> String {
    match kind {
        DataType::Reference(_) => "Type::Reference".to_owned(),
        DataType::Intrinsic("datetime") => "Type::DateTime".to_owned(),
        DataType::Intrinsic(name) => format!("Type::{}", camel(name)),
    }
}
