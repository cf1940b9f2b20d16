//! What is wrong with a document.

/// A document that is not acceptable. Positions are bytes of the decoded text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// The bytes do not decode.
    #[error("the bytes are no valid {0}")]
    Encoding(&'static str),
    /// A charset other than UTF-8 and UTF-16.
    #[error("the charset is neither UTF-8 nor UTF-16")]
    Charset,
    /// Not well-formed.
    #[error("not well-formed at byte {0}")]
    Malformed(u64),
    /// The document ends with open elements.
    #[error("the document ends with open elements")]
    Unclosed,
    /// No root element.
    #[error("there is no root element")]
    NoRoot,
    /// Text or a second element beside the root.
    #[error("something follows the root element")]
    SecondRoot,
    /// A prefix without declaration.
    #[error("a prefix is not declared")]
    UndeclaredPrefix,
    /// A document type declaration; SOAP forbids it.
    #[error("a document type declaration is refused")]
    Dtd,
    /// An entity other than the five predefined ones.
    #[error("an undeclared entity is refused")]
    Entity,
    /// A character that XML 1.0 forbids.
    #[error("a character that XML forbids")]
    ForbiddenCharacter,
    /// Nested too deeply.
    #[error("elements are nested too deeply")]
    TooDeep,
    /// Too many elements.
    #[error("there are too many elements")]
    TooManyElements,
    /// Too many attributes on one element.
    #[error("there are too many attributes")]
    TooManyAttributes,
    /// An element where only text is allowed.
    #[error("an element stands where text belongs")]
    UnexpectedElement,
}
