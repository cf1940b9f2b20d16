//! `decode` as a whole: files in, lines of JSON out.

use std::path::{Path, PathBuf};
use std::{fs, str};

use hvreplica::cim::{Instance, Interval, Reference, Selector, Value};
use hvreplica::cli::decode;
use hvreplica::cli::output::DecodedFile;
use hvreplica::msvm::SCHEMA;
use hvreplica::wsman::{
    Association, Enumerate, EnumerateReply, EnumerationMode, Filter, Identity, Invoke, Item, Reply,
    ReplyHeader, Request, RequestHeader, encode, encode_reply, wmi_uri,
};
use serde_json::{Value as Json, json};

const HYPER_V: &str = "root/virtualization/v2";

fn reply(reply: &Reply) -> String {
    let header = ReplyHeader {
        message_id: "uuid:2".to_owned(),
        relates_to: Some("uuid:1".to_owned()),
        language: "en-US".to_owned(),
    };
    encode_reply(reply, &header, &SCHEMA).unwrap()
}

fn request(request: &Request) -> String {
    let header = RequestHeader {
        to: "http://hv1/wsman".to_owned(),
        message_id: "uuid:1".to_owned(),
        operation_timeout: std::time::Duration::from_secs(60),
        max_envelope_size: 512_000,
    };
    encode(request, &header, &SCHEMA).unwrap()
}

fn decoded(document: &str) -> Json {
    let message = hvreplica::wsman::decode(document, &SCHEMA).unwrap();
    serde_json::to_value(DecodedFile { file: "f.xml", message: &message }).unwrap()
}

/// These fields of the object, and no others.
fn fields(json: &Json, names: &[&str]) -> Json {
    names
        .iter()
        .map(|name| ((*name).to_owned(), json[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn machine() -> Reference {
    Reference::new(wmi_uri(HYPER_V, "Msvm_ComputerSystem"), vec![Selector::new("Name", "0D6B")])
}

/// A new folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let folder = folder("decode");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let good = request(&Request::Get(machine()));
    let units: Vec<u8> = format!("\u{FEFF}{good}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files = [
        file("good.xml", good.as_bytes()),
        file("html.xml", b"<html><body/></html>"),
        file("dtd.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"),
        file("empty.xml", b""),
        folder.join("missing.xml"),
        file("utf16.xml", &units),
    ];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(decode::run(&files, false, &mut out, &mut err).unwrap(), 2);
    let lines: Vec<Json> =
        str::from_utf8(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["file"].as_str(), files[0].to_str());
    assert_eq!(fields(&lines[0], &["kind", "selectors"]), fields(&lines[1], &["kind", "selectors"]));
    let errors: Vec<_> = str::from_utf8(&err).unwrap().lines().collect();
    assert_eq!(errors.len(), 4);
    assert!(errors[0].ends_with("html.xml: the message is no SOAP 1.2 envelope"), "{}", errors[0]);
    assert!(errors[1].ends_with("a document type declaration is refused"), "{}", errors[1]);
    assert!(errors[2].ends_with("there is no root element"), "{}", errors[2]);
    assert!(errors[3].contains("missing.xml: "), "{}", errors[3]);
}

#[test]
fn pretty_is_indented_and_the_same() {
    let path = folder("decode-pretty").join("a.xml");
    fs::write(&path, reply(&Reply::Release)).unwrap();
    let run = |pretty| {
        let mut out = Vec::new();
        assert_eq!(decode::run(std::slice::from_ref(&path), pretty, &mut out, &mut Vec::new()).unwrap(), 0);
        String::from_utf8(out).unwrap()
    };
    let (line, lines) = (run(false), run(true));
    assert_eq!(line.matches('\n').count(), 1);
    assert!(lines.starts_with("{\n  \"file\": "), "{lines}");
    assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), serde_json::from_str::<Json>(&lines).unwrap());
}

#[test]
fn items_are_typed_by_the_schema() {
    let job = Instance::new("Msvm_ConcreteJob", HYPER_V)
        .with("InstanceID", "8F3F")
        .with("JobState", 4_u16)
        .with("OperationalStatus", Value::Array(vec![Value::Unsigned(2)]))
        .with("DeleteOnCompletion", false)
        .with("ElapsedTime", Interval::of(std::time::Duration::from_secs(61)))
        .with("Owner", Value::Null)
        .with("Unknown", Value::Unsigned(5));
    let items = EnumerateReply {
        context: Some("c".to_owned()),
        items: vec![Item { instance: Some(job), reference: Some(machine()) }],
        end_of_sequence: false,
        more: Vec::new(),
    };
    let json = decoded(&reply(&Reply::Pull(items)));
    let expected = json!({
        "kind": "pull",
        "direction": "response",
        "message_id": "uuid:2",
        "relates_to": "uuid:1",
        "resource_uri": null,
        "selectors": {},
        "end_of_sequence": false,
        "enumeration_context": "c",
        "items": [{
            "class": "Msvm_ConcreteJob",
            "namespace": HYPER_V,
            "properties": {
                "InstanceID": "8F3F",
                "JobState": 4,
                "OperationalStatus": [2],
                "DeleteOnCompletion": false,
                "ElapsedTime": "P0DT0H1M1S",
                "Owner": null,
                "Unknown": "5",
            },
            "reference": {"resource_uri": machine().resource_uri, "selectors": {"Name": "0D6B"}},
        }],
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields(&json, &names), expected);
}

#[test]
fn a_method_in_both_directions() {
    let service = wmi_uri(HYPER_V, "Msvm_ReplicationService");
    let invoke = Invoke {
        target: Reference::new(service.as_str(), vec![Selector::new("CreationClassName", "X")]),
        method: "Resynchronize".to_owned(),
        parameters: vec![
            ("ComputerSystem".into(), machine().into()),
            ("ScheduledDateTime".into(), Value::Null),
        ],
    };
    let json = decoded(&request(&Request::Invoke(invoke)));
    let expected = json!({
        "kind": "invoke",
        "direction": "request",
        "action": format!("{service}/Resynchronize"),
        "to": "http://hv1/wsman",
        "resource_uri": service,
        "selectors": {"CreationClassName": "X"},
        "method": "Resynchronize",
        "parameters": {
            "ComputerSystem": {
                "reference": {"resource_uri": machine().resource_uri, "selectors": {"Name": "0D6B"}},
            },
            "ScheduledDateTime": null,
        },
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields(&json, &names), expected);
    assert_eq!(json.get("return_value"), None);
    let shown: Vec<_> = json["headers"].as_array().unwrap().iter().map(|header| &header["name"]).collect();
    assert_eq!(shown, ["ReplyTo", "MaxEnvelopeSize", "Locale", "DataLocale", "OperationTimeout"]);

    for (class, code) in [("Msvm_ReplicationService", json!(4096)), ("Win32_Process", json!(4096))] {
        let result = Reply::Invoke {
            resource_uri: wmi_uri("root/cimv2", class),
            method: "Resynchronize".to_owned(),
            parameters: vec![("Job".into(), Value::Null)],
            return_value: 4096,
        };
        let json = decoded(&reply(&result));
        let expected = json!({"direction": "response", "parameters": {"Job": null}, "return_value": code});
        assert_eq!(fields(&json, &["direction", "parameters", "return_value"]), expected, "{class}");
    }
}

#[test]
fn a_fault_with_all_it_has() {
    let json = decoded(&reply(&Reply::Fault(crate::faults::provider_fault())));
    assert_eq!(fields(&json, &["kind", "direction"]), json!({"kind": "fault", "direction": "response"}));
    let expected = json!({
        "code": "s:Sender",
        "subcode": "a:DestinationUnreachable",
        "reason": "no such thing",
        "wsman_code": 2_150_858_752_u32,
        "wsman_symbol": "ERROR_WSMAN_RESOURCE_NOT_FOUND",
        "wsman_message": null,
        "machine": "hv1",
        "detail": "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/InvalidResourceURI",
        "provider": "WMI Provider",
        "provider_code": 0x8004_1002_u32,
        "provider_symbol": "WBEM_E_NOT_FOUND",
        "provider_message": "not < found",
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields(&json["fault"], &names), expected);
    let details = json["fault"]["detail_elements"].as_array().unwrap();
    assert_eq!(
        details.iter().map(|detail| &detail["name"]).collect::<Vec<_>>(),
        ["FaultDetail", "WSManFault"]
    );
    assert_eq!(details[1]["attributes"], json!({"Code": "2150858752", "Machine": "hv1"}));
}

#[test]
fn what_was_asked_for() {
    let association = Association {
        instances: false,
        object: machine(),
        association_class: Some("A".to_owned()),
        role: None,
        result_class: Some("B".to_owned()),
        result_role: None,
    };
    let reference = json!({"resource_uri": machine().resource_uri, "selectors": {"Name": "0D6B"}});
    let wsman = "http://schemas.dmtf.org/wbem/wsman/1";
    let filters = [
        (
            Filter::Wql("SELECT * FROM A".to_owned()),
            json!({"dialect": "http://schemas.microsoft.com/wbem/wsman/1/WQL", "query": "SELECT * FROM A"}),
        ),
        (
            Filter::Selectors(vec![Selector::new("A", "1")]),
            json!({"dialect": format!("{wsman}/wsman/SelectorFilter"), "selectors": {"A": "1"}}),
        ),
        (
            Filter::Association(association),
            json!({
                "dialect": format!("{wsman}/cimbinding/associationFilter"),
                "association_instances": false,
                "object": reference,
                "association_class_name": "A",
                "result_class_name": "B",
            }),
        ),
    ];
    for (filter, expected) in filters {
        let body = Enumerate {
            filter: Some(filter),
            mode: Some(EnumerationMode::Epr),
            optimize: true,
            max_elements: Some(9),
            more: Vec::new(),
        };
        let json = decoded(&request(&Request::Enumerate { resource_uri: wmi_uri(HYPER_V, "*"), body }));
        assert_eq!(json["filter"], expected);
        let expected = json!({"enumeration_mode": "EnumerateEPR", "optimize": true, "max_elements": 9});
        assert_eq!(fields(&json, &["enumeration_mode", "optimize", "max_elements"]), expected);
    }
}

#[test]
fn who_answers() {
    let identity = Identity {
        product_vendor: "V".to_owned(),
        product_version: "OS: 10.0".to_owned(),
        protocol_version: "p".to_owned(),
        more: Vec::new(),
    };
    let document = reply(&Reply::Identify(identity)).replace(
        "</wsmid:IdentifyResponse>",
        "<wsmid:SecurityProfiles><wsmid:SecurityProfileName>s</wsmid:SecurityProfileName>\
         </wsmid:SecurityProfiles></wsmid:IdentifyResponse>",
    );
    let expected = json!({
        "product_vendor": "V",
        "product_version": "OS: 10.0",
        "protocol_version": "p",
        "security_profiles": {"instance": {"class": "", "properties": {"SecurityProfileName": "s"}}},
    });
    assert_eq!(decoded(&document)["identity"], expected);
}
