//! Words, literals and signs of WQL.

use super::QueryError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(i128),
    Sign(&'static str),
}

/// Splits a text into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut rest = text.trim_start();
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' | '"' => literal(rest, first)?,
            '0'..='9' | '-' | '+' => number(rest)?,
            _ if first.is_ascii_alphabetic() || first == '_' => word(rest),
            _ => sign(rest).ok_or(QueryError::Character(first))?,
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

/// Where a brace closes, quotes respected; the text in front of it and behind it.
pub(super) fn split_at_brace(text: &str) -> Result<(&str, &str), QueryError> {
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == '}' => return Ok((&text[..at], &text[at + 1..])),
            None => {}
        }
    }
    Err(QueryError::Unclosed)
}

/// A backslash takes the next character as it is, whatever it is: an undoubled one is dropped, as WMI does.
fn literal(text: &str, quote: char) -> Result<(Token, &str), QueryError> {
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return Ok((Token::Text(value), &text[at + 1..]));
        }
        let kept = if letter == '\\' { letters.next().ok_or(QueryError::Unclosed)?.1 } else { letter };
        value.push(kept);
    }
    Err(QueryError::Unclosed)
}

fn number(text: &str) -> Result<(Token, &str), QueryError> {
    let digits = text.get(1..).unwrap_or_default();
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).map_or(text.len(), |at| at + 1);
    let (number, after) = text.split_at(end);
    let unexpected = || QueryError::Unexpected { expected: "a whole number", found: number.to_owned() };
    Ok((Token::Number(number.parse().map_err(|_| unexpected())?), after))
}

fn word(text: &str) -> (Token, &str) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let (word, after) = text.split_at(text.find(|letter| !is_part(letter)).unwrap_or(text.len()));
    (Token::Word(word.to_owned()), after)
}

fn sign(text: &str) -> Option<(Token, &str)> {
    SIGNS.into_iter().find_map(|sign| text.strip_prefix(sign).map(|after| (Token::Sign(sign), after)))
}

/// Longer ones first.
const SIGNS: [&str; 12] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "*", "."];
