//! Recording what passes the seam, and answering from it.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hvreplica::auth::{credssp, kerberos};
use hvreplica::cim::{Reference, Schema, Selector};
use hvreplica::transport::{
    Connection, Delivery, Exchange, HttpRequest, HttpResponse, Recorder, RecorderOptions, Replayer,
    Transport, TransportError, TransportErrorKind,
};
use hvreplica::wsman::{Enumerate, Filter, Invoke, Request, RequestHeader, Wql, encode, wmi_uri};

pub(crate) type Outcome = Result<HttpResponse, TransportError>;

/// Gives what it was told to give, lane by lane.
#[derive(Default)]
pub(crate) struct Script(Mutex<HashMap<String, VecDeque<Outcome>>>);

impl Script {
    pub(crate) fn new(lanes: impl IntoIterator<Item = (&'static str, Vec<Outcome>)>) -> Arc<Self> {
        let lanes = lanes.into_iter().map(|(lane, outcomes)| (lane.to_owned(), outcomes.into()));
        Arc::new(Self(Mutex::new(lanes.collect())))
    }
}

impl Transport for Script {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        let outcome = self.0.lock().unwrap().get_mut(&request.lane).unwrap().pop_front().unwrap();
        Box::pin(async move { outcome })
    }
}

/// Never answers.
struct Silence;

impl Transport for Silence {
    fn exchange(&self, _: HttpRequest) -> Exchange<'_> {
        Box::pin(std::future::pending())
    }
}

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recording").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

pub(crate) fn recorder(folder: &Path, scrub: bool) -> Recorder {
    let host = "http://hv1.corp.example.com:5985/wsman".to_owned();
    let made_at = "2026-03-01T12:00:00Z".parse().unwrap();
    Recorder::create(folder, RecorderOptions { host, made_at, scrub }).unwrap()
}

pub(crate) fn sent(request: &Request, lane: &str, id: &str, host: &str) -> HttpRequest {
    let header = RequestHeader {
        to: format!("http://{host}:5985/wsman"),
        message_id: id.to_owned(),
        operation_timeout: Duration::from_secs(60),
        max_envelope_size: 512_000,
    };
    HttpRequest {
        body: encode(request, &header, &Schema::EMPTY).unwrap().into_bytes(),
        timeout: Duration::from_secs(65),
        connection: Connection::Any,
        lane: lane.to_owned(),
    }
}

fn job(instance_id: &str) -> Reference {
    Reference::new(wmi_uri(NAMESPACE, "Msvm_ConcreteJob"), vec![Selector::new("InstanceID", instance_id)])
}

pub(crate) fn get(lane: &str, id: &str, instance_id: &str) -> HttpRequest {
    sent(&Request::Get(job(instance_id)), lane, id, "hv1.corp.example.com")
}

pub(crate) fn find(name: &str, id: &str, host: &str) -> HttpRequest {
    let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", name);
    let body = Enumerate { filter: Some(Filter::Wql(query.to_string())), ..Enumerate::default() };
    sent(&Request::Enumerate { resource_uri: wmi_uri(NAMESPACE, "*"), body }, "", id, host)
}

/// A reply with `body` in its body.
pub(crate) fn envelope(relates_to: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"><s:Header>\
         <a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

pub(crate) fn response(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse {
        status,
        content_type: content_type.to_owned(),
        date: Some("2026-03-01T12:00:01Z".parse().unwrap()),
        server: Some("Microsoft-HTTPAPI/2.0".to_owned()),
        retry_after: None,
        body: body.into(),
    }
}

pub(crate) fn soap(relates_to: &str, body: &str) -> Outcome {
    Ok(response(200, SOAP, envelope(relates_to, body)))
}

/// What an outcome says, as text to compare.
pub(crate) fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body);
            let HttpResponse { status, content_type, date, server, retry_after, .. } = response;
            format!("{status} {content_type} {date:?} {server:?} {retry_after:?} {body}")
        }
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            format!("{:?} {:?} {cause:?}", error.kind(), error.delivery())
        }
    }
}

/// Records these exchanges of one lane.
async fn record(folder: &Path, exchanges: Vec<(HttpRequest, Outcome)>) {
    let (requests, outcomes): (Vec<_>, Vec<_>) = exchanges.into_iter().unzip();
    let recorder = recorder(folder, false);
    let recording = recorder.wrap(Script::new([("", outcomes)]));
    for request in requests {
        let _ = recording.exchange(request).await;
    }
    assert!(recorder.failure().is_none());
}

/// The difference or the reason that a replay gives.
fn reason(outcome: Outcome) -> String {
    match outcome.unwrap_err().kind().clone() {
        TransportErrorKind::ReplayMismatch(text) | TransportErrorKind::Recording(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_recorded_comes_again() {
    let folder = folder("again");
    let body = "<p:X xmlns:p='u'>  </p:X><p:Y xmlns:p='u'>a&#xD;&amp;<![CDATA[ <b> ]]>\n</p:Y>";
    let busy = HttpResponse {
        retry_after: Some(Duration::from_secs(7)),
        date: None,
        server: None,
        ..response(503, "", "")
    };
    let html = "<html><p>No <b>such</b> <i>page</i>\r\n";
    let lost = || TransportError::new(TransportErrorKind::ConnectionLost, Delivery::MayHaveRun);
    let exchanges = vec![
        (sent(&Request::Identify, "", "", "hv1"), soap("", "<w/>")),
        (get("", "uuid:1", "A"), soap("uuid:1", body)),
        (get("", "uuid:2", "A"), Ok(response(500, SOAP, envelope("uuid:2", "<s:Fault/>")))),
        (get("", "uuid:3", "A"), Ok(busy.clone())),
        (get("", "uuid:4", "A"), Ok(response(404, "text/html", html))),
        (get("", "uuid:5", "A"), Err(lost().because("peer reset"))),
        (get("", "uuid:6", "A"), Ok(response(200, SOAP, b"<s:Envelope \xFF".as_slice()))),
    ];
    let requests: Vec<_> = exchanges.iter().map(|(request, _)| request.clone()).collect();
    record(&folder, exchanges).await;

    let replayer = Replayer::open(&folder).unwrap();
    assert_eq!(replayer.host(), "http://hv1.corp.example.com:5985/wsman");
    assert_eq!(replayer.made_at().to_string(), "2026-03-01T12:00:00Z");
    assert_eq!(replayer.message_ids(), (1..7).map(|id| format!("uuid:{id}")).collect::<Vec<_>>());
    let pretty = |id: &str, body: &str| hvreplica::xml::pretty(&envelope(id, body)).unwrap();
    let wanted = [
        Ok(response(200, SOAP, pretty("", "<w/>"))),
        Ok(response(200, SOAP, pretty("uuid:1", body))),
        Ok(response(500, SOAP, pretty("uuid:2", "<s:Fault/>"))),
        Ok(busy),
        Ok(response(404, "text/html", html)),
        Err(lost().because("peer reset")),
        Ok(response(200, SOAP, b"<s:Envelope \xFF".as_slice())),
    ];
    for (at, (request, wanted)) in requests.into_iter().zip(wanted).enumerate() {
        assert_eq!(replayer.unused(), 7 - at);
        assert_eq!(shown(&replayer.exchange(request).await), shown(&wanted));
    }
    assert_eq!(replayer.unused(), 0);
    let more = reason(replayer.exchange(get("", "uuid:9", "A")).await);
    assert_eq!(more, "nothing more is recorded in lane \"\"");
}

#[tokio::test]
async fn files_are_named_after_their_operation() {
    let folder = folder("names");
    let invoke = Invoke { target: job("A"), method: "GetError".to_owned(), parameters: Vec::new() };
    let html = response(502, "text/html", "<html/>");
    record(
        &folder,
        vec![
            (sent(&Request::Identify, "", "", "hv1"), soap("", "")),
            (find("x", "uuid:1", "hv1"), soap("uuid:1", "")),
            (sent(&Request::Invoke(invoke), "", "uuid:2", "hv1"), Ok(html)),
        ],
    )
    .await;
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let wanted = [
        "01-identify.request.xml",
        "01-identify.response.xml",
        "02-enumerate.request.xml",
        "02-enumerate.response.xml",
        "03-invoke.request.xml",
        "03-invoke.response.txt",
        "recording.json",
    ];
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn utf_16_becomes_utf_8() {
    let folder = folder("utf16");
    let text = envelope("uuid:1", "<v>ä</v>");
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let content_type = "application/soap+xml; charset=UTF-16; a=b";
    let came = response(200, content_type, [b"\xFF\xFE".as_slice(), &bytes].concat());
    record(&folder, vec![(get("", "uuid:1", "A"), Ok(came))]).await;

    let index = fs::read_to_string(folder.join("recording.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index["exchanges"][0]["came_as"], content_type);
    assert_eq!(index["server"], "Microsoft-HTTPAPI/2.0");
    let again = Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "A")).await;
    let wanted =
        response(200, "application/soap+xml;charset=UTF-8;a=b", hvreplica::xml::pretty(&text).unwrap());
    assert_eq!(shown(&again), shown(&Ok(wanted)));
}

#[tokio::test]
async fn a_reply_relates_to_the_request_of_now_only_where_it_was_right() {
    let folder = folder("relates");
    record(
        &folder,
        vec![
            (get("", "uuid:1", "A"), soap("UUID:1", "<v>uuid:1</v>")),
            (get("", "uuid:2", "A"), soap("uuid:1", "<v/>")),
        ],
    )
    .await;
    let replayer = Replayer::open(&folder).unwrap();
    for (relates_to, body) in [("uuid:new", "<v>uuid:1</v>"), ("uuid:1", "<v/>")] {
        let again = replayer.exchange(get("", "uuid:new", "A")).await.unwrap();
        let wanted = hvreplica::xml::pretty(&envelope(relates_to, body)).unwrap();
        assert_eq!(String::from_utf8(again.body).unwrap(), wanted);
    }
}

#[tokio::test]
async fn another_selector_is_refused_and_ends_the_replay() {
    let folder = folder("selector");
    let request = || get("", "uuid:1", "Microsoft:4F2A");
    record(&folder, vec![(request(), soap("uuid:1", "")), (request(), soap("uuid:1", ""))]).await;
    let file = folder.join("01-get.request.xml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("Microsoft:4F2A", "Microsoft:4F2B")).unwrap();

    let replayer = Replayer::open(&folder).unwrap();
    let wanted = "exchange 1 (01-get.request.xml): /Envelope/Header/SelectorSet/Selector: \
                  expected \"Microsoft:4F2B\", found \"Microsoft:4F2A\"";
    let refused = replayer.exchange(request()).await;
    assert_eq!(refused.as_ref().unwrap_err().delivery(), Delivery::NotSent);
    assert_eq!(reason(refused), wanted);
    let later = reason(replayer.exchange(request()).await);
    assert_eq!(later, "an earlier request differed, nothing more is answered");
}

#[tokio::test]
async fn another_order_is_refused() {
    let folder = folder("order");
    let exchanges = ["A", "B"].map(|instance| (get("", "uuid:1", instance), soap("uuid:1", "")));
    record(&folder, exchanges.into()).await;
    let refused = Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "B")).await;
    let wanted = "exchange 1 (01-get.request.xml): /Envelope/Header/SelectorSet/Selector: \
                  expected \"A\", found \"B\"";
    assert_eq!(reason(refused), wanted);
}

#[tokio::test]
async fn lanes_keep_their_own_order() {
    let folder = folder("lanes");
    let recorder = recorder(&folder, false);
    let script = Script::new([
        ("a", vec![soap("uuid:1", "<a1/>"), soap("uuid:2", "<a2/>")]),
        ("b", vec![soap("uuid:3", "<b1/>")]),
    ]);
    let recording = recorder.wrap(script);
    for (lane, id) in [("a", "uuid:1"), ("b", "uuid:3"), ("a", "uuid:2")] {
        recording.exchange(get(lane, id, lane)).await.unwrap();
    }
    let replayer = Replayer::open(&folder).unwrap();
    for (lane, body) in [("b", "<b1/>"), ("a", "<a1/>"), ("a", "<a2/>")] {
        let again = replayer.exchange(get(lane, "uuid:x", lane)).await.unwrap();
        let wanted = hvreplica::xml::pretty(&envelope("uuid:x", body)).unwrap();
        assert_eq!(String::from_utf8(again.body).unwrap(), wanted);
    }
    let unknown = reason(replayer.exchange(get("c", "uuid:x", "c")).await);
    assert_eq!(unknown, "nothing more is recorded in lane \"c\"");
}

#[tokio::test]
async fn an_exchange_without_end_may_have_run() {
    let folder = folder("dropped");
    let recording = recorder(&folder, false).wrap(Arc::new(Silence));
    let waiting = tokio::time::timeout(Duration::ZERO, recording.exchange(get("", "uuid:1", "A"))).await;
    assert!(waiting.is_err());
    let again = Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "A")).await;
    assert_eq!(shown(&again), "ConnectionLost MayHaveRun Some(\"the run ended before the answer\")");
}

#[tokio::test]
async fn every_failure_keeps_its_kind() {
    let offered = vec!["Basic".to_owned()];
    let location = "https://sso.example/login".to_owned();
    let kinds = [
        TransportErrorKind::NameLookup,
        TransportErrorKind::Connect,
        TransportErrorKind::Tls,
        TransportErrorKind::ConnectionLost,
        TransportErrorKind::TimedOut,
        TransportErrorKind::Refused { offered: offered.clone() },
        TransportErrorKind::NotOffered { wanted: "ntlm".to_owned(), offered },
        TransportErrorKind::Handshake { status: 404, content_type: "text/html".to_owned() },
        TransportErrorKind::Kerberos(kerberos::Failure::Library("c".to_owned())),
        TransportErrorKind::Credssp(credssp::Failure::Recorded("d".to_owned())),
        TransportErrorKind::Forbidden,
        TransportErrorKind::BadToken,
        TransportErrorKind::ReplyInClear,
        TransportErrorKind::BrokenSeal,
        TransportErrorKind::TooLarge { limit: 9 },
        TransportErrorKind::Redirect { status: 302, location },
        TransportErrorKind::NotHttp,
        TransportErrorKind::Policy("not allowed"),
        TransportErrorKind::ReplayMismatch("a".to_owned()),
        TransportErrorKind::Recording("b".to_owned()),
    ];
    let folder = folder("kinds");
    let failed = |kind: &TransportErrorKind, delivery| {
        (get("", "uuid:1", "A"), Err(TransportError::new(kind.clone(), delivery)))
    };
    let deliveries = [Delivery::NotSent, Delivery::MayHaveRun];
    record(
        &folder,
        kinds.iter().flat_map(|kind| deliveries.map(|delivery| failed(kind, delivery))).collect(),
    )
    .await;
    let replayer = Replayer::open(&folder).unwrap();
    for kind in &kinds {
        for delivery in deliveries {
            let error = replayer.exchange(get("", "uuid:1", "A")).await.unwrap_err();
            assert_eq!((error.kind(), error.delivery()), (kind, delivery));
        }
    }
}

#[tokio::test]
async fn the_query_of_a_redirect_is_not_written() {
    let folder = folder("redirect");
    let kind = TransportErrorKind::Redirect { status: 302, location: "/login?token=s3cret".to_owned() };
    let error = TransportError::new(kind, Delivery::NotSent);
    record(&folder, vec![(get("", "uuid:1", "A"), Err(error))]).await;
    let error = Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "A")).await.unwrap_err();
    let wanted = TransportErrorKind::Redirect { status: 302, location: "/login".to_owned() };
    assert_eq!(error.kind(), &wanted);
}

#[tokio::test]
async fn what_is_listed_as_volatile_may_differ_in_its_text() {
    let folder = folder("volatile");
    record(&folder, vec![(get("", "uuid:1", "A"), soap("uuid:1", ""))]).await;
    let file = folder.join("01-get.request.xml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("PT60.000S", "PT20S")).unwrap();
    let refused = Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "A")).await;
    let wanted = "exchange 1 (01-get.request.xml): /Envelope/Header/OperationTimeout: \
                  expected \"PT20S\", found \"PT60.000S\"";
    assert_eq!(reason(refused), wanted);
    let wsman = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
    edit_index(&folder, |index| index["volatile"] = vec![format!("{{{wsman}}}OperationTimeout")].into());
    assert!(Replayer::open(&folder).unwrap().exchange(get("", "uuid:1", "A")).await.is_ok());
    edit_index(&folder, |index| index["volatile"] = vec![format!("{{{wsman}}}Selector")].into());
    let refused = reason(Replayer::open(&folder).map(|_| response(200, "", "")));
    assert_eq!(refused, format!("{{{wsman}}}Selector can never be volatile"));
}

fn edit_index(folder: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join("recording.json");
    let mut index = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    edit(&mut index);
    fs::write(&path, index.to_string()).unwrap();
}

#[tokio::test]
async fn unusable_recordings_say_why() {
    let folder = folder("unusable");
    let open = || reason(Replayer::open(&folder).map(|_| response(200, "", "")));
    let index = folder.join("recording.json");
    assert_eq!(open(), format!("cannot read {}", index.display()));

    record(&folder, vec![(get("", "uuid:1", "A"), soap("uuid:1", ""))]).await;
    let whole = fs::read_to_string(&index).unwrap();
    let response_file = folder.join("01-get.response.xml");
    fs::remove_file(&response_file).unwrap();
    assert_eq!(open(), format!("cannot read {}", response_file.display()));

    fs::write(&response_file, "").unwrap();
    edit_index(&folder, |index| index["format"] = 2.into());
    assert_eq!(open(), format!("{} has format 2, only 1 can be read", index.display()));
    fs::write(&index, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(open(), format!("{} is no index of a recording", index.display()));
    fs::write(&index, &whole).unwrap();
    for name in ["../01-get.request.xml", "/etc/hosts", "..", ""] {
        edit_index(&folder, |index| index["exchanges"][0]["request"] = name.into());
        assert_eq!(open(), format!("{name:?} is no name of a file in the recording"));
    }
    fs::write(&index, &whole).unwrap();
    edit_index(&folder, |index| index["exchanges"][0]["status"] = serde_json::Value::Null);
    assert_eq!(open(), "01-get.request.xml has neither a status nor an error, or both");
    fs::write(folder.join("01-get.request.xml"), "<a").unwrap();
    assert_eq!(open(), "01-get.request.xml is unusable");
}

#[tokio::test]
async fn a_folder_holds_one_recording() {
    let folder = folder("twice");
    record(&folder, vec![(get("", "uuid:1", "A"), soap("uuid:1", ""))]).await;
    let options = RecorderOptions {
        host: String::new(),
        made_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        scrub: false,
    };
    let refused = reason(Recorder::create(&folder, options).map(|_| response(200, "", "")));
    assert_eq!(refused, format!("{} holds a recording already", folder.display()));
}

#[tokio::test]
async fn what_cannot_be_written_does_not_stop_the_run() {
    let folder = folder("gone");
    let recorder = recorder(&folder, false);
    let recording = recorder.wrap(Script::new([("", vec![soap("uuid:1", "<v/>")])]));
    fs::remove_dir_all(&folder).unwrap();
    assert!(recording.exchange(get("", "uuid:1", "A")).await.is_ok());
    let failure = recorder.failure().unwrap();
    assert!(matches!(failure.kind(), TransportErrorKind::Recording(_)));
}

#[tokio::test]
async fn debug_shows_no_content() {
    let folder = folder("debug");
    record(&folder, vec![(get("", "uuid:1", "A"), soap("uuid:1", "<v>content</v>"))]).await;
    let replayer = Replayer::open(&folder).unwrap();
    assert_eq!(format!("{replayer:?}"), "Replayer { exchanges: 1, unused: 1, .. }");
    let recorder = recorder(&self::folder("debug2"), false);
    assert_eq!(
        format!("{recorder:?} {:?}", recorder.wrap(Arc::new(Silence))),
        "Recorder { .. } Recording { .. }"
    );
}

const NAMESPACE: &str = "root/virtualization/v2";
pub(crate) const SOAP: &str = "application/soap+xml;charset=UTF-8";
