//! Files that a user gives: keytabs, krb5.conf, journals, certificates and keys in PEM, PFX; and certificates of hosts.
#![no_main]

use hvreplica::auth::kerberos::{Krb5Conf, choose_key, parse_keytab, service_names};
use hvreplica::auth::{ChannelBinding, ClientCertificate};
use hvreplica::replica::journal_past;
use hvreplica_fuzz::let_panics_unwind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let_panics_unwind();
    let Some((how, rest)) = bytes.split_first() else { return };
    match how {
        b'k' => keytab(rest),
        b'c' => conf(rest),
        b'j' => journal(rest),
        b'p' => drop(ClientCertificate::from_pem(rest, rest, None)),
        b'x' => drop(ClientCertificate::from_pfx(rest, &hvreplica::secret::Secret::default())),
        _ => {
            ChannelBinding::of_certificate(rest).ntlm_hash();
        }
    }
});

fn keytab(bytes: &[u8]) {
    let Ok(entries) = parse_keytab(bytes) else { return };
    let first = entries[0].name.clone();
    choose_key(entries.clone(), None, None).ok();
    choose_key(entries, Some(&first), None).ok();
}

/// A last line that was cut off says nothing.
fn journal(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let past = |text: &str| journal_past(text, "hv1", "910A2DEC-8902-4CC1-BEEB-8DA1658EEC67");
    assert_eq!(past(&text), past(whole));
}

fn conf(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut conf = Krb5Conf::default();
    conf.add(&text);
    let home = conf.default_realm().unwrap_or_default();
    let _ = (conf.kdcs(home), conf.realm_of_host("hv1.example.test"), conf.realm_of_domain("EXAMPLE"));
    service_names(&text).ok();
}
