//! Value maps: `ValueMap` and `Values` (DSP0004, 5.6.3).

use super::literal::parse_integer;
use super::model::{Error, Place, Qualifiers};

/// One entry of a value map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A number and its label.
    Number(i64, String),
    /// A range such as `32768..65535`, `0x8000..` or `..`, and its label.
    Range(String, String),
    /// A text and its label, where the property is a string.
    Text(String, String),
}

/// The entries of a value map; none where there is no map. `Values` alone counts from zero.
pub(super) fn entries(qualifiers: &Qualifiers, is_integer: bool, place: &Place) -> Result<Vec<Entry>, Error> {
    let keys = qualifiers.texts("ValueMap");
    let labels = qualifiers.texts("Values");
    let entries = match (keys, labels) {
        (None, None) => Vec::new(),
        (Some(keys), Some(labels)) if keys.len() != labels.len() => {
            let message = format!("ValueMap has {} entries, Values {}", keys.len(), labels.len());
            return Err(place.error(message));
        }
        (Some(keys), Some(labels)) => keys
            .into_iter()
            .zip(labels)
            .map(|(key, label)| entry(key, label, is_integer, place))
            .collect::<Result<_, _>>()?,
        (Some(keys), None) => {
            keys.into_iter().map(|key| entry(key, key, is_integer, place)).collect::<Result<_, _>>()?
        }
        (None, Some(labels)) => {
            (0..).zip(labels).map(|(number, label)| Entry::Number(number, label.to_owned())).collect()
        }
    };
    match twice(&entries) {
        Some(number) => Err(place.error(format!("ValueMap has {number} twice"))),
        None => Ok(entries),
    }
}

/// The numbers of a value map in ascending order.
pub(super) fn numbers(entries: &[Entry]) -> Vec<(i64, &str)> {
    let mut numbers: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Number(number, label) => Some((*number, label.as_str())),
            Entry::Range(..) | Entry::Text(..) => None,
        })
        .collect();
    numbers.sort_unstable_by_key(|(number, _)| *number);
    numbers
}

fn entry(key: &str, label: &str, is_integer: bool, place: &Place) -> Result<Entry, Error> {
    let label = label.to_owned();
    if !is_integer {
        return Ok(Entry::Text(key.to_owned(), label));
    }
    if let Some((low, high)) = key.split_once("..") {
        let is_bound = |bound: &str| bound.is_empty() || parse_integer(bound).is_some();
        if is_bound(low) && is_bound(high) {
            return Ok(Entry::Range(key.to_owned(), label));
        }
    }
    parse_integer(key)
        .and_then(|number| i64::try_from(number).ok())
        .map(|number| Entry::Number(number, label))
        .ok_or_else(|| place.error(format!("{key:?} is no number and no range")))
}

fn twice(entries: &[Entry]) -> Option<i64> {
    let numbers = numbers(entries);
    numbers.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0)
}
