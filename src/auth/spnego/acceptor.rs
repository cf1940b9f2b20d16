//! The host's side: what a client offers, and what it is answered.

use super::{Answer, SPNEGO, State};
use crate::auth::der::{
    APPLICATION_0, Der, DerError, ENUMERATED, OBJECT, OCTETS, SEQUENCE, context, element,
};

/// What a client offers (`NegTokenInit`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The list of mechanisms as it was sent, over which its integrity code is made.
    pub list: Vec<u8>,
    /// The mechanisms, by object identifier, the client's favourite first.
    pub mechanisms: Vec<&'a [u8]>,
    /// The first token of the favourite.
    pub token: Option<&'a [u8]>,
}

/// Reads the first token of a client; `None` for one that is not wrapped.
///
/// # Errors
///
/// [`DerError`] for a wrapped token that is malformed.
pub fn read_offer(token: &[u8]) -> Result<Option<Offer<'_>>, DerError> {
    if token.first() != Some(&APPLICATION_0) {
        return Ok(None);
    }
    let mut framed = Der::new(token).expect(APPLICATION_0)?;
    if framed.expect(OBJECT)?.rest() != SPNEGO {
        return Ok(None);
    }
    let mut fields = framed.expect(context(0))?.expect(SEQUENCE)?;
    let mut offer = Offer { list: Vec::new(), mechanisms: Vec::new(), token: None };
    while !fields.is_empty() {
        let (tag, value) = fields.next()?;
        let mut inside = Der::new(value);
        match tag {
            tag if tag == context(0) => {
                offer.list = value.to_vec();
                let mut list = inside.expect(SEQUENCE)?;
                while !list.is_empty() {
                    offer.mechanisms.push(list.expect(OBJECT)?.rest());
                }
            }
            tag if tag == context(2) => offer.token = Some(inside.expect(OCTETS)?.rest()),
            // Flags that nobody heeds, and in the same place or behind it the hints that only hosts give.
            tag if tag == context(1) || tag == context(3) => {}
            _ => return Err(DerError),
        }
    }
    if offer.mechanisms.is_empty() { Err(DerError) } else { Ok(Some(offer)) }
}

impl Answer<'_> {
    /// The token that says this (`NegTokenResp`).
    pub fn to_bytes(&self) -> Vec<u8> {
        let field = |number, tag, value: &[u8]| element(context(number), &[&element(tag, &[value])]);
        let fields = [
            self.state.map(|state| field(0, ENUMERATED, &[number(state)])),
            self.mechanism.map(|mechanism| field(1, OBJECT, mechanism)),
            self.token.map(|token| field(2, OCTETS, token)),
            self.mic.map(|mic| field(3, OCTETS, mic)),
        ];
        let fields = fields.into_iter().flatten().collect::<Vec<_>>().concat();
        element(context(1), &[&element(SEQUENCE, &[&fields])])
    }
}

fn number(state: State) -> u8 {
    match state {
        State::Completed => 0,
        State::Incomplete => 1,
        State::Rejected => 2,
        State::WantsMic => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, KERBEROS, KERBEROS_OF_WINDOWS, NTLM, State, offer, read};
    use super::{Offer, read_offer};
    use crate::auth::der::{APPLICATION_0, OBJECT, OCTETS, SEQUENCE, context, element};

    #[test]
    fn what_our_own_client_offers() {
        let token = offer(NTLM, b"T");
        let read = read_offer(&token).unwrap().unwrap();
        let list = [b"\x30\x0c\x06\x0a", NTLM].concat();
        assert_eq!(read, Offer { list, mechanisms: vec![NTLM], token: Some(b"T") });
    }

    #[test]
    fn longer_lists() {
        let mechanisms = [KERBEROS_OF_WINDOWS, KERBEROS, NTLM];
        let list: Vec<u8> = mechanisms.iter().flat_map(|one| element(OBJECT, &[one])).collect();
        let list = element(SEQUENCE, &[&list]);
        let fields = [
            element(context(0), &[&list]),
            element(context(1), &[b"\x03\x02\x01\x06"]),
            element(context(2), &[&element(OCTETS, &[b"T"])]),
        ];
        let init = element(context(0), &[&element(SEQUENCE, &[&fields.concat()])]);
        let token = element(APPLICATION_0, &[&element(OBJECT, &[super::SPNEGO]), &init]);
        let read = read_offer(&token).unwrap().unwrap();
        assert_eq!(read, Offer { list, mechanisms: mechanisms.to_vec(), token: Some(b"T") });
        for size in 1..token.len() {
            assert!(read_offer(&token[..size]).is_err(), "{size}");
        }
    }

    #[test]
    fn what_is_not_wrapped_is_no_offer() {
        for token in [&b"NTLMSSP\0\x01"[..], b"", b"\x60\x05\x06\x03\x2a\x86\x48"] {
            assert_eq!(read_offer(token), Ok(None));
        }
    }

    #[test]
    fn answers_are_read_as_they_were_written() {
        for answer in [
            Answer::default(),
            Answer { state: Some(State::Rejected), ..Answer::default() },
            Answer {
                state: Some(State::Completed),
                mechanism: Some(NTLM),
                token: Some(b"token"),
                mic: Some(&[7; 200]),
            },
        ] {
            assert_eq!(read(&answer.to_bytes()).unwrap(), answer);
        }
    }
}
