//! What can break, and which of it a seed means.

use std::sync::OnceLock;
use std::time::Duration;

use hvreplica::simulator::{Accident, AfterRestart};
use hvreplica::wsman::Codes;

use crate::random::Random;

/// Something that happens at one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The name cannot be resolved; nothing leaves.
    NameLookup,
    /// No connection; nothing leaves.
    Connect,
    /// TLS fails; nothing leaves.
    Tls,
    /// The handshake breaks; nothing leaves.
    BadToken,
    /// 401 once: the transport authenticates again and repeats the request.
    Reauthenticated,
    /// 401 twice: the host looks at nothing.
    Locked,
    /// 401 from now on.
    LockedForGood,
    /// The connection ends before the host has the whole request: it may be written by half, or not at all.
    RequestLost,
    /// The connection had been closed while nothing was sent; a new one can be made.
    Closed,
    /// The request arrives so many seconds after the client gave up.
    ArrivesLate(u64),
    /// Executed; the connection ends before the reply.
    ReplyLost,
    /// Executed; the reply comes after the timeout.
    ReplyLate,
    /// Executed; the reply takes so many seconds.
    Slow(u64),
    /// Executed; the reply ends after so many thousandths.
    Truncated(usize),
    /// Executed; the reply ends after so many bytes.
    CutAt(usize),
    /// Executed; a page in place of the reply.
    Html,
    /// Executed; nothing in place of the reply.
    Empty,
    /// Executed; the reply before comes once more.
    Repeated,
    /// Executed; the reply relates to another request.
    OfAnother,
    /// Executed; the reply lacks its return value.
    WithoutReturnValue,
    /// Executed; the reply is a redirect.
    Redirect,
    /// Executed; the seal is damaged.
    BrokenSeal,
    /// Executed; the reply comes in clear.
    InClear,
    /// Executed; the reply is too large.
    TooLarge,
    /// Executed; the reply has no `Date`.
    NoDate,
    /// An HTTP status without a message.
    Http { status: u16, executed: bool },
    /// A fault.
    Soap { kind: Soap, executed: bool },
    /// The host cannot be reached for so many seconds.
    Outage(u64),
    /// `Date` is so many seconds off, from now on.
    Clock(i64),
    /// The client is killed, before the request leaves or after it was executed.
    Killed { executed: bool },
    /// Something happens on the host first.
    Befall(Accident),
    /// Another administrator requests that replication state first.
    Admin(u16),
    /// Another administrator resynchronizes first.
    AdminResync,
    /// Whoever started the client wants it to stop.
    Interrupt,
}

/// A fault of SOAP, by what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Soap {
    /// `w:TimedOut`
    TimedOut,
    /// `w:AccessDenied`
    AccessDenied,
    /// `w:QuotaLimit` as a CIM error
    Quota,
    /// `Code` of the WSManFault
    Wsman(u32),
    /// `Code` of the provider's WSManFault
    Provider(u32),
    /// No detail at all
    Bare,
}

impl Fault {
    /// Whether it happens on the host or to the client, and not on the way between them.
    pub(crate) fn is_of_the_host(self) -> bool {
        matches!(self, Self::Befall(_) | Self::Admin(_) | Self::AdminResync | Self::Interrupt)
    }
}

const fn soap(kind: Soap, executed: bool) -> Fault {
    Fault::Soap { kind, executed }
}

const fn http(status: u16, executed: bool) -> Fault {
    Fault::Http { status, executed }
}

const fn restart(then: AfterRestart) -> Fault {
    Fault::Befall(Accident::Restart { outage: Duration::from_secs(10), then })
}

const fn failover(state: u16) -> Fault {
    Fault::Befall(Accident::Failover { state })
}

/// Every fault that a single run has.
pub(crate) fn all() -> &'static [Fault] {
    static ALL: OnceLock<Vec<Fault>> = OnceLock::new();
    ALL.get_or_init(|| [transport(), host()].concat())
}

/// Those, and the end of the process.
pub(crate) fn deadly() -> &'static [Fault] {
    static ALL: OnceLock<Vec<Fault>> = OnceLock::new();
    let killed = [false, true].map(|executed| Fault::Killed { executed });
    ALL.get_or_init(|| [all(), &killed].concat())
}

fn transport() -> Vec<Fault> {
    use Fault::{
        ArrivesLate, BadToken, BrokenSeal, Clock, Closed, Connect, Empty, Html, InClear, Interrupt, Locked,
        LockedForGood, NameLookup, NoDate, OfAnother, Outage, Reauthenticated, Redirect, Repeated, ReplyLate,
        ReplyLost, RequestLost, Slow, Tls, TooLarge, Truncated, WithoutReturnValue,
    };
    let mut faults = vec![
        NameLookup,
        Connect,
        Tls,
        BadToken,
        Reauthenticated,
        Locked,
        LockedForGood,
        RequestLost,
        Closed,
        ArrivesLate(2),
        ArrivesLate(25),
        ReplyLost,
        ReplyLate,
        Slow(40),
        Truncated(1),
        Truncated(300),
        Truncated(700),
        Truncated(990),
        Html,
        Empty,
        Repeated,
        OfAnother,
        WithoutReturnValue,
        Redirect,
        BrokenSeal,
        InClear,
        TooLarge,
        NoDate,
        Outage(45),
        Outage(1500),
        Clock(3600),
        Clock(-3600),
        Interrupt,
    ];
    faults.extend([400, 403, 404, 408, 413, 429, 500, 502, 503, 504].map(|status| http(status, false)));
    faults.extend([403, 500, 502, 503, 504].map(|status| http(status, true)));
    for kind in [
        Soap::TimedOut,
        Soap::Quota,
        Soap::Bare,
        Soap::Wsman(2_150_858_755),
        Soap::Wsman(995),
        Soap::Wsman(2_150_859_046),
        Soap::Wsman(1722),
        Soap::Provider(0x8004_1001),
        Soap::Provider(0x8004_1033),
        Soap::Provider(0x8004_1045),
        Soap::Provider(0x8004_1015),
    ] {
        faults.extend([soap(kind, false), soap(kind, true)]);
    }
    for kind in [
        Soap::AccessDenied,
        Soap::Wsman(2_150_859_014),
        Soap::Wsman(2_150_858_752),
        Soap::Provider(0x8004_1002),
        Soap::Provider(0x8004_1010),
        Soap::Wsman(2_150_858_779),
        Soap::Wsman(2_150_858_778),
        Soap::Wsman(2_150_858_810),
        Soap::Wsman(2_150_858_817),
        Soap::Provider(0x8004_102F),
    ] {
        faults.push(soap(kind, false));
    }
    faults
}

fn host() -> Vec<Fault> {
    use Accident::{Break, Cancel, LoseJobs, Move, Remove, Rename, Suspend};
    let befall = |accident| Fault::Befall(accident);
    let mut faults: Vec<Fault> = [
        Suspend,
        Cancel,
        Break { state: 8 },
        Break { state: 9 },
        Break { state: 7 },
        Remove { keeps_instance: true },
        Remove { keeps_instance: false },
        Move { takes: Duration::ZERO },
        Move { takes: Duration::from_secs(6) },
        LoseJobs,
        Rename("renamed"),
    ]
    .map(befall)
    .into();
    faults.extend([4, 5, 6, 12, 13, 14].map(failover));
    faults.extend([
        restart(AfterRestart::Continues),
        restart(AfterRestart::Ends(8)),
        restart(AfterRestart::Ends(9)),
        restart(AfterRestart::Ends(7)),
    ]);
    faults.extend([3, 7, 9].map(Fault::Admin));
    faults.push(Fault::AdminResync);
    faults
}

/// Every fault code of the tables, once for a call that was not executed, once for one that was where the code
/// does not rule that out.
pub(crate) fn codes() -> &'static [Fault] {
    static CODES: OnceLock<Vec<Fault>> = OnceLock::new();
    CODES.get_or_init(|| {
        let wsman = Codes::wsman().codes().map(|code| (code, Soap::Wsman(code)));
        let wbem = Codes::wbem().codes().map(|code| (code, Soap::Provider(code)));
        let both = |(code, kind)| {
            let executed = (!PRECEDE.contains(&code)).then(|| soap(kind, true));
            [Some(soap(kind, false)), executed]
        };
        wsman.chain(wbem).flat_map(both).flatten().collect()
    })
}

/// Codes that a host sends before it calls a method: the message, its addressing or its parameters are refused,
/// or the user is.
const PRECEDE: [u32; 33] = [
    2_150_858_752,
    2_150_858_753,
    2_150_858_754,
    2_150_858_765,
    2_150_858_767,
    2_150_858_768,
    2_150_858_769,
    2_150_858_771,
    2_150_858_791,
    2_150_858_801,
    2_150_858_811,
    2_150_858_813,
    2_150_858_817,
    2_150_858_818,
    2_150_858_819,
    2_150_858_838,
    2_150_858_839,
    2_150_858_840,
    2_150_858_842,
    2_150_858_843,
    2_150_858_847,
    2_150_859_013,
    2_150_859_014,
    2_150_859_067,
    0x8004_1002,
    0x8004_1003,
    0x8004_100E,
    0x8004_1010,
    0x8004_102E,
    0x8004_102F,
    0x8004_1055,
    0x8007_0005,
    5,
];

/// Faults by the number of the exchange that they hit.
pub(crate) type Plan = Vec<(usize, Fault)>;

/// What a seed is counted from.
pub(crate) struct Range {
    /// Exchanges of an undisturbed run.
    pub(crate) exchanges: usize,
    /// The one that calls, and how long the reply to it is.
    pub(crate) call: (usize, usize),
    /// What can happen to each.
    pub(crate) faults: &'static [Fault],
}

/// How many exchanges a run may have beyond those of an undisturbed one and still be hit.
const BEYOND: usize = 12;
/// Seeds from here on mean a code, a byte of the reply to the call, a pair.
pub(crate) const CODES: u64 = 1_000_000;
pub(crate) const CUTS: u64 = 2_000_000;
pub(crate) const PAIRS: u64 = 1_000_000_000;

/// What a seed means.
pub(crate) fn plan(seed: u64, range: &Range) -> Plan {
    let at = |first: u64| usize::try_from(seed - first).unwrap();
    match seed {
        PAIRS.. => pair(&mut Random::new(seed), range),
        CUTS.. => vec![(range.call.0, Fault::CutAt(at(CUTS)))],
        CODES.. => vec![(range.call.0, codes()[at(CODES)])],
        _ => vec![(at(0) / range.faults.len(), range.faults[at(0) % range.faults.len()])],
    }
}

fn pair(random: &mut Random, range: &Range) -> Plan {
    let mut hit = |end: usize| {
        let fault = match range.faults[random.below(range.faults.len())] {
            Fault::Truncated(_) => Fault::Truncated(random.below(1000)),
            fault => fault,
        };
        (random.below(end), fault)
    };
    let (first, second) = (hit(range.exchanges), hit(range.exchanges + BEYOND));
    // Half of the second ones come soon after the first.
    let near = random.next().is_multiple_of(2);
    let at = if near { first.0 + second.0 % 4 } else { second.0 };
    vec![first, (at, second.1)]
}

/// Seeds of every single fault at every exchange.
pub(crate) fn singles(range: &Range) -> u64 {
    u64::try_from(range.exchanges * range.faults.len()).unwrap()
}
