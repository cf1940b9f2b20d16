//! Whatever a host says in HTTP, to each way of authentication: its headers and tokens, statuses and lengths. Requests
//! go over loopback; each answer is the next part of the input.
#![no_main]

use std::time::Duration;

use hvreplica::auth::Credential;
use hvreplica::secret::Secret;
use hvreplica::transport::{
    Authentication, Connection, Endpoint, Http, HttpOptions, HttpRequest, Scheme, Transport,
};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    RUNTIME.with(|runtime| runtime.block_on(talk(*how, rest)));
});

async fn talk(how: u8, bytes: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answers: Vec<Vec<u8>> = bytes.split(|byte| *byte == SEPARATOR).map(<[u8]>::to_vec).collect();
    let is_sealed = how % 2 == 0;
    let host = tokio::spawn(serve(listener, answers));
    let credential = Credential::new("ops", Secret::new("secret".to_owned()));
    let authentication =
        if is_sealed { Authentication::Ntlm(credential) } else { Authentication::Basic(credential) };
    let path = "/wsman".to_owned();
    let endpoint = Endpoint { scheme: Scheme::Http, host: "127.0.0.1".to_owned(), port, path };
    let mut options = HttpOptions::new(endpoint, authentication);
    options.danger_allow_unencrypted = true;
    options.connect_timeout = PATIENCE;
    options.response_limit = 4096;
    let http = Http::new(options).expect("a transport");
    for connection in [Connection::Any, Connection::Any] {
        let request = HttpRequest {
            body: b"<s:Envelope/>".to_vec(),
            timeout: PATIENCE,
            connection,
            lane: String::new(),
        };
        let response = http.exchange(request).await;
        assert!(!is_sealed || response.is_err(), "a reply that nobody has sealed was believed");
        if let Ok(response) = response {
            assert!(response.body.len() <= 4096);
        }
    }
    host.abort();
}

/// Each connection gets the next answers. It is closed behind the last one, or when the client waits for more.
async fn serve(listener: TcpListener, answers: Vec<Vec<u8>>) {
    let mut answers = answers.into_iter();
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut request = [0; 8192];
        while let Ok(Ok(1..)) = timeout(PAUSE, socket.read(&mut request)).await {
            let Some(answer) = answers.next() else { break };
            if socket.write_all(&answer).await.is_err() {
                break;
            }
        }
        if answers.len() == 0 {
            return;
        }
    }
}

/// Between answers.
const SEPARATOR: u8 = 0xff;
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(2);
