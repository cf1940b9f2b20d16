//! Messages of every kind: requests as bytes, replies to the wire and back, damage.

use std::time::Duration;

use hvreplica::cim::{DateTime, Instance, Interval, Reference, Selector, SelectorValue, Value};
use hvreplica::cli::output::DecodedFile;
use hvreplica::msvm::SCHEMA;
use hvreplica::wsman::{
    Association, Body, DecodeError, Direction, Enumerate, EnumerateReply, EnumerationMode, Filter, Identity,
    Invoke, Item, Kind, Pull, Reply, ReplyHeader, Request, RequestHeader, Wql, decode, decode_bytes,
    decode_reply, encode, encode_reply, wmi_uri,
};
use hvreplica::xml::pretty;
use proptest::prelude::*;

use crate::sample::{EVERYTHING, NAMESPACE, SAMPLE, TAKE, are_same, instance_of, reference, text};

const REQUEST: &str = "uuid:B5B1C9C5-0C6E-4B59-9A4D-6D2B8C4B1F01";
const HYPER_V: &str = "root/virtualization/v2";

fn request_header() -> RequestHeader {
    RequestHeader {
        to: "http://hv1.example:5985/wsman".to_owned(),
        message_id: REQUEST.to_owned(),
        operation_timeout: Duration::from_secs(60),
        max_envelope_size: 512_000,
    }
}

fn reply_header() -> ReplyHeader {
    ReplyHeader {
        message_id: "uuid:4A9D0D6D-5D0B-4C2C-8F8E-0C7B0E3F7A02".to_owned(),
        relates_to: Some(REQUEST.to_owned()),
        language: "en-US".to_owned(),
    }
}

fn virtual_machine() -> Reference {
    let selectors = vec![
        Selector::new("CreationClassName", "Msvm_ComputerSystem"),
        Selector::new("Name", "0D6B3A84-8F3F-4A5E-9D7C-1B2A3C4D5E6F"),
    ];
    Reference::new(wmi_uri(HYPER_V, "Msvm_ComputerSystem"), selectors)
}

fn written(request: &Request) -> String {
    pretty(&encode(request, &request_header(), &SCHEMA).unwrap()).unwrap()
}

fn enumerate(class: &str, body: Enumerate) -> Request {
    Request::Enumerate { resource_uri: wmi_uri(HYPER_V, class), body }
}

#[test]
fn requests_that_read() {
    insta::assert_snapshot!("identify", written(&Request::Identify));
    insta::assert_snapshot!("get", written(&Request::Get(virtual_machine())));
    let key = SelectorValue::Reference(Box::new(virtual_machine()));
    let affected = Selector { name: "AffectedElement".to_owned(), value: key };
    let association = Reference::new(wmi_uri(HYPER_V, "Msvm_AffectedJobElement"), vec![affected]);
    insta::assert_snapshot!("get_association", written(&Request::Get(association)));
}

#[test]
fn requests_that_enumerate() {
    let plain = enumerate("Msvm_ConcreteJob", Enumerate::default());
    insta::assert_snapshot!("enumerate", written(&plain));
    let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", "R&D <web's> \\ 01");
    let body = Enumerate {
        filter: Some(Filter::Wql(query.to_string())),
        optimize: true,
        max_elements: Some(32_000),
        mode: Some(EnumerationMode::ObjectAndEpr),
        ..Enumerate::default()
    };
    insta::assert_snapshot!("enumerate_wql", written(&enumerate("*", body)));
    let body = Enumerate {
        filter: Some(Filter::Selectors(vec![Selector::new("ElementName", "web01")])),
        optimize: true,
        max_elements: Some(20),
        mode: Some(EnumerationMode::Epr),
        ..Enumerate::default()
    };
    insta::assert_snapshot!("enumerate_selectors", written(&enumerate("Msvm_ComputerSystem", body)));
    let association = Association {
        instances: false,
        object: virtual_machine(),
        association_class: Some("Msvm_SystemReplicationRelationship".to_owned()),
        role: Some("Antecedent".to_owned()),
        result_class: Some("Msvm_ReplicationRelationship".to_owned()),
        result_role: Some("Dependent".to_owned()),
    };
    let filter = Some(Filter::Association(association));
    let body = Enumerate { filter, mode: Some(EnumerationMode::Object), ..Enumerate::default() };
    insta::assert_snapshot!("enumerate_association", written(&enumerate("*", body)));
    let body = Pull { context: "uuid:1E0D".to_owned(), max_elements: Some(500), more: Vec::new() };
    let pull = Request::Pull { resource_uri: wmi_uri(HYPER_V, "*"), body };
    insta::assert_snapshot!("pull", written(&pull));
    let release = Request::Release { resource_uri: wmi_uri(HYPER_V, "*"), context: "uuid:1E0D".to_owned() };
    insta::assert_snapshot!("release", written(&release));
}

#[test]
fn requests_that_invoke() {
    let service = Reference::new(
        wmi_uri(HYPER_V, "Msvm_ReplicationService"),
        vec![Selector::new("CreationClassName", "Msvm_ReplicationService")],
    );
    let at = DateTime::at("2026-10-08T15:15:36.68424Z".parse().unwrap());
    let settings = Instance::new("Msvm_ReplicationSettingData", "")
        .with("InstanceID", r"Microsoft:0D6B\HVR\0")
        .with("ApplicationConsistentSnapshotInterval", 4_u16)
        .with("Notes", "a < b & \"c\"\r\nd")
        .with("ReplicateHostKvpItems", true)
        .with("IncludedDisks", Value::Array(vec![r"C:\disk's.vhdx".into()]))
        .with("InitialReplicationStartTime", at.clone());
    let parameters: Vec<(_, Value)> = vec![
        ("ComputerSystem".into(), virtual_machine().into()),
        ("ScheduledDateTime".into(), at.into()),
        ("Wait".into(), Interval::of(Duration::from_millis(90_500)).into()),
        ("Reason".into(), "R&D <web>".into()),
        ("Nothing".into(), Value::Null),
        ("States".into(), Value::Array(vec![Value::Unsigned(2), Value::Unsigned(3)])),
        ("ReplicationSettingData".into(), settings.into()),
    ];
    let invoke = Invoke { target: service, method: "Resynchronize".to_owned(), parameters };
    insta::assert_snapshot!("invoke", written(&Request::Invoke(invoke)));
}

#[test]
fn requests_are_understood() {
    let association = Association {
        instances: true,
        object: virtual_machine(),
        association_class: None,
        role: None,
        result_class: Some("Msvm_AffectedJobElement".to_owned()),
        result_role: None,
    };
    let filters = [
        Filter::Wql("SELECT * FROM A WHERE B = '<&>'".to_owned()),
        Filter::Selectors(vec![Selector::new("A", "&"), Selector::new("B", "")]),
        Filter::Association(association),
    ];
    for filter in filters {
        for mode in [EnumerationMode::Object, EnumerationMode::Epr, EnumerationMode::ObjectAndEpr] {
            let body = Enumerate {
                filter: Some(filter.clone()),
                mode: Some(mode),
                optimize: true,
                max_elements: Some(7),
                more: Vec::new(),
            };
            let document = encode(&enumerate("*", body.clone()), &request_header(), &SCHEMA).unwrap();
            let message = decode(&document, &SCHEMA).unwrap();
            assert_eq!((message.kind, message.direction), (Kind::Enumerate, Direction::Request));
            assert_eq!(message.body, Body::Enumerate(body));
        }
    }
    let document = encode(&Request::Get(virtual_machine()), &request_header(), &SCHEMA).unwrap();
    let message = decode(&document, &SCHEMA).unwrap();
    assert_eq!((message.kind, message.direction, message.body), (Kind::Get, Direction::Request, Body::Empty));
    assert_eq!(message.headers.selectors, virtual_machine().selectors);
    assert_eq!(message.headers.resource_uri, Some(virtual_machine().resource_uri));
    assert_eq!(message.headers.message_id.as_deref(), Some(REQUEST));
}

/// The body that a client reads from a reply.
fn through(reply: &Reply, request: &Request) -> Body {
    let document = encode_reply(reply, &reply_header(), &SAMPLE).unwrap();
    let message = decode_reply(&document, request, REQUEST, &SAMPLE)
        .unwrap_or_else(|error| panic!("{error}: {document}"));
    assert_eq!(message.direction, Direction::Response);
    message.body
}

fn target() -> Reference {
    Reference::new(wmi_uri(NAMESPACE, EVERYTHING), Vec::new())
}

fn enumeration() -> Request {
    Request::Enumerate { resource_uri: wmi_uri(NAMESPACE, "*"), body: Enumerate::default() }
}

fn pulling() -> Request {
    Request::Pull { resource_uri: wmi_uri(NAMESPACE, "*"), body: Pull::default() }
}

fn item() -> impl Strategy<Value = Item> {
    let projection = proptest::collection::vec(("[A-Z][a-z]{1,6}", text()), 1..4).prop_map(|properties| {
        let mut instance = Instance::default();
        for (at, (name, value)) in properties.into_iter().enumerate() {
            instance.properties.push((format!("{name}{at}").into(), value.into()));
        }
        instance
    });
    let instance = prop_oneof![3 => instance_of(EVERYTHING, NAMESPACE), 1 => projection];
    prop_oneof![
        2 => instance.prop_map(|instance| Item { instance: Some(instance), reference: None }),
        1 => reference().prop_map(|reference| Item { instance: None, reference: Some(reference) }),
        1 => (instance_of(EVERYTHING, NAMESPACE), reference()).prop_map(|(instance, reference)| Item {
            instance: Some(instance),
            reference: Some(reference),
        }),
    ]
}

fn is_same_item(item: &Item, expected: &Item) -> bool {
    let instances = match (&item.instance, &expected.instance) {
        (Some(item), Some(expected)) => {
            item.class == expected.class
                && item.namespace == expected.namespace
                && are_same(&item.properties, &expected.properties)
        }
        (item, expected) => item == expected,
    };
    instances && item.reference == expected.reference
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn instances_arrive(instance in instance_of(EVERYTHING, NAMESPACE)) {
        let Body::Instance(read) = through(&Reply::Get(instance.clone()), &Request::Get(target())) else {
            panic!("no instance")
        };
        prop_assert_eq!(&read.class, &instance.class);
        prop_assert_eq!(&read.namespace, &instance.namespace);
        prop_assert!(are_same(&read.properties, &instance.properties));
    }

    #[test]
    fn items_arrive(
        items in proptest::collection::vec(item(), 0..5),
        context in proptest::option::of("uuid:[0-9A-F]{8}"),
        end_of_sequence in any::<bool>(),
    ) {
        let sent = EnumerateReply { context, items, end_of_sequence, more: Vec::new() };
        let pairs = [
            (Reply::Enumerate(sent.clone()), enumeration()),
            (Reply::Pull(sent.clone()), pulling()),
        ];
        for (reply, request) in pairs {
            let Body::Items(read) = through(&reply, &request) else { panic!("no items") };
            prop_assert_eq!(&read.context, &sent.context);
            prop_assert_eq!(read.end_of_sequence, end_of_sequence);
            prop_assert_eq!(read.next_context().is_some(), sent.context.is_some() && !end_of_sequence);
            prop_assert_eq!(read.items.len(), sent.items.len());
            for (item, expected) in read.items.iter().zip(&sent.items) {
                prop_assert!(is_same_item(item, expected), "{:?} is not {:?}", item, expected);
            }
        }
    }

    #[test]
    fn results_arrive(instance in instance_of(EVERYTHING, NAMESPACE), code in any::<u32>()) {
        let parameters = instance.properties;
        let invoke = Invoke { target: target(), method: TAKE.to_owned(), parameters: Vec::new() };
        let reply = Reply::Invoke {
            resource_uri: target().resource_uri,
            method: TAKE.to_owned(),
            parameters: parameters.clone(),
            return_value: code,
        };
        let Body::Invocation(read) = through(&reply, &Request::Invoke(invoke)) else { panic!("no result") };
        prop_assert_eq!(read.return_value, Some(code.into()));
        prop_assert!(are_same(&read.parameters, &parameters));
    }

    #[test]
    fn identities_arrive(vendor in text(), version in text()) {
        let identity = Identity {
            product_vendor: vendor,
            product_version: version,
            protocol_version: "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd".to_owned(),
            more: Vec::new(),
        };
        let read = through(&Reply::Identify(identity.clone()), &Request::Identify);
        prop_assert_eq!(read, Body::Identity(identity));
    }
}

#[test]
fn a_release_is_answered_by_nothing() {
    let request = Request::Release { resource_uri: wmi_uri(NAMESPACE, "*"), context: "c".to_owned() };
    assert_eq!(through(&Reply::Release, &request), Body::Empty);
}

#[test]
fn a_reply_to_something_else_is_refused() {
    let get = Request::Get(target());
    let instance = Reply::Get(Instance::new(EVERYTHING, NAMESPACE));
    let read = |reply: &Reply, header: &ReplyHeader, request: &Request| {
        let document = encode_reply(reply, header, &SAMPLE).unwrap();
        decode_reply(&document, request, REQUEST, &SAMPLE).map(|message| message.kind)
    };
    let lower = ReplyHeader { relates_to: Some(REQUEST.to_ascii_lowercase()), ..reply_header() };
    assert_eq!(read(&instance, &lower, &get), Ok(Kind::Get));
    for relates_to in [None, Some("uuid:00000000-0000-0000-0000-000000000000".to_owned())] {
        let header = ReplyHeader { relates_to, ..reply_header() };
        assert_eq!(read(&instance, &header, &get), Err(DecodeError::WrongRelatesTo));
    }
    assert_eq!(
        read(&instance, &reply_header(), &enumeration()),
        Err(DecodeError::WrongReply(Kind::Enumerate))
    );
    let items = Reply::Pull(EnumerateReply::default());
    assert_eq!(read(&items, &reply_header(), &get), Err(DecodeError::WrongReply(Kind::Get)));
}

/// Envelopes of several kinds, to be damaged.
fn envelopes() -> Vec<String> {
    let error = Instance::new("Msvm_Error", "").with("Message", "it < failed").with("CIMStatusCode", 1_u32);
    let job = Instance::new("Msvm_ConcreteJob", HYPER_V)
        .with("InstanceID", "8F3F")
        .with("ElapsedTime", Interval::of(Duration::from_secs(61)))
        .with("JobState", 7_u16)
        .with("OperationalStatus", Value::Array(vec![Value::Unsigned(17), Value::Unsigned(2)]))
        .with("Error", error);
    let items = vec![
        Item { instance: Some(job.clone()), reference: Some(virtual_machine()) },
        Item { instance: Some(job), reference: None },
    ];
    let reply = EnumerateReply { context: Some("c".to_owned()), items, ..EnumerateReply::default() };
    let invoke = Reply::Invoke {
        resource_uri: wmi_uri(HYPER_V, "Msvm_ReplicationService"),
        method: "Resynchronize".to_owned(),
        parameters: vec![("Job".into(), virtual_machine().into())],
        return_value: 4096,
    };
    let fault = crate::faults::provider_fault();
    [Reply::Pull(reply), invoke, Reply::Fault(fault)]
        .iter()
        .map(|reply| encode_reply(reply, &reply_header(), &SCHEMA).unwrap())
        .collect()
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Insert(usize, &'static str),
    Remove(usize, usize),
    Double(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let piece = proptest::sample::select(vec![
        "<",
        ">",
        "</",
        "/>",
        "&",
        "&#0;",
        "]]>",
        "<![CDATA[",
        "<!--",
        "<!DOCTYPE a>",
        "\"",
        "\0",
        " xmlns='u'",
        " xsi:nil='true'",
        "<a:Address/>",
        "<w:Item>",
        "<p:x>",
        "&lt;INSTANCE",
    ]);
    let at = 0..4096_usize;
    prop_oneof![
        1 => at.clone().prop_map(Damage::Cut),
        3 => (at.clone(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        3 => (at.clone(), piece).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        2 => (at.clone(), 1..80_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (at, 1..200_usize).prop_map(|(at, count)| Damage::Double(at, count)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        let range = |at: usize, count: usize| at % length..(at % length + count).min(length);
        match self {
            Self::Cut(at) => bytes.truncate(at % length),
            Self::Flip(at, bits) => bytes.iter_mut().skip(at % length).take(1).for_each(|byte| *byte ^= bits),
            Self::Insert(at, piece) if !bytes.is_empty() => {
                bytes.splice(at % length..at % length, piece.bytes());
            }
            Self::Remove(at, count) if !bytes.is_empty() => {
                bytes.drain(range(*at, *count));
            }
            Self::Double(at, count) if !bytes.is_empty() => {
                let copy = bytes[range(*at, *count)].to_vec();
                bytes.splice(at % length..at % length, copy);
            }
            Self::Insert(..) | Self::Remove(..) | Self::Double(..) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn damage_never_panics(which in 0..3_usize, damages in proptest::collection::vec(damage(), 1..4)) {
        let mut bytes = envelopes().swap_remove(which).into_bytes();
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        if let Ok(message) = decode_bytes(&bytes, None, &SCHEMA) {
            let json = serde_json::to_string(&DecodedFile { file: "f", message: &message }).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }
    }
}
