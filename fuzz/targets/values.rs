//! Values of CIM as text, in all types, and instances embedded in strings; what is written back means the same, to the microsecond.
#![no_main]

use hvreplica::cim::{DateTime, Interval, Type, Value};
use hvreplica::msvm::{SCHEMA, is_vm_name};
use hvreplica::wsman::{instance_from_text, instance_to_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for name in TYPES {
        let kind = Type::parse(name).expect("a type of CIM");
        if let Ok(value) = Value::parse(kind, text) {
            let _ = (value.to_text(), value.as_u64(), value.as_i64(), value.as_bool(), value.is_null());
        }
    }
    if let Ok(time) = DateTime::parse(text) {
        let micros = |time: &DateTime| time.instant().map(|instant| instant.as_microsecond());
        let _ = time.happened();
        for written in [time.to_xs(), time.to_dsp0004()] {
            let again = DateTime::parse(&written).expect("a time that was written can be read");
            assert_eq!(micros(&again), micros(&time), "{written}");
        }
    }
    if let Ok(interval) = Interval::parse(text) {
        let micros = |interval: &Interval| interval.length().map(|length| length.as_micros());
        for written in [interval.to_xs(), interval.to_dsp0004()] {
            let again = Interval::parse(&written).expect("an interval that was written can be read");
            assert_eq!(micros(&again), micros(&interval), "{written}");
        }
    }
    is_vm_name(text);
    if let Ok(instance) = instance_from_text(text, &SCHEMA)
        && let Ok(written) = instance_to_text(&instance, &SCHEMA)
    {
        instance_from_text(&written, &SCHEMA).expect("an instance that was written can be read");
    }
});

const TYPES: [&str; 15] = [
    "boolean",
    "string",
    "char16",
    "uint8",
    "sint8",
    "uint16",
    "sint16",
    "uint32",
    "sint32",
    "uint64",
    "sint64",
    "real32",
    "real64",
    "datetime",
    "reference",
];
