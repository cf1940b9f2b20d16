//! How much memory a host can make the command take. Linux says how much that was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Ended, command_on, ended};
use crate::support::host::SOAP;
use crate::support::raw::{is_authorized, read_request, refusal};

const MIB: usize = 1 << 20;
/// What may be taken beyond that of a host that answers with nothing.
const BOUND: usize = 64 * MIB;
/// Nearly all that a reply may have.
const LARGE: usize = 16 * MIB - 2000;

/// The nth page of an enumeration; `None` for the end.
type Pages = dyn Fn(usize) -> Option<String> + Send + Sync;

/// A host over Basic in clear that answers every Enumerate and Pull with the next page.
async fn host(pages: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> String {
    let pages: Arc<Pages> = Arc::new(pages);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/wsman", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, Arc::clone(&pages), Arc::clone(&count)));
        }
    });
    url
}

async fn serve(mut socket: TcpStream, pages: Arc<Pages>, count: Arc<AtomicUsize>) -> Option<()> {
    loop {
        let (head, body) = read_request(&mut socket).await?;
        if !is_authorized(&head) {
            socket.write_all(refusal("Basic").as_bytes()).await.ok()?;
            continue;
        }
        let text = reply(&String::from_utf8(body).ok()?, pages(count.fetch_add(1, Ordering::Relaxed)));
        let head =
            format!("HTTP/1.1 200 X\r\nContent-Type: {SOAP}\r\nContent-Length: {}\r\n\r\n", text.len());
        socket.write_all(head.as_bytes()).await.ok()?;
        socket.write_all(text.as_bytes()).await.ok()?;
    }
}

fn reply(request: &str, page: Option<String>) -> String {
    let id = request.split("MessageID>").nth(1).unwrap().split('<').next().unwrap();
    let (action, name) = match request {
        text if text.contains("enumeration/Pull<") => ("PullResponse", "n:PullResponse"),
        text if text.contains("enumeration/Release<") => ("ReleaseResponse", "n:ReleaseResponse"),
        _ => ("EnumerateResponse", "n:EnumerateResponse"),
    };
    let items = if action == "EnumerateResponse" { "w:Items" } else { "n:Items" };
    let (context, items, end) = match page {
        Some(page) => {
            ("<n:EnumerationContext>uuid:1</n:EnumerationContext>", format!("<{items}>{page}</{items}>"), "")
        }
        None => ("<n:EnumerationContext/>", String::new(), "<n:EndOfSequence/>"),
    };
    let end = if action == "EnumerateResponse" { end.replace("n:", "w:") } else { end.to_owned() };
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
         xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
         xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration' \
         xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' \
         xmlns:p='http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/X'><s:Header>\
         <a:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/{action}</a:Action>\
         <a:RelatesTo>{id}</a:RelatesTo></s:Header><s:Body><{name}>{context}{items}{end}</{name}></s:Body></s:Envelope>"
    )
}

/// Runs the command on that host, and says how much memory it had at most.
async fn run(url: &str, args: &[&str]) -> (Ended, usize) {
    let basic = ["--auth", "basic", "--danger-allow-unencrypted"];
    let mut command = command_on(url, &[args, &basic[..]].concat());
    command.stdout(std::process::Stdio::null());
    let look = move || {
        let mut child = command.spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let found = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
            most = most.max(found.unwrap_or_default() * 1024);
            // The figure only grows, so that one look now and then will do.
            std::thread::park_timeout(Duration::from_millis(2));
        }
        (ended(child.wait_with_output().unwrap()), most)
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}

const ENUMERATE: [&str; 7] = ["wsman", "enumerate", "X", "-n", "root/cimv2", "-o", "ndjson"];

fn item(text: &str) -> String {
    format!("<p:X><p:Name>{text}</p:Name></p:X>")
}

/// As often as a large reply has room for.
fn filled(piece: &str) -> String {
    piece.repeat(LARGE / piece.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_host_sends_memory_is_bounded() {
    let (ended, idle) = run(&host(|_| None).await, &ENUMERATE).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let page = item(&"x".repeat(1000)).repeat(400);
    let string = item(&"x".repeat(LARGE));
    let items = filled("<p:X/>");
    let properties = format!("<p:X>{}</p:X>", filled("<p:N/>"));
    let deep = format!("<p:X><p:Y>{}</p:Y></p:X>", filled("<a><b/></a>"));
    let attributes = format!("<p:X>{}</p:X>", filled("<p:N a='' b='' c='' d=''/>"));
    let texts = format!("<p:X>{}</p:X>", filled("<p:N>x&#120;</p:N>"));
    let long = format!(
        "<p:X xmlns:q='urn:{}'>{}</p:X>",
        "x".repeat(4 * MIB),
        "<q:N/>".repeat((LARGE - 5 * MIB) / 6)
    );
    let once = |page: String| move |n: usize| (n == 0).then(|| page.clone());
    let mut figures = Vec::new();
    for (what, url) in [
        ("200 pages", host(move |n| (n < 200).then(|| page.clone())).await),
        ("one long string", host(once(string)).await),
        ("many items", host(once(items)).await),
        ("many properties", host(once(properties)).await),
        ("many elements", host(once(deep)).await),
        ("many attributes", host(once(attributes)).await),
        ("many texts", host(once(texts)).await),
        ("a long namespace", host(once(long)).await),
    ] {
        let (ended, most) = run(&url, &ENUMERATE).await;
        assert!([0, 3].contains(&ended.code), "{what}: {ended:?}");
        figures.push((what, ended.code, most.saturating_sub(idle) / MIB));
    }
    println!("idle {} MiB, beyond it: {figures:?}", idle / MIB);
    assert!(figures.iter().all(|(_, _, more)| *more < BOUND / MIB), "{figures:?}");
    assert_eq!((figures[0].1, figures[1].1), (0, 0), "{figures:?}");
}
