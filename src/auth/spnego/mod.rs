//! SPNEGO (RFC 4178). The client offers one mechanism alone: what is offered is taken or refused, so there is nothing
//! that a man in the middle could talk down, and its list needs no integrity code. The host's side ([`read_offer`],
//! [`Answer::to_bytes`]) takes the lists of other clients, too; which mechanism it takes is the caller's affair.

mod acceptor;

pub use acceptor::{Offer, read_offer};

use super::der::{APPLICATION_0, Der, DerError, ENUMERATED, OBJECT, OCTETS, SEQUENCE, context, element};

/// The scheme that carries the tokens in `Authorization` and `WWW-Authenticate`.
pub const SCHEME: &str = "Negotiate";

/// A mechanism, by the contents of its object identifier.
pub type Mechanism = &'static [u8];

/// Kerberos 5 (1.2.840.113554.1.2.2).
pub const KERBEROS: Mechanism = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// The same with a slip of an early Windows in it (1.2.840.48018.1.2.2), which hosts still name.
pub const KERBEROS_OF_WINDOWS: Mechanism = b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
/// NTLM (1.3.6.1.4.1.311.2.2.10).
pub const NTLM: Mechanism = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

/// How far the peer says that the negotiation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is over, and well.
    Completed,
    /// Another token is due.
    Incomplete,
    /// Refused.
    Rejected,
    /// The peer wants an integrity code of the list of mechanisms.
    WantsMic,
}

/// What a token of the host holds, or a later one of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// How far it is; `None` where the token does not say.
    pub state: Option<State>,
    /// The mechanism that was taken, by its object identifier; `None` where the token does not say.
    pub mechanism: Option<&'a [u8]>,
    /// The mechanism's own token.
    pub token: Option<&'a [u8]>,
    /// The integrity code of the client's list of mechanisms, by the mechanism that was taken.
    pub mic: Option<&'a [u8]>,
}

/// Offers one mechanism with its first token (`NegTokenInit`).
pub fn offer(mechanism: Mechanism, token: &[u8]) -> Vec<u8> {
    let mechanisms = element(context(0), &[&element(SEQUENCE, &[&element(OBJECT, &[mechanism])])]);
    let token = element(context(2), &[&element(OCTETS, &[token])]);
    let init = element(context(0), &[&element(SEQUENCE, &[&mechanisms, &token])]);
    element(APPLICATION_0, &[&element(OBJECT, &[SPNEGO]), &init])
}

/// Reads a token that the host sent under `Negotiate`, wrapped or bare: a bare one is the mechanism's own.
///
/// # Errors
///
/// [`DerError`] for a wrapped token that is malformed.
pub fn read(token: &[u8]) -> Result<Answer<'_>, DerError> {
    let bare = Answer { token: Some(token), ..Answer::default() };
    match token.first() {
        Some(0xa1) => response(Der::new(token)),
        Some(&APPLICATION_0) => {
            let mut framed = Der::new(token).expect(APPLICATION_0)?;
            if framed.expect(OBJECT)?.rest() == SPNEGO { response(framed) } else { Ok(bare) }
        }
        _ => Ok(bare),
    }
}

/// `NegTokenResp`.
fn response(mut token: Der<'_>) -> Result<Answer<'_>, DerError> {
    let mut fields = token.expect(context(1))?.expect(SEQUENCE)?;
    let mut answer = Answer::default();
    while !fields.is_empty() {
        let (tag, value) = fields.next()?;
        let mut value = Der::new(value);
        match tag {
            tag if tag == context(0) => answer.state = Some(state(value.expect(ENUMERATED)?.rest())?),
            tag if tag == context(1) => answer.mechanism = Some(value.expect(OBJECT)?.rest()),
            tag if tag == context(2) => answer.token = Some(value.expect(OCTETS)?.rest()),
            tag if tag == context(3) => answer.mic = Some(value.expect(OCTETS)?.rest()),
            _ => return Err(DerError),
        }
    }
    Ok(answer)
}

fn state(value: &[u8]) -> Result<State, DerError> {
    match value {
        [0] => Ok(State::Completed),
        [1] => Ok(State::Incomplete),
        [2] => Ok(State::Rejected),
        [3] => Ok(State::WantsMic),
        _ => Err(DerError),
    }
}

/// The object identifier of SPNEGO itself (1.3.6.1.5.5.2).
const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";

#[cfg(test)]
mod tests {
    use super::{Answer, KERBEROS, NTLM, State, offer, read};

    #[test]
    fn offer_of_kerberos() {
        let wanted = b"\x60\x20\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x16\x30\x14\xa0\x0d\x30\x0b\x06\x09\
            \x2a\x86\x48\x86\xf7\x12\x01\x02\x02\xa2\x03\x04\x01T";
        assert_eq!(offer(KERBEROS, b"T"), wanted);
    }

    #[test]
    fn answers() {
        let full =
            b"\xa1\x1f\x30\x1d\xa0\x03\x0a\x01\x01\xa1\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a\
            \xa2\x03\x04\x01T\xa3\x03\x04\x01M";
        let mut bytes = full.to_vec();
        bytes[1] = u8::try_from(full.len() - 2).unwrap();
        bytes[3] = u8::try_from(full.len() - 4).unwrap();
        let wanted = Answer {
            state: Some(State::Incomplete),
            mechanism: Some(NTLM),
            token: Some(b"T"),
            mic: Some(b"M"),
        };
        assert_eq!(read(&bytes).unwrap(), wanted);
        let completed = read(b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x00").unwrap();
        assert_eq!(completed, Answer { state: Some(State::Completed), ..Answer::default() });
    }

    #[test]
    fn bare_tokens_are_left_alone() {
        let kerberos = b"\x60\x0e\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03\x00x";
        for token in [&b"NTLMSSP\0\x02\0\0\0"[..], kerberos, b""] {
            assert_eq!(read(token).unwrap(), Answer { token: Some(token), ..Answer::default() });
        }
    }

    #[test]
    fn malformed_answers() {
        for token in [
            &b"\xa1"[..],
            b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x09",
            b"\xa1\x07\x30\x05\xa0\x03\x0a\x02\x00\x00",
            b"\xa1\x04\x30\x02\xa7\x00",
            b"\xa1\x82\xff\xff\x30",
            b"\x60\x02\x06\x06",
        ] {
            assert!(read(token).is_err(), "{token:?}");
        }
    }
}
