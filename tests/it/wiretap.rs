//! What somebody on the wire can read of a resynchronization over plain http: nothing of the messages.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use hvreplica::auth::Credential;
use hvreplica::client::{Client, ClientOptions, Surroundings};
use hvreplica::job::FollowOptions;
use hvreplica::msvm::SCHEMA;
use hvreplica::replica::{OutcomeKind, ResynchronizeOptions, find, resynchronize};
use hvreplica::secret::Secret;
use hvreplica::simulator::{HostTime, Scenario, Server, ServerSettings, TARGET};
use hvreplica::transport::{Authentication, Http, HttpOptions, Scheme};

use crate::session::endpoint;
use crate::support::relay::{Ask, Relay};

const PASSWORD: &str = "Pä55 wörd, said by nobody";

/// A text as it may show up: as it is, in UTF-16, and inside base64 at each of its three beginnings.
fn disguises(text: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![text.as_bytes().to_vec(), wide.clone()];
    for bytes in [text.as_bytes(), &wide] {
        for shift in 0..3 {
            let padded = [&vec![0; shift], bytes].concat();
            let encoded = BASE64_STANDARD_NO_PAD.encode(padded);
            // The characters at either end depend on what stands beside the text.
            all.push(encoded.as_bytes()[(shift * 8).div_ceil(6)..encoded.len() - 1].to_vec());
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    disguises(text).iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

#[tokio::test]
async fn sealed_sessions_show_neither_messages_nor_the_password() {
    let bytes = captured(Authentication::Ntlm).await;
    // What has to be there is found, so that what is not found is not there.
    assert!(holds(&bytes, "HTTP-SPNEGO-session-encrypted"));
    assert!(holds(&bytes, "operator"), "the user name is in NTLM's last message");
}

#[cfg(feature = "credssp")]
#[tokio::test]
async fn nor_does_the_one_that_hands_the_password_over() {
    let bytes = captured(Authentication::Credssp).await;
    assert!(holds(&bytes, "HTTP-CredSSP-session-encrypted"));
    assert!(!holds(&bytes, "operator"), "NTLM is inside of the tunnel");
}

/// Every byte of a resynchronization, looked through for what may not be there.
async fn captured(authentication: impl FnOnce(Credential) -> Authentication) -> Vec<u8> {
    let mut settings = ServerSettings::new(
        *Scenario::named("healthy").unwrap(),
        "operator",
        Secret::new(PASSWORD.to_owned()),
    );
    settings.pace = HostTime::Times(2000);
    #[cfg(feature = "credssp")]
    {
        settings.offers.credssp = true;
    }
    let server = Server::start(settings).await.unwrap();
    let relay = Relay::start(Ask::Nothing(server.address())).await;
    let credential = Credential::new("operator", Secret::new(PASSWORD.to_owned()));
    let options = HttpOptions::new(endpoint(Scheme::Http, relay.address), authentication(credential));
    let http = Arc::new(Http::new(options).unwrap());
    let client = Client::new(http, ClientOptions::new(server.url()), Surroundings::default(), SCHEMA);
    let vm = find(&client, TARGET).await.unwrap();
    let id = vm.id.clone();
    let pause = Duration::from_millis(2);
    let pace = FollowOptions { first_pause: pause, longest_pause: pause * 5, ..FollowOptions::default() };
    let options = ResynchronizeOptions { pace, ..ResynchronizeOptions::default() };
    let outcome = resynchronize(&client, TARGET, vm, &options, &()).await;
    assert_eq!(outcome.kind, OutcomeKind::Succeeded);
    assert_eq!(server.truth().host.resynchronizations.len(), 1);

    let bytes = relay.bytes();
    assert!(bytes.len() > 10_000, "{} bytes", bytes.len());
    for text in
        [PASSWORD, "Envelope", "Resynchronize", "Msvm_", "MessageID", "schemas.xmlsoap.org", TARGET, &id]
    {
        assert!(!holds(&bytes, text), "{text}");
    }
    bytes
}
