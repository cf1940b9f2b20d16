//! Rust names out of CIM names and labels.

use std::collections::HashSet;

/// `InstanceID` → `instance_id`, `CIMStatusCode` → `cim_status_code`; a keyword as `r#keyword`.
pub(super) fn snake(name: &str) -> String {
    let snake = words(name).join("_").to_ascii_lowercase();
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

/// `InstanceID` → `INSTANCE_ID`.
pub(super) fn constant(name: &str) -> String {
    words(name).join("_").to_ascii_uppercase()
}

/// `CIMStatusCode` → `CimStatusCode`, `Power Save - Standby` → `PowerSaveStandby`.
pub(super) fn camel(text: &str) -> String {
    words(text)
        .into_iter()
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect()
}

/// `Msvm_ReplicationService` → `ReplicationService`; names without that prefix stay whole.
pub(super) fn unprefixed(class: &str) -> &str {
    class.strip_prefix("Msvm_").unwrap_or(class)
}

/// The variants for the entries of a value map, each name once.
pub(super) fn variants(entries: &[(i64, &str)]) -> Vec<String> {
    let mut taken = HashSet::from([UNLISTED.to_owned(), "Self".to_owned()]);
    entries
        .iter()
        .map(|(number, label)| {
            let name = variant(label);
            let unique = if name.is_empty() || taken.contains(&name) {
                format!("{}{}", if name.is_empty() { "Value" } else { &name }, signed(*number))
            } else {
                name
            };
            taken.insert(unique.clone());
            unique
        })
        .collect()
}

/// The variant for numbers without a label.
pub(super) const UNLISTED: &str = "Unlisted";

fn variant(label: &str) -> String {
    let name = camel(label);
    match (label.strip_prefix('-'), name.chars().next()) {
        (Some(_), Some(_)) => format!("Minus{name}"),
        (None, Some(first)) if first.is_ascii_digit() => format!("N{name}"),
        _ => name,
    }
}

fn signed(number: i64) -> String {
    if number < 0 { format!("Minus{}", number.unsigned_abs()) } else { number.to_string() }
}

/// The words of a name: what stands between other signs, and what begins with a capital.
fn words(text: &str) -> Vec<&str> {
    let is_inside = |c: char| c.is_ascii_alphanumeric();
    text.split(|c: char| !is_inside(c)).filter(|part| !part.is_empty()).flat_map(split_case).collect()
}

fn split_case(part: &str) -> Vec<&str> {
    let bytes = part.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        let after_lower = !bytes[at - 1].is_ascii_uppercase();
        let before_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if bytes[at].is_ascii_uppercase() && (after_lower || before_lower) {
            words.push(&part[start..at]);
            start = at;
        }
    }
    words.push(&part[start..]);
    words
}

const KEYWORDS: [&str; 37] = [
    "abstract", "as", "async", "await", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move",
    "mut", "override", "pub", "ref", "return", "static", "struct", "trait", "true", "type", "use", "where",
];
