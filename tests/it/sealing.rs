//! Sealed bodies that somebody changed.

use hvreplica::auth::framing::{self, CONTENT_TYPE};
use hvreplica::auth::seal::SealContext;
use hvreplica::secret::Secret;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use crate::support::host::SOAP;

fn ends(key: [u8; 16]) -> (SealContext, SealContext) {
    let key = Secret::new(key);
    (SealContext::initiator(&key), SealContext::acceptor(&key))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_come_back_in_order(key: [u8; 16], texts in proptest::collection::vec(any::<Vec<u8>>(), 1..6)) {
        let (mut client, mut server) = ends(key);
        for text in texts {
            let body = framing::seal(&mut client, SOAP, &text).unwrap();
            let opened = framing::unseal(&mut server, CONTENT_TYPE, body);
            prop_assert_eq!(opened, Ok((SOAP.to_owned(), text)));
        }
    }

    /// What is changed in the frame may be tolerated, what is changed in the message never.
    #[test]
    fn a_changed_body_is_refused_or_means_the_same(text: Vec<u8>, at: usize, bits in 1_u8..) {
        let (mut client, mut server) = ends([4; 16]);
        let mut body = framing::seal(&mut client, SOAP, &text).unwrap();
        let place = at % body.len();
        body[place] ^= bits;
        if let Ok((_, opened)) = framing::unseal(&mut server, CONTENT_TYPE, body) {
            prop_assert_eq!(opened, text);
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, outer: String, cut in 0_usize..250) {
        let (mut client, mut server) = ends([4; 16]);
        let mut body = framing::seal(&mut client, SOAP, b"text").unwrap();
        body.truncate(cut.min(body.len() - 3));
        body.extend(&bytes);
        prop_assert!(framing::unseal(&mut server, CONTENT_TYPE, body).is_err());
        framing::unframe(&outer, &bytes).ok();
        framing::unframe(CONTENT_TYPE, &bytes).ok();
    }
}
