//! The password as it is handed over (`TSCredentials` with `TSPasswordCreds`, MS-CSSP 2.2.1.2).

use zeroize::Zeroizing;

use crate::auth::Credential;
use crate::auth::der::{Der, DerError, INTEGER, OCTETS, SEQUENCE, context, element};
use crate::secret::Secret;

/// Bytes that are wiped when they go.
type Wiped = Zeroizing<Vec<u8>>;

pub(super) fn encode(credential: &Credential) -> Wiped {
    let domain = text(0, credential.domain());
    let user = text(1, credential.user());
    let password = text(2, credential.password().expose());
    let inner = Wiped::new(element(SEQUENCE, &[&domain, &user, &password]));
    let inner = Wiped::new(element(OCTETS, &[&inner]));
    let kind = element(context(0), &[&element(INTEGER, &[&[PASSWORD]])]);
    let inner = Wiped::new(element(context(1), &[&inner]));
    Wiped::new(element(SEQUENCE, &[&kind, &inner]))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Credential, DerError> {
    let mut outer = Der::new(bytes).expect(SEQUENCE)?;
    if outer.expect(context(0))?.expect(INTEGER)?.rest() != [PASSWORD] {
        return Err(DerError);
    }
    let mut fields = outer.expect(context(1))?.expect(OCTETS)?.expect(SEQUENCE)?;
    let mut next = |number| read(fields.expect(context(number))?.expect(OCTETS)?.rest());
    let (domain, user, password) = (next(0)?, next(1)?, next(2)?);
    let name = if domain.is_empty() { user.to_string() } else { format!("{}\\{}", *domain, *user) };
    Ok(Credential::new(&name, Secret::new(password.to_string())))
}

fn text(number: u8, text: &str) -> Wiped {
    let mut units = Wiped::new(Vec::with_capacity(2 * text.len()));
    text.encode_utf16().for_each(|unit| units.extend_from_slice(&unit.to_le_bytes()));
    let octets = Wiped::new(element(OCTETS, &[&units]));
    Wiped::new(element(context(number), &[&octets]))
}

fn read(bytes: &[u8]) -> Result<Zeroizing<String>, DerError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> =
        Zeroizing::new(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect());
    let text = String::from_utf16(&units).map_err(|_| DerError)?;
    if rest.is_empty() { Ok(Zeroizing::new(text)) } else { Err(DerError) }
}

/// `credType` of a password.
const PASSWORD: u8 = 1;

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::auth::Credential;
    use crate::secret::Secret;

    #[test]
    fn layout() {
        let credential = Credential::new(r"D\u", Secret::new("p".to_owned()));
        let wanted = b"\x30\x1d\xa0\x03\x02\x01\x01\xa1\x16\x04\x14\x30\x12\
            \xa0\x04\x04\x02D\0\xa1\x04\x04\x02u\0\xa2\x04\x04\x02p\0";
        assert_eq!(encode(&credential).as_slice(), wanted);
    }

    #[test]
    fn round_trip() {
        for (name, password) in [(r"CORP\ops", "Pä55 wörd"), ("ops@corp.example", ""), ("o", "\u{1f511}")] {
            let credential = Credential::new(name, Secret::new(password.to_owned()));
            let back = decode(&encode(&credential)).unwrap();
            assert_eq!((back.domain(), back.user()), (credential.domain(), credential.user()));
            assert_eq!(back.password().expose(), password);
        }
    }

    #[test]
    fn malformed() {
        let good = encode(&Credential::new(r"D\u", Secret::new("p".to_owned())));
        for size in 0..good.len() {
            assert!(decode(&good[..size]).is_err(), "{size}");
        }
    }
}
