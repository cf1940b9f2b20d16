//! What a KDC or a host says when it refuses: `KRB-ERROR` (RFC 4120 5.9.1).

#[cfg(feature = "kerberos")]
use super::ticket::parse_time;
#[cfg(feature = "kerberos")]
use crate::auth::der::GENERALIZED_TIME;
use crate::auth::der::{APPLICATION_0, Der, INTEGER, OBJECT, SEQUENCE, context};
use crate::auth::spnego::KERBEROS;

/// The error code of a `KRB-ERROR` as a KDC sends it; `None` for every other message.
pub fn error_code(message: &[u8]) -> Option<i32> {
    let mut fields = Der::new(message).expect(KRB_ERROR).ok()?.expect(SEQUENCE).ok()?;
    while !fields.is_empty() {
        let (tag, value) = fields.next().ok()?;
        if tag == context(6) {
            return integer(Der::new(value).expect(INTEGER).ok()?.rest());
        }
    }
    None
}

/// The clock of the KDC in such a message; what is no date in the year's four digits and so on is none.
#[cfg(feature = "kerberos")]
pub(super) fn error_time(message: &[u8]) -> Option<jiff::Timestamp> {
    let mut fields = Der::new(message).expect(KRB_ERROR).ok()?.expect(SEQUENCE).ok()?;
    while !fields.is_empty() {
        let (tag, value) = fields.next().ok()?;
        if tag == context(4) {
            return parse_time(Der::new(value).expect(GENERALIZED_TIME).ok()?.rest());
        }
    }
    None
}

/// The same as a host sends it, in the frame of the mechanism.
pub fn error_code_of_host(token: &[u8]) -> Option<i32> {
    let mut framed = Der::new(token).expect(APPLICATION_0).ok()?;
    if framed.expect(OBJECT).ok()?.rest() != KERBEROS {
        return None;
    }
    error_code(framed.rest().strip_prefix(ERROR_TOKEN)?)
}

fn integer(bytes: &[u8]) -> Option<i32> {
    let first = *bytes.first().filter(|_| bytes.len() <= 4)?;
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(bytes.iter().fold(sign, |sum, byte| sum << 8 | i32::from(*byte)))
}

/// `[APPLICATION 30]`.
const KRB_ERROR: u8 = 0x7e;
/// The token's identifier in the mechanism's frame (RFC 4121 4.1).
const ERROR_TOKEN: &[u8] = b"\x03\x00";

/// Error codes (RFC 4120 7.5.9), as far as they lead to different advice.
pub(super) mod code {
    pub(in crate::auth) const CLIENT_EXPIRED: i32 = 1;
    pub(in crate::auth) const CLIENT_UNKNOWN: i32 = 6;
    pub(in crate::auth) const SERVICE_UNKNOWN: i32 = 7;
    pub(in crate::auth) const NEVER_VALID: i32 = 11;
    pub(in crate::auth) const POLICY: i32 = 12;
    pub(in crate::auth) const ENCRYPTION: i32 = 14;
    pub(in crate::auth) const CLIENT_REVOKED: i32 = 18;
    pub(in crate::auth) const KEY_EXPIRED: i32 = 23;
    pub(in crate::auth) const PREAUTH_FAILED: i32 = 24;
    pub(in crate::auth) const BAD_INTEGRITY: i32 = 31;
    pub(in crate::auth) const TICKET_EXPIRED: i32 = 32;
    pub(in crate::auth) const TICKET_NOT_YET_VALID: i32 = 33;
    pub(in crate::auth) const SKEW: i32 = 37;
    pub(in crate::auth) const MODIFIED: i32 = 41;
    pub(in crate::auth) const GENERIC: i32 = 60;
    pub(in crate::auth) const WRONG_REALM: i32 = 68;
}

#[cfg(test)]
mod tests {
    use super::{error_code, error_code_of_host};
    use crate::auth::der::{APPLICATION_0, INTEGER, OBJECT, SEQUENCE, context, element};
    use crate::auth::spnego::KERBEROS;

    fn message(code: &[u8]) -> Vec<u8> {
        let version = element(context(0), &[&element(INTEGER, &[b"\x05"])]);
        let time = element(context(4), &[&element(0x18, &[b"20261124213022Z"])]);
        let code = element(context(6), &[&element(INTEGER, &[code])]);
        element(super::KRB_ERROR, &[&element(SEQUENCE, &[&version, &time, &code])])
    }

    #[test]
    fn codes() {
        for (bytes, wanted) in [
            (&b"\x07"[..], Some(7)),
            (b"\x00\x80", Some(128)),
            (b"\xff", Some(-1)),
            (b"", None),
            (b"\x01\x02\x03\x04\x05", None),
        ] {
            assert_eq!(error_code(&message(bytes)), wanted);
        }
        assert_eq!(error_code(b"\x6b\x00"), None);
    }

    #[cfg(feature = "kerberos")]
    #[test]
    fn clocks() {
        use super::error_time;
        let wanted = "2026-11-24T21:30:22Z".parse().unwrap();
        assert_eq!(error_time(&message(b"\x19")), Some(wanted));
        let mut odd = message(b"\x19");
        let at = odd.windows(4).position(|bytes| bytes == b"2026").unwrap();
        odd[at + 5] = 0xff;
        assert_eq!(error_time(&odd), None);
    }

    #[test]
    fn in_the_frame_of_the_mechanism() {
        let token = element(APPLICATION_0, &[&element(OBJECT, &[KERBEROS]), b"\x03\x00", &message(b"\x25")]);
        assert_eq!(error_code_of_host(&token), Some(37));
        for size in 0..token.len() {
            assert_eq!(error_code_of_host(&token[..size]), None);
        }
    }
}
