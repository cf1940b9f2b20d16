//! Certificates that are not good.

use rcgen::date_time_ymd;

use super::{command, end, folder, transcript};
use crate::support::host::{PASSWORD, USER};
use crate::tls::{Chain, chain, chain_of, listen};

async fn status(chain: &Chain, trusted: Option<&str>, more: &[&str]) -> super::Ended {
    let host = listen(chain).await;
    let file = folder(&format!("certificates-{}", host.address.port())).join("roots.pem");
    std::fs::write(&file, trusted.unwrap_or_default()).unwrap();
    let trust = ["--ca-cert", file.to_str().unwrap()];
    let trust = if trusted.is_some() { &trust[..] } else { &[] };
    let mut command = command(&[&["wsman", "identify", "--auth", "basic"], trust, more].concat());
    let url = format!("https://{}/wsman", host.address);
    command.env("HVREPLICA_HOST", url).env("HVREPLICA_USER", USER).env("HVREPLICA_PASSWORD", PASSWORD);
    let ended = end(command).await;
    assert_eq!(host.seen().is_empty(), ended.err.contains("TLS"), "{ended:?}");
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_named_and_a_way_out_is_shown() {
    let good = chain(|_| {});
    let expired = chain(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let other = chain(|leaf| leaf.subject_alt_names.clear());
    let unrelated = chain_of("Other root", |_| {});
    let mut text = String::new();
    for (what, chain, root) in [
        ("expired", &expired, Some(expired.root.as_str())),
        ("another name", &other, Some(other.root.as_str())),
        ("an unknown issuer", &good, Some(unrelated.root.as_str())),
        ("self-made", &good, None),
    ] {
        let ended = status(chain, root, &[]).await;
        assert_eq!(ended.code, 3, "{what}: {ended:?}");
        text.push_str(&format!("# {what}\n{}", transcript(&["wsman", "identify"], &ended)));
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weakened_on_purpose_it_warns() {
    let chain = chain(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let ended = status(&chain, None, &["--danger-accept-invalid-certs"]).await;
    // The listener says no SOAP; it was reached.
    assert!(
        ended.err.contains("--danger-accept-invalid-certs: any certificate is accepted"),
        "{}",
        ended.err
    );
}
