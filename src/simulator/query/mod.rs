//! The WQL that a Hyper-V host is asked: `SELECT … FROM … WHERE …`, `ASSOCIATORS OF {…}`, `REFERENCES OF {…}`.
//!
//! This room reads a query against a schema and says whether an instance meets it. It does not know where
//! instances come from.

mod evaluate;
mod lexer;
mod like;
mod parser;
mod path;

use crate::cim::{Reference, Schema};

use self::like::Pattern;

/// A query that is well-formed and names only classes and properties that exist.
#[derive(Clone, Debug)]
pub enum Query {
    /// `SELECT`
    Select(Select),
    /// `ASSOCIATORS OF`
    Associators(Walk),
    /// `REFERENCES OF`
    References(Walk),
}

/// A `SELECT`.
#[derive(Clone, Debug)]
pub struct Select {
    /// The class.
    pub class: &'static str,
    /// Properties of a projection, in the order of the query; `None` for `*`.
    pub properties: Option<Vec<&'static str>>,
    condition: Option<Condition>,
}

/// A walk along associations, from one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Where it begins.
    pub source: Reference,
    /// Class of the associations.
    pub association_class: Option<&'static str>,
    /// Class of the results.
    pub result_class: Option<&'static str>,
    /// Property of the association that refers to the source.
    pub role: Option<String>,
    /// Property of the association that refers to the result.
    pub result_role: Option<String>,
}

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text ends too early.
    #[error("{expected} expected at the end of the query")]
    Unfinished {
        /// What would have to come.
        expected: &'static str,
    },
    /// Something else was expected.
    #[error("{expected} expected, not {found:?}")]
    Unexpected {
        /// What would have to come.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A character that begins nothing.
    #[error("{0:?} has no meaning in a query")]
    Character(char),
    /// A literal or a brace that is not closed.
    #[error("literal or object path is not closed")]
    Unclosed,
    /// No such class.
    #[error("no class {0:?}")]
    UnknownClass(String),
    /// The class has no such property.
    #[error("class {class} has no property {property:?}")]
    UnknownProperty {
        /// The class.
        class: &'static str,
        /// What was named.
        property: String,
    },
    /// Arrays cannot be compared.
    #[error("array property {0} in a condition")]
    ArrayInCondition(&'static str),
    /// An object path of another form, or of another namespace.
    #[error("object path is not one of this namespace")]
    ObjectPath,
    /// A keyword after WHERE that a walk does not know.
    #[error("clause {0:?} is not supported")]
    Clause(String),
    /// Nested too deeply.
    #[error("condition is nested too deeply")]
    TooDeep,
}

#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare { subject: Subject, operator: Operator, literal: Literal },
    IsNull(Subject),
    Like { subject: Subject, pattern: Pattern },
    Isa { subject: Subject, class: String },
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Property(&'static str),
    /// `__CLASS`
    Class,
    /// `__THIS`
    Instance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(i128),
    Boolean(bool),
    Null,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It is no WQL of this subset, or names what the schema does not have.
    pub fn parse(text: &str, schema: Schema) -> Result<Self, QueryError> {
        parser::parse(text, schema)
    }
}
