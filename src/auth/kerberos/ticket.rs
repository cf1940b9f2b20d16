//! What a client shows to a host: `AP-REQ` with its ticket and its authenticator, and the answer to it (RFC 4120
//! 5.3, 5.5), as far as the host's side needs them.

use jiff::Timestamp;

use super::Principal;
use crate::auth::der::{
    APPLICATION_0, BITS, Der, DerError, GENERALIZED_TIME, INTEGER, OBJECT, OCTETS, SEQUENCE, TEXT, context,
    element,
};
use crate::auth::spnego::KERBEROS;
use crate::secret::Secret;

/// `EncryptedData`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encrypted<'a> {
    pub(super) encryption: i64,
    /// Version of the key.
    pub(super) version: Option<i64>,
    pub(super) cipher: &'a [u8],
}

/// `EncryptionKey`.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) encryption: i64,
    pub(super) value: Secret<Vec<u8>>,
}

/// `AP-REQ`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The service that the ticket is for.
    pub(super) service: Principal,
    pub(super) ticket: Encrypted<'a>,
    pub(super) authenticator: Encrypted<'a>,
}

/// `EncTicketPart`.
#[derive(Debug)]
pub(super) struct Ticket {
    /// The KDC has not validated it yet.
    pub(super) is_invalid: bool,
    pub(super) key: Key,
    pub(super) client: Principal,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

/// `Authenticator`.
#[derive(Debug)]
pub(super) struct Authenticator {
    pub(super) client: Principal,
    pub(super) checksum: Option<Checksum>,
    /// The client's clock in whole seconds, and its microseconds.
    pub(super) time: (Timestamp, i64),
    pub(super) key: Option<Key>,
    pub(super) sequence: u32,
    /// The client says that it binds tickets to channels wherever there is one.
    pub(super) knows_of_bindings: bool,
}

/// The checksum of GSSAPI, which is none (RFC 4121 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    /// Hash of the channel bindings.
    pub(super) bindings: [u8; 16],
    pub(super) flags: u32,
}

impl<'a> Request<'a> {
    /// Reads the mechanism's first token.
    pub(super) fn read(token: &'a [u8]) -> Result<Self, DerError> {
        let mut framed = Der::new(token).expect(APPLICATION_0)?;
        if framed.expect(OBJECT)?.rest() != KERBEROS {
            return Err(DerError);
        }
        let request = framed.rest().strip_prefix(REQUEST_TOKEN).ok_or(DerError)?;
        let request = Fields::read(Der::new(request).expect(AP_REQ)?)?;
        let ticket = Fields::read(request.need(3)?.expect(TICKET)?)?;
        let realm = text(ticket.need(1)?)?;
        Ok(Self {
            service: Principal { name: name(ticket.need(2)?)?, realm },
            ticket: encrypted(ticket.need(3)?)?,
            authenticator: encrypted(request.need(4)?)?,
        })
    }
}

impl Ticket {
    pub(super) fn read(plain: &[u8]) -> Result<Self, DerError> {
        let fields = Fields::read(Der::new(plain).expect(ENC_TICKET_PART)?)?;
        let flags = fields.need(0)?.expect(BITS)?.rest();
        let begins = match fields.get(6) {
            Some(begins) => time(begins)?,
            None => time(fields.need(5)?)?,
        };
        Ok(Self {
            is_invalid: flags.get(1).is_none_or(|bits| bits & INVALID != 0),
            key: key(fields.need(1)?)?,
            client: Principal { realm: text(fields.need(2)?)?, name: name(fields.need(3)?)? },
            begins,
            ends: time(fields.need(7)?)?,
        })
    }
}

impl Authenticator {
    pub(super) fn read(plain: &[u8]) -> Result<Self, DerError> {
        let fields = Fields::read(Der::new(plain).expect(AUTHENTICATOR)?)?;
        let sequence = fields.get(7).map_or(Ok(0), integer)?;
        Ok(Self {
            client: Principal { realm: text(fields.need(1)?)?, name: name(fields.need(2)?)? },
            checksum: fields.get(3).map(checksum).transpose()?.flatten(),
            time: (time(fields.need(5)?)?, integer(fields.need(4)?)?),
            key: fields.get(6).map(key).transpose()?,
            // Some write it as a number with a sign.
            sequence: u32::try_from(sequence & i64::from(u32::MAX)).map_err(|_| DerError)?,
            knows_of_bindings: fields.get(8).map_or(Ok(false), knows_of_bindings)?,
        })
    }
}

/// `EncAPRepPart`, which `seal` encrypts, in `AP-REP` in the mechanism's frame.
pub(super) fn reply<E>(
    time: (Timestamp, i64),
    sub_key: &Key,
    sequence: u32,
    encryption: i64,
    seal: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let key = [
        element(context(0), &[&number(sub_key.encryption)]),
        element(context(1), &[&element(OCTETS, &[sub_key.value.expose()])]),
    ];
    let part = [
        element(context(0), &[&element(GENERALIZED_TIME, &[stamp(time.0).as_bytes()])]),
        element(context(1), &[&number(time.1)]),
        element(context(2), &[&element(SEQUENCE, &[&key.concat()])]),
        element(context(3), &[&number(sequence.into())]),
    ];
    let part = element(ENC_AP_REP_PART, &[&element(SEQUENCE, &[&part.concat()])]);
    let sealed = [
        element(context(0), &[&number(encryption)]),
        element(context(2), &[&element(OCTETS, &[&seal(&part)?])]),
    ];
    let reply = [
        element(context(0), &[&number(5)]),
        element(context(1), &[&number(15)]),
        element(context(2), &[&element(SEQUENCE, &[&sealed.concat()])]),
    ];
    let reply = element(AP_REP, &[&element(SEQUENCE, &[&reply.concat()])]);
    Ok(element(APPLICATION_0, &[&element(OBJECT, &[KERBEROS]), REPLY_TOKEN, &reply]))
}

/// The numbered fields of a sequence.
struct Fields<'a>(Vec<(u8, &'a [u8])>);

impl<'a> Fields<'a> {
    fn read(mut from: Der<'a>) -> Result<Self, DerError> {
        let mut sequence = from.expect(SEQUENCE)?;
        let mut fields = Vec::new();
        while !sequence.is_empty() {
            fields.push(sequence.next()?);
        }
        Ok(Self(fields))
    }

    fn get(&self, number: u8) -> Option<Der<'a>> {
        self.0.iter().find(|field| field.0 == context(number)).map(|field| Der::new(field.1))
    }

    fn need(&self, number: u8) -> Result<Der<'a>, DerError> {
        self.get(number).ok_or(DerError)
    }
}

fn encrypted(from: Der<'_>) -> Result<Encrypted<'_>, DerError> {
    let fields = Fields::read(from)?;
    Ok(Encrypted {
        encryption: integer(fields.need(0)?)?,
        version: fields.get(1).map(integer).transpose()?,
        cipher: fields.need(2)?.expect(OCTETS)?.rest(),
    })
}

fn key(from: Der<'_>) -> Result<Key, DerError> {
    let fields = Fields::read(from)?;
    let value = fields.need(1)?.expect(OCTETS)?.rest().to_vec();
    Ok(Key { encryption: integer(fields.need(0)?)?, value: Secret::new(value) })
}

/// `PrincipalName`, its components joined by `/`.
fn name(from: Der<'_>) -> Result<String, DerError> {
    let mut list = Fields::read(from)?.need(1)?.expect(SEQUENCE)?;
    let mut components = Vec::new();
    while !list.is_empty() {
        let (tag, bytes) = list.next()?;
        let bytes = (tag == TEXT).then_some(bytes).ok_or(DerError)?;
        components.push(std::str::from_utf8(bytes).map_err(|_| DerError)?);
    }
    Ok(components.join("/"))
}

fn text(mut from: Der<'_>) -> Result<String, DerError> {
    std::str::from_utf8(from.expect(TEXT)?.rest()).map(str::to_owned).map_err(|_| DerError)
}

fn integer(mut from: Der<'_>) -> Result<i64, DerError> {
    let bytes = from.expect(INTEGER)?.rest();
    let first = bytes.first().filter(|_| bytes.len() <= 8).ok_or(DerError)?;
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(bytes.iter().fold(sign, |sum, byte| sum << 8 | i64::from(*byte)))
}

fn time(mut from: Der<'_>) -> Result<Timestamp, DerError> {
    parse_time(from.expect(GENERALIZED_TIME)?.rest()).ok_or(DerError)
}

/// An integer that is not negative, in as few bytes as it needs.
fn number(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
    element(INTEGER, &[&bytes[zeros..]])
}

/// `YYYYMMDDHHMMSSZ`.
pub(super) fn parse_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (date, time) = text.strip_suffix('Z')?.split_at_checked(8)?;
    format!("{date}T{time}Z").parse().ok()
}

fn stamp(time: Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%SZ").to_string()
}

fn checksum(from: Der<'_>) -> Result<Option<Checksum>, DerError> {
    let fields = Fields::read(from)?;
    if integer(fields.need(0)?)? != GSSAPI {
        return Ok(None);
    }
    let bytes = fields.need(1)?.expect(OCTETS)?.rest().strip_prefix(&BINDINGS_LENGTH).ok_or(DerError)?;
    let (bindings, rest) = bytes.split_first_chunk().ok_or(DerError)?;
    let flags = rest.first_chunk().ok_or(DerError)?;
    Ok(Some(Checksum { bindings: *bindings, flags: u32::from_le_bytes(*flags) }))
}

/// Looks for `KERB_AP_OPTIONS_CBT` in what is there for those whom it concerns (MS-KILE 3.2.5.8).
fn knows_of_bindings(mut from: Der<'_>) -> Result<bool, DerError> {
    let mut list = from.expect(SEQUENCE)?;
    while !list.is_empty() {
        let (kind, data) = authorization(&mut list)?;
        if kind != IF_RELEVANT {
            continue;
        }
        let mut inner = Der::new(data).expect(SEQUENCE)?;
        while !inner.is_empty() {
            let (kind, data) = authorization(&mut inner)?;
            let options = data.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            if kind == AP_OPTIONS && options.is_some_and(|options| options & KNOWS_OF_BINDINGS != 0) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// One entry of `AuthorizationData`.
fn authorization<'a>(list: &mut Der<'a>) -> Result<(i64, &'a [u8]), DerError> {
    let mut entry = list.expect(SEQUENCE)?;
    let kind = integer(entry.expect(context(0))?)?;
    Ok((kind, entry.expect(context(1))?.expect(OCTETS)?.rest()))
}

/// `[APPLICATION n]` of the messages.
const TICKET: u8 = 0x61;
const AUTHENTICATOR: u8 = 0x62;
const ENC_TICKET_PART: u8 = 0x63;
const AP_REQ: u8 = 0x6e;
const AP_REP: u8 = 0x6f;
const ENC_AP_REP_PART: u8 = 0x7b;
/// The tokens' identifiers in the mechanism's frame (RFC 4121 4.1).
const REQUEST_TOKEN: &[u8] = b"\x01\x00";
const REPLY_TOKEN: &[u8] = b"\x02\x00";
/// Flag 7 of a ticket.
const INVALID: u8 = 1;
/// The checksum's type.
const GSSAPI: i64 = 0x8003;
const BINDINGS_LENGTH: [u8; 4] = [16, 0, 0, 0];
/// Types of authorization data.
const IF_RELEVANT: i64 = 1;
const AP_OPTIONS: i64 = 143;
const KNOWS_OF_BINDINGS: u32 = 0x4000;
