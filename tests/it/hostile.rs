//! Hosts that try to keep a client busy for ever.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use hvreplica::cim::Instance;
use hvreplica::client::{Client, ClientOptions, RandomIds, Surroundings, VirtualClock};
use hvreplica::msvm::{NAMESPACE, SCHEMA, resource_uri};
use hvreplica::transport::{Exchange, HttpRequest, HttpResponse, Transport};
use hvreplica::wsman::{
    Enumerate, EnumerateReply, Item, Kind, Reply, ReplyHeader, decode_bytes, encode_reply,
};

/// Answers every Enumerate and Pull with the same page of that many items and the same context, and notes what was asked.
struct Endless {
    items: usize,
    count: AtomicU32,
    asked: Mutex<Vec<Kind>>,
}

impl Transport for Endless {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(async move {
            let message = decode_bytes(&request.body, Some("utf-8"), &SCHEMA).unwrap();
            self.asked.lock().unwrap().push(message.kind);
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            let instance = Instance::new("Msvm_ComputerSystem", NAMESPACE).with("Name", "the same again");
            let item = Item { instance: Some(instance), reference: None };
            let page = EnumerateReply {
                context: Some("uuid:0".to_owned()),
                items: vec![item; self.items],
                end_of_sequence: false,
                more: Vec::new(),
            };
            let reply = match message.kind {
                Kind::Enumerate => Reply::Enumerate(page),
                Kind::Release => Reply::Release,
                _ => Reply::Pull(page),
            };
            let header = ReplyHeader {
                message_id: format!("uuid:00000000-0000-4000-8000-{number:012X}"),
                relates_to: message.headers.message_id,
                language: "en-US".to_owned(),
            };
            Ok(HttpResponse {
                status: 200,
                content_type: "application/soap+xml;charset=UTF-8".to_owned(),
                date: None,
                server: None,
                retry_after: None,
                body: encode_reply(&reply, &header, &SCHEMA).unwrap().into_bytes(),
            })
        })
    }
}

async fn enumerate(items: usize) -> Vec<Kind> {
    let host = Arc::new(Endless { items, count: AtomicU32::new(0), asked: Mutex::default() });
    let surroundings = Surroundings { clock: Arc::new(VirtualClock::default()), ids: Arc::new(RandomIds) };
    let transport: Arc<Endless> = Arc::clone(&host);
    let client = Client::new(transport, ClientOptions::new("http://host.test/wsman"), surroundings, SCHEMA);
    let read = client.enumerate(&resource_uri("Msvm_ComputerSystem"), Enumerate::default()).await;
    assert_eq!(read.unwrap_err().kind(), "reply");
    host.asked.lock().unwrap().clone()
}

#[tokio::test]
async fn the_same_items_again_and_again_come_to_an_end() {
    let asked = enumerate(1000).await;
    assert_eq!(asked.len(), 202);
    assert_eq!(asked.last(), Some(&Kind::Release));
}
