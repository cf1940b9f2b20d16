//! CIM values of every type, to the wire and back.

use std::time::Duration;

use hvreplica::cim::{DateTime, Instance, Interval, Reference, Schema, Type, Value};
use hvreplica::wsman::{
    Body, Invoke, Request, RequestHeader, decode, encode, instance_from_text, instance_to_text, wmi_uri,
};
use proptest::prelude::*;

use crate::sample::{
    EVERYTHING, NAMESPACE, PART, SAMPLE, TAKE, TYPES, are_same, datetime, instance_of, interval, scalar_of,
};

fn header() -> RequestHeader {
    RequestHeader {
        to: "http://host:5985/wsman".to_owned(),
        message_id: "uuid:00000000-0000-0000-0000-000000000001".to_owned(),
        operation_timeout: Duration::from_secs(60),
        max_envelope_size: 512_000,
    }
}

/// What a value of a parameter has become when the host reads it.
fn through_invoke(value: Value, name: &'static str, schema: &Schema) -> Option<Value> {
    let target = Reference::new(wmi_uri(NAMESPACE, EVERYTHING), Vec::new());
    let parameters = vec![(name.into(), value)];
    let request = Request::Invoke(Invoke { target, method: TAKE.to_owned(), parameters });
    let document = encode(&request, &header(), schema).unwrap();
    let Body::Invocation(invocation) = decode(&document, schema).unwrap().body else {
        panic!("no invocation: {document}")
    };
    assert_eq!(invocation.method, TAKE);
    invocation.parameter(name).cloned()
}

proptest! {
    #[test]
    fn parameters_of_every_type_arrive(instance in instance_of(EVERYTHING, NAMESPACE)) {
        let target = Reference::new(wmi_uri(NAMESPACE, EVERYTHING), Vec::new());
        let invoke = Invoke { target, method: TAKE.to_owned(), parameters: instance.properties.clone() };
        let document = encode(&Request::Invoke(invoke), &header(), &SAMPLE).unwrap();
        let Body::Invocation(invocation) = decode(&document, &SAMPLE).unwrap().body else {
            panic!("no invocation: {document}")
        };
        prop_assert!(are_same(&invocation.parameters, &instance.properties), "{document}");
    }

    #[test]
    fn embedded_instances_arrive(part in instance_of(PART, "")) {
        let text = instance_to_text(&part, &SAMPLE).unwrap();
        let named = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
        prop_assert!(!named.iter().any(|entity| text.contains(entity)), "{text}");
        let read = instance_from_text(&text, &SAMPLE).unwrap();
        prop_assert_eq!(&instance_to_text(&read, &SAMPLE).unwrap(), &text);
        prop_assert!(are_same(&read.properties, &part.properties), "{text}");
    }

    #[test]
    fn datetimes_in_both_spellings(time in datetime()) {
        for text in [time.to_xs(), time.to_dsp0004(), format!("  {}\n", time.to_xs())] {
            prop_assert_eq!(DateTime::parse(&text).unwrap().instant(), time.instant());
        }
    }

    #[test]
    fn intervals_in_both_spellings(interval in interval()) {
        for text in [interval.to_xs(), interval.to_dsp0004()] {
            prop_assert_eq!(Interval::parse(&text).unwrap().length(), interval.length());
        }
    }

    #[test]
    fn text_is_read_as_it_was_written((kind, value) in (0..TYPES.len() - 1).prop_flat_map(|at| {
        (Just(TYPES[at]), scalar_of(TYPES[at]))
    })) {
        prop_assert_eq!(Value::parse(kind, &value.to_text().unwrap()).unwrap(), value);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,30}") {
        for kind in TYPES {
            let _ = Value::parse(kind, &text);
        }
        let _ = (DateTime::parse(&text), Interval::parse(&text), instance_from_text(&text, &SAMPLE));
    }
}

#[test]
fn blanks_null_and_empty_stay_apart() {
    for text in ["", " ", "\n", " x "] {
        assert_eq!(through_invoke(text.into(), "string", &SAMPLE), Some(text.into()));
    }
    assert_eq!(through_invoke(Value::Null, "string", &SAMPLE), Some(Value::Null));
    assert_eq!(through_invoke(Value::Array(Vec::new()), "stringList", &SAMPLE), None);
    let one = Value::Array(vec!["".into()]);
    assert_eq!(through_invoke(one.clone(), "stringList", &SAMPLE), Some(one));
}

#[test]
fn without_a_schema_all_is_text_and_repeats_are_arrays() {
    let schema = &Schema::EMPTY;
    assert_eq!(through_invoke(Value::Unsigned(7), "A", schema), Some("7".into()));
    let list = Value::Array(vec![Value::Boolean(true), Value::Boolean(false)]);
    let texts = Value::Array(vec!["true".into(), "false".into()]);
    assert_eq!(through_invoke(list, "A", schema), Some(texts));
    let time = Value::from(Interval::of(Duration::from_millis(1500)));
    assert_eq!(through_invoke(time.clone(), "A", schema), Some(time));
    let part = Value::from(Instance::new("X", "").with("N", Value::Unsigned(1)).with("T", "a & b"));
    assert_eq!(through_invoke(part.clone(), "A", schema), Some(part));
}

#[test]
fn a_wrong_text_stays_text() {
    let document = |text: &str| {
        let uri = wmi_uri(NAMESPACE, EVERYTHING);
        format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>\
             <p:Take_INPUT xmlns:p='{uri}'><p:uint8>{text}</p:uint8></p:Take_INPUT></s:Body></s:Envelope>"
        )
    };
    for (text, value) in
        [(" 255 ", Value::Unsigned(255)), ("256", "256".into()), ("-1", "-1".into()), ("", "".into())]
    {
        let Body::Invocation(read) = decode(&document(text), &SAMPLE).unwrap().body else { panic!("{text}") };
        assert_eq!(read.parameter("UINT8"), Some(&value));
    }
}

#[test]
fn spellings_that_hosts_use() {
    for (kind, text, value) in [
        (Type::Boolean, "TRUE", Value::Boolean(true)),
        (Type::Boolean, " 0 ", Value::Boolean(false)),
        (Type::Uint64, "18446744073709551615", Value::Unsigned(u64::MAX)),
        (Type::Sint64, "-9223372036854775808", Value::Signed(i64::MIN)),
        (Type::Real64, "-INF", Value::Real64(f64::NEG_INFINITY)),
        (Type::Real32, "1.5E+3", Value::Real32(1500.0)),
        (Type::Char16, "65", Value::Char16(65)),
        (Type::Char16, "6", Value::Char16(54)),
    ] {
        assert_eq!(Value::parse(kind, text).as_ref(), Ok(&value), "{kind} {text:?}");
    }
    for (kind, text) in
        [(Type::Boolean, "yes"), (Type::Sint8, "128"), (Type::Real64, "inf"), (Type::DateTime, "")]
    {
        assert!(Value::parse(kind, text).is_err(), "{kind} {text:?}");
    }
}

#[test]
fn times_that_are_none() {
    let never = DateTime::parse("1601-01-01T00:00:00Z").unwrap();
    assert_eq!((never.happened(), never.instant().is_some()), (None, true));
    let wild = DateTime::parse("20261008******.******+***").unwrap();
    assert_eq!((wild.instant(), wild.to_dsp0004().as_str()), (None, "20261008******.******+***"));
    let offset = DateTime::parse("2026-10-08T17:15:36.68424+02:00").unwrap();
    assert_eq!(offset.to_dsp0004(), "20261008151536.684240+000");
    assert_eq!(DateTime::parse("20261008171536.684240+120").unwrap().instant(), offset.instant());
    assert!(DateTime::parse("00000000003000.000000:000").is_err());
    let half_hour = Interval::parse("00000000003000.000000:000").unwrap();
    assert_eq!(half_hour.to_xs(), "P0DT0H30M0S");
}

#[test]
fn intervals_that_dsp0004_cannot_say() {
    assert_eq!(Interval::parse("P99999999DT0H0M0S").unwrap().to_dsp0004(), "99999999000000.000000:000");
    for text in ["P100000000DT0H0M0S", "P0DT200000002856644.5S", "PT18446744073709551615S"] {
        assert!(Interval::parse(text).is_err(), "{text}");
    }
}
