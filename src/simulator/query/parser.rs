//! Reads queries.

use super::lexer::{Token, split_at_brace, tokens};
use super::{Condition, Literal, Operator, Pattern, Query, QueryError, Select, Subject, Walk, path};
use crate::cim::{Class, Schema};

/// Reads a query.
pub(super) fn parse(text: &str, schema: Schema) -> Result<Query, QueryError> {
    if let Some((verb, rest)) = walk_verb(text) {
        let walk = parse_walk(rest, schema)?;
        return Ok(if verb == "ASSOCIATORS" { Query::Associators(walk) } else { Query::References(walk) });
    }
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), schema, depth: 0 };
    parser.select().map(Query::Select)
}

/// `ASSOCIATORS OF {` or `REFERENCES OF {`, and what follows.
fn walk_verb(text: &str) -> Option<(&'static str, &str)> {
    let (head, rest) = text.split_once('{')?;
    let mut words = head.split_ascii_whitespace();
    let (verb, of, end) = (words.next()?, words.next()?, words.next());
    let verb = ["ASSOCIATORS", "REFERENCES"].into_iter().find(|name| name.eq_ignore_ascii_case(verb))?;
    (of.eq_ignore_ascii_case("OF") && end.is_none()).then_some((verb, rest))
}

fn parse_walk(rest: &str, schema: Schema) -> Result<Walk, QueryError> {
    let (source, clauses) = split_at_brace(rest)?;
    let source = path::parse(source, schema)?;
    let mut walk =
        Walk { source, association_class: None, result_class: None, role: None, result_role: None };
    let found = tokens(clauses)?;
    let clauses = match found.split_first() {
        None => return Ok(walk),
        Some((Token::Word(word), clauses)) if word.eq_ignore_ascii_case("WHERE") => clauses,
        Some((other, _)) => return Err(unexpected("WHERE", other)),
    };
    if clauses.is_empty() {
        return Err(QueryError::Unfinished { expected: "a clause" });
    }
    for clause in clauses.chunks(3) {
        let [Token::Word(name), Token::Sign("="), Token::Word(value)] = clause else {
            let name = clause.first().map(shown).unwrap_or_default();
            return Err(QueryError::Clause(name));
        };
        let class = || Ok(Some(class_of(schema, value)?.name));
        match name.to_ascii_lowercase().as_str() {
            "assocclass" => walk.association_class = class()?,
            "resultclass" => walk.result_class = class()?,
            "role" => walk.role = Some(value.clone()),
            "resultrole" => walk.result_role = Some(value.clone()),
            _ => return Err(QueryError::Clause(name.clone())),
        }
    }
    Ok(walk)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    schema: Schema,
    depth: usize,
}

impl Parser {
    fn select(&mut self) -> Result<Select, QueryError> {
        self.keyword("SELECT")?;
        let names = if self.takes_sign("*") { None } else { Some(self.names()?) };
        self.keyword("FROM")?;
        let name = self.word("a class")?;
        let class = class_of(self.schema, &name)?;
        let named = |name: String| property_of(class, &name).map(|property| property.name);
        let properties = names.map(|names| names.into_iter().map(named).collect()).transpose()?;
        let condition = if self.takes_word("WHERE") { Some(self.either(class)?) } else { None };
        match self.tokens.next() {
            None => Ok(Select { class: class.name, properties, condition }),
            Some(token) => Err(unexpected("the end of the query", &token)),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, QueryError> {
        let mut names = vec![self.word("a property")?];
        while self.takes_sign(",") {
            names.push(self.word("a property")?);
        }
        Ok(names)
    }

    fn either(&mut self, class: &'static Class) -> Result<Condition, QueryError> {
        let mut parts = vec![self.both(class)?];
        while self.takes_word("OR") {
            parts.push(self.both(class)?);
        }
        Ok(Condition::Any(parts))
    }

    fn both(&mut self, class: &'static Class) -> Result<Condition, QueryError> {
        let mut parts = vec![self.term(class)?];
        while self.takes_word("AND") {
            parts.push(self.term(class)?);
        }
        Ok(Condition::All(parts))
    }

    fn term(&mut self, class: &'static Class) -> Result<Condition, QueryError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(QueryError::TooDeep);
        }
        let term = self.term_inside(class);
        self.depth -= 1;
        term
    }

    fn term_inside(&mut self, class: &'static Class) -> Result<Condition, QueryError> {
        if self.takes_word("NOT") {
            return Ok(Condition::Not(Box::new(self.term(class)?)));
        }
        if self.takes_sign("(") {
            let inside = self.either(class)?;
            return match self.tokens.next() {
                Some(Token::Sign(")")) => Ok(inside),
                Some(token) => Err(unexpected(")", &token)),
                None => Err(QueryError::Unfinished { expected: ")" }),
            };
        }
        let name = self.word("a property")?;
        let subject = subject_of(class, &name)?;
        self.predicate(subject)
    }

    fn predicate(&mut self, subject: Subject) -> Result<Condition, QueryError> {
        if self.takes_word("IS") {
            let negated = self.takes_word("NOT");
            self.keyword("NULL")?;
            let is_null = Condition::IsNull(subject);
            return Ok(if negated { Condition::Not(Box::new(is_null)) } else { is_null });
        }
        if self.takes_word("LIKE") {
            let pattern = Pattern::new(&self.text("a pattern")?);
            return Ok(Condition::Like { subject, pattern });
        }
        if self.takes_word("ISA") {
            return Ok(Condition::Isa { subject, class: self.text("a class in quotes")? });
        }
        let operator = self.operator()?;
        let literal = self.literal()?;
        Ok(Condition::Compare { subject, operator, literal })
    }

    fn operator(&mut self) -> Result<Operator, QueryError> {
        let token = self.next("a comparison")?;
        Ok(match token {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("<>" | "!=") => Operator::Unequal,
            Token::Sign("<") => Operator::Less,
            Token::Sign(">") => Operator::Greater,
            Token::Sign("<=") => Operator::AtMost,
            Token::Sign(">=") => Operator::AtLeast,
            other => return Err(unexpected("a comparison", &other)),
        })
    }

    fn literal(&mut self) -> Result<Literal, QueryError> {
        Ok(match self.next("a literal")? {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Word(word) if word.eq_ignore_ascii_case("TRUE") => Literal::Boolean(true),
            Token::Word(word) if word.eq_ignore_ascii_case("FALSE") => Literal::Boolean(false),
            Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Literal::Null,
            other => return Err(unexpected("a literal", &other)),
        })
    }

    fn next(&mut self, expected: &'static str) -> Result<Token, QueryError> {
        self.tokens.next().ok_or(QueryError::Unfinished { expected })
    }

    fn word(&mut self, expected: &'static str) -> Result<String, QueryError> {
        match self.next(expected)? {
            Token::Word(word) => Ok(word),
            other => Err(unexpected(expected, &other)),
        }
    }

    fn text(&mut self, expected: &'static str) -> Result<String, QueryError> {
        match self.next(expected)? {
            Token::Text(text) => Ok(text),
            other => Err(unexpected(expected, &other)),
        }
    }

    fn keyword(&mut self, keyword: &'static str) -> Result<(), QueryError> {
        if self.takes_word(keyword) {
            return Ok(());
        }
        match self.tokens.peek() {
            Some(token) => Err(unexpected(keyword, token)),
            None => Err(QueryError::Unfinished { expected: keyword }),
        }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = |token: &Token| matches!(token, Token::Word(own) if own.eq_ignore_ascii_case(word));
        self.tokens.next_if(is_it).is_some()
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        self.tokens.next_if(|token| *token == Token::Sign(sign)).is_some()
    }
}

fn class_of(schema: Schema, name: &str) -> Result<&'static Class, QueryError> {
    schema.class(name).ok_or_else(|| QueryError::UnknownClass(name.to_owned()))
}

fn property_of(class: &'static Class, name: &str) -> Result<&'static crate::cim::Property, QueryError> {
    let unknown = || QueryError::UnknownProperty { class: class.name, property: name.to_owned() };
    class.property(name).ok_or_else(unknown)
}

fn subject_of(class: &'static Class, name: &str) -> Result<Subject, QueryError> {
    if name.eq_ignore_ascii_case("__CLASS") {
        return Ok(Subject::Class);
    }
    if name.eq_ignore_ascii_case("__THIS") {
        return Ok(Subject::Instance);
    }
    let property = property_of(class, name)?;
    if property.is_array {
        return Err(QueryError::ArrayInCondition(property.name));
    }
    Ok(Subject::Property(property.name))
}

fn unexpected(expected: &'static str, found: &Token) -> QueryError {
    QueryError::Unexpected { expected, found: shown(found) }
}

fn shown(token: &Token) -> String {
    let text = match token {
        Token::Word(text) | Token::Text(text) => text.clone(),
        Token::Number(number) => number.to_string(),
        Token::Sign(sign) => (*sign).to_owned(),
    };
    text.chars().take(LONGEST_QUOTE).collect()
}

const DEEPEST: usize = 64;
const LONGEST_QUOTE: usize = 40;
