//! A scrubbed recording names nobody and still replays.

use std::fs;

use hvreplica::transport::{Delivery, HttpRequest, Replayer, Transport, TransportError, TransportErrorKind};

use crate::recording::{Outcome, SOAP, Script, envelope, find, folder, get, recorder, response, shown, soap};

/// What passes, with these names of a VM and a host.
fn exchanges(names: &Names) -> Vec<(HttpRequest, Outcome)> {
    let Names { web, db, research, host, short, other } = names;
    let system = |name: &str, element_name: &str| {
        let class =
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem";
        format!(
            "<p:Msvm_ComputerSystem xmlns:p=\"{class}\"><p:Caption>Virtual Machine</p:Caption>\
             <p:ElementName>{element_name}</p:ElementName><p:Name>{name}</p:Name></p:Msvm_ComputerSystem>"
        )
    };
    let job = format!(
        "<p:Job xmlns:p=\"u\"><p:Description>copies {db} from \\\\{short}\\root\\cimv2:A and \
         D:\\VMs\\{web}\\{web}disk.vhdx</p:Description><p:Settings>&lt;INSTANCE CLASSNAME=\"Msvm_X\"&gt;\
         &lt;PROPERTY NAME=\"ElementName\" TYPE=\"string\"&gt;&lt;VALUE&gt;{research}&lt;/VALUE&gt;\
         &lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</p:Settings><p:Percent>10</p:Percent></p:Job>"
    );
    let settings = format!(
        "<p:Y xmlns:p=\"u\"><p:ElementName>{db}</p:ElementName><p:RecoveryHostSystem>{other}\
         </p:RecoveryHostSystem><p:SystemName>{GUID}</p:SystemName></p:Y>"
    );
    let fault = format!("<f:WSManFault xmlns:f=\"v\" Machine=\"{host}\">no {db}</f:WSManFault>");
    let location = format!("https://{host}/wsman");
    let redirect = TransportErrorKind::Redirect { status: 302, location };
    let lost = TransportError::new(TransportErrorKind::Connect, Delivery::NotSent);
    vec![
        (find(web, "uuid:1", host), soap("uuid:1", &(system(short, short) + &system(GUID, web)))),
        (get("", "uuid:2", GUID), soap("uuid:2", &job)),
        (get("", "uuid:3", GUID), soap("uuid:3", &settings)),
        (get("", "uuid:4", GUID), Ok(response(500, SOAP, envelope("uuid:4", &fault)))),
        (get("", "uuid:5", GUID), Ok(response(404, "text/html", format!("<p>{host} has no such page")))),
        (get("", "uuid:6", GUID), Err(TransportError::new(redirect, Delivery::NotSent))),
        (get("", "uuid:7", GUID), Err(lost.because(format!("{other}: refused")))),
    ]
}

struct Names {
    web: &'static str,
    db: &'static str,
    research: &'static str,
    host: &'static str,
    short: &'static str,
    other: &'static str,
}

#[tokio::test]
async fn stand_ins_replace_every_name() {
    let real = Names {
        web: "Web 01",
        db: "db7",
        research: "R&amp;amp;D's",
        host: "hv1.corp.example.com",
        short: "HV1",
        other: "HV2.corp.example.com",
    };
    let folder = folder("scrubbed");
    let (requests, outcomes): (Vec<_>, Vec<_>) = exchanges(&real).into_iter().unzip();
    let recorder = recorder(&folder, true);
    let recording = recorder.wrap(Script::new([("", outcomes)]));
    for request in requests {
        let _ = recording.exchange(request).await;
    }
    assert!(recorder.failure().is_none());

    let mut files = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap().to_lowercase();
        for name in ["web 01", "db7", "r&amp;", "d's", "hv1", "hv2", "corp"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        files += 1;
    }
    assert_eq!(files, 13);

    let replayer = Replayer::open(&folder).unwrap();
    assert_eq!(replayer.host(), "http://scrubbed-host-1.scrubbed-domain-1.example:5985/wsman");
    let stand_ins = Names {
        web: "scrubbed-vm-1",
        db: "scrubbed-vm-3",
        research: "scrubbed-vm-2",
        host: "scrubbed-host-1.scrubbed-domain-1.example",
        short: "scrubbed-host-1",
        other: "scrubbed-host-2.scrubbed-domain-1.example",
    };
    for (request, outcome) in exchanges(&stand_ins) {
        let wanted = outcome.map(|mut response| {
            if response.content_type == SOAP {
                let text = String::from_utf8(response.body).unwrap();
                response.body = hvreplica::xml::pretty(&text).unwrap().into_bytes();
            }
            response
        });
        let again = replayer.exchange(request).await;
        assert_eq!(shown(&again), shown(&wanted));
    }
    assert_eq!(replayer.unused(), 0);
}

const GUID: &str = "0FA4D2B1-7C11-4E57-9A3A-5B8C3D1E2F60";
