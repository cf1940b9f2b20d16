//! What to do about an error, where we know.

use crate::transport::TransportErrorKind;
use crate::wsman::Fault;

use super::Error;

/// The cure that is known for an error.
pub(super) fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::Transport(_) => return error.transport().and_then(|kind| transport(kind, &error.chain())),
        Error::Http { status: 404 } => {
            "no WinRM listener at this port and path: check --host, --port and the URL's path"
        }
        Error::Http { status: 401 | 403 } => ACCOUNT,
        Error::Http { status: 500 } => {
            "a listener answers so to what it cannot decrypt or may not take in clear: use --auth negotiate, or --https"
        }
        Error::Http { status: 503 } => "the WinRM service is busy or stopping: try again in a while",
        Error::Http { status: 413 } => "the request is larger than the host's MaxEnvelopeSizekb",
        Error::Http { .. } | Error::NotWinrm { .. } => {
            "something other than WinRM answers there, perhaps a proxy: check --host, --port and the URL's path"
        }
        Error::Fault(fault) => return fault_hint(fault),
        Error::Reply(_) | Error::Instance { .. } => {
            "the host, or something in front of it, does not speak WS-Management as it should"
        }
        Error::Encode(_) => return None,
    };
    Some(text.to_owned())
}

fn transport(kind: &TransportErrorKind, chain: &str) -> Option<String> {
    let text = match kind {
        TransportErrorKind::NameLookup => "check the spelling of the host, or give its address",
        TransportErrorKind::Connect => {
            "is WinRM enabled there (`winrm quickconfig`) and let through its firewall (5985, with --https 5986)?"
        }
        TransportErrorKind::Tls => return Some(tls(chain).to_owned()),
        TransportErrorKind::ConnectionLost | TransportErrorKind::TimedOut => {
            "look at the host and the network between; reading again does no harm"
        }
        TransportErrorKind::Refused { .. } => ACCOUNT,
        TransportErrorKind::NotOffered { wanted, offered } => {
            let offers = offered.join(", ");
            return Some(match wanted.as_str() {
                "basic" => format!(
                    "the host's listener allows {offers}: use --auth negotiate, or enable Basic there"
                ),
                _ if offers.eq_ignore_ascii_case("basic") => {
                    "the host's listener allows Basic alone: enable Negotiate there, or use --auth basic with --https and a local account".to_owned()
                }
                _ => format!("the host's listener allows {offers}: choose one of these with --auth"),
            });
        }
        TransportErrorKind::Forbidden => ACCOUNT,
        TransportErrorKind::ReplyInClear | TransportErrorKind::BrokenSeal => {
            "somebody on the way changes messages, or the host is no Windows: do not trust this connection"
        }
        TransportErrorKind::Redirect { .. } => "if you trust the place it names, give that URL as --host",
        TransportErrorKind::NotHttp => "something other than WinRM listens there: check --port",
        TransportErrorKind::BadToken => {
            "the host, or something in front of it, does not speak NTLM as it should"
        }
        TransportErrorKind::Handshake { .. } => {
            "something other than WinRM answers there, perhaps a proxy: check --host, --port and the URL's path"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn tls(chain: &str) -> &'static str {
    let chain = chain.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| chain.contains(word));
    if has(&["unknownissuer", "unknown issuer", "self-signed", "causedasendentity"]) {
        "the certificate's issuer is not known here: give it with --ca-cert FILE, or trust this very certificate with --pin-sha256"
    } else if has(&["expired"]) {
        "the host's certificate has expired: renew it there"
    } else if has(&["not valid yet"]) {
        "the certificate's time has not come: compare the clocks of this machine and of the host"
    } else if has(&["not the pinned"]) {
        "the host has another certificate than the pinned one: renewed there, or somebody on the way"
    } else if has(&["for another name", "not valid for", "notvalidforname"]) {
        "the certificate is for another name: use the name it was made for as --host"
    } else if has(&["handshakefailure", "handshake_failure", "protocolversion", "protocol version"]) {
        "no cipher suite in common: an old host may need an ECDSA certificate, or use http with message encryption"
    } else {
        "is this the port of an https listener (5986)? Without TLS, drop --https: messages are encrypted over http, too"
    }
}

fn fault_hint(fault: &Fault) -> Option<String> {
    let text = if fault.is_access_denied() {
        "the account needs to be an administrator of the host, or in Remote Management Users and Hyper-V Administrators; a local account other than Administrator is filtered by UAC"
    } else if fault.is_no_such_class() {
        "is there such a class and namespace? For Hyper-V's: is the role installed there, and the host restarted since?"
    } else if fault.is_filter_refused() {
        "check the query and the class and namespace that it names; those of Hyper-V come with its role"
    } else if fault.is_not_found() {
        "check the class, the namespace and the selectors: all keys have to be given"
    } else if fault.is_transient() {
        "the host is busy or over a quota: try again in a while"
    } else if fault.is_timed_out() {
        "give the host more time with --operation-timeout"
    } else {
        return None;
    };
    Some(text.to_owned())
}

const ACCOUNT: &str = "check the user and the password; a local account is .\\name, one of a domain DOMAIN\\name; it may be locked or its password expired";
