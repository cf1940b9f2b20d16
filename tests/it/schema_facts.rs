//! Everything in `facts/classes.json` against what `schemas/` says and what is generated from it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::{env, fs};

use hvreplica::cim::{Class, Method, Parameter, Property};
use hvreplica::msvm::{NAMESPACE, SCHEMA};
use serde_json::{Map, Value as Json};

use crate::schema_compiler::compiler::model::{self, Literal, Qualifiers};
use crate::schema_compiler::compiler::resolve::{Feature, Resolved, Schema};
use crate::schema_compiler::compiler::values::Entry;
use crate::schema_compiler::compiler::{Source, read};

/// The facts, or `None` where they are not beside the checkout.
fn facts() -> Option<Facts> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = env::var_os("HVREPLICA_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let Ok(text) = fs::read_to_string(shared.join("facts/classes.json")) else {
        println!("skipped: facts/classes.json is not there");
        return None;
    };
    let json: Json = serde_json::from_str(&text).unwrap();
    let classes =
        list(&json["classes"]).iter().map(|class| (text_of(class, "name"), class.clone())).collect();
    Some(Facts { classes })
}

/// The schema as the compiler reads it.
fn schema() -> Schema {
    let mut files: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mof"))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    let sources: Vec<_> = files.iter().map(|(name, text)| Source { name, text }).collect();
    read(&sources).unwrap()
}

struct Facts {
    classes: BTreeMap<String, Json>,
}

impl Facts {
    fn base(&self, class: &Json) -> Option<&Json> {
        class["superclass"].as_str().map(|name| &self.classes[name])
    }

    fn property(&self, class: &Json, name: &str) -> Option<Json> {
        list(&class["properties"]).iter().find(|own| own["name"] == name).cloned()
    }

    /// What the superclass says of a property.
    fn inherited(&self, class: &Json, name: &str) -> Option<(&Json, Json)> {
        let base = self.base(class)?;
        self.property(base, name).map(|property| (base, property))
    }

    /// The class that declares a feature first. `declared_in` names the nearest override of a superclass.
    fn origin(&self, class: &str, features: &str, name: &str) -> String {
        let found = list(&self.classes[class][features]).iter().find(|own| own["name"] == name).unwrap();
        let declared = text_of(found, "declared_in");
        if declared == class { declared } else { self.origin(&declared, features, name) }
    }

    /// The methods of a class, by name; pages of base classes leave inherited ones out.
    fn methods(&self, class: &Json) -> BTreeMap<String, (String, Json)> {
        let mut methods = self.base(class).map(|base| self.methods(base)).unwrap_or_default();
        for method in list(&class["methods"]) {
            methods.insert(text_of(method, "name"), (text_of(class, "name"), method.clone()));
        }
        methods
    }

    /// A fact that a page may leave to the superclass.
    fn spread(&self, class: &Json, property: &Json, key: &str) -> Json {
        match (&property[key], self.inherited(class, &text_of(property, "name"))) {
            (Json::Null, Some((base, inherited))) => self.spread(base, &inherited, key),
            (own, _) => own.clone(),
        }
    }

    /// The ranges of a value map, inherited where the numbers are.
    fn ranges(&self, class: &Json, property: &Json) -> Json {
        match (&property["value_ranges"], self.inherited(class, &text_of(property, "name"))) {
            (Json::Null, Some((base, inherited))) if inherited["values"] == property["values"] => {
                self.ranges(base, &inherited)
            }
            (own, _) => own.clone(),
        }
    }
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text_of(json: &Json, key: &str) -> String {
    json[key].as_str().unwrap_or_else(|| panic!("{key} of {json}")).to_owned()
}

fn entries(json: &Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

/// Numbers and labels in ascending order.
fn numbers(json: &Json) -> Vec<(i64, String)> {
    let mut numbers: Vec<_> = entries(json)
        .into_iter()
        .filter_map(|(key, label)| Some((key.parse().ok()?, label.as_str()?.to_owned())))
        .collect();
    numbers.sort();
    numbers
}

fn owned(values: &[(i64, &str)]) -> Vec<(i64, String)> {
    values.iter().map(|(number, label)| (*number, (*label).to_owned())).collect()
}

/// The class of a reference or of embedded instances; one that is not known is none.
fn target(json: &Json) -> Option<&str> {
    json["ref"].as_str().or_else(|| json["embedded"].as_str().filter(|class| *class != "unknown"))
}

/// Counts equal facts and fails at one that differs.
#[derive(Default)]
struct Count(usize);

impl Count {
    fn same<T: PartialEq + Debug>(&mut self, place: &str, what: &str, generated: T, fact: T) {
        assert_eq!(generated, fact, "{what} of {place}");
        self.0 += 1;
    }
}

#[test]
fn tables_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let mut count = Count::default();
    let names: Vec<_> = SCHEMA.classes().iter().map(|class| class.name.to_owned()).collect();
    assert_eq!(names, facts.classes.keys().cloned().collect::<Vec<_>>());
    let (mut properties, mut methods, mut parameters) = (0, 0, 0);
    for (name, fact) in &facts.classes {
        let class = SCHEMA.class(name).unwrap();
        compare_class(&mut count, class, fact);
        count.same(name, "number of properties", class.properties.len(), list(&fact["properties"]).len());
        for property in list(&fact["properties"]) {
            let own = class.property(&text_of(property, "name")).unwrap();
            compare_property(&mut count, &facts, class, own, property);
            properties += 1;
        }
        let expected = facts.methods(fact);
        count.same(name, "number of methods", class.methods.len(), expected.len());
        for (method, (listed_in, fact)) in &expected {
            let own = class.method(method).unwrap();
            parameters += own.parameters.len();
            methods += 1;
            let origin = facts.origin(listed_in, "methods", method);
            compare_method(&mut count, &format!("{name}.{method}"), own, fact, &origin);
        }
    }
    println!(
        "{} classes, {properties} properties, {methods} methods, {parameters} parameters: {} facts equal",
        facts.classes.len(),
        count.0
    );
}

fn compare_class(count: &mut Count, class: &Class, fact: &Json) {
    let name = class.name;
    count.same(name, "superclass", class.superclass, fact["superclass"].as_str());
    count.same(name, "abstract", Some(class.is_abstract), fact["abstract"].as_bool());
    count.same(name, "association", Some(class.is_association), fact["association"].as_bool());
    count.same(name, "namespace", Some(NAMESPACE), fact["namespace"].as_str());
    let mut keys: Vec<_> = class.keys().map(Some).collect();
    let mut expected: Vec<_> = list(&fact["keys"]).iter().map(Json::as_str).collect();
    keys.sort_unstable();
    expected.sort_unstable();
    count.same(name, "keys", keys, expected);
    let chain: Vec<_> =
        std::iter::successors(class.superclass, |name| SCHEMA.class(name).unwrap().superclass).collect();
    let expected: Vec<_> = list(&fact["superclass_chain"]).iter().filter_map(Json::as_str).collect();
    count.same(name, "superclass chain", chain, expected);
}

fn compare_property(count: &mut Count, facts: &Facts, class: &Class, own: &Property, fact: &Json) {
    let place = format!("{}.{}", class.name, own.name);
    count.same(&place, "name", Some(own.name), fact["name"].as_str());
    count.same(&place, "type", Some(own.kind.name()), fact["type"].as_str());
    count.same(&place, "array", Some(own.is_array), fact["array"].as_bool());
    count.same(&place, "key", Some(own.is_key), fact["key"].as_bool());
    count.same(&place, "origin", own.origin.to_owned(), facts.origin(class.name, "properties", own.name));
    count.same(&place, "target", own.target, target(fact));
    count.same(&place, "values", owned(own.values), numbers(&fact["values"]));
}

fn compare_method(count: &mut Count, place: &str, own: &Method, fact: &Json, origin: &str) {
    count.same(place, "name", Some(own.name), fact["name"].as_str());
    count.same(place, "type", Some(own.returns.name()), fact["return_type"].as_str());
    count.same(place, "origin", own.origin, origin);
    count.same(place, "return values", owned(own.return_values), numbers(&fact["returns"]));
    let has_job = own.parameters.iter().any(|own| own.is_out && own.name == "Job");
    let is_async = has_job && (own.return_values.is_empty() || own.return_label(4096).is_some());
    count.same(place, "job", Some(is_async), fact["async"].as_bool());
    count.same(place, "number of parameters", own.parameters.len(), list(&fact["params"]).len());
    for (own, fact) in own.parameters.iter().zip(list(&fact["params"])) {
        compare_parameter(count, &format!("{place}.{}", own.name), own, fact);
    }
}

fn compare_parameter(count: &mut Count, place: &str, own: &Parameter, fact: &Json) {
    count.same(place, "name", Some(own.name), fact["name"].as_str());
    count.same(place, "type", Some(own.kind.name()), fact["type"].as_str());
    count.same(place, "array", Some(own.is_array), fact["array"].as_bool());
    count.same(place, "in", own.is_in, fact["direction"] == "in");
    count.same(place, "out", own.is_out, fact["direction"] == "out");
    count.same(place, "target", own.target, target(fact));
    count.same(place, "values", owned(own.values), numbers(&fact["values"]));
}

#[test]
fn qualifiers_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let mut count = Count::default();
    let schema = schema();
    for class in &schema.classes {
        let fact = &facts.classes[&class.name];
        compare_class_qualifiers(&mut count, class, fact);
        for own in &class.properties {
            let property = facts.property(fact, &own.declared.name).unwrap();
            compare_property_qualifiers(&mut count, &facts, fact, own, &property);
        }
        for (name, (_, fact)) in facts.methods(fact) {
            let own = class.methods.iter().find(|own| own.declared.name == name).unwrap();
            compare_method_qualifiers(&mut count, &format!("{}.{name}", class.name), own, &fact);
        }
    }
    println!("{} classes: {} facts equal", schema.classes.len(), count.0);
}

fn compare_class_qualifiers(count: &mut Count, class: &Resolved, fact: &Json) {
    let own = &class.qualifiers;
    count.same(&class.name, "page", own.text("Source"), fact["page"].as_str());
    count.same(&class.name, "client", own.text("MinClient"), fact["min_client"].as_str());
    count.same(&class.name, "server", own.text("MinServer"), fact["min_server"].as_str());
    count.same(&class.name, "partial", own.is("Partial"), fact["partial"].is_string());
    for expected in text_of(fact, "class_qualifiers").split(", ") {
        match expected.split_once('(') {
            None => count.same(&class.name, expected, own.is(expected), true),
            Some((name, rest)) => {
                let value = rest.trim_end_matches(')').trim_matches('"');
                count.same(&class.name, name, own.text(name), Some(value));
            }
        }
    }
}

fn compare_property_qualifiers(
    count: &mut Count,
    facts: &Facts,
    class: &Json,
    own: &Feature<model::Property>,
    fact: &Json,
) {
    let place = format!("{}.{}", text_of(class, "name"), own.declared.name);
    let qualifiers = &own.declared.qualifiers;
    count.same(&place, "required", Some(!qualifiers.is("Required")), fact["nullable"].as_bool());
    let access = match (qualifiers.is("Read"), qualifiers.is("Write")) {
        (true, true) => "read/write",
        (true, false) => "read",
        (false, _) => "",
    };
    count.same(&place, "access", Some(access), fact["access"].as_str());
    count.same(&place, "kind of datetime", qualifiers.text("DatetimeKind"), datetime_kind(fact));
    count.same(&place, "length", integer(qualifiers, "MaxLen"), facts.spread(class, fact, "maxlen").as_i64());
    count.same(&place, "since", qualifiers.text("Since"), fact["since"].as_str());
    count.same(&place, "documented", qualifiers.is("Undocumented"), fact["documented"] == false);
    compare_entries(count, &place, &own.values, &fact["values"], &facts.ranges(class, fact));
    if let Some(replacement) = fact["deprecated_in_favour_of"].as_str() {
        let expected: Vec<_> = replacement.split("\", \"").collect();
        count.same(&place, "deprecated", qualifiers.texts("Deprecated"), Some(expected));
    }
}

fn compare_method_qualifiers(count: &mut Count, place: &str, own: &Feature<model::Method>, fact: &Json) {
    let qualifiers = &own.declared.qualifiers;
    count.same(place, "page", qualifiers.text("Source"), fact["page"].as_str());
    count.same(place, "client", qualifiers.text("MinClient"), fact["min_client"].as_str());
    count.same(place, "server", qualifiers.text("MinServer"), fact["min_server"].as_str());
    count.same(place, "documented", qualifiers.is("Undocumented"), fact["documented"] == false);
    count.same(place, "supported", qualifiers.flag("Supported") == Some(false), fact["supported"] == false);
    compare_entries(count, place, &own.values, &fact["returns"], &fact["return_ranges"]);
    for (own, fact) in own.declared.parameters.iter().zip(list(&fact["params"])) {
        let place = format!("{place}.{}", own.name);
        count.same(&place, "optional", own.qualifiers.is("Optional"), fact["optional"] == true);
        count.same(&place, "kind of datetime", own.qualifiers.text("DatetimeKind"), datetime_kind(fact));
        count.same(&place, "embedded", own.qualifiers.is("EmbeddedObject"), fact["embedded"] == "unknown");
        let map = own.qualifiers.texts("ValueMap").unwrap_or_default();
        let labels = own.qualifiers.texts("Values").unwrap_or_default();
        let expected = entries(&fact["values"]).into_iter().chain(entries(&fact["value_ranges"]));
        let expected: BTreeMap<_, _> =
            expected.map(|(key, label)| (key, label.as_str().unwrap().to_owned())).collect();
        let own =
            map.into_iter().zip(labels).map(|(key, label)| (key.to_owned(), label.to_owned())).collect();
        count.same(&place, "values", own, expected);
    }
}

/// Compares numbers, ranges and texts of a value map.
fn compare_entries(count: &mut Count, place: &str, own: &[Entry], values: &Json, ranges: &Json) {
    let own: BTreeMap<_, _> = own
        .iter()
        .map(|entry| match entry {
            Entry::Number(number, label) => (number.to_string(), label.clone()),
            Entry::Range(range, label) => (range.clone(), label.clone()),
            Entry::Text(text, label) => (text.clone(), label.clone()),
        })
        .collect();
    let expected = entries(values).into_iter().chain(entries(ranges));
    let expected = expected.map(|(key, label)| (key, label.as_str().unwrap().to_owned())).collect();
    count.same(place, "value map", own, expected);
}

/// The kind, where the facts are certain of it.
fn datetime_kind(fact: &Json) -> Option<&str> {
    fact["datetime_kind"].as_str().filter(|kind| !kind.ends_with('?'))
}

fn integer(qualifiers: &Qualifiers, name: &str) -> Option<i64> {
    match qualifiers.get(name)?.value {
        Some(Literal::Integer(number)) => i64::try_from(number).ok(),
        _ => None,
    }
}

#[test]
fn fields_equal_the_facts() {
    let Some(facts) = facts() else { return };
    let mut count = Count::default();
    let code = include_str!(concat!(env!("OUT_DIR"), "/classes.rs"));
    for (name, fact) in facts.classes.iter().filter(|(_, fact)| fact["abstract"] == false) {
        let start = code.find(&format!(" = {name:?} {{\n")).unwrap();
        let fields: BTreeMap<_, _> = code[start..]
            .lines()
            .skip(1)
            .take_while(|line| *line != "}")
            .filter_map(|line| line.split_once(": ")?.1.strip_suffix("\",")?.split_once(" = \""))
            .map(|(kind, property)| (property.to_owned(), kind.to_owned()))
            .collect();
        let properties = list(&fact["properties"]);
        let expected =
            properties.iter().map(|property| (text_of(property, "name"), field(property))).collect();
        count.same(name, "fields", fields, expected);
    }
    println!("{} structs equal", count.0);
}

/// The type of the field for a property.
fn field(property: &Json) -> String {
    let has_values = !numbers(&property["values"]).is_empty();
    let element = match property["type"].as_str().unwrap() {
        _ if has_values && property["name"] == "CIMStatusCode" => "CimStatusCode".to_owned(),
        _ if has_values && property["name"] == "ProtocolIFType" => "ProtocolIfType".to_owned(),
        _ if has_values => text_of(property, "name"),
        _ if property["embedded"].is_string() => "crate::cim::Value".to_owned(),
        "datetime" => match datetime_kind(property) {
            Some("timestamp") => "crate::cim::DateTime",
            Some("interval") => "crate::cim::Interval",
            _ => "crate::cim::Value",
        }
        .to_owned(),
        "reference" => "crate::cim::Reference".to_owned(),
        "boolean" => "bool".to_owned(),
        "string" => "String".to_owned(),
        number => number.replace("uint", "u").replace("sint", "i"),
    };
    if property["array"] == true { format!("Vec<{element}>") } else { format!("Option<{element}>") }
}
