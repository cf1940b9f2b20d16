//! TLS by the system's library, in builds that have it.

use hvreplica::transport::{
    Authentication, Http, HttpOptions, Scheme, TlsBackend, TransportErrorKind, Trust,
};

use crate::session::{credential, endpoint};
use crate::support::host::PASSWORD;

fn options(address: std::net::SocketAddr, trust: Trust) -> HttpOptions {
    let authentication = Authentication::Ntlm(credential(PASSWORD));
    let mut options = HttpOptions::new(endpoint(Scheme::Https, address), authentication);
    options.trust = trust;
    options.tls_backend = TlsBackend::Native;
    options
}

fn policy(trust: Trust) -> String {
    let error = Http::new(options("127.0.0.1:5986".parse().unwrap(), trust)).err().unwrap();
    let TransportErrorKind::Policy(reason) = error.kind() else { panic!("{error:?}") };
    (*reason).to_owned()
}

#[cfg(not(feature = "native-tls"))]
#[test]
fn a_build_without_it_says_so() {
    let reason = policy(Trust::DangerAny);
    assert_eq!(reason, "this build has no TLS of the system (feature native-tls)");
}

#[cfg(feature = "native-tls")]
mod with {
    use std::error::Error;

    use hvreplica::transport::Transport;
    use rcgen::{SanType, date_time_ymd};

    use super::{Http, TransportErrorKind, Trust, options, policy};
    use crate::session::ask;
    use crate::tls::{chain, chain_of, listen};

    #[test]
    fn pins_are_refused() {
        let reason = policy(Trust::Pin([7; 32]));
        assert_eq!(reason, "the system's TLS cannot pin a certificate: use --ca-cert");
        for text in ["no PEM", "-----BEGIN CERTIFICATE-----\n"] {
            assert!(
                policy(Trust::Roots { extra: text.as_bytes().to_vec() }).starts_with("the trusted roots")
            );
        }
    }

    /// The host takes NTLM only if it is bound to its certificate.
    #[tokio::test]
    async fn gets_in_bound_to_the_channel() {
        let chain = chain(|_| {});
        let host = listen(&chain).await;
        for trust in [Trust::Roots { extra: chain.root.clone().into_bytes() }, Trust::DangerAny] {
            let http = Http::new(options(host.address, trust)).unwrap();
            let response = http.exchange(ask("<request/>")).await.unwrap();
            assert_eq!(response.body, b"sealed: false");
        }
        assert_eq!(host.handshakes(), 2);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn certificates_that_are_not_good() {
        let elsewhere = SanType::DnsName("elsewhere.example".try_into().unwrap());
        let (good, unrelated) = (chain(|_| {}), chain_of("Other root", |_| {}));
        let unknown = "the host's certificate leads to no trusted root (it may be self-signed)";
        for (chain, root, wanted) in [
            (
                &chain(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1)),
                None,
                "the host's certificate has expired",
            ),
            (
                &chain(|leaf| leaf.not_before = date_time_ymd(2090, 1, 1)),
                None,
                "the host's certificate is not valid yet",
            ),
            (
                &chain(|leaf| leaf.subject_alt_names = vec![elsewhere]),
                None,
                "the host's certificate is for another name",
            ),
            (&good, Some(&unrelated.root), unknown),
        ] {
            let host = listen(chain).await;
            let trust = Trust::Roots { extra: root.unwrap_or(&chain.root).clone().into_bytes() };
            let http = Http::new(options(host.address, trust)).unwrap();
            let error = http.exchange(ask("<request/>")).await.unwrap_err();
            assert_eq!(error.kind(), &TransportErrorKind::Tls);
            assert_eq!(error.source().unwrap().to_string(), wanted);
            assert!(host.seen().is_empty());
        }
    }
}
