//! Tickets for tests, made without a KDC: of a known key, with whatever is to be wrong about them.

use jiff::Timestamp;
use picky_krb::constants::key_usages::{AP_REQ_AUTHENTICATOR, TICKET_REP};
use picky_krb::crypto::CipherSuite;

use super::KeytabEntry;
use super::context::suite_of;
use crate::auth::der::{
    APPLICATION_0, BITS, GENERALIZED_TIME, INTEGER, OBJECT, OCTETS, SEQUENCE, TEXT, context, element,
};
use crate::auth::spnego::KERBEROS;
use crate::secret::Secret;

/// What the token says.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    pub(crate) service: &'static str,
    pub(crate) service_key: Vec<u8>,
    pub(crate) version: u8,
    /// In the ticket, and in the authenticator.
    pub(crate) clients: [&'static str; 2],
    pub(crate) session_key: Vec<u8>,
    pub(crate) flags: u8,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) now: Timestamp,
    /// Of the authenticator.
    pub(crate) sequence: u8,
    pub(crate) checksum_type: [u8; 3],
    pub(crate) bindings: [u8; 16],
    pub(crate) knows_of_bindings: bool,
    pub(crate) wishes: u32,
}

pub(crate) const REALM: &str = "EXAMPLE.TEST";

impl Mint {
    /// A good ticket of operator for HTTP/hv1 that is ten hours old and has ten hours left.
    pub(crate) fn good(now: Timestamp) -> Self {
        let hours = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
        Self {
            service: "HTTP/hv1",
            service_key: vec![0x31; 32],
            version: 3,
            clients: ["operator"; 2],
            session_key: vec![0x32; 32],
            flags: 0,
            begins: hours(-10),
            ends: hours(10),
            now,
            sequence: 77,
            checksum_type: [0, 0x80, 0x03],
            bindings: [0; 16],
            knows_of_bindings: false,
            wishes: 2 | 4 | 8 | 16 | 32,
        }
    }

    /// The keytab with the key that the ticket is for.
    pub(crate) fn keytab(&self) -> Vec<KeytabEntry> {
        vec![KeytabEntry {
            name: self.service.to_owned(),
            realm: REALM.to_owned(),
            version: self.version.into(),
            encryption: if self.service_key.len() == 16 { 17 } else { 18 },
            key: Secret::new(self.service_key.clone()),
        }]
    }

    /// The mechanism's first token.
    pub(crate) fn token(&self) -> Vec<u8> {
        let ticket = [
            field(0, number(&[5])),
            field(1, text(REALM)),
            field(2, name(self.service)),
            field(3, encrypted(&self.service_key, Some(self.version), TICKET_REP, &self.ticket())),
        ];
        let ticket = element(0x61, &[&element(SEQUENCE, &[&ticket.concat()])]);
        let request = [
            field(0, number(&[5])),
            field(1, number(&[14])),
            field(2, element(BITS, &[&[0, 0x20, 0, 0, 0]])),
            field(3, ticket),
            field(4, encrypted(&self.session_key, None, AP_REQ_AUTHENTICATOR, &self.authenticator())),
        ];
        let request = element(0x6e, &[&element(SEQUENCE, &[&request.concat()])]);
        element(APPLICATION_0, &[&element(OBJECT, &[KERBEROS]), b"\x01\x00", &request])
    }

    fn ticket(&self) -> Vec<u8> {
        let part = [
            field(0, element(BITS, &[&[0, self.flags, 0x40, 0, 0]])),
            field(1, key(&self.session_key)),
            field(2, text(REALM)),
            field(3, name(self.clients[0])),
            field(4, element(SEQUENCE, &[&field(0, number(&[1])), &field(1, element(OCTETS, &[]))])),
            field(5, time(self.begins)),
            field(6, time(self.begins)),
            field(7, time(self.ends)),
        ];
        element(0x63, &[&element(SEQUENCE, &[&part.concat()])])
    }

    fn authenticator(&self) -> Vec<u8> {
        let checksum = [&[16, 0, 0, 0][..], &self.bindings, &self.wishes.to_le_bytes()].concat();
        let checksum = [field(0, number(&self.checksum_type)), field(1, element(OCTETS, &[&checksum]))];
        let part = [
            field(0, number(&[5])),
            field(1, text(REALM)),
            field(2, name(self.clients[1])),
            field(3, element(SEQUENCE, &[&checksum.concat()])),
            field(4, number(&[0x12, 0x34])),
            field(5, time(self.now)),
            field(7, number(&[self.sequence])),
            if self.knows_of_bindings { field(8, knows_of_bindings()) } else { Vec::new() },
        ];
        element(0x62, &[&element(SEQUENCE, &[&part.concat()])])
    }
}

/// Opens what a key of so many bytes has sealed.
pub(crate) fn open(key: &[u8], usage: i32, cipher: &[u8]) -> Vec<u8> {
    suite(key).cipher().decrypt(key, usage, cipher).unwrap()
}

fn suite(key: &[u8]) -> CipherSuite {
    suite_of(key.len()).unwrap()
}

fn encrypted(key: &[u8], version: Option<u8>, usage: i32, plain: &[u8]) -> Vec<u8> {
    let encryption = if key.len() == 16 { 17 } else { 18 };
    let cipher = suite(key).cipher().encrypt(key, usage, plain).unwrap();
    let version = version.map_or_else(Vec::new, |version| field(1, number(&[version])));
    let fields = [field(0, number(&[encryption])), version, field(2, element(OCTETS, &[&cipher]))];
    element(SEQUENCE, &[&fields.concat()])
}

fn knows_of_bindings() -> Vec<u8> {
    let entry = |kind: &[u8], data: &[u8]| {
        let entry = [field(0, number(kind)), field(1, element(OCTETS, &[data]))].concat();
        element(SEQUENCE, &[&element(SEQUENCE, &[&entry])])
    };
    entry(&[1], &entry(&[0, 143], &[0, 0x40, 0, 0]))
}

fn key(key: &[u8]) -> Vec<u8> {
    let encryption = if key.len() == 16 { 17 } else { 18 };
    element(SEQUENCE, &[&field(0, number(&[encryption])), &field(1, element(OCTETS, &[key]))])
}

fn name(name: &str) -> Vec<u8> {
    let components: Vec<u8> = name.split('/').flat_map(text).collect();
    let list = field(1, element(SEQUENCE, &[&components]));
    element(SEQUENCE, &[&field(0, number(&[1])), &list])
}

fn text(text: &str) -> Vec<u8> {
    element(TEXT, &[text.as_bytes()])
}

fn number(bytes: &[u8]) -> Vec<u8> {
    element(INTEGER, &[bytes])
}

fn time(time: Timestamp) -> Vec<u8> {
    element(GENERALIZED_TIME, &[time.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()])
}

fn field(number: u8, value: Vec<u8>) -> Vec<u8> {
    element(context(number), &[&value])
}
