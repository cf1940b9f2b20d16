//! `TSRequest`, the one message of CredSSP (MS-CSSP 2.2.1).

use crate::auth::der::{Der, DerError, INTEGER, OCTETS, SEQUENCE, context, element};

/// What either side says inside the tunnel. Which fields are there depends on whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TsRequest {
    /// The newest version that the sender speaks.
    pub version: u32,
    /// A token of the login.
    pub token: Option<Vec<u8>>,
    /// The user's credentials, sealed.
    pub auth_info: Option<Vec<u8>>,
    /// The proof about the tunnel's key, sealed.
    pub pub_key_auth: Option<Vec<u8>>,
    /// Why the host refuses: an NTSTATUS.
    pub error_code: Option<u32>,
    /// What makes the proof a fresh one.
    pub client_nonce: Option<[u8; 32]>,
}

impl TsRequest {
    /// Writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = vec![element(context(0), &[&integer(self.version)])];
        if let Some(token) = &self.token {
            let item = element(SEQUENCE, &[&element(context(0), &[&element(OCTETS, &[token])])]);
            fields.push(element(context(1), &[&element(SEQUENCE, &[&item])]));
        }
        let mut octets = |number, value: Option<&[u8]>| {
            fields.extend(value.map(|value| element(context(number), &[&element(OCTETS, &[value])])));
        };
        octets(2, self.auth_info.as_deref());
        octets(3, self.pub_key_auth.as_deref());
        if let Some(code) = self.error_code {
            fields.push(element(context(4), &[&integer(code)]));
        }
        if let Some(nonce) = &self.client_nonce {
            fields.push(element(context(5), &[&element(OCTETS, &[nonce])]));
        }
        element(SEQUENCE, &[&fields.concat()])
    }

    /// Reads it. Fields of later versions are passed over.
    ///
    /// # Errors
    ///
    /// [`DerError`] if it is malformed, or something follows it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DerError> {
        let mut outer = Der::new(bytes);
        let mut fields = outer.expect(SEQUENCE)?;
        if !outer.is_empty() {
            return Err(DerError);
        }
        let version = number(fields.expect(context(0))?)?;
        let mut request =
            Self { version: i32::try_from(version).map_err(|_| DerError)?.unsigned_abs(), ..Self::default() };
        let mut last = context(0);
        while !fields.is_empty() {
            let (tag, value) = fields.next()?;
            if tag <= last {
                return Err(DerError);
            }
            last = tag;
            request.take(tag, Der::new(value))?;
        }
        Ok(request)
    }

    fn take(&mut self, tag: u8, mut value: Der<'_>) -> Result<(), DerError> {
        let mut octets = || Ok(Some(value.expect(OCTETS)?.rest().to_vec()));
        match tag {
            tag if tag == context(1) => {
                let mut item = value.expect(SEQUENCE)?.expect(SEQUENCE)?;
                self.token = Some(item.expect(context(0))?.expect(OCTETS)?.rest().to_vec());
            }
            tag if tag == context(2) => self.auth_info = octets()?,
            tag if tag == context(3) => self.pub_key_auth = octets()?,
            tag if tag == context(4) => self.error_code = Some(number(value)?),
            tag if tag == context(5) => {
                let nonce = octets()?.and_then(|nonce| nonce.try_into().ok());
                self.client_nonce = Some(nonce.ok_or(DerError)?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn integer(value: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&value.to_be_bytes());
    while let [0, next, ..] = bytes[..]
        && next & 0x80 == 0
    {
        bytes.remove(0);
    }
    element(INTEGER, &[&bytes])
}

/// An INTEGER of 32 bits. Windows writes codes of errors as negative numbers.
fn number(mut field: Der<'_>) -> Result<u32, DerError> {
    let bytes = match field.expect(INTEGER)?.rest() {
        [0, four @ ..] if four.len() == 4 => four,
        bytes if (1..=4).contains(&bytes.len()) => bytes,
        _ => return Err(DerError),
    };
    let is_negative = bytes.len() <= 4 && bytes[0] & 0x80 != 0;
    let begin = if is_negative { u32::MAX } else { 0 };
    Ok(bytes.iter().fold(begin, |sum, byte| sum << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::TsRequest;

    #[test]
    fn layout() {
        let request = TsRequest { version: 6, token: Some(b"T".to_vec()), ..TsRequest::default() };
        let wanted = b"\x30\x10\xa0\x03\x02\x01\x06\xa1\x09\x30\x07\x30\x05\xa0\x03\x04\x01T";
        assert_eq!(request.encode(), wanted);
        assert_eq!(TsRequest::decode(wanted).unwrap(), request);
    }

    #[test]
    fn everything() {
        let request = TsRequest {
            version: 6,
            token: Some(vec![1; 200]),
            auth_info: Some(vec![2; 70_000]),
            pub_key_auth: Some(vec![3; 48]),
            error_code: Some(0xC000_006D),
            client_nonce: Some([4; 32]),
        };
        assert_eq!(TsRequest::decode(&request.encode()).unwrap(), request);
    }

    #[test]
    fn codes_of_errors() {
        let cases: [(&[u8], u32); 4] = [
            (b"\x02\x04\xc0\x00\x00\x6d", 0xC000_006D),
            (b"\x02\x05\x00\xc0\x00\x00\x6d", 0xC000_006D),
            (b"\x02\x01\x05", 5),
            (b"\x02\x02\x00\x80", 0x80),
        ];
        for (integer, wanted) in cases {
            let size = u8::try_from(integer.len()).unwrap();
            let bytes = [&[0x30, size + 7, 0xa0, 3, 2, 1, 6, 0xa4, size], integer].concat();
            assert_eq!(TsRequest::decode(&bytes).unwrap().error_code, Some(wanted));
        }
    }

    #[test]
    fn malformed() {
        let good = TsRequest { version: 6, token: Some(b"T".to_vec()), ..TsRequest::default() }.encode();
        for size in 0..good.len() {
            assert!(TsRequest::decode(&good[..size]).is_err(), "{size}");
        }
        for bytes in [
            &b"\x30\x05\xa0\x03\x02\x01\x06\x00"[..],
            b"\x30\x03\x02\x01\x06",
            b"\x30\x05\xa0\x03\x02\x01\xff",
            b"\x30\x0a\xa0\x03\x02\x01\x06\xa5\x03\x04\x01N",
            b"\x30\x0a\xa0\x03\x02\x01\x06\xa0\x03\x02\x01\x06",
            b"\x30\x0f\xa0\x03\x02\x01\x06\xa3\x03\x04\x01a\xa2\x03\x04\x01b",
        ] {
            assert!(TsRequest::decode(bytes).is_err(), "{bytes:x?}");
        }
    }
}
