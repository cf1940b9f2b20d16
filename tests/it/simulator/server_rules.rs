//! What the simulated host refuses, and how: requests that are wrong in one respect each.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use hvreplica::cim::{DateTime, Name, Reference, Value};
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::simulator::{Server, TARGET};
use hvreplica::wsman::{
    self, Body, Enumerate, EnumerateReply, EnumerationMode, Filter, Invoke, Message, Pull, Request,
    RequestHeader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{PASSWORD, USER, settings};

/// A host that takes Basic, so that messages can be written by hand.
pub(super) async fn start(scenario: &str) -> Server {
    let mut settings = settings(scenario);
    settings.offers.basic = true;
    Server::start(settings).await.unwrap()
}

/// Sends one request and gives the head and the body of the reply.
pub(super) async fn post(server: &Server, headers: &str, body: &str) -> (String, String) {
    let head = format!(
        "POST /wsman HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        server.address(),
        body.len()
    );
    exchange(server, &format!("{head}{body}")).await
}

pub(super) async fn exchange(server: &Server, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

pub(super) fn headers() -> String {
    let authorization = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!("Authorization: Basic {authorization}\r\nContent-Type: application/soap+xml;charset=UTF-8\r\n")
}

async fn ask(server: &Server, envelope: &str) -> Message {
    let (_, body) = post(server, &headers(), envelope).await;
    wsman::decode(&body, &SCHEMA).unwrap()
}

pub(super) fn envelope(server: &Server, request: &Request) -> String {
    envelope_of_size(server, request, 512_000)
}

fn envelope_of_size(server: &Server, request: &Request, max_envelope_size: u32) -> String {
    let header = RequestHeader {
        to: server.url(),
        message_id: format!("uuid:{}", uuid::Uuid::new_v4()),
        operation_timeout: Duration::from_secs(60),
        max_envelope_size,
    };
    wsman::encode(request, &header, &SCHEMA).unwrap()
}

fn machine(server: &Server) -> Reference {
    let guid = server.inspect(|world| world.target().unwrap().guid.clone());
    let selectors = vec![
        hvreplica::cim::Selector::new("CreationClassName", "Msvm_ComputerSystem"),
        hvreplica::cim::Selector::new("Name", guid),
    ];
    Reference::new(resource_uri("Msvm_ComputerSystem"), selectors)
}

pub(super) fn get(server: &Server) -> String {
    envelope(server, &Request::Get(machine(server)))
}

fn enumerate(server: &Server, class: &str, body: Enumerate) -> String {
    let body = Enumerate { optimize: true, max_elements: Some(100), ..body };
    envelope(server, &Request::Enumerate { resource_uri: resource_uri(class), body })
}

fn call(server: &Server, method: &str, parameters: Vec<(Name, Value)>) -> String {
    let selectors = vec![hvreplica::cim::Selector::new("CreationClassName", "Msvm_ReplicationService")];
    let target = Reference::new(resource_uri("Msvm_ReplicationService"), selectors);
    envelope(server, &Request::Invoke(Invoke { target, method: method.to_owned(), parameters }))
}

fn resynchronize(server: &Server) -> String {
    let time = DateTime::at("2026-11-25T00:00:00Z".parse().unwrap());
    let parameters =
        vec![("ComputerSystem".into(), machine(server).into()), ("StartTime".into(), Value::DateTime(time))];
    call(server, "Resynchronize", parameters)
}

/// Asks and expects a fault of that code, and of that rule in the list of violations unless it is empty.
async fn refused(scenario: &str, make: impl FnOnce(&Server) -> String, code: u32, rule: &str) {
    let server = start(scenario).await;
    let envelope = make(&server);
    let reply = ask(&server, &envelope).await;
    let fault = reply.fault().unwrap_or_else(|| panic!("no fault, where {code} was due, for {envelope}"));
    assert_eq!(fault.decisive_code(), Some(code), "{fault:?} for {envelope}");
    let rules: Vec<_> = server.truth().violations.iter().map(|violation| violation.rule).collect();
    let wanted: Vec<_> = Some(rule).into_iter().filter(|rule| !rule.is_empty()).collect();
    assert_eq!(rules, wanted, "for {envelope}");
    assert_eq!(server.truth().host.calls, []);
}

/// Takes a header element out.
fn without(envelope: &str, name: &str) -> String {
    let start = envelope.find(&format!("<{name}")).unwrap();
    let end_tag = format!("</{name}>");
    let end = envelope.find(&end_tag).unwrap() + end_tag.len();
    format!("{}{}", &envelope[..start], &envelope[end..])
}

fn with_header(envelope: &str, more: &str) -> String {
    envelope.replace("</s:Header>", &format!("{more}</s:Header>"))
}

#[tokio::test]
async fn headers_that_are_missing_or_wrong() {
    type Edit = fn(&str) -> String;
    let cases: [(Edit, u32, &str); 14] = [
        (|text| without(text, "a:MessageID"), 2_150_858_767, "message-id"),
        (|text| without(text, "a:ReplyTo"), 2_150_858_769, "header-missing"),
        (|text| without(text, "a:To"), 2_150_858_769, "header-missing"),
        (|text| without(text, "w:ResourceURI"), 2_150_858_811, "resource-uri"),
        (|text| text.replace("role/anonymous", "role/other"), 2_150_858_818, "reply-to"),
        (|text| text.replace(">512000<", ">8191<"), 2_150_858_823, "max-envelope-size"),
        (|text| text.replace("PT60.000S", "60"), 2_150_858_881, "operation-timeout"),
        (|text| with_header(text, "<a:To>twice</a:To>"), 2_150_858_767, "header-repeated"),
        (
            |text| {
                text.replace("</w:SelectorSet>", "<w:Selector Name=\"name\">x</w:Selector></w:SelectorSet>")
            },
            2_150_858_847,
            "selector",
        ),
        (|text| text.replace("\"Name\"", "\"Label\""), 2_150_858_843, "selector"),
        (|text| text.replace("\"Name\"", "\"__cimnamespace\""), 2_150_859_067, "selector"),
        (|text| text.replace("root/virtualization", "root\\virtualization"), 2_150_858_811, "resource-uri"),
        (|text| text.replace("transfer/Get<", "transfer/Put<"), 2_150_858_771, ""),
        (
            |text| text.replace("s:mustUnderstand=\"false\"", "s:mustUnderstand=\"true\""),
            2_150_858_818,
            "locale",
        ),
    ];
    for (edit, code, rule) in cases {
        refused("healthy", |server| edit(&get(server)), code, rule).await;
    }
}

#[tokio::test]
async fn a_header_that_nobody_understands() {
    let server = start("healthy").await;
    let more = "<x:Odd xmlns:x=\"urn:odd\" s:mustUnderstand=\"true\"/>";
    let (head, body) = post(&server, &headers(), &with_header(&get(&server), more)).await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert!(body.contains("<s:NotUnderstood xmlns:u=\"urn:odd\" qname=\"u:Odd\"/>"), "{body}");
    let reply = wsman::decode(&body, &SCHEMA).unwrap();
    assert_eq!(reply.fault().unwrap().code, wsman::FaultCode::MustUnderstand);
    assert_eq!(server.truth().violations[0].rule, "must-understand");
}

#[tokio::test]
async fn what_windows_lets_pass_is_noted() {
    let server = start("healthy").await;
    let unmarked = get(&server).replace(" s:mustUnderstand=\"true\"", "");
    let sized = without(&get(&server), "w:MaxEnvelopeSize");
    let twice = get(&server);
    for envelope in [&unmarked, &sized, &twice, &twice] {
        assert!(matches!(ask(&server, envelope).await.body, Body::Instance(_)));
    }
    let rules: Vec<_> = server.truth().violations.iter().map(|violation| violation.rule).collect();
    let unmarked = "must-understand-missing";
    assert_eq!(rules, [unmarked, unmarked, unmarked, unmarked, "max-envelope-size", "message-id-reused"]);
}

#[tokio::test]
async fn messages_that_are_no_envelopes() {
    for (text, code) in [
        ("<s:Envelope", 2_150_858_819),
        ("<!DOCTYPE a []><a/>", 2_150_858_819),
        ("<a/>", 2_150_858_765),
        ("", 0),
    ] {
        let server = start("healthy").await;
        let (head, body) = post(&server, &headers(), text).await;
        if text.is_empty() {
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            continue;
        }
        let reply = wsman::decode(&body, &SCHEMA).unwrap();
        assert_eq!(reply.fault().unwrap().wsman_code, Some(code));
        assert_eq!(server.truth().violations.len(), 1);
    }
}

#[tokio::test]
async fn filters() {
    let wql = |text: &str| Enumerate { filter: Some(Filter::Wql(text.to_owned())), ..Enumerate::default() };
    let select = "SELECT * FROM Msvm_ComputerSystem";
    let on_class = |server: &Server| enumerate(server, "Msvm_ComputerSystem", wql(select));
    refused("healthy", on_class, 2_150_859_003, "wql-uri").await;
    for bad in ["SELECT * FROM", "SELECT * FROM Msvm_Nothing", "SELECT x FROM Msvm_ComputerSystem"] {
        refused("healthy", |server| enumerate(server, "*", wql(bad)), 2_150_858_778, "wql").await;
    }
    refused("no-hyperv", |server| enumerate(server, "*", wql(select)), 2_150_858_778, "").await;
    let dialect = |server: &Server| enumerate(server, "*", wql(select)).replace("1/WQL", "1/CQL");
    refused("healthy", dialect, 2_150_858_777, "dialect").await;
    let all = |server: &Server| enumerate(server, "*", Enumerate::default());
    refused("healthy", all, 2_150_858_778, "wildcard").await;
    let selector = hvreplica::cim::Selector::new("Colour", "red");
    let unknown = Enumerate { filter: Some(Filter::Selectors(vec![selector])), ..Enumerate::default() };
    let unknown = |server: &Server| enumerate(server, "Msvm_ComputerSystem", unknown);
    refused("healthy", unknown, 2_150_858_778, "selector-filter").await;
    let mode = |server: &Server| {
        let body = Enumerate { mode: Some(EnumerationMode::Epr), ..Enumerate::default() };
        enumerate(server, "Msvm_ComputerSystem", body).replace("EnumerateEPR", "EnumerateAll")
    };
    refused("healthy", mode, 2_150_858_886, "enumerate-child").await;
}

#[tokio::test]
async fn a_selector_filter_and_an_association_filter() {
    let server = start("healthy").await;
    let selector = hvreplica::cim::Selector::new("ElementName", TARGET.to_uppercase());
    let body = Enumerate { filter: Some(Filter::Selectors(vec![selector])), ..Enumerate::default() };
    let found = items(ask(&server, &enumerate(&server, "Msvm_ComputerSystem", body)).await);
    let guid = server.inspect(|world| world.target().unwrap().guid.clone());
    assert_eq!(found.items[0].instance.as_ref().unwrap().text("Name"), Some(guid.as_str()));
    assert_eq!(found.items.len(), 1);
    for (instances, class) in
        [(false, "Msvm_ReplicationRelationship"), (true, "Msvm_SystemReplicationRelationship")]
    {
        let association = wsman::Association {
            instances,
            object: machine(&server),
            association_class: None,
            role: None,
            result_class: Some(class.to_owned()),
            result_role: None,
        };
        let body = Enumerate { filter: Some(Filter::Association(association)), ..Enumerate::default() };
        let found = items(ask(&server, &enumerate(&server, "*", body)).await);
        let classes: Vec<_> =
            found.items.iter().map(|item| &*item.instance.as_ref().unwrap().class).collect();
        assert_eq!(classes, [class]);
    }
    assert_eq!(server.truth().violations, []);
}

fn items(reply: Message) -> EnumerateReply {
    match reply.body {
        Body::Items(items) => items,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_optimization_one_item_comes_at_a_time() {
    let server = start("healthy").await;
    let uri = resource_uri("Msvm_ComputerSystem");
    let request = Request::Enumerate { resource_uri: uri.clone(), body: Enumerate::default() };
    let first = items(ask(&server, &envelope(&server, &request)).await);
    assert_eq!((first.items.len(), first.end_of_sequence), (0, false));
    let pull = |context: &str| {
        let body = Pull { context: context.to_owned(), ..Pull::default() };
        envelope(&server, &Request::Pull { resource_uri: uri.clone(), body })
    };
    let context = first.context.unwrap();
    let second = items(ask(&server, &pull(&context)).await);
    assert_eq!(second.items.len(), 1);
    assert_ne!(second.context.as_ref(), Some(&context));
    let stale = ask(&server, &pull(&context)).await;
    assert_eq!(stale.fault().unwrap().wsman_code, Some(2_150_858_779));
    assert_eq!(server.truth().violations[0].rule, "context");
}

#[tokio::test]
async fn contexts_expire_and_are_counted() {
    let server = start("few-operations").await;
    let uri = resource_uri("Msvm_ComputerSystem");
    let begin = Request::Enumerate { resource_uri: uri.clone(), body: Enumerate::default() };
    let context = items(ask(&server, &envelope(&server, &begin)).await).context.unwrap();
    ask(&server, &envelope(&server, &begin)).await;
    let reply = ask(&server, &envelope(&server, &begin)).await;
    let fault = reply.fault().unwrap();
    assert_eq!((fault.decisive_code(), fault.cim_status), (Some(2_150_859_174), Some(27)));
    assert!(fault.is_transient());

    server.advance(Duration::from_secs(601));
    let body = Pull { context, ..Pull::default() };
    let reply = ask(&server, &envelope(&server, &Request::Pull { resource_uri: uri, body })).await;
    assert!(reply.fault().unwrap().is_context_lost());
    assert_eq!((server.truth().open_enumerations, server.truth().violations), (0, vec![]));
}

#[tokio::test]
async fn replies_stay_within_the_envelope() {
    let server = start("healthy").await;
    let uri = resource_uri("Msvm_ComputerSystem");
    let body = Enumerate { optimize: true, max_elements: Some(100), ..Enumerate::default() };
    let request = Request::Enumerate { resource_uri: uri, body };
    let (_, body) = post(&server, &headers(), &envelope_of_size(&server, &request, 20_000)).await;
    assert!((10_000..=20_000).contains(&body.len()), "{}", body.len());
    let found = items(wsman::decode(&body, &SCHEMA).unwrap());
    assert!(!found.end_of_sequence && found.items.len() > 1);
}

#[tokio::test]
async fn parameters() {
    type Edit = fn(&str) -> String;
    let cases: [(Edit, u32, &str); 9] = [
        (|text| text.replace("p:StartTime", "p:startTime"), 2_150_858_817, "parameter-name"),
        (|text| text.replace("Resynchronize_INPUT", "resynchronize_INPUT"), 2_150_858_817, "input"),
        (
            |text| {
                let open = "<p:ComputerSystem><a:EndpointReference>";
                let text = text.replace("<p:ComputerSystem>", open);
                text.replace("</p:ComputerSystem>", "</a:EndpointReference></p:ComputerSystem>")
            },
            2_150_858_817,
            "reference-wrapper",
        ),
        (
            |text| text.replace("<cim:Datetime>", "").replace("</cim:Datetime>", ""),
            2_150_858_838,
            "datetime-form",
        ),
        (|text| text.replace("cim:Datetime", "cim:Moment"), 2_150_858_838, "datetime-form"),
        (
            |text| {
                text.replace("<p:StartTime>", "<q:StartTime xmlns:q=\"urn:q\">")
                    .replace("</p:StartTime>", "</q:StartTime>")
            },
            2_150_858_840,
            "parameter-namespace",
        ),
        (
            |text| text.replace("<p:StartTime>", "<p:StartTime xsi:nil=\"true\">"),
            2_150_858_817,
            "nil-content",
        ),
        (|text| text.replace("Service/Resynchronize<", "Service/Resync<"), 2_150_858_753, "method"),
        (|text| without(text, "w:SelectorSet"), 0x8004_102F, "selectors-missing"),
    ];
    for (edit, code, rule) in cases {
        refused("healthy", |server| edit(&resynchronize(server)), code, rule).await;
    }
}

#[tokio::test]
async fn the_short_form_of_the_service_and_a_time_without_zone() {
    let server = start("healthy").await;
    let envelope = resynchronize(&server).replace("00:00Z<", "00:00<");
    let reply = ask(&server, &envelope).await;
    let Body::Invocation(invocation) = &reply.body else { panic!("{reply:?}") };
    assert_eq!(invocation.return_value.as_ref().and_then(Value::as_u64), Some(4096));
    assert_eq!(server.truth().violations[0].rule, "datetime-zone");
    assert_eq!(server.truth().host.resynchronizations.len(), 1);
}

#[tokio::test]
async fn http_itself() {
    let server = start("healthy").await;
    let get = get(&server);
    let plain = "Content-Type: application/soap+xml;charset=UTF-8\r\n";
    let (head, body) = post(&server, plain, &get).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(
        head.contains("\r\nWww-Authenticate: Negotiate\r\nWww-Authenticate: Basic realm=\"WSMAN\""),
        "{head}"
    );
    assert!(
        head.contains("\r\nServer: Microsoft-HTTPAPI/2.0\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n"),
        "{head}"
    );
    assert_eq!(body, "");

    let identify = envelope(&server, &Request::Identify);
    let (_, body) = post(&server, &format!("{plain}WSMANIDENTIFY: unauthenticated\r\n"), &identify).await;
    assert!(body.contains("OS: 0.0.0 SP: 0.0 Stack: 3.0"), "{body}");
    let (head, _) = post(&server, &format!("{plain}WSMANIDENTIFY: unauthenticated\r\n"), &get).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");

    for (line, status) in [("GET /wsman", "405"), ("POST /elsewhere", "404")] {
        let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let (head, _) = exchange(&server, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    let (head, _) = post(&server, &headers().replace("application/soap+xml", "text/html"), &get).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    let rules: Vec<_> = server.truth().violations.iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["anonymous", "http-method", "http-path", "content-type"]);
}
