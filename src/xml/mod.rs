//! The only room that knows angle brackets: decoding of bytes, a namespace-resolving reader, a writer that
//! cannot forget to escape, small trees for comparing and printing.
//!
//! It refuses DTDs, undeclared prefixes, unclosed documents, second roots, forbidden characters, and anything
//! beyond its limits. It knows nothing of SOAP.

mod attributes;
mod decode;
mod element;
mod error;
mod name;
mod namespaces;
mod pretty;
mod reader;
mod writer;

pub use decode::decode;
pub use element::{Attribute, Element, Node, difference};
pub use error::XmlError;
pub use name::{QName, TextName};
pub use pretty::{OpenElement, Place, pretty, rewrite};
pub use reader::{Content, Event, Limits, Reader};
pub use writer::{Open, WriteError, Writer};
