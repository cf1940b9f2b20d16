//! Reads MOF: comments, pragmas, qualifier declarations and class declarations. Instances are not part of it.

use std::rc::Rc;

use winnow::combinator::{alt, cut_err, delimited, eof, opt, preceded, repeat, separated, terminated};
use winnow::error::{StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{AsChar, LocatingSlice, Location, Stateful};
use winnow::token::{one_of, take_till, take_until, take_while};

use super::Source;
use super::literal::{initializer, literal, text};
use super::model::{
    Class, DataType, Declaration, Document, Error, Literal, Method, Place, Property, Qualifier, Qualifiers,
};

/// Reads one file.
pub(crate) fn parse(source: &Source<'_>) -> Result<Document, Error> {
    let lines = Lines::of(source);
    let input = Stateful { input: LocatingSlice::new(source.text), state: &lines };
    document.parse(input).map_err(|error| {
        // The innermost expectation comes first; those around it add nothing.
        let message = match error.inner().context().next() {
            Some(StrContext::Expected(expected)) => format!("expected {expected}"),
            _ => "not understood".to_owned(),
        };
        lines.place(error.offset()).error(message)
    })
}

/// The text with its place in the file.
pub(super) type Input<'a> = Stateful<LocatingSlice<&'a str>, &'a Lines>;

/// Where the lines of a file begin.
#[derive(Debug)]
pub(super) struct Lines {
    file: Rc<str>,
    starts: Vec<usize>,
}

impl Lines {
    fn of(source: &Source<'_>) -> Self {
        let starts = source.text.match_indices('\n').map(|(offset, _)| offset + 1).collect();
        Self { file: source.name.into(), starts }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset) + 1;
        Place { file: Rc::clone(&self.file), line }
    }
}

enum Production {
    Pragma(Option<String>),
    Declaration(Declaration),
    Class(Class),
}

fn document(input: &mut Input<'_>) -> ModalResult<Document> {
    blank(input)?;
    let document = repeat(0.., production)
        .fold(Document::default, |mut document, production| {
            match production {
                Production::Pragma(namespace) => document.namespace = namespace.or(document.namespace),
                Production::Declaration(declaration) => document.declarations.push(declaration),
                Production::Class(class) => document.classes.push(class),
            }
            document
        })
        .parse_next(input)?;
    eof.context(expected("a pragma, a qualifier declaration or a class")).parse_next(input)?;
    Ok(document)
}

fn production(input: &mut Input<'_>) -> ModalResult<Production> {
    alt((
        pragma.map(Production::Pragma),
        declaration.map(Production::Declaration),
        class.map(Production::Class),
    ))
    .parse_next(input)
}

/// A pragma; the namespace where it is that one.
fn pragma(input: &mut Input<'_>) -> ModalResult<Option<String>> {
    preceded('#', keyword("pragma")).parse_next(input)?;
    let (name, value) = cut_err((name, delimited(symbol('('), text, symbol(')')))).parse_next(input)?;
    Ok(name.eq_ignore_ascii_case("namespace").then_some(value))
}

fn declaration(input: &mut Input<'_>) -> ModalResult<Declaration> {
    let place = here(input);
    keyword("qualifier").parse_next(input)?;
    let (name, _, kind, is_array, default) =
        cut_err((name, symbol(':'), data_type, brackets, opt(preceded(symbol('='), cut_err(initializer)))))
            .parse_next(input)?;
    let list =
        |word| preceded((symbol(','), keyword(word)), cut_err(delimited(symbol('('), words, symbol(')'))));
    let scopes = cut_err(list("scope").context(expected("the scope"))).parse_next(input)?;
    let flavors = opt(list("flavor")).parse_next(input)?.unwrap_or_default();
    cut_err(symbol(';')).parse_next(input)?;
    let default = default.unwrap_or(Literal::Null);
    Ok(Declaration { name, kind, is_array, default, scopes, flavors, place })
}

fn class(input: &mut Input<'_>) -> ModalResult<Class> {
    let qualifiers = qualifiers(input)?;
    let place = here(input);
    keyword("class").context(expected("`class`")).parse_next(input)?;
    let name = cut_err(name).parse_next(input)?;
    let superclass = opt(preceded(symbol(':'), cut_err(identifier))).parse_next(input)?;
    cut_err(symbol('{')).parse_next(input)?;
    let mut class =
        Class { qualifiers, name, superclass, properties: Vec::new(), methods: Vec::new(), place };
    while opt(symbol('}')).parse_next(input)?.is_none() {
        match cut_err(member).parse_next(input)? {
            Member::Property(property) => class.properties.push(property),
            Member::Method(method) => class.methods.push(method),
        }
    }
    cut_err(symbol(';')).parse_next(input)?;
    Ok(class)
}

enum Member {
    Property(Property),
    Method(Method),
}

fn member(input: &mut Input<'_>) -> ModalResult<Member> {
    let qualifiers = qualifiers(input)?;
    let place = here(input);
    let (kind, name) = (data_type, name).parse_next(input)?;
    if opt(symbol('(')).parse_next(input)?.is_some() {
        let parameters = separated(0.., parameter, symbol(',')).parse_next(input)?;
        (symbol(')'), symbol(';')).parse_next(input)?;
        return Ok(Member::Method(Method { qualifiers, returns: kind, name, parameters, place }));
    }
    let (is_array, default) =
        (brackets, opt(preceded(symbol('='), cut_err(initializer)))).parse_next(input)?;
    symbol(';').parse_next(input)?;
    Ok(Member::Property(Property { qualifiers, kind, name, is_array, default, place }))
}

fn parameter(input: &mut Input<'_>) -> ModalResult<Property> {
    let qualifiers = qualifiers(input)?;
    let place = here(input);
    let (kind, name, is_array) = (data_type, name, brackets).parse_next(input)?;
    Ok(Property { qualifiers, kind, name, is_array, default: None, place })
}

fn qualifiers(input: &mut Input<'_>) -> ModalResult<Qualifiers> {
    let list = separated(1.., qualifier, symbol(','));
    let list = opt(delimited(symbol('['), cut_err(list), cut_err(symbol(']')))).parse_next(input)?;
    Ok(Qualifiers(list.unwrap_or_default()))
}

fn qualifier(input: &mut Input<'_>) -> ModalResult<Qualifier> {
    let place = here(input);
    let name = name(input)?;
    let value = opt(alt((
        delimited(symbol('('), cut_err(literal), cut_err(symbol(')'))),
        delimited(symbol('{'), cut_err(literals), cut_err(symbol('}'))),
    )))
    .parse_next(input)?;
    let flavors = opt(preceded(symbol(':'), cut_err(repeat(1.., word)))).parse_next(input)?;
    Ok(Qualifier { name, value, flavors: flavors.unwrap_or_default(), place })
}

fn literals(input: &mut Input<'_>) -> ModalResult<Literal> {
    separated(0.., literal, symbol(',')).map(Literal::Array).parse_next(input)
}

/// An intrinsic type, or a class and `REF`.
fn data_type(input: &mut Input<'_>) -> ModalResult<DataType> {
    let named = identifier.context(expected("a type")).parse_next(input)?;
    match DataType::intrinsic(&named) {
        Some(kind) => Ok(kind),
        None => {
            cut_err(keyword("ref"))
                .context(expected("an intrinsic type, or `REF` after a class"))
                .parse_next(input)?;
            Ok(DataType::Reference(named))
        }
    }
}

/// The brackets of an array, with its size or without.
fn brackets(input: &mut Input<'_>) -> ModalResult<bool> {
    let size = token(take_while(0.., AsChar::is_dec_digit));
    opt(delimited(symbol('['), size, symbol(']'))).map(|found| found.is_some()).parse_next(input)
}

fn words(input: &mut Input<'_>) -> ModalResult<Vec<String>> {
    separated(1.., word, symbol(',')).parse_next(input)
}

fn word(input: &mut Input<'_>) -> ModalResult<String> {
    identifier.map(|word| word.to_ascii_lowercase()).parse_next(input)
}

fn name(input: &mut Input<'_>) -> ModalResult<String> {
    identifier.context(expected("a name")).parse_next(input)
}

fn identifier(input: &mut Input<'_>) -> ModalResult<String> {
    let first = one_of(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii());
    let rest = take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii());
    token((first, rest).take()).map(str::to_owned).parse_next(input)
}

/// A word of the language, in any case.
pub(super) fn keyword<'a>(
    word: &'static str,
) -> impl ModalParser<Input<'a>, (), winnow::error::ContextError> {
    identifier.verify(move |found: &String| found.eq_ignore_ascii_case(word)).void()
}

/// A sign of the language.
pub(super) fn symbol<'a>(sign: char) -> impl ModalParser<Input<'a>, (), winnow::error::ContextError> {
    token(sign).void().context(StrContext::Expected(StrContextValue::CharLiteral(sign)))
}

/// A parser and the blanks and comments after it.
pub(super) fn token<'a, O>(
    parser: impl ModalParser<Input<'a>, O, winnow::error::ContextError>,
) -> impl ModalParser<Input<'a>, O, winnow::error::ContextError> {
    terminated(parser, blank)
}

fn blank(input: &mut Input<'_>) -> ModalResult<()> {
    let line = ("//", take_till(0.., '\n')).void();
    let block =
        ("/*", cut_err((take_until(0.., "*/"), "*/")).context(expected("the end of the comment"))).void();
    repeat(0.., alt((take_while(1.., char::is_whitespace).void(), line, block))).parse_next(input)
}

pub(super) fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn here(input: &Input<'_>) -> Place {
    input.state.place(input.current_token_start())
}
