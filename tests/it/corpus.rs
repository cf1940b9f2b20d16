//! Real envelopes of many servers, against a generic walk of their XML that knows nothing of our decoder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use hvreplica::cli::decode;
use hvreplica::cli::output::DecodedFile;
use hvreplica::msvm::SCHEMA;
use hvreplica::wsman::decode_bytes;
use serde_json::Value as Json;

/// A name and the text under it, both made comparable.
type Leaf = (String, String);

/// The envelopes beside the checkout; none where they are not there.
fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = env::var_os("HVREPLICA_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut files = Vec::new();
    let mut folders = vec![shared.join("corpus")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "xml" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    if files.is_empty() {
        println!("skipped: the corpus is not there");
    }
    files
}

/// The text of a file, without its byte order mark.
fn text_of(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => {
            let (pairs, _) = rest.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            String::from_utf16(&units).unwrap()
        }
        _ => String::from_utf8(bytes.to_vec()).unwrap(),
    };
    text.trim_start_matches('\u{FEFF}').to_owned()
}

fn decoded(bytes: &[u8], file: &Path) -> Json {
    let message =
        decode_bytes(bytes, None, &SCHEMA).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::to_value(DecodedFile { file: "f", message: &message }).unwrap()
}

#[test]
fn every_file_is_one_line_of_json() {
    let files = corpus();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = decode::run(&files, false, &mut out, &mut err).unwrap();
    assert_eq!((code, String::from_utf8(err).unwrap().as_str()), (0, ""));
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.lines().count(), files.len());
    for (line, file) in out.lines().zip(&files) {
        let json: Json = serde_json::from_str(line).unwrap();
        assert_eq!(json["file"].as_str(), file.to_str());
    }
}

#[test]
fn nothing_is_lost() {
    let mut compared = 0;
    let mut lost = Vec::new();
    for file in corpus() {
        let bytes = fs::read(&file).unwrap();
        let expected = xml_leaves(&text_of(&bytes));
        let mut found = count(json_leaves(&decoded(&bytes, &file)));
        for leaf in &expected {
            compared += 1;
            // An item that is no instance has nothing but its text.
            let bare = (STRAY.to_owned(), leaf.1.clone());
            let places = [leaf, &bare];
            match places.into_iter().find(|place| found.get(place).is_some_and(|left| *left > 0)) {
                Some(place) => *found.entry(place.clone()).or_default() -= 1,
                None => lost.push(format!("{}: {leaf:?}", file.display())),
            }
        }
    }
    println!("{compared} texts, attributes and nulls compared");
    assert!(lost.is_empty(), "{} of {compared} lost:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn utf_16_gives_the_same() {
    for file in corpus() {
        let bytes = fs::read(&file).unwrap();
        let expected = decoded(&bytes, &file);
        let marked = format!("\u{FEFF}{}", text_of(&bytes));
        let units: Vec<u16> = marked.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(decoded(&little, &file), expected, "{}", file.display());
        assert_eq!(decoded(&big, &file), expected, "{}", file.display());
    }
}

fn count(leaves: Vec<Leaf>) -> BTreeMap<Leaf, usize> {
    let mut counts = BTreeMap::new();
    for leaf in leaves {
        *counts.entry(leaf).or_default() += 1;
    }
    counts
}

/// Every text, attribute and null of the document, except what only steers the protocol.
fn xml_leaves(document: &str) -> Vec<Leaf> {
    let tree = roxmltree::Document::parse(document).unwrap();
    let mut leaves = Vec::new();
    for part in tree.root_element().children().filter(roxmltree::Node::is_element) {
        for child in part.children().filter(roxmltree::Node::is_element) {
            walk_xml(child, &mut leaves);
        }
    }
    leaves
}

fn walk_xml(node: roxmltree::Node<'_, '_>, leaves: &mut Vec<Leaf>) {
    let key = key_of(node);
    for attribute in node.attributes().filter(|attribute| counts(node, attribute)) {
        leaves.push(leaf(attribute.name(), attribute.value()));
    }
    if node.attribute((XSI, "nil")).is_some_and(|nil| matches!(nil, "true" | "1")) {
        leaves.push((plain(&key), NULL.to_owned()));
        return;
    }
    let name = node.tag_name().name();
    let children = || node.children().filter(roxmltree::Node::is_element);
    let texts = || node.children().filter(roxmltree::Node::is_text).filter_map(|text| text.text());
    if name.starts_with("PROPERTY") && children().next().is_none() {
        leaves.push((plain(&key), NULL.to_owned()));
    } else if name == "Reason" {
        let all: Vec<_> = children().filter_map(|text| text.text()).collect();
        leaves.push(leaf("reason", &all.join("\n")));
    } else if children().next().is_none() {
        let text: String = texts().collect();
        if text.trim_start().starts_with("<INSTANCE") {
            walk_xml(roxmltree::Document::parse(&text).unwrap().root_element(), leaves);
        } else if !is_mark(name, &text) && text.trim() != ANONYMOUS {
            leaves.push(leaf(&key, &text));
        }
    } else {
        if !is_protocol(node) {
            leaves.extend(texts().filter(|text| !text.trim().is_empty()).map(|text| leaf(STRAY, text)));
        }
        children().for_each(|child| walk_xml(child, leaves));
    }
}

/// An empty element that JSON shows by a truth value, by a kind, or by a list.
fn is_mark(name: &str, text: &str) -> bool {
    text.trim().is_empty() && (MARKS.contains(&name) || name.ends_with("_INPUT") || name.ends_with("_OUTPUT"))
}

/// Text between the elements of the protocol itself belongs to nothing.
fn is_protocol(node: roxmltree::Node<'_, '_>) -> bool {
    let is_reference = node.children().any(|child| child.tag_name().namespace() == Some(ADDRESSING));
    is_reference || matches!(node.tag_name().namespace(), Some(SOAP | ADDRESSING | WSMAN | IDENTITY))
}

/// The name under which a text is looked for.
fn key_of(node: roxmltree::Node<'_, '_>) -> String {
    let parent = node.parent_element();
    let outer = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.ancestors().find_map(|ancestor| ancestor.attribute(name)).unwrap_or_default().to_owned()
    };
    let parent_is = |name: &str| parent.is_some_and(|parent| parent.tag_name().name() == name);
    match (node.tag_name().namespace(), node.tag_name().name()) {
        (_, "Selector") => outer(node, "Name"),
        (None, "VALUE" | "PROPERTY" | "PROPERTY.ARRAY") => outer(node, "NAME"),
        (Some(CIM), _) if parent.is_some() => key_of(parent.unwrap()),
        (Some(SOAP), "Value") if parent_is("Subcode") => "subcode".to_owned(),
        (Some(SOAP), "Value") => "code".to_owned(),
        (Some(WSMAN), "FaultDetail") => "detail".to_owned(),
        (_, "Filter") if parent_is("Enumerate") => "query".to_owned(),
        (_, name) => name.to_owned(),
    }
}

/// Whether an attribute carries something: languages, types, flags, and names that are keys do not.
fn counts(node: roxmltree::Node<'_, '_>, attribute: &roxmltree::Attribute<'_, '_>) -> bool {
    let is_flag =
        matches!(attribute.namespace(), Some(XSI | XML | SOAP)) || attribute.name() == "mustUnderstand";
    let is_name = match node.tag_name().name() {
        "Selector" => attribute.name() == "Name",
        "PROPERTY" | "PROPERTY.ARRAY" => true,
        _ => false,
    };
    !is_flag && !is_name
}

fn json_leaves(json: &Json) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    walk_json("", json, &mut leaves);
    leaves
}

fn walk_json(key: &str, json: &Json, leaves: &mut Vec<Leaf>) {
    match json {
        Json::Null => leaves.push((plain(key), NULL.to_owned())),
        Json::Bool(value) => leaves.push(leaf(key, &value.to_string())),
        Json::Number(value) => leaves.push(leaf(key, &value.to_string())),
        Json::String(value) => leaves.push(leaf(key, value)),
        Json::Array(values) => values.iter().for_each(|value| walk_json(key, value, leaves)),
        Json::Object(fields) => {
            // A generic element has its name as a value.
            let name = fields.get("name").filter(|_| fields.contains_key("namespace"));
            for (field, value) in fields {
                let field = field.strip_prefix('@').unwrap_or(field);
                match (name.and_then(Json::as_str), field) {
                    (Some(name), "text") => walk_json(name, value, leaves),
                    (Some(_), "content") => walk_json(STRAY, value, leaves),
                    (Some(_), "name" | "namespace") => {}
                    (_, "attributes") => {
                        for (name, value) in value.as_object().unwrap() {
                            walk_json(name.rsplit([':', '}']).next().unwrap(), value, leaves);
                        }
                    }
                    (_, "class") => walk_json("CLASSNAME", value, leaves),
                    _ => walk_json(field, value, leaves),
                }
            }
        }
    }
}

fn leaf(key: &str, text: &str) -> Leaf {
    let key = plain(key);
    let text = match key.as_str() {
        "code" | "subcode" | "moresubcodes" => text.rsplit([':', '}']).next().unwrap_or_default(),
        _ => text,
    };
    (key, comparable(text))
}

fn plain(key: &str) -> String {
    key.replace('_', "").to_ascii_lowercase()
}

/// Without blanks around it; booleans and numbers in one spelling.
fn comparable(text: &str) -> String {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return text.to_ascii_lowercase();
    }
    if let Ok(number) = text.parse::<i128>() {
        return number.to_string();
    }
    let looks_real = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match text.parse::<f64>() {
        Ok(number) if looks_real => number.to_string(),
        _ => text.to_owned(),
    }
}

const NULL: &str = "(null)";
const STRAY: &str = "#text";
const MARKS: [&str; 12] = [
    "Enumerate",
    "Pull",
    "Release",
    "EndOfSequence",
    "OptimizeEnumeration",
    "Items",
    "EnumerationContext",
    "Identify",
    "SelectorSet",
    "Message",
    "Detail",
    "Object",
];
const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
const IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
const CIM: &str = "http://schemas.dmtf.org/wbem/wscim/1/common";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
