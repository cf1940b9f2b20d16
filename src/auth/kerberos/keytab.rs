//! Keytab files, as MIT Kerberos and `ktpass` write them.

use crate::secret::Secret;

/// One key of a principal.
#[derive(Clone, Debug)]
pub struct KeytabEntry {
    /// The name without the realm, its components joined by `/`.
    pub name: String,
    /// The realm.
    pub realm: String,
    /// The key's version.
    pub version: u32,
    /// The encryption type (RFC 3961 8).
    pub encryption: u16,
    /// The key.
    pub key: Secret<Vec<u8>>,
}

impl KeytabEntry {
    /// Whether it is of a type that is spoken here.
    pub(super) fn is_aes(&self) -> bool {
        matches!((self.encryption, self.key.expose().len()), (AES128, 16) | (AES256, 32))
    }
}

/// Why a keytab is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeytabError {
    /// The file cannot be read; the text is the system's.
    #[error("the keytab cannot be read: {0}")]
    Unreadable(String),
    /// The file does not begin as a keytab does.
    #[error("the file is no keytab")]
    NotKeytab,
    /// A length points beyond the end, or a name is no text.
    #[error("the keytab is damaged")]
    Damaged,
    /// It holds no key.
    #[error("the keytab is empty")]
    Empty,
    /// It holds keys of others only.
    #[error("the keytab holds no key of {wanted} but of {others}")]
    NoSuchPrincipal {
        /// Whose key was looked for.
        wanted: String,
        /// Whose keys are there.
        others: String,
    },
    /// None of the principal's keys is of a type that is spoken here.
    #[error("the keytab holds no AES key of {0}")]
    NoAesKey(String),
}

/// AES with 128-bit keys and SHA-1 (RFC 3962).
pub(super) const AES128: u16 = 17;
/// AES with 256-bit keys and SHA-1 (RFC 3962).
pub(super) const AES256: u16 = 18;

/// Reads all keys of a keytab.
///
/// # Errors
///
/// What is wrong with the file.
pub fn parse_keytab(bytes: &[u8]) -> Result<Vec<KeytabEntry>, KeytabError> {
    let mut file = Reader(bytes.strip_prefix(MAGIC).ok_or(KeytabError::NotKeytab)?);
    let mut entries = Vec::new();
    while !file.0.is_empty() {
        let size = i32::from_be_bytes(file.array()?);
        let length = usize::try_from(size.unsigned_abs()).map_err(|_| KeytabError::Damaged)?;
        if length == 0 {
            break;
        }
        let record = file.take(length)?;
        // A negative size marks a place whose entry was removed.
        if size > 0 {
            entries.push(entry(Reader(record))?);
        }
    }
    if entries.is_empty() { Err(KeytabError::Empty) } else { Ok(entries) }
}

/// The newest and strongest key of a principal: of `name`, in `realm` if that is given; without a name, of the
/// only principal there is.
///
/// # Errors
///
/// [`KeytabError::NoSuchPrincipal`] or [`KeytabError::NoAesKey`].
pub fn choose_key(
    entries: Vec<KeytabEntry>,
    name: Option<&str>,
    realm: Option<&str>,
) -> Result<KeytabEntry, KeytabError> {
    let mut principals: Vec<_> =
        entries.iter().map(|entry| format!("{}@{}", entry.name, entry.realm)).collect();
    principals.sort();
    principals.dedup();
    let wanted = match (name, principals.as_slice()) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.rsplit_once('@').map_or(only.as_str(), |(name, _)| name).to_owned(),
        (None, _) => String::new(),
    };
    let fits = |entry: &KeytabEntry| {
        entry.name.eq_ignore_ascii_case(&wanted)
            && realm.is_none_or(|realm| entry.realm.eq_ignore_ascii_case(realm))
    };
    let own: Vec<_> = entries.into_iter().filter(fits).collect();
    if own.is_empty() {
        let wanted = if wanted.is_empty() { "nobody in particular".to_owned() } else { wanted };
        return Err(KeytabError::NoSuchPrincipal { wanted, others: principals.join(", ") });
    }
    own.into_iter()
        .filter(KeytabEntry::is_aes)
        .max_by_key(|entry| (entry.version, entry.encryption))
        .ok_or(KeytabError::NoAesKey(wanted))
}

fn entry(mut record: Reader<'_>) -> Result<KeytabEntry, KeytabError> {
    let count = record.short()?;
    let realm = record.text()?;
    let components = (0..count).map(|_| record.text()).collect::<Result<Vec<_>, _>>()?;
    let _name_type_and_time: [u8; 8] = record.array()?;
    let [short_version] = record.array()?;
    let encryption = record.short()?;
    let length = record.short()?;
    let key = record.take(usize::from(length))?.to_vec();
    let version = match record.array().map(u32::from_be_bytes) {
        Ok(0) | Err(_) => u32::from(short_version),
        Ok(version) => version,
    };
    Ok(KeytabEntry { name: components.join("/"), realm, version, encryption, key: Secret::new(key) })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], KeytabError> {
        let (bytes, rest) = self.0.split_at_checked(size).ok_or(KeytabError::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeytabError> {
        self.take(N)?.try_into().map_err(|_| KeytabError::Damaged)
    }

    fn short(&mut self) -> Result<u16, KeytabError> {
        self.array().map(u16::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, KeytabError> {
        let length = self.short()?;
        let bytes = self.take(usize::from(length))?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| KeytabError::Damaged)
    }
}

/// Version 2, whose numbers are big-endian.
const MAGIC: &[u8] = b"\x05\x02";

#[cfg(test)]
mod tests {
    use super::{AES128, AES256, KeytabError, choose_key, parse_keytab};

    fn record(name: &[&str], version: u8, encryption: u16, key: &[u8], long_version: Option<u32>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let text = |bytes: &mut Vec<u8>, text: &[u8]| {
            bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text);
        };
        bytes.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        text(&mut bytes, b"EXAMPLE.TEST");
        name.iter().for_each(|part| text(&mut bytes, part.as_bytes()));
        bytes.extend([0, 0, 0, 1, 9, 9, 9, 9, version]);
        bytes.extend(encryption.to_be_bytes());
        text(&mut bytes, key);
        long_version.into_iter().for_each(|version| bytes.extend(version.to_be_bytes()));
        let mut framed = i32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        framed.extend(bytes);
        framed
    }

    fn sample() -> Vec<u8> {
        let hole = [&(-5_i32).to_be_bytes()[..], b"xxxxx"].concat();
        [
            super::MAGIC,
            &record(&["ops"], 1, AES256, &[1; 32], None),
            &hole,
            &record(&["ops"], 2, AES128, &[2; 16], Some(0)),
            &record(&["ops"], 2, AES256, &[3; 32], Some(258)),
            &record(&["ops"], 3, 23, &[4; 16], Some(300)),
            &record(&["HTTP", "hv1"], 1, 23, &[5; 16], None),
        ]
        .concat()
    }

    #[test]
    fn keys_of_a_keytab() {
        let entries = parse_keytab(&sample()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.version, e.encryption)).collect();
        let wanted =
            [("ops", 1, 18), ("ops", 2, 17), ("ops", 258, 18), ("ops", 300, 23), ("HTTP/hv1", 1, 23)];
        assert_eq!(seen, wanted);
        assert!(!format!("{entries:?}").contains("[3, 3"));
    }

    #[test]
    fn the_newest_and_strongest_key() {
        let entries = || parse_keytab(&sample()).unwrap();
        let key = choose_key(entries(), Some("OPS"), Some("example.test")).unwrap();
        assert_eq!((key.version, key.encryption, key.key.expose().as_slice()), (258, AES256, &[3; 32][..]));
        let only: Vec<_> = entries().into_iter().take(2).collect();
        assert_eq!(choose_key(only, None, None).unwrap().version, 2);
        let others = "HTTP/hv1@EXAMPLE.TEST, ops@EXAMPLE.TEST".to_owned();
        let missing = KeytabError::NoSuchPrincipal { wanted: "eve".to_owned(), others };
        assert_eq!(choose_key(entries(), Some("eve"), None).unwrap_err(), missing);
        assert_eq!(
            choose_key(entries(), Some("HTTP/hv1"), None).unwrap_err(),
            KeytabError::NoAesKey("HTTP/hv1".to_owned())
        );
        assert!(matches!(choose_key(entries(), None, None), Err(KeytabError::NoSuchPrincipal { .. })));
    }

    #[test]
    fn damaged_keytabs() {
        for (bytes, wanted) in [
            (&b""[..], KeytabError::NotKeytab),
            (b"\x05\x01", KeytabError::NotKeytab),
            (b"#!/bin/sh", KeytabError::NotKeytab),
            (b"\x05\x02", KeytabError::Empty),
            (b"\x05\x02\0\0\0\0", KeytabError::Empty),
            (b"\x05\x02\0\0\0\x02\0\x01", KeytabError::Damaged),
            (b"\x05\x02\x7f\xff\xff\xff", KeytabError::Damaged),
            (b"\x05\x02\x80\0\0\0", KeytabError::Damaged),
        ] {
            assert_eq!(parse_keytab(bytes).unwrap_err(), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn no_change_of_a_keytab_panics() {
        let good = sample();
        for size in 0..good.len() {
            parse_keytab(&good[..size]).ok();
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                parse_keytab(&changed).ok();
            }
        }
    }
}
