//! Scenarios in which the conversation is disturbed.

use std::time::Duration;

use super::options::{JobStyle, Language, ResyncOptions, WorldOptions};
use super::scenario::{Scenario, ServerOptions};
use super::script::{Action, BadReply, Damage, Hits, Injection, Matcher, Operation, PlannedFault};

const SERVER: ServerOptions = ServerOptions::DEFAULT;

const RESYNCHRONIZE: Matcher = Matcher::Method("Resynchronize");

const HOSTILE: WorldOptions = WorldOptions {
    language: Language::Japanese,
    resync: ResyncOptions { job: JobStyle::Short, ..ResyncOptions::DEFAULT },
    ..WorldOptions::DEFAULT
};

const THIRD: Hits = Hits::Run { first: 3, count: 1 };

const TWO: Hits = Hits::Run { first: 1, count: 2 };

const fn on(on: Matcher, hits: Hits, action: Action) -> Injection {
    Injection { on, hits, action }
}

/// Once, to the call of Resynchronize.
const fn call(action: Action) -> Injection {
    on(RESYNCHRONIZE, Hits::FIRST, action)
}

const fn fault(fault: PlannedFault) -> Action {
    Action::Fault { fault, executed: false }
}

const fn bare(status: u16) -> Action {
    Action::Http { status, retry_after: None, close: false }
}

const fn second(action: Action) -> Injection {
    on(Matcher::Any, Hits::Run { first: 2, count: 1 }, action)
}

/// Scenarios of the connection, of the server and of its replies.
pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::plain("response-lost", "the reply to Resynchronize is lost, the call was executed")
        .injecting(&[call(Action::DropReply { bytes: 0, reset: false })]),
    Scenario::plain("response-reset", "the connection is reset after Resynchronize was executed")
        .injecting(&[call(Action::DropReply { bytes: 0, reset: true })]),
    Scenario::plain("response-cut", "the connection ends in the middle of the reply to Resynchronize")
        .injecting(&[call(Action::DropReply { bytes: 400, reset: false })]),
    Scenario::plain("request-lost", "the connection ends before Resynchronize is executed")
        .injecting(&[call(Action::DropRequest)]),
    Scenario::plain("timed-out-executed", "Resynchronize is answered with w:TimedOut, yet was executed")
        .injecting(&[call(Action::Fault { fault: PlannedFault::TimedOut, executed: true })]),
    Scenario::plain("timed-out", "Resynchronize is answered with w:TimedOut and was not executed")
        .injecting(&[call(fault(PlannedFault::TimedOut))]),
    Scenario::plain("busy-503", "503 twice with Retry-After, then fine").injecting(&[on(
        Matcher::Http,
        TWO,
        Action::Http { status: 503, retry_after: Some(1), close: true },
    )]),
    Scenario::plain("busy-invoke", "Resynchronize is answered with 503 before it is read")
        .injecting(&[call(Action::Http { status: 503, retry_after: Some(1), close: true })]),
    Scenario::plain("auth-lost", "a read and Resynchronize meet a 401 in mid-session; nothing was executed")
        .injecting(&[second(Action::Deauthenticate), call(Action::Deauthenticate)]),
    Scenario::plain("clear-reply", "the third reply comes in clear although the request was sealed")
        .injecting(&[on(Matcher::Any, THIRD, Action::ClearReply)]),
    Scenario::plain(
        "clear-invoke-reply",
        "the reply to Resynchronize comes in clear although the request was sealed",
    )
    .injecting(&[call(Action::ClearReply)]),
    Scenario::plain("mangled-seal-cipher", "the cipher of the third sealed reply is damaged")
        .injecting(&[on(Matcher::Any, THIRD, Action::Mangle(Damage::Cipher))]),
    Scenario::plain("mangled-seal-signature", "the signature of the third sealed reply is damaged")
        .injecting(&[on(Matcher::Any, THIRD, Action::Mangle(Damage::Signature))]),
    Scenario::plain("mangled-seal-length", "the length of the third sealed reply is damaged")
        .injecting(&[on(Matcher::Any, THIRD, Action::Mangle(Damage::Length))]),
    Scenario::plain("mangled-seal-prefix", "the prefix of the third sealed reply is damaged")
        .injecting(&[on(Matcher::Any, THIRD, Action::Mangle(Damage::Prefix))]),
    Scenario::plain("mangled-seal-boundary", "the boundary of the third sealed reply is damaged")
        .injecting(&[on(Matcher::Any, THIRD, Action::Mangle(Damage::Boundary))]),
    Scenario::plain("wrong-relates-to", "the reply to Resynchronize relates to another message")
        .injecting(&[call(Action::WrongRelatesTo)]),
    Scenario::plain("slow-polls", "polls take longer than OperationTimeout").injecting(&[on(
        Matcher::Poll,
        Hits::Run { first: 3, count: 3 },
        Action::Delay { by: Duration::from_secs(90), ignores_timeout: false },
    )]),
    Scenario::plain("silent", "the third poll is not answered, OperationTimeout or not").injecting(&[on(
        Matcher::Poll,
        THIRD,
        Action::Delay { by: Duration::from_secs(600), ignores_timeout: true },
    )]),
    Scenario::plain("poll-lost", "every third poll breaks").injecting(&[on(
        Matcher::Poll,
        Hits::Every(3),
        Action::DropRequest,
    )]),
    Scenario::plain("poll-timed-out", "the second poll is answered with w:TimedOut").injecting(&[on(
        Matcher::Poll,
        Hits::Run { first: 2, count: 1 },
        fault(PlannedFault::TimedOut),
    )]),
    Scenario::plain("pull-timed-out", "the first two Pulls are answered with w:TimedOut").injecting(&[on(
        Matcher::Operation(Operation::Pull),
        TWO,
        fault(PlannedFault::TimedOut),
    )]),
    Scenario::plain("quota", "too many operations of the user, twice, then fine").injecting(&[on(
        Matcher::Any,
        TWO,
        fault(PlannedFault::Quota),
    )]),
    Scenario::plain("wmi-busy", "WMI is too busy for two polls").injecting(&[on(
        Matcher::Poll,
        Hits::Run { first: 2, count: 2 },
        fault(PlannedFault::ServerTooBusy),
    )]),
    Scenario::plain("wmi-denied", "authenticated, but WMI refuses the user").injecting(&[on(
        Matcher::Any,
        Hits::ALL,
        fault(PlannedFault::WmiAccessDenied),
    )]),
    Scenario::plain("rights-lost", "WMI refuses the user from the fourth poll on").injecting(&[on(
        Matcher::Poll,
        Hits::From(4),
        fault(PlannedFault::WmiAccessDenied),
    )]),
    Scenario::plain("internal-error", "Resynchronize is answered with w:InternalError, yet was executed")
        .injecting(&[call(Action::Fault { fault: PlannedFault::InternalError, executed: true })]),
    Scenario::plain("bare-500", "the first reply is a 500 without SOAP").injecting(&[on(
        Matcher::Http,
        Hits::FIRST,
        bare(500),
    )]),
    Scenario::plain("not-found-http", "404: another service has the port").injecting(&[on(
        Matcher::Http,
        Hits::ALL,
        bare(404),
    )]),
    Scenario::plain("redirect", "the first reply is a redirect").injecting(&[on(
        Matcher::Http,
        Hits::FIRST,
        Action::Redirect,
    )]),
    Scenario::plain("html-reply", "the first reply is a page of HTML with status 200").injecting(&[on(
        Matcher::Http,
        Hits::FIRST,
        Action::Reply(BadReply::Html),
    )]),
    Scenario::plain("empty-reply", "the reply to Resynchronize is 200 without a body")
        .injecting(&[call(Action::Reply(BadReply::Empty))]),
    Scenario::plain("truncated-xml", "the reply to Resynchronize ends in the middle of the XML")
        .injecting(&[call(Action::Reply(BadReply::Truncated))]),
    Scenario::plain("dtd-reply", "the second reply has a document type with growing entities")
        .injecting(&[second(Action::Reply(BadReply::Dtd))]),
    Scenario::plain("deep-nesting", "the second reply nests 100,000 elements")
        .injecting(&[second(Action::Reply(BadReply::Deep(100_000)))]),
    Scenario::plain("giant-reply", "the second reply has 64 MB of text")
        .injecting(&[second(Action::Reply(BadReply::Giant(64_000_000)))]),
    Scenario::plain("close-each", "the connection is closed after each reply")
        .server(ServerOptions { closes_each: true, ..SERVER }),
    Scenario::plain("close-after-five", "every fifth reply announces that the connection is closed")
        .injecting(&[on(Matcher::Any, Hits::Every(5), Action::Close { announced: true })]),
    Scenario::plain("hang-up", "the connection is closed after every fourth reply, unannounced")
        .injecting(&[on(Matcher::Any, Hits::Every(4), Action::Close { announced: false })]),
    Scenario::plain("chunked", "replies come in chunks").server(ServerOptions { chunked: true, ..SERVER }),
    Scenario::plain("utf16", "replies come in UTF-16").server(ServerOptions { utf16: true, ..SERVER }),
    Scenario::plain("wrong-password", "every credential is refused")
        .server(ServerOptions { rejects_credentials: true, ..SERVER }),
    Scenario::plain("few-operations", "two open enumerations at most")
        .server(ServerOptions { open_enumerations: 2, ..SERVER }),
    Scenario::plain("short-contexts", "enumerations expire after ten seconds")
        .server(ServerOptions { enumeration_lifetime: Duration::from_secs(10), ..SERVER }),
    Scenario::plain("small-batches", "two items in a reply at most, whatever was asked for")
        .server(ServerOptions { batch: 2, ..SERVER }),
    Scenario::plain("end-with-context", "EndOfSequence comes together with a context")
        .server(ServerOptions { ends_with_context: true, ..SERVER }),
    Scenario::plain(
        "hostile-mix",
        "Japanese, UTF-16, chunks, a short job, a lost poll and one that times out",
    )
    .world(HOSTILE)
    .server(ServerOptions { utf16: true, chunked: true, ..SERVER })
    .injecting(&[
        on(Matcher::Poll, Hits::Run { first: 2, count: 1 }, Action::DropRequest),
        on(Matcher::Poll, Hits::Run { first: 4, count: 1 }, fault(PlannedFault::TimedOut)),
    ]),
];
