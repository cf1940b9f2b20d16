//! What can break, and which of it a seed means.

use std::sync::OnceLock;

use hvreplica::simulator::{Accident, AfterRestart};
use hvreplica::wsman::Codes;
use std::time::Duration;

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
    /// The connection ends before the host has the request.
    RequestLost,
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

fn transport() -> Vec<Fault> {
    use Fault::{
        ArrivesLate, BadToken, BrokenSeal, Connect, Empty, Html, InClear, Interrupt, Locked, LockedForGood,
        NameLookup, NoDate, OfAnother, Outage, Reauthenticated, Redirect, Repeated, ReplyLate, ReplyLost,
        RequestLost, Slow, Tls, TooLarge, Truncated, WithoutReturnValue,
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
pub(crate) fn codes() -> Vec<Fault> {
    let mut faults = Vec::new();
    for code in Codes::wsman().codes() {
        faults.push(soap(Soap::Wsman(code), false));
        if !PRECEDE.contains(&code) {
            faults.push(soap(Soap::Wsman(code), true));
        }
    }
    for code in Codes::wbem().codes() {
        faults.push(soap(Soap::Provider(code), false));
        if !PRECEDE.contains(&code) {
            faults.push(soap(Soap::Provider(code), true));
        }
    }
    faults
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

/// How many exchanges a run may have beyond those of an undisturbed one and still be hit.
const BEYOND: usize = 12;
/// Seeds from here on mean a code, and from there on a pair.
pub(crate) const CODES: u64 = 1_000_000;
pub(crate) const PAIRS: u64 = 1_000_000_000;

/// What a seed means for a flow that has so many exchanges undisturbed, and calls in that one.
pub(crate) fn plan(seed: u64, exchanges: usize, call: Option<usize>) -> Plan {
    let all = all();
    if seed >= PAIRS {
        let mut random = Random::new(seed);
        let mut hit = |end: usize| (random.below(end), all[random.below(all.len())]);
        let (first, second) = (hit(exchanges), hit(exchanges + BEYOND));
        // Half of the second ones come soon after the first.
        let near = random.next().is_multiple_of(2);
        let at = if near { first.0 + second.0 % 4 } else { second.0 };
        return vec![first, (at, second.1)];
    }
    let seed_at = |seed: u64| usize::try_from(seed).unwrap();
    if seed >= CODES {
        let codes = codes();
        return vec![(call.unwrap_or_default(), codes[seed_at(seed - CODES) % codes.len()])];
    }
    let seed = seed_at(seed);
    vec![(seed / all.len(), all[seed % all.len()])]
}

/// Seeds of every single fault at every exchange.
pub(crate) fn singles(exchanges: usize) -> u64 {
    u64::try_from(exchanges * all().len()).unwrap()
}
