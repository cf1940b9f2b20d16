//! Object paths of WMI: `\\HOST\root\virtualization\v2:Class.Key="value",…`.

use super::QueryError;
use super::lexer::{Token, tokens};
use crate::cim::{Reference, Schema, Selector};
use crate::msvm::resource_uri;
use crate::simulator::resource::is_own_namespace;

/// Reads an object path as a reference.
pub(super) fn parse(text: &str, schema: Schema) -> Result<Reference, QueryError> {
    let local = without_namespace(text.trim())?;
    let found = tokens(local)?;
    let [Token::Word(class), rest @ ..] = found.as_slice() else { return Err(QueryError::ObjectPath) };
    let class = schema.class(class).ok_or_else(|| QueryError::UnknownClass(class.clone()))?;
    let mut keys = class.keys();
    let selectors = match (rest, keys.next(), keys.next()) {
        ([Token::Sign("."), pairs @ ..], ..) => key_list(pairs)?,
        ([Token::Sign("="), value], Some(only), None) => vec![Selector::new(only, key_value(value)?)],
        _ => return Err(QueryError::ObjectPath),
    };
    Ok(Reference::new(resource_uri(class.name), selectors))
}

/// What follows host and namespace, which have to be this one's.
fn without_namespace(text: &str) -> Result<&str, QueryError> {
    let quoted = text.find(['"', '\'']).unwrap_or(text.len());
    let Some(colon) = text.get(..quoted).and_then(|head| head.find(':')) else { return Ok(text) };
    let head = text.get(..colon).unwrap_or_default().replace('\\', "/");
    let namespace = match head.strip_prefix("//") {
        Some(rest) => rest.split_once('/').ok_or(QueryError::ObjectPath)?.1,
        None => &head,
    };
    if !is_own_namespace(namespace) {
        return Err(QueryError::ObjectPath);
    }
    Ok(text.get(colon + 1..).unwrap_or_default())
}

fn key_list(tokens: &[Token]) -> Result<Vec<Selector>, QueryError> {
    let mut selectors = Vec::new();
    for pair in tokens.split(|token| *token == Token::Sign(",")) {
        let [Token::Word(name), Token::Sign("="), value] = pair else { return Err(QueryError::ObjectPath) };
        selectors.push(Selector::new(name.clone(), key_value(value)?));
    }
    Ok(selectors)
}

fn key_value(token: &Token) -> Result<String, QueryError> {
    match token {
        Token::Text(text) => Ok(text.clone()),
        Token::Number(number) => Ok(number.to_string()),
        Token::Word(_) | Token::Sign(_) => Err(QueryError::ObjectPath),
    }
}
