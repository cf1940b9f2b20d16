//! Reads the constants of MOF (DSP0004, annex A).

use winnow::ascii::{alphanumeric1, digit0, digit1};
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, repeat, separated};
use winnow::prelude::*;
use winnow::stream::AsChar;
use winnow::token::{none_of, one_of, take_till, take_while};

use super::model::Literal;
use super::parse::{Input, expected, keyword, symbol, token};

/// A constant, or several in braces.
pub(super) fn initializer(input: &mut Input<'_>) -> ModalResult<Literal> {
    let list = separated(0.., literal, symbol(',')).map(Literal::Array);
    alt((delimited(symbol('{'), list, cut_err(symbol('}'))), literal)).parse_next(input)
}

/// A single constant.
pub(super) fn literal(input: &mut Input<'_>) -> ModalResult<Literal> {
    alt((
        text.map(Literal::Text),
        token(delimited('\'', alt((escape, none_of(['\'', '\\', '\n']))), cut_err('\'')))
            .map(Literal::Character),
        keyword("true").value(Literal::Boolean(true)),
        keyword("false").value(Literal::Boolean(false)),
        keyword("null").value(Literal::Null),
        token(real).map(Literal::Real),
        token(integer).map(Literal::Integer),
    ))
    .context(expected("a constant"))
    .parse_next(input)
}

/// One text, from one or more pieces in quotes.
pub(super) fn text(input: &mut Input<'_>) -> ModalResult<String> {
    repeat(1.., token(quoted)).fold(String::new, |text, piece| text + &piece).parse_next(input)
}

fn quoted(input: &mut Input<'_>) -> ModalResult<String> {
    let piece = alt((take_till(1.., ['"', '\\', '\n']).map(str::to_owned), escape.map(String::from)));
    let inside = repeat(0.., piece).fold(String::new, |text, piece: String| text + &piece);
    delimited('"', inside, cut_err('"').context(expected("the closing quote"))).parse_next(input)
}

/// `\b \t \n \f \r \" \' \\` and `\x` with one to four hexadecimal digits.
fn escape(input: &mut Input<'_>) -> ModalResult<char> {
    let named = one_of(['b', 't', 'n', 'f', 'r', '"', '\'', '\\']).map(|letter| match letter {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        other => other,
    });
    let numbered = preceded(one_of(['x', 'X']), take_while(1..=4, AsChar::is_hex_digit))
        .verify_map(|digits| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
    preceded('\\', cut_err(alt((named, numbered))).context(expected("an escape sequence"))).parse_next(input)
}

fn real(input: &mut Input<'_>) -> ModalResult<f64> {
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    (opt(one_of(['+', '-'])), digit0, '.', digit1, opt(exponent)).take().parse_to().parse_next(input)
}

fn integer(input: &mut Input<'_>) -> ModalResult<i128> {
    (opt(one_of(['+', '-'])), alphanumeric1).take().verify_map(parse_integer).parse_next(input)
}

/// A whole number: decimal, `0x` hexadecimal, `0` octal or binary with `b` at its end.
pub(super) fn parse_integer(text: &str) -> Option<i128> {
    let (digits, is_negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_suffix('b')) {
        (Some(hexadecimal), _) => (hexadecimal, 16),
        (None, Some(binary)) => (binary, 2),
        (None, None) if lower.len() > 1 && lower.starts_with('0') => (lower.as_str(), 8),
        (None, None) => (lower.as_str(), 10),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if is_negative { -number } else { number })
}
