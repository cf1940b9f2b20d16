//! Something else than WinRM answers, or WinRM answers nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Ended, command, end, transcript};
use crate::support::host::{Host, PASSWORD, SOAP, Say, Setup, USER};

/// Runs the command on that address with Basic in clear.
async fn ask(url: &str, args: &[&str]) -> Ended {
    let basic = ["--auth", "basic", "--danger-allow-unencrypted", "-q"];
    let mut command = command(&[args, &basic[..]].concat());
    command.env("HVREPLICA_HOST", url).env("HVREPLICA_USER", USER).env("HVREPLICA_PASSWORD", PASSWORD);
    let mut ended = end(command).await;
    // Said even when it is to be quiet, and tested elsewhere.
    let warning = "hvreplica: warning: --danger-allow-unencrypted: passwords and messages may cross the network in clear\n";
    assert!(ended.err.starts_with(warning), "{}", ended.err);
    ended.err = ended.err.replacen(warning, "", 1);
    ended
}

fn body(content_type: &str, body: &str) -> Say {
    Say::Raw(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn status(status: u16) -> Say {
    Say::Raw(format!("HTTP/1.1 {status} Odd\r\nContent-Length: 0\r\n\r\n"))
}

fn envelope(relates_to: &str, inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
         xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing'><s:Header>\
         <a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body>{inside}</s:Body></s:Envelope>"
    )
}

fn bomb() -> String {
    let more: String =
        (1..9).map(|n| format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10))).collect();
    format!("<!DOCTYPE a [<!ENTITY e0 'lol'>{more}]><a>&e8;</a>")
}

fn replies() -> Vec<(&'static str, Say)> {
    let deep = format!("{}{}", "<d>".repeat(100_000), "</d>".repeat(100_000));
    vec![
        ("a page of HTML", body("text/html", "<!doctype html><title>Welcome</title>")),
        ("HTML that says it is SOAP", body(SOAP, "<!doctype html><title>Welcome</title>")),
        ("nothing", body(SOAP, "")),
        ("nothing at all", Say::Raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned())),
        ("JSON", body("application/json", "{}")),
        ("half a message", body(SOAP, &envelope("x", "").replace("</s:Envelope>", ""))),
        ("a body that is cut", Say::Cut(150, envelope("x", ""))),
        ("a head that is cut", Say::Cut(20, String::new())),
        ("no HTTP", Say::Raw("SSH-2.0-OpenSSH_9.9\r\n".to_owned())),
        ("entities that grow", body(SOAP, &bomb())),
        ("100,000 levels", body(SOAP, &envelope("x", &deep))),
        ("an unknown charset", body("application/soap+xml;charset=klingon", "<a/>")),
        ("no UTF-16 although it says so", body("application/soap+xml;charset=UTF-16", "<a/>")),
        ("an answer to somebody else", body(SOAP, &envelope("uuid:ANOTHER", "<x/>"))),
        ("no envelope", body(SOAP, "<a/>")),
        ("control characters", body(SOAP, "<a>\u{1}\u{1b}[31m</a>")),
        ("a content type with escapes", body("text/\u{1b}[31mhtml", "<a/>")),
        ("HTTP 404", status(404)),
        ("HTTP 403", status(403)),
        ("HTTP 500", status(500)),
        ("HTTP 405", status(405)),
        ("HTTP 418", status(418)),
        (
            "a redirect",
            Say::Raw("HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_of_all_kinds() {
    let mut text = String::new();
    for (what, say) in replies() {
        let host = Host::start(Setup::default(), move |_, _| say.clone()).await;
        let url = format!("http://{}/wsman", host.address);
        let ended = ask(&url, &["status"]).await;
        assert!([3, 4].contains(&ended.code), "{what}: {ended:?}");
        assert!(ended.err.lines().count() <= 2 && !ended.err.contains('\u{1b}'), "{what}: {}", ended.err);
        text.push_str(&format!("# {what}\n{}", transcript(&["status"], &ended)));
        let ended = ask(&url, &["resync", "web01", "-o", "json"]).await;
        let document: Value = serde_json::from_str(&ended.out).unwrap();
        let result = &document["results"][0];
        let wanted = if ended.code == 4 { "unauthorized" } else { "unreachable" };
        assert_eq!((&result["outcome"], &result["invoked"]), (&wanted.into(), &false.into()), "{what}");
        assert!([3, 4].contains(&ended.code), "{what}: {ended:?}");
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_ports_that_lead_nowhere() {
    let mut text = String::new();
    let closed = super::closed_port();
    let urls = ["http://no-such-host.invalid/wsman".to_owned(), closed.url()];
    for (what, url) in ["a name of nobody's", "a closed port"].into_iter().zip(urls) {
        let ended = ask(&url, &["status", "--connect-timeout", "5s"]).await;
        assert_eq!(ended.code, 3, "{url}: {ended:?}");
        text.push_str(&format!("# {what}\n{}", transcript(&["status"], &ended)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/wsman", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut request = [0; 8192];
                let _ = socket.read(&mut request).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {SOAP}\r\n\r\n<a>");
                let _ = socket.write_all(head.as_bytes()).await;
                let chunk = [b'x'; 65_536];
                while socket.write_all(&chunk).await.is_ok() {
                    counter.fetch_add(chunk.len(), Ordering::Relaxed);
                }
            });
        }
    });
    let ended = ask(&url, &["status"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("larger than"), "{}", ended.err);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_ends_in_time() {
    let host = Host::start(Setup::default(), |_, _| Say::Silence).await;
    let url = format!("http://{}/wsman", host.address);
    let begun = std::time::Instant::now();
    let ended = ask(&url, &["wsman", "invoke", "Win32_Process", "Create", "--operation-timeout", "1s"]).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(begun.elapsed().as_secs() < 20);
    assert_eq!(host.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_offers_basic_alone() {
    let setup = Setup { offers: &["Basic realm=\"WSMAN\""], ..Setup::default() };
    let host = Host::start(setup, |_, _| status(500)).await;
    let url = format!("http://{}/wsman", host.address);
    let mut command = command(&["status"]);
    command.env("HVREPLICA_HOST", &url).env("HVREPLICA_USER", USER).env("HVREPLICA_PASSWORD", PASSWORD);
    let ended = end(command).await;
    assert_eq!(ended.code, 4);
    insta::assert_snapshot!(transcript(&["status"], &ended));
    assert!(host.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_words() {
    let fault = |detail: &str| {
        format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
             xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault'><s:Body><s:Fault><s:Code>\
             <s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>Something\r\n went \u{7f}wrong\
             </s:Text></s:Reason>{detail}</s:Fault></s:Body></s:Envelope>"
        )
    };
    let coded = |code: u32| {
        fault(&format!(
            "<s:Detail><f:WSManFault Code='{code}'><f:Message>words</f:Message></f:WSManFault></s:Detail>"
        ))
    };
    let mut text = String::new();
    for (what, message) in [
        ("without detail", fault("")),
        ("access denied", coded(5)),
        ("no such class", coded(0x8004_1010)),
        ("not found", coded(0x8004_1002)),
        ("a code of nobody's", coded(4_000_000_000)),
        ("garbage in the detail", fault("<s:Detail><f:WSManFault Code='x'/><y/></s:Detail>")),
    ] {
        let host = Host::start(Setup::default(), move |_, _| Say::Soap(500, message.clone())).await;
        let url = format!("http://{}/wsman", host.address);
        let args = ["wsman", "get", "Win32_OperatingSystem", "-n", "root/cimv2", "-o", "json"];
        let ended = ask(&url, &args).await;
        assert!(ended.err.lines().count() <= 2, "{what}: {}", ended.err);
        text.push_str(&format!("# {what}\n{}", transcript(&args, &ended)));
    }
    insta::assert_snapshot!(text);
}
