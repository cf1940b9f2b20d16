//! WS-Management messages (DSP0226, DSP0227, DSP0230, MS-WSMV), pure: requests, replies and faults in both
//! directions, and the mapping between CIM values and XML.
//!
//! This room takes text, ids and times as arguments and gives text back. It knows no socket, no clock and no
//! class: what a class is comes as a [`crate::cim::Schema`].

mod action;
mod cim_xml;
mod codes;
mod decode_value;
mod encode_value;
mod fault;
mod fault_decode;
mod filter;
mod header;
mod instance_decode;
mod message;
mod message_decode;
pub mod ns;
mod reference;
mod reply;
mod request;
mod wql;

pub use cim_xml::{instance_from_text, instance_to_text};
pub use codes::{Codes, symbol};
pub use encode_value::EncodeError;
pub use fault::{Fault, FaultCode, QualifiedName};
pub use filter::{Association, Filter};
pub use header::{Headers, RequestHeader};
pub use message::{
    Body, DecodeError, Direction, Enumerate, EnumerateReply, EnumerationMode, Identity, Invocation, Item,
    Kind, Message, Pull,
};
pub use message_decode::{decode, decode_bytes, decode_reply};
pub use ns::{WMI, cim_namespace, wmi_uri};
pub use reply::{Reply, ReplyHeader, encode_reply};
pub use request::{Invoke, Request, encode};
pub use wql::Wql;
