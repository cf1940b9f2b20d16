//! How fast a page of an enumeration is read and printed: `cargo bench --bench decode`.

use std::hint::black_box;
use std::time::Instant;

use hvreplica::cli::output::json::Json;
use hvreplica::msvm::SCHEMA;
use hvreplica::wsman::{Body, decode};
use hvreplica::xml::{Event, Reader};

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let page = page();
    let read = rate(page.len(), || {
        let mut reader = Reader::new(&page);
        while !matches!(reader.next_event(), Ok(Event::Eof) | Err(_)) {}
    });
    let decoded = rate(page.len(), || drop(black_box(decode(&page, &SCHEMA))));
    let printed = rate(page.len(), || {
        let Ok(message) = decode(&page, &SCHEMA) else { return };
        let Body::Items(reply) = message.body else { return };
        drop(black_box(serde_json::to_vec(&Json(reply.items.as_slice()))));
    });
    println!("events {read:.0} MB/s, decoded {decoded:.0} MB/s, decoded and printed {printed:.0} MB/s");
}

/// The best of many passes, in megabytes per second.
fn rate(bytes: usize, pass: impl Fn()) -> f64 {
    let best = (0..200).map(|_| {
        let begin = Instant::now();
        pass();
        begin.elapsed()
    });
    let best = best.min().unwrap_or_default().as_secs_f64();
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / best / 1e6
}

/// A reply to Pull with a hundred instances, as Windows writes them.
fn page() -> String {
    let instance = concat!(
        r#"<p:Msvm_ComputerSystem xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" "#,
        r#"xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem" "#,
        r#"xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:Msvm_ComputerSystem_Type">"#,
        r#"<p:Caption>Virtual Machine</p:Caption><p:CommunicationStatus xsi:nil="true"/>"#,
        r#"<p:Description>Machine &amp; replica</p:Description><p:ElementName>vm-1</p:ElementName>"#,
        r#"<p:EnabledDefault>3</p:EnabledDefault><p:EnabledState>2</p:EnabledState>"#,
        r#"<p:InstallDate><cim:Datetime>2026-11-24T10:15:30.123456Z</cim:Datetime></p:InstallDate>"#,
        r#"<p:InstanceID xsi:nil="true"/><p:Name>7B1F8DCC-AAAA-BBBB-CCCC-000000000001</p:Name>"#,
        r#"<p:OperationalStatus>2</p:OperationalStatus><p:OperationalStatus>32774</p:OperationalStatus>"#,
        r#"<p:ReplicationHealth>3</p:ReplicationHealth><p:ReplicationMode>1</p:ReplicationMode>"#,
        r#"<p:Roles xsi:nil="true"/><p:Status>OK</p:Status></p:Msvm_ComputerSystem>"#,
    );
    let begin = concat!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" "#,
        r#"xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"><s:Header/><s:Body>"#,
        "<n:PullResponse><n:Items>",
    );
    let end = "</n:Items><n:EndOfSequence/></n:PullResponse></s:Body></s:Envelope>";
    [begin, &instance.repeat(100), end].concat()
}
