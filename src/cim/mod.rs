//! CIM values and classes (DSP0004): scalars, arrays, null, datetime and interval, references, instances.
//!
//! This room knows what a value is. It refuses to know how one looks in XML: the mapping lives in `wsman`, so
//! that values outlive the wire format.

mod class;
mod datetime;
mod instance;
mod reference;
mod value;

pub use class::{Class, Method, Parameter, Property, Schema, Type, ValueLabel, label};
pub use datetime::{DateTime, DateTimeError, Interval};
pub use instance::{Instance, Name};
pub(crate) use reference::ANONYMOUS;
pub use reference::{Reference, Selector, SelectorValue};
pub use value::{Value, ValueError};
