//! Writes the types: per class a module with its struct, the enumerations of its value maps and its method names.
//!
//! Structs and enumerations are calls of the macros `class!` and `enumeration!` of `msvm`. An enumeration lives in
//! the module of the class that gives the value map; classes that inherit it re-export it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::model::{DataType, Method, Property, Qualifiers};
use super::names::{camel, constant, snake, unprefixed, variants};
use super::resolve::{Feature, Resolved, Schema};
use super::values::{entries, numbers};

/// One module per class that has instances, and one for each class whose enumerations they inherit.
pub(super) fn modules(schema: &Schema) -> String {
    let mut code = String::new();
    for class in &schema.classes {
        let enumerations = inherited_by_others(class, schema);
        if !class.qualifiers.is("Abstract") {
            let _ = write!(
                code,
                "{}pub mod {} {{\n{}}}\n\n",
                doc("", class_doc(class)),
                module(&class.name),
                body(class)
            );
        } else if !enumerations.is_empty() {
            let _ = write!(code, "mod {} {{\n{enumerations}}}\n\n", module(&class.name));
        }
    }
    code
}

/// The enumerations of a class that has no instances, as far as one with instances has the property.
fn inherited_by_others(class: &Resolved, schema: &Schema) -> String {
    let is_used = |own: &&Feature<Property>| {
        own.valued_in == class.name
            && schema.classes.iter().filter(|other| !other.qualifiers.is("Abstract")).any(|other| {
                let has = |theirs: &Feature<Property>| {
                    theirs.valued_in == class.name && theirs.declared.name == own.declared.name
                };
                other.properties.iter().any(has)
            })
    };
    class.properties.iter().filter(is_used).map(property_enumeration).collect()
}

fn body(class: &Resolved) -> String {
    let own = class.properties.iter().filter(|feature| feature.valued_in == class.name);
    let mut code: String = reexports(class);
    code.push_str(&structure(class));
    code.extend(own.map(property_enumeration));
    code.push_str(&methods(class));
    code
}

fn reexports(class: &Resolved) -> String {
    let mut homes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for feature in class.properties.iter().filter(|feature| feature.valued_in != class.name) {
        if is_enumerated(feature) {
            homes.entry(&feature.valued_in).or_default().insert(camel(&feature.declared.name));
        }
    }
    let mut code = String::new();
    for (home, names) in homes {
        let names: Vec<_> = names.into_iter().collect();
        let _ = writeln!(code, "pub use super::{}::{{{}}};", module(home), names.join(", "));
    }
    code
}

fn structure(class: &Resolved) -> String {
    let mut code = format!(
        "class! {{\n{}{} = {:?} {{\n",
        doc("", class_doc(class)),
        camel(unprefixed(&class.name)),
        class.name
    );
    for feature in &class.properties {
        let declared = &feature.declared;
        let what = format!("`{}`: {}", declared.name, shown(declared));
        code.push_str(&doc(&what, declared.qualifiers.text("Description")));
        let _ = writeln!(code, "{}: {} = {:?},", snake(&declared.name), field(feature), declared.name);
    }
    code.push_str("}\n}\n");
    code
}

fn methods(class: &Resolved) -> String {
    let mut code = String::new();
    for feature in &class.methods {
        let name = &feature.declared.name;
        code.push_str(&doc("", feature.declared.qualifiers.text("Description").or(Some(name))));
        let _ = writeln!(code, "pub const {}: &str = {name:?};", constant(name));
    }
    code.push_str(&return_values(class));
    code.push_str(&parameter_enumerations(class));
    code
}

/// The table that most methods share is `ReturnValue`, any other is named after the first method that has it; all
/// methods have an alias.
fn return_values(class: &Resolved) -> String {
    let mut tables: Vec<(Table<'_>, Vec<&Method>)> = Vec::new();
    for feature in &class.methods {
        let table = numbers(&feature.values);
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, methods)) => methods.push(&feature.declared),
            None if table.is_empty() => {}
            None => tables.push((table, vec![&feature.declared])),
        }
    }
    let most = tables.iter().map(|(_, methods)| methods.len()).max().filter(|most| *most > 1);
    let mut code = String::new();
    let mut is_shared_named = false;
    for (table, methods) in tables {
        let is_shared = Some(methods.len()) == most && !is_shared_named;
        is_shared_named |= is_shared;
        let names: Vec<_> =
            methods.iter().map(|method| format!("{}ReturnValue", camel(&method.name))).collect();
        let (name, aliases) =
            if is_shared { ("ReturnValue", names.as_slice()) } else { (names[0].as_str(), &names[1..]) };
        let of: Vec<_> = methods.iter().map(|method| format!("`{}`", method.name)).collect();
        let what = format!("Return values of {}.", of.join(", "));
        code.push_str(&enumeration(name, &methods[0].returns, &table, &what));
        code.extend(aliases.iter().map(|alias| format!("{}pub type {alias} = {name};\n", doc(&what, None))));
    }
    code
}

/// Enumerations of parameters; where two methods have the same one, the second is an alias.
fn parameter_enumerations(class: &Resolved) -> String {
    let mut code = String::new();
    let mut known: Vec<(String, Vec<(i64, String)>)> = Vec::new();
    let all = class
        .methods
        .iter()
        .flat_map(|method| method.declared.parameters.iter().map(move |own| (method, own)));
    for (method, parameter) in all {
        let values =
            entries(&parameter.qualifiers, parameter.kind.is_integer(), &parameter.place).unwrap_or_default();
        let table = numbers(&values);
        if table.is_empty() {
            continue;
        }
        let name = camel(&method.declared.name) + &camel(&parameter.name);
        let what = format!("Values of `{}` of `{}`.", parameter.name, method.declared.name);
        let owned: Vec<_> = table.iter().map(|(number, label)| (*number, (*label).to_owned())).collect();
        match known.iter().find(|(_, known)| *known == owned) {
            Some((first, _)) => {
                let _ = writeln!(code, "{}pub type {name} = {first};", doc(&what, None));
            }
            None => {
                code.push_str(&enumeration(&name, &parameter.kind, &table, &what));
                known.push((name, owned));
            }
        }
    }
    code
}

fn property_enumeration(feature: &Feature<Property>) -> String {
    let table = numbers(&feature.values);
    if table.is_empty() {
        return String::new();
    }
    let name = &feature.declared.name;
    enumeration(&camel(name), &feature.declared.kind, &table, &format!("Values of `{name}`."))
}

fn enumeration(name: &str, kind: &DataType, table: &[(i64, &str)], what: &str) -> String {
    let mut code = format!("enumeration! {{\n{}{name}: {} {{\n", doc(what, None), primitive(kind));
    for ((number, label), variant) in table.iter().zip(variants(table)) {
        let _ = writeln!(code, "{variant} = {number} => {label:?},");
    }
    code.push_str("}\n}\n");
    code
}

fn is_enumerated(feature: &Feature<Property>) -> bool {
    !numbers(&feature.values).is_empty()
}

fn field(feature: &Feature<Property>) -> String {
    let declared = &feature.declared;
    let element = if is_enumerated(feature) {
        camel(&declared.name)
    } else if is_embedded(&declared.qualifiers) {
        "crate::cim::Value".to_owned()
    } else {
        element(&declared.kind, declared.qualifiers.text("DatetimeKind")).to_owned()
    };
    if declared.is_array { format!("Vec<{element}>") } else { format!("Option<{element}>") }
}

fn is_embedded(qualifiers: &Qualifiers) -> bool {
    qualifiers.get("EmbeddedInstance").is_some() || qualifiers.is("EmbeddedObject")
}

fn element(kind: &DataType, datetime: Option<&str>) -> &'static str {
    match (kind, datetime) {
        (DataType::Reference(_), _) => "crate::cim::Reference",
        (DataType::Intrinsic("datetime"), Some("timestamp")) => "crate::cim::DateTime",
        (DataType::Intrinsic("datetime"), Some("interval")) => "crate::cim::Interval",
        (DataType::Intrinsic("datetime"), _) => "crate::cim::Value",
        (DataType::Intrinsic("string"), _) => "String",
        (kind, _) => primitive(kind),
    }
}

fn primitive(kind: &DataType) -> &'static str {
    match kind {
        DataType::Intrinsic("boolean") => "bool",
        DataType::Intrinsic("uint8") => "u8",
        DataType::Intrinsic("uint16" | "char16") => "u16",
        DataType::Intrinsic("uint32") => "u32",
        DataType::Intrinsic("uint64") => "u64",
        DataType::Intrinsic("sint8") => "i8",
        DataType::Intrinsic("sint16") => "i16",
        DataType::Intrinsic("sint32") => "i32",
        DataType::Intrinsic("sint64") => "i64",
        DataType::Intrinsic("real32") => "f32",
        DataType::Intrinsic("real64") => "f64",
        DataType::Intrinsic(_) | DataType::Reference(_) => "String",
    }
}

/// The type as MOF writes it.
fn shown(declared: &Property) -> String {
    let brackets = if declared.is_array { "[]" } else { "" };
    match &declared.kind {
        DataType::Intrinsic(name) => format!("`{name}{brackets}`"),
        DataType::Reference(class) => format!("`{class} REF`"),
    }
}

fn class_doc(class: &Resolved) -> Option<&str> {
    class.qualifiers.text("Description").or(Some(&class.name))
}

/// A doc comment: what it is, and what the schema says of it.
fn doc(what: &str, description: Option<&str>) -> String {
    let text = [Some(what).filter(|what| !what.is_empty()), description];
    let text: Vec<_> = text.into_iter().flatten().collect();
    format!("#[doc = {:?}]\n", text.join(". "))
}

/// Numbers and labels of a value map, in ascending order.
type Table<'a> = Vec<(i64, &'a str)>;

fn module(class: &str) -> String {
    snake(unprefixed(class))
}
