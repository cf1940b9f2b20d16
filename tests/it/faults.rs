//! Faults in the shapes that hosts send, and what they mean.

use hvreplica::cim::Schema;
use hvreplica::wsman::{
    Body, Fault, FaultCode, Reply, ReplyHeader, Request, decode, decode_reply, encode_reply, ns,
};
use proptest::prelude::*;

use crate::sample::text;

const REQUEST: &str = "uuid:B5B1C9C5-0C6E-4B59-9A4D-6D2B8C4B1F01";

/// A fault of a provider behind WinRM.
pub(crate) fn provider_fault() -> Fault {
    Fault {
        detail: Some("http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/InvalidResourceURI".to_owned()),
        wsman_code: Some(2_150_858_752),
        machine: Some("hv1".to_owned()),
        provider: Some("WMI Provider".to_owned()),
        provider_code: Some(0x8004_1002),
        provider_message: Some("not < found".to_owned()),
        ..Fault::new(FaultCode::Sender, Some((ns::ADDRESSING, "DestinationUnreachable")), "no such thing")
    }
}

/// A fault with this subcode and detail, as an envelope.
fn envelope(subcode: &str, reason: &str, detail: &str) -> String {
    format!(
        "<env:Envelope xmlns:env='{}' xmlns:addr='{}' xmlns:man='{}' xmlns:en='{}' xmlns:fault='{}'>\
         <env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value>\
         <env:Subcode><env:Value>{subcode}</env:Value></env:Subcode></env:Code>\
         <env:Reason><env:Text xml:lang='ja-JP'>{reason}</env:Text></env:Reason>{detail}\
         </env:Fault></env:Body></env:Envelope>",
        ns::SOAP,
        ns::ADDRESSING,
        ns::WSMAN,
        ns::ENUMERATION,
        ns::FAULT
    )
}

fn read(document: &str) -> Fault {
    match decode(document, &Schema::EMPTY).unwrap().body {
        Body::Fault(fault) => *fault,
        other => panic!("no fault: {other:?}"),
    }
}

fn coded(code: u32) -> Fault {
    let detail = format!(
        "<env:Detail><fault:WSManFault Code='{code}' Machine=''><fault:Message>words</fault:Message>\
         </fault:WSManFault></env:Detail>"
    );
    read(&envelope("man:InternalError", "", &detail))
}

#[test]
fn a_code_alone() {
    let fault = read(&envelope("\n addr:DestinationUnreachable ", "gone", ""));
    assert_eq!(fault.code, FaultCode::Sender);
    assert_eq!(fault.subcode.as_ref().unwrap().to_string(), "a:DestinationUnreachable");
    assert_eq!((fault.decisive_code(), fault.message(), fault.is_not_found()), (None, "gone", true));
    assert_eq!(fault.to_string(), "gone");
}

#[test]
fn the_inner_code_decides() {
    let detail = "<env:Detail><man:FaultDetail>\n urn:detail \n</man:FaultDetail>\
        <fault:WSManFault Code='2150858755' Machine='hv1'><fault:Message>\
        <fault:ProviderFault provider='WMI' path='x.dll'><fault:WSManFault Code='2147749891' Machine='hv1'>\
        <fault:Message>access is denied</fault:Message></fault:WSManFault>\
        <fault:ExtendedError><e:__ExtendedStatus xmlns:e='urn:e'><e:StatusCode>5</e:StatusCode>\
        </e:__ExtendedStatus></fault:ExtendedError></fault:ProviderFault></fault:Message>\
        </fault:WSManFault></env:Detail>";
    let fault = read(&envelope("man:InternalError", "", detail));
    assert_eq!((fault.wsman_code, fault.provider_code), (Some(2_150_858_755), Some(0x8004_1003)));
    assert_eq!(fault.detail.as_deref(), Some("urn:detail"));
    assert_eq!((fault.provider.as_deref(), fault.machine.as_deref()), (Some("WMI"), Some("hv1")));
    assert_eq!(fault.to_string(), "access is denied (WBEM_E_ACCESS_DENIED, 2147749891)");
    assert!(fault.is_access_denied());
}

#[test]
fn an_extended_status_is_better_than_nothing() {
    let detail = "<env:Detail><fault:WSManFault Code='2150858755'><fault:Message>\
        <fault:ProviderFault provider='WMI'>text of the provider<fault:ExtendedError>\
        <e:__ExtendedStatus xmlns:e='urn:e'><e:StatusCode>2147749890</e:StatusCode></e:__ExtendedStatus>\
        </fault:ExtendedError></fault:ProviderFault></fault:Message></fault:WSManFault></env:Detail>";
    let fault = read(&envelope("man:InternalError", "", detail));
    assert_eq!(fault.provider_code, Some(0x8004_1002));
    assert_eq!((fault.message(), fault.is_not_found()), ("text of the provider", true));
}

#[test]
fn a_cim_error_instead() {
    let error = |class: &str, inside: &str| {
        format!("<env:Detail><c:{class} xmlns:c='urn:any/{class}'>{inside}</c:{class}></env:Detail>")
    };
    let inside = "<c:CIMStatusCode>1</c:CIMStatusCode><c:error_Code>2147749902</c:error_Code>\
        <c:Message>invalid namespace</c:Message>";
    let fault = read(&envelope("addr:DestinationUnreachable", "", &error("MSFT_WmiError", inside)));
    assert_eq!((fault.cim_status, fault.provider_code), (Some(1), Some(0x8004_100E)));
    assert_eq!((fault.message(), fault.is_no_such_class()), ("invalid namespace", true));
    assert!(!fault.is_not_found());
    let inside = "<c:CIMStatusCode>6</c:CIMStatusCode><c:OMI_Code>6</c:OMI_Code>\
        <c:OMI_ErrorMessage>not there</c:OMI_ErrorMessage>";
    let fault = read(&envelope("addr:DestinationUnreachable", "", &error("OMI_Error", inside)));
    assert_eq!((fault.provider_code, fault.message(), fault.is_not_found()), (None, "not there", true));
}

#[test]
fn names_may_be_declared_where_they_stand() {
    let document = format!(
        "<s:Envelope xmlns:s='{}'><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode>\
         <s:Value xmlns:x='{}'>x:TimedOut</s:Value><s:Subcode><s:Value>unknown:Thing</s:Value></s:Subcode>\
         </s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>",
        ns::SOAP,
        ns::WSMAN
    );
    let fault = read(&document);
    assert_eq!(fault.code, FaultCode::Receiver);
    assert!(fault.is_timed_out());
    assert_eq!(fault.more_subcodes[0].to_string(), "unknown:Thing");
    assert_eq!(fault.to_string(), "w:TimedOut");
}

type Test = fn(&Fault) -> bool;

#[test]
fn what_codes_mean() {
    let tests: [(Test, &[u32]); 7] = [
        (Fault::is_access_denied, &[5, 0x8007_0005, 0x8004_1003]),
        (Fault::is_not_found, &[2_150_858_752, 0x8004_1002]),
        (Fault::is_no_such_class, &[0x8004_100E, 0x8004_1010]),
        (Fault::is_filter_refused, &[2_150_858_778]),
        (Fault::is_timed_out, &[2_150_858_793]),
        (Fault::is_context_lost, &[2_150_858_779]),
        (
            Fault::is_transient,
            &[2_150_858_772, 2_150_858_815, 2_150_859_174, 0x8004_1004, 0x8004_1033, 0x8004_1045],
        ),
    ];
    for (at, (_, codes)) in tests.iter().enumerate() {
        for code in *codes {
            let fault = coded(*code);
            for (other, (test, _)) in tests.iter().enumerate() {
                assert_eq!(test(&fault), at == other, "{fault} against test {other}");
            }
        }
    }
    let unknown = coded(2_152_992_672);
    assert!(!tests.iter().any(|(test, _)| test(&unknown)));
    assert_eq!(unknown.to_string(), "words (2152992672, 0x80540FA0)");
}

#[test]
fn what_subcodes_mean() {
    let tests: [(Test, &str); 6] = [
        (Fault::is_access_denied, "man:AccessDenied"),
        (Fault::is_not_found, "addr:DestinationUnreachable"),
        (Fault::is_filter_refused, "en:CannotProcessFilter"),
        (Fault::is_timed_out, "man:TimedOut"),
        (Fault::is_context_lost, "en:InvalidEnumerationContext"),
        (Fault::is_transient, "man:QuotaLimit"),
    ];
    for (test, subcode) in tests {
        assert!(test(&read(&envelope(subcode, "", ""))), "{subcode}");
        let (_, local) = subcode.split_once(':').unwrap();
        assert!(!test(&read(&envelope(&format!("env:{local}"), "", ""))), "{local} of another namespace");
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let code = proptest::sample::select(vec![
        FaultCode::Sender,
        FaultCode::Receiver,
        FaultCode::MustUnderstand,
        FaultCode::VersionMismatch,
        FaultCode::DataEncodingUnknown,
    ]);
    let subcode = proptest::option::of(proptest::sample::select(vec![
        (ns::ADDRESSING, "DestinationUnreachable"),
        (ns::WSMAN, "TimedOut"),
        (ns::ENUMERATION, "CannotProcessFilter"),
        (ns::EVENTING, "UnableToRenew"),
    ]));
    let some_text = || text().prop_filter("no words", |text| !text.trim().is_empty());
    let plain = (any::<u32>(), some_text(), "[a-z]{1,9}");
    let provider = proptest::option::of((any::<u32>(), some_text(), text()));
    (code, subcode, text(), proptest::option::of("urn:[a-z]{1,9}"), proptest::option::of((plain, provider)))
        .prop_map(|(code, subcode, reason, detail, codes)| {
            let mut fault = Fault { detail, ..Fault::new(code, subcode, reason) };
            let Some(((code, message, machine), provider)) = codes else { return fault };
            fault.wsman_code = Some(code);
            fault.machine = Some(machine);
            match provider {
                None => fault.wsman_message = Some(message),
                Some((code, message, provider)) => {
                    fault.provider = Some(provider);
                    fault.provider_code = Some(code);
                    fault.provider_message = Some(message);
                }
            }
            fault
        })
}

proptest! {
    #[test]
    fn faults_arrive(fault in fault()) {
        let header = ReplyHeader {
            message_id: "uuid:1".to_owned(),
            relates_to: Some(REQUEST.to_owned()),
            language: "en-US".to_owned(),
        };
        let document = encode_reply(&Reply::Fault(fault.clone()), &header, &Schema::EMPTY).unwrap();
        let message = decode_reply(&document, &Request::Identify, REQUEST, &Schema::EMPTY).unwrap();
        let mut read = message.fault().unwrap().clone();
        prop_assert_eq!(read.elements.is_empty(), fault.detail.is_none() && fault.wsman_code.is_none());
        read.elements.clear();
        prop_assert_eq!(read, fault);
    }
}
