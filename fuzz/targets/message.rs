//! Envelopes: decoded alone, as `decode` prints them, and as replies to requests; faults with all that is asked of them.
#![no_main]

use hvreplica::cim::Reference;
use hvreplica::cli::output::DecodedFile;
use hvreplica::error::Error;
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::wsman::{
    Body, Enumerate, Fault, Invoke, Message, Pull, Request, RequestHeader, decode_bytes, decode_reply, encode,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = decode_bytes(bytes, None, &SCHEMA) else { return };
    let printed = serde_json::to_string(&DecodedFile { file: "x", message: &message });
    let printed = printed.expect("every message can be printed");
    serde_json::from_str::<serde_json::Value>(&printed).expect("what is printed is JSON");
    if let Ok(text) = std::str::from_utf8(bytes) {
        as_reply(text, message.headers.relates_to.as_deref().unwrap_or("uuid:0"));
    }
    look(message);
});

fn as_reply(document: &str, id: &str) {
    let uri = resource_uri("Msvm_ConcreteJob");
    let target = Reference::new(&uri, Vec::new());
    let pull = Pull { context: "uuid:1".to_owned(), max_elements: None, more: Vec::new() };
    let invoke = Invoke {
        target: Reference::new(resource_uri("Msvm_ReplicationService"), Vec::new()),
        method: "Resynchronize".to_owned(),
        parameters: Vec::new(),
    };
    for request in [
        Request::Identify,
        Request::Get(target),
        Request::Enumerate { resource_uri: uri.clone(), body: Enumerate::default() },
        Request::Pull { resource_uri: uri, body: pull },
        Request::Invoke(invoke),
    ] {
        decode_reply(document, &request, id, &SCHEMA).ok();
    }
}

fn look(message: Message) {
    match message.body {
        Body::Fault(fault) => look_at_fault(fault),
        Body::Items(page) => {
            for reference in page.items.into_iter().filter_map(|item| item.reference) {
                send(Request::Get(reference));
            }
        }
        Body::Created(reference) => send(Request::Get(reference)),
        _ => {}
    }
}

fn look_at_fault(fault: Box<Fault>) {
    let _ = (fault.symbol(), fault.is_access_denied(), fault.is_timed_out(), fault.is_context_lost());
    let error = Error::Fault(fault);
    let _ = (error.chain(), error.hint(), error.kind(), error.may_have_run(), error.is_transient());
}

/// What a host names is asked for, so it has to be possible to write it.
fn send(request: Request) {
    let header = RequestHeader {
        to: "http://host.test/wsman".to_owned(),
        message_id: "uuid:0".to_owned(),
        operation_timeout: std::time::Duration::from_secs(60),
        max_envelope_size: 512_000,
    };
    if let Ok(envelope) = encode(&request, &header, &SCHEMA) {
        decode_bytes(envelope.as_bytes(), None, &SCHEMA).expect("what is sent can be read");
    }
}
