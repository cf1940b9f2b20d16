//! The generated tables of all classes.

use crate::cim::{Class, Method, Parameter, Property, Schema, Type, ValueLabel};

include!(concat!(env!("OUT_DIR"), "/tables.rs"));
