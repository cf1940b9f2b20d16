//! Binds a finished AP-REQ to a TLS channel.
//!
//! The crate that makes the token encodes the restriction that goes with a binding in a way that hosts refuse, so
//! it is told of no binding; the authenticator is opened and written again here.

use std::ops::Range;

use picky_krb::constants::key_usages::AP_REQ_AUTHENTICATOR;
use picky_krb::crypto::CipherSuite;

use crate::auth::der::{APPLICATION_0, Der, DerError, INTEGER, OBJECT, OCTETS, SEQUENCE, context, element};
use crate::auth::spnego::KERBEROS;
use crate::secret::Secret;

/// The token with `hash` in its authenticator's checksum (RFC 4121 4.1.1.2), and the statement that the client knows
/// of bindings (MS-KILE 3.2.5.8); `None` if the token is none, or not by this key of its ticket.
pub(super) fn bind(token: &[u8], key: &Secret<Vec<u8>>, hash: [u8; 16]) -> Option<Vec<u8>> {
    let suite = match key.expose().len() {
        16 => CipherSuite::Aes128CtsHmacSha196,
        32 => CipherSuite::Aes256CtsHmacSha196,
        _ => return None,
    };
    let cipher = suite.cipher();
    let request = Request::read(token).ok()?;
    let plain = cipher.decrypt(key.expose(), AP_REQ_AUTHENTICATOR, request.sealed).ok().map(Secret::new)?;
    let bound = authenticator(plain.expose(), hash).ok().map(Secret::new)?;
    let sealed = cipher.encrypt(key.expose(), AP_REQ_AUTHENTICATOR, bound.expose()).ok()?;
    Some(request.with(&sealed))
}

/// An AP-REQ in the frame of the mechanism (RFC 4120 5.5.1, RFC 4121 4.1).
struct Request<'a> {
    /// Everything before the authenticator.
    fields: &'a [u8],
    /// What the authenticator says before its ciphertext.
    encryption: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Request<'a> {
    fn read(token: &'a [u8]) -> Result<Self, DerError> {
        let mut framed = Der::new(token).expect(APPLICATION_0)?;
        if framed.expect(OBJECT)?.rest() != KERBEROS {
            return Err(DerError);
        }
        let message = framed.rest().strip_prefix(REQUEST_TOKEN).ok_or(DerError)?;
        let all = Der::new(message).expect(AP_REQ)?.expect(SEQUENCE)?;
        let (fields, mut authenticator) = until(all, context(4))?;
        let encrypted = authenticator.expect(SEQUENCE)?;
        let (encryption, mut sealed) = until(encrypted, context(2))?;
        Ok(Self { fields, encryption, sealed: sealed.expect(OCTETS)?.rest() })
    }

    fn with(&self, sealed: &[u8]) -> Vec<u8> {
        let sealed = element(context(2), &[&element(OCTETS, &[sealed])]);
        let encrypted = element(SEQUENCE, &[self.encryption, &sealed]);
        let authenticator = element(context(4), &[&encrypted]);
        let message = element(AP_REQ, &[&element(SEQUENCE, &[self.fields, &authenticator])]);
        element(APPLICATION_0, &[&element(OBJECT, &[KERBEROS]), REQUEST_TOKEN, &message])
    }
}

/// The authenticator (RFC 4120 5.5.1) with the hash and the statement in it.
fn authenticator(plain: &[u8], hash: [u8; 16]) -> Result<Vec<u8>, DerError> {
    // What is behind the element is padding of the cipher.
    let all = Der::new(plain).expect(AUTHENTICATOR)?.expect(SEQUENCE)?;
    let (before, mut checksum) = until(all, context(3))?;
    let mut checksum = checksum.expect(SEQUENCE)?;
    let kind = checksum.expect(context(0))?.expect(INTEGER)?.rest();
    let value = checksum.expect(context(1))?.expect(OCTETS)?.rest();
    if kind != GSSAPI_CHECKSUM || value.len() < FLAGS.end || value[..BINDING.start] != BINDING_LENGTH {
        return Err(DerError);
    }
    let mut value = value.to_vec();
    value[BINDING].copy_from_slice(&hash);
    let checksum = element(
        SEQUENCE,
        &[
            &element(context(0), &[&element(INTEGER, &[kind])]),
            &element(context(1), &[&element(OCTETS, &[&value])]),
        ],
    );
    let mut after = all;
    while after.next()?.0 != context(3) {}
    let mut others = after;
    while !others.is_empty() {
        if others.next()?.0 == context(8) {
            return Err(DerError);
        }
    }
    let knows = authorization(AP_OPTIONS, &KNOWS_OF_BINDINGS);
    let statement = element(context(8), &[&authorization(IF_RELEVANT, &knows)]);
    let checksum = element(context(3), &[&checksum]);
    let fields = element(SEQUENCE, &[before, &checksum, after.rest(), &statement]);
    Ok(element(AUTHENTICATOR, &[&fields]))
}

/// `AuthorizationData` of one entry (RFC 4120 5.2.6).
fn authorization(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let kind = element(context(0), &[&element(INTEGER, &[kind])]);
    let data = element(context(1), &[&element(OCTETS, &[data])]);
    element(SEQUENCE, &[&element(SEQUENCE, &[&kind, &data])])
}

/// The bytes before the field with that tag, and its contents.
fn until(fields: Der<'_>, wanted: u8) -> Result<(&[u8], Der<'_>), DerError> {
    let whole = fields.rest();
    let mut rest = fields;
    loop {
        let before = &whole[..whole.len() - rest.rest().len()];
        let (tag, contents) = rest.next()?;
        if tag == wanted {
            return Ok((before, Der::new(contents)));
        }
    }
}

/// `[APPLICATION 14]`.
const AP_REQ: u8 = 0x6e;
/// `[APPLICATION 2]`.
const AUTHENTICATOR: u8 = 0x62;
/// The token's identifier in the mechanism's frame.
const REQUEST_TOKEN: &[u8] = b"\x01\x00";
/// The kind of checksum that carries the flags and the binding of GSSAPI.
const GSSAPI_CHECKSUM: &[u8] = b"\x00\x80\x03";
/// The binding's length, in little-endian order.
const BINDING_LENGTH: [u8; 4] = [16, 0, 0, 0];
const BINDING: Range<usize> = 4..20;
const FLAGS: Range<usize> = 20..24;
/// `AD-IF-RELEVANT`.
const IF_RELEVANT: &[u8] = b"\x01";
/// `KERB_AUTH_DATA_AP_OPTIONS`, 143.
const AP_OPTIONS: &[u8] = b"\x00\x8f";
/// `KERB_AP_OPTIONS_CBT`, 0x4000 in little-endian order.
const KNOWS_OF_BINDINGS: [u8; 4] = [0, 0x40, 0, 0];

#[cfg(test)]
mod tests {
    use picky_krb::constants::key_usages::AP_REQ_AUTHENTICATOR;
    use picky_krb::crypto::CipherSuite;

    use super::{AP_REQ, AUTHENTICATOR, GSSAPI_CHECKSUM, REQUEST_TOKEN, Request, bind};
    use crate::auth::der::{
        APPLICATION_0, GENERALIZED_TIME, INTEGER, OBJECT, OCTETS, SEQUENCE, context, element,
    };
    use crate::auth::spnego::KERBEROS;
    use crate::secret::Secret;

    fn field(number: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        element(context(number), &[&element(tag, &[value])])
    }

    fn name(text: &[u8]) -> Vec<u8> {
        let strings = element(SEQUENCE, &[&element(0x1b, &[text])]);
        element(SEQUENCE, &[&field(0, INTEGER, b"\x01"), &element(context(1), &[&strings])])
    }

    fn plain(hash: [u8; 16], more: &[u8]) -> Vec<u8> {
        let value = [&[16, 0, 0, 0][..], &hash, &[0x3e, 0, 0, 0]].concat();
        let checksum = element(SEQUENCE, &[&field(0, INTEGER, GSSAPI_CHECKSUM), &field(1, OCTETS, &value)]);
        let fields = [
            field(0, INTEGER, b"\x05"),
            field(1, 0x1b, b"EXAMPLE.TEST"),
            element(context(2), &[&name(b"operator")]),
            element(context(3), &[&checksum]),
            field(4, INTEGER, b"\x07"),
            field(5, GENERALIZED_TIME, b"20261124213022Z"),
            field(7, INTEGER, b"\x01"),
            more.to_vec(),
        ];
        element(AUTHENTICATOR, &[&element(SEQUENCE, &[&fields.concat()])])
    }

    fn token(suite: &CipherSuite, key: &Secret<Vec<u8>>, plain: &[u8]) -> Vec<u8> {
        let sealed = suite.cipher().encrypt(key.expose(), AP_REQ_AUTHENTICATOR, plain).unwrap();
        let encrypted = element(SEQUENCE, &[&field(0, INTEGER, b"\x12"), &field(2, OCTETS, &sealed)]);
        let fields = [field(0, INTEGER, b"\x05"), field(1, INTEGER, b"\x0e"), field(3, OCTETS, b"a ticket")];
        let fields = element(SEQUENCE, &[&fields.concat(), &element(context(4), &[&encrypted])]);
        let message = element(AP_REQ, &[&fields]);
        element(APPLICATION_0, &[&element(OBJECT, &[KERBEROS]), REQUEST_TOKEN, &message])
    }

    #[test]
    fn the_hash_and_the_statement_are_in_and_all_else_is_as_before() {
        for (suite, size) in [(CipherSuite::Aes128CtsHmacSha196, 16), (CipherSuite::Aes256CtsHmacSha196, 32)]
        {
            let key = Secret::new(vec![7; size]);
            let old = token(&suite, &key, &plain([0; 16], b""));
            let new = bind(&old, &key, [9; 16]).unwrap();
            let (before, after) = (Request::read(&old).unwrap(), Request::read(&new).unwrap());
            assert_eq!((before.fields, before.encryption), (after.fields, after.encryption));
            let opened = suite.cipher().decrypt(key.expose(), AP_REQ_AUTHENTICATOR, after.sealed).unwrap();
            let statement = b"\xa8\x1f\x30\x1d\x30\x1b\xa0\x03\x02\x01\x01\xa1\x14\x04\x12\x30\x10\x30\x0e\
                \xa0\x04\x02\x02\x00\x8f\xa1\x06\x04\x04\x00\x40\x00\x00";
            assert_eq!(opened, plain([9; 16], statement));
        }
    }

    #[test]
    fn what_is_no_such_token_stays_as_it_is() {
        let (suite, key) = (CipherSuite::Aes256CtsHmacSha196, Secret::new(vec![7; 32]));
        let good = token(&suite, &key, &plain([0; 16], b""));
        for size in 0..good.len() {
            assert_eq!(bind(&good[..size], &key, [9; 16]), None);
        }
        assert_eq!(bind(&good, &Secret::new(vec![8; 32]), [9; 16]), None);
        assert_eq!(bind(&good, &Secret::new(vec![7; 24]), [9; 16]), None);
        let has_data = token(&suite, &key, &plain([0; 16], &field(8, SEQUENCE, b"")));
        assert_eq!(bind(&has_data, &key, [9; 16]), None);
    }
}
