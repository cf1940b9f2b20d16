//! Sealed bodies of NTLM and Kerberos: as they come, and with changes to a good one, of which none may be believed.
#![no_main]

use hvreplica::auth::framing::{self, Protocol};
use hvreplica::auth::kerberos::Context;
use hvreplica::auth::seal::SealContext;
use hvreplica::auth::{SealError, Sealing};
use hvreplica::secret::Secret;
use hvreplica_fuzz::changed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    match how % 4 {
        0 => raw(rest),
        1 => outer(rest),
        2 => changed_ntlm(rest),
        _ => kerberos(rest),
    }
});

fn raw(body: &[u8]) {
    for protocol in [Protocol::Spnego, Protocol::Kerberos] {
        framing::unframe(protocol.content_type(), body).ok();
    }
    refused(&mut ends().0, Protocol::Spnego.content_type(), body);
    refused(&mut ticket(), Protocol::Kerberos.content_type(), body);
}

/// The content type is the host's, too.
fn outer(text: &[u8]) {
    let Ok(content_type) = std::str::from_utf8(text) else { return };
    framing::is_sealed(content_type);
    framing::unframe(content_type, b"--b\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n")
        .ok();
}

fn changed_ntlm(script: &[u8]) {
    let (mut client, mut host) = ends();
    let good = framing::seal(&mut host, SOAP, MESSAGE).expect("a fresh context seals");
    let body = changed(&good, script);
    match framing::unseal(&mut client, Protocol::Spnego.content_type(), body) {
        // The frame around the sealed bytes is not protected; what is inside is.
        Ok((_, message)) => assert_eq!(message, MESSAGE),
        Err(_) => spent(&mut client),
    }
}

/// There is no host's end of Kerberos here, so nothing at all may be believed.
fn kerberos(token: &[u8]) {
    let mut context = ticket();
    let (signature, message) = token.split_at(token.len().min(60));
    assert!(context.unseal(signature, &mut message.to_vec()).is_err());
    spent(&mut context);
}

fn refused(context: &mut impl Sealing, content_type: &str, body: &[u8]) {
    assert!(framing::unseal(context, content_type, body.to_vec()).is_err(), "an unsealed body was believed");
    spent(context);
}

fn spent(context: &mut impl Sealing) {
    assert_eq!(context.seal(&mut b"x".to_vec()), Err(SealError::Spent));
}

fn ends() -> (SealContext, SealContext) {
    let key = Secret::new([9; 16]);
    (SealContext::initiator(&key), SealContext::acceptor(&key))
}

fn ticket() -> Context {
    Context::new(Secret::new(vec![9; 32]), Protocol::Kerberos, 0).expect("a key of AES")
}

const SOAP: &str = "application/soap+xml;charset=UTF-8";
const MESSAGE: &[u8] = b"<s:Envelope/>";
