//! What each check of `doctor` says, from what was found.

use std::time::Duration;

use jiff::Timestamp;

use crate::error::Error;
use crate::msvm::NAMESPACE;
use crate::transport::{Offers, TransportError, TransportErrorKind as Broken};
use crate::wsman::Identity;

use super::exit::Exit;

/// What was found; `None` where it was not asked for.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) is_https: bool,
    /// The proxy on the way.
    pub(super) route: Option<String>,
    pub(super) offers: Option<Result<Offers, TransportError>>,
    pub(super) identity: Option<Result<Identity, Error>>,
    /// How many replication services there are.
    pub(super) services: Option<Result<usize, Error>>,
    /// How many virtual machines can be seen.
    pub(super) machines: Option<Result<usize, Error>>,
    /// The host's clock, and ours.
    pub(super) clock: Option<(Timestamp, Timestamp)>,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Good,
    Warning,
    Failed,
    Skipped,
}

impl Sign {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) sign: Sign,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Of a failure.
    pub(super) exit: Option<Exit>,
}

impl Check {
    fn new(name: &'static str, sign: Sign, message: impl Into<String>) -> Self {
        Self { name, sign, message: message.into(), hint: None, exit: None }
    }

    fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Sign::Good, message)
    }

    fn skipped(name: &'static str) -> Self {
        Self::new(name, Sign::Skipped, "not asked for")
    }

    fn failed(name: &'static str, error: &Error) -> Self {
        let exit = Some(Exit::of_read(error));
        Self { hint: error.hint(), exit, ..Self::new(name, Sign::Failed, error.chain()) }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn exit(self, exit: Exit) -> Self {
        Self { exit: Some(exit), ..self }
    }
}

/// All checks, in the order in which one depends on the other.
pub(super) fn checks(findings: &Findings) -> Vec<Check> {
    let mut all = way(findings);
    all.push(listener(findings.offers.as_ref()));
    all.push(authentication(findings.identity.as_ref()));
    all.extend(provider(findings));
    all.push(clock(findings.clock));
    all
}

/// Name, port, TLS: the first error says how far it came.
fn way(findings: &Findings) -> Vec<Check> {
    let names: &[&'static str] = if findings.is_https { &["name", "port", "tls"] } else { &["name", "port"] };
    let error = match &findings.offers {
        None => return names.iter().copied().map(Check::skipped).collect(),
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error),
    };
    let stops_at = error.map(|error| match error.kind() {
        Broken::NameLookup => "name",
        Broken::Tls => "tls",
        Broken::NotHttp | Broken::Redirect { .. } | Broken::TooLarge { .. } => "listener",
        _ => "port",
    });
    let mut all = Vec::new();
    for name in names {
        if stops_at == Some(*name) {
            all.extend(error.map(|error| Check::failed(name, &again(error))));
            break;
        }
        let message = match (*name, &findings.route) {
            ("name", Some(route)) => format!("left to the proxy {route}"),
            ("name", None) => "it leads to an address".to_owned(),
            ("port", Some(route)) => format!("reached through the proxy {route}"),
            ("port", None) => "something listens".to_owned(),
            _ => "the certificate is accepted".to_owned(),
        };
        all.push(Check::good(name, message));
    }
    let left = names.iter().skip(all.len());
    all.extend(left.copied().map(Check::skipped));
    all
}

/// The same error, to be asked like others.
fn again(error: &TransportError) -> Error {
    let text = error.to_string();
    let mut copy = TransportError::new(error.kind().clone(), error.delivery());
    let mut next = std::error::Error::source(error);
    let mut causes = Vec::new();
    while let Some(source) = next {
        causes.push(source.to_string());
        next = source.source();
    }
    causes.retain(|cause| !text.contains(cause));
    if !causes.is_empty() {
        copy = copy.because(causes.join(": "));
    }
    copy.into()
}

fn listener(offers: Option<&Result<Offers, TransportError>>) -> Check {
    const NAME: &str = "listener";
    match offers {
        None => Check::skipped(NAME),
        Some(Err(error)) => match error.kind() {
            Broken::NotHttp | Broken::Redirect { .. } | Broken::TooLarge { .. } => {
                Check::failed(NAME, &again(error))
            }
            _ => Check::skipped(NAME),
        },
        Some(Ok(Offers { status: 401, schemes })) if !schemes.is_empty() => {
            Check::good(NAME, format!("it offers {}", schemes.join(", ")))
        }
        Some(Ok(Offers { status: 404, .. })) => Check::failed(NAME, &Error::Http { status: 404 })
            .hint("give the whole URL to --host where the listener has another path"),
        Some(Ok(Offers { status, .. })) => {
            let message = format!("it answers HTTP {status} to a request without a user");
            Check::new(NAME, Sign::Warning, message)
                .hint("a WinRM listener answers 401 and offers ways in; another service may have this port")
        }
    }
}

fn authentication(identity: Option<&Result<Identity, Error>>) -> Check {
    const NAME: &str = "authentication";
    match identity {
        None => Check::skipped(NAME),
        Some(Err(error)) => Check::failed(NAME, error),
        Some(Ok(identity)) => {
            let what = format!("{} {}", identity.product_vendor, identity.product_version);
            Check::good(NAME, format!("let in by {}", what.trim()))
        }
    }
}

/// Rights, namespace, service: what the provider lets us see.
fn provider(findings: &Findings) -> [Check; 3] {
    let (rights, namespace, service) = ("rights", "namespace", "service");
    let skipped = || (Check::skipped(rights), Check::skipped(namespace), Check::skipped(service));
    let (first, second, third) = match &findings.services {
        None => skipped(),
        Some(Err(error)) if error.is_unauthorized() => {
            let failed = Check::failed(rights, error);
            (failed, Check::skipped(namespace), Check::skipped(service))
        }
        Some(Err(error)) => {
            let failed = Check::failed(namespace, error);
            let failed = match error.fault() {
                Some(_) => {
                    failed.hint(format!("{NAMESPACE} comes with the Hyper-V role: is it installed there?"))
                }
                None => failed,
            };
            (Check::skipped(rights), failed, Check::skipped(service))
        }
        Some(Ok(count)) => {
            let there = Check::good(namespace, format!("{NAMESPACE} answers"));
            let found = match count {
                0 => Check::new(service, Sign::Failed, "there is no replication service")
                    .hint("is the Hyper-V Virtual Machine Management service (vmms) running there?")
                    .exit(Exit::NotFound),
                _ => Check::good(service, "the replication service is there"),
            };
            (seen(rights, findings.machines.as_ref()), there, found)
        }
    };
    [first, second, third]
}

fn seen(name: &'static str, machines: Option<&Result<usize, Error>>) -> Check {
    match machines {
        None => Check::skipped(name),
        Some(Err(error)) => Check::failed(name, error),
        Some(Ok(0)) => Check::new(name, Sign::Warning, "no virtual machine can be seen").hint(
            "there is none, or the account lacks the rights: it has to be a member of Hyper-V Administrators or Administrators there",
        ),
        Some(Ok(count)) => Check::good(name, format!("{count} virtual machines can be seen")),
    }
}

fn clock(clock: Option<(Timestamp, Timestamp)>) -> Check {
    const NAME: &str = "clock";
    let Some((theirs, ours)) = clock else { return Check::skipped(NAME) };
    let apart = theirs.duration_since(ours);
    let seconds = apart.unsigned_abs().as_secs();
    let way = if apart.is_negative() { "behind" } else { "ahead" };
    if apart.unsigned_abs() <= CLOSE {
        return Check::good(NAME, "it goes with ours");
    }
    let message = format!("the host's clock is {seconds} s {way}");
    if apart.unsigned_abs() <= KERBEROS {
        return Check::good(NAME, message);
    }
    Check::new(NAME, Sign::Warning, message).hint(
        "Kerberos refuses clocks that are five minutes apart; --at is taken by our clock, --in by the host's",
    )
}

/// HTTP tells whole seconds, and the answer is under way for a while.
const CLOSE: Duration = Duration::from_secs(3);
const KERBEROS: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Delivery;

    fn stopped(kind: Broken) -> Findings {
        let error = TransportError::new(kind, Delivery::NotSent);
        Findings { is_https: true, offers: Some(Err(error)), ..Findings::default() }
    }

    fn signs(findings: &Findings) -> String {
        let word = |check: &Check| format!("{} {}", check.name, check.sign.word());
        checks(findings).iter().map(word).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_error_on_the_way_says_how_far_it_came() {
        let rest =
            "authentication skipped, rights skipped, namespace skipped, service skipped, clock skipped";
        for (kind, wanted) in [
            (Broken::NameLookup, "name failed, port skipped, tls skipped, listener skipped"),
            (Broken::Connect, "name ok, port failed, tls skipped, listener skipped"),
            (Broken::TimedOut, "name ok, port failed, tls skipped, listener skipped"),
            (Broken::Tls, "name ok, port ok, tls failed, listener skipped"),
            (Broken::NotHttp, "name ok, port ok, tls ok, listener failed"),
        ] {
            let findings = stopped(kind);
            assert_eq!(signs(&findings), format!("{wanted}, {rest}"));
            let exits: Vec<Exit> = checks(&findings).iter().filter_map(|check| check.exit).collect();
            assert_eq!(exits, [Exit::Unreachable]);
        }
    }

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        let ours = Timestamp::UNIX_EPOCH + Duration::from_secs(86_400);
        for (seconds, sign, message) in [
            (2, Sign::Good, "it goes with ours"),
            (120, Sign::Good, "the host's clock is 120 s ahead"),
            (301, Sign::Warning, "the host's clock is 301 s ahead"),
        ] {
            let check = clock(Some((ours + Duration::from_secs(seconds), ours)));
            assert_eq!((check.sign, &*check.message), (sign, message));
        }
        let behind = clock(Some((ours - Duration::from_secs(3600), ours)));
        assert_eq!((behind.sign, &*behind.message), (Sign::Warning, "the host's clock is 3600 s behind"));
    }
}
