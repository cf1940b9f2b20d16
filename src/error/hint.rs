//! What to do about an error, where we know.

use crate::transport::{TlsFailure, TlsProblem, TransportError, TransportErrorKind};
use crate::wsman::Fault;

use super::Error;

/// The cure that is known for an error.
pub(super) fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::Transport(error) => return transport(error),
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

fn transport(error: &TransportError) -> Option<String> {
    let text = match error.kind() {
        TransportErrorKind::NameLookup => "check the spelling of the host, or give its address",
        TransportErrorKind::Connect => {
            "is WinRM enabled there (`winrm quickconfig`) and let through its firewall (5985, with --https 5986)?"
        }
        TransportErrorKind::Tls => {
            let failure = std::error::Error::source(error).and_then(|source| source.downcast_ref());
            return failure.map(tls);
        }
        TransportErrorKind::Proxy => {
            "check --proxy, or HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; --proxy none goes there directly. An http proxy carries --https by CONNECT; plain http needs one that keeps connections, or a socks5 proxy"
        }
        TransportErrorKind::CertificateRefused { .. } => CERTIFICATE,
        TransportErrorKind::ConnectionLost | TransportErrorKind::TimedOut => {
            "look at the host and the network between; reading again does no harm"
        }
        TransportErrorKind::Refused { .. } => ACCOUNT,
        TransportErrorKind::NotOffered { wanted, offered } => {
            if offered.is_empty() {
                return Some(NO_OFFER.to_owned());
            }
            let offers = offered.join(", ");
            return Some(match wanted.as_str() {
                "basic" => format!(
                    "the host's listener allows {offers}: use --auth negotiate, or enable Basic there"
                ),
                "credssp" => format!(
                    "the host's listener allows {offers}: enable CredSSP there (`Enable-WSManCredSSP -Role Server`), or use --auth negotiate"
                ),
                _ if offers.eq_ignore_ascii_case("basic") => {
                    "the host's listener allows Basic alone: enable Negotiate there, or use --auth basic with --https and a local account".to_owned()
                }
                _ => format!("the host's listener allows {offers}: choose one of these with --auth"),
            });
        }
        TransportErrorKind::Kerberos(failure) => return Some(failure.hint()),
        TransportErrorKind::Credssp(failure) => return failure.hint().map(str::to_owned),
        TransportErrorKind::Forbidden => ACCOUNT,
        TransportErrorKind::ReplyInClear | TransportErrorKind::BrokenSeal => {
            "somebody on the way changes messages, or the host is no Windows: do not trust this connection"
        }
        TransportErrorKind::Redirect { .. } => "if you trust the place it names, give that URL as --host",
        TransportErrorKind::NotHttp => "something other than WinRM listens there: check --port",
        TransportErrorKind::BadToken => {
            "the host, or something in front of it, does not speak NTLM or Kerberos as it should"
        }
        TransportErrorKind::Handshake { .. } => {
            "something other than WinRM answers there, perhaps a proxy: check --host, --port and the URL's path"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn tls(failure: &TlsFailure) -> String {
    let text = match (&failure.problem, &failure.fingerprint) {
        (TlsProblem::UnknownIssuer, Some(print)) => {
            return format!(
                "give the issuer's certificate with --ca-cert FILE; or, if the host shows the same SHA-256 as its own, trust this very certificate with --pin-sha256 {print}"
            );
        }
        (TlsProblem::Authority | TlsProblem::UnknownSignature, Some(print)) => {
            return format!(
                "if the host shows the same SHA-256 as its own, trust this very certificate with --pin-sha256 {print}; or give the host another one"
            );
        }
        (TlsProblem::Expired, _) => "renew the certificate on the host; is the clock here right?",
        (TlsProblem::NotYetValid, _) => "are the clocks here and there right?",
        (TlsProblem::OtherName(_), _) => "use a name that the certificate is made for as --host",
        (TlsProblem::NotPinned, _) => {
            "if the host's certificate was renewed, pin the new one; if not, somebody else answers: do not go on"
        }
        (TlsProblem::Revoked, _) => "give the host a new certificate",
        (TlsProblem::NoCommonSuite | TlsProblem::NoCommonVersion, _) => OLD_HOST,
        (TlsProblem::ClientCertificate(_), _) => {
            "with --auth certificate: the host has to trust the issuer of the client certificate; with other methods: this listener wants a client certificate"
        }
        _ => {
            "is this the port of an https listener (5986)? Without TLS, drop --https: messages are encrypted over http, too"
        }
    };
    text.to_owned()
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

/// HTTP says 401 to all of these alike.
const ACCOUNT: &str = "check the user and the password: the host does not say which is wrong, nor whether the account is locked, disabled or expired (its Security event log does, event 4625); a local account is .\\name, one of a domain DOMAIN\\name or name@realm";
const NO_OFFER: &str = "the listener offers no method at all: it may want a client certificate (--auth certificate), or something else listens there";
const CERTIFICATE: &str = "the host has to allow it (`winrm set winrm/config/service/auth @{Certificate=\"true\"}`), to trust its issuer, and to map its UPN to a local account (New-Item WSMan:\\localhost\\ClientCertificate); and the listener has to ask for it at once (`netsh http … clientcertnegotiation=enable`)";
const OLD_HOST: &str = "this program speaks TLS 1.2 and 1.3 with forward secrecy and AES-GCM or ChaCha20 alone; an old host (2012 R2) needs an ECDSA certificate; or use --http, where messages are encrypted, too, or --tls-backend native in a build with the feature native-tls";
