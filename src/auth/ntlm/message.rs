//! The common shape of NTLM messages: fixed fields that point into a payload, and lists of target information.

use super::NtlmError;

pub(super) const NEGOTIATE: u32 = 1;
pub(super) const CHALLENGE: u32 = 2;
pub(super) const AUTHENTICATE: u32 = 3;
pub(super) const MAGIC: &[u8; 8] = b"NTLMSSP\0";

/// A message whose beginning has been checked; every access is checked against its end.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Checks the magic and the kind of message.
    pub(super) fn open(token: &'a [u8], kind: u32) -> Result<Self, NtlmError> {
        if matches!(token.first(), Some(0x60 | 0xa0 | 0xa1)) {
            return Err(NtlmError::Wrapped);
        }
        if !token.starts_with(MAGIC) {
            return Err(NtlmError::NotNtlm);
        }
        let fields = Self(token);
        if fields.long(8)? == kind { Ok(fields) } else { Err(NtlmError::WrongMessage) }
    }

    pub(super) fn short(self, at: usize) -> Result<u16, NtlmError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn long(self, at: usize) -> Result<u32, NtlmError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn array<const N: usize>(self, at: usize) -> Result<[u8; N], NtlmError> {
        let from = self.0.get(at..).ok_or(NtlmError::Malformed)?;
        from.first_chunk().copied().ok_or(NtlmError::Malformed)
    }

    /// The payload that the field at `at` points to, and where it starts.
    pub(super) fn payload(self, at: usize) -> Result<(usize, &'a [u8]), NtlmError> {
        let length = usize::from(self.short(at)?);
        let start = usize::try_from(self.long(at + 4)?).map_err(|_| NtlmError::Malformed)?;
        if length == 0 {
            return Ok((self.0.len(), &[]));
        }
        let end = start.checked_add(length).ok_or(NtlmError::Malformed)?;
        let bytes = self.0.get(start..end).ok_or(NtlmError::Malformed)?;
        Ok((start, bytes))
    }

    /// The same as UTF-16 text.
    pub(super) fn text(self, at: usize) -> Result<String, NtlmError> {
        utf16(self.payload(at)?.1)
    }
}

/// Target information up to its end mark.
pub(super) struct TargetInformation<'a>(Vec<(u16, &'a [u8])>);

impl<'a> TargetInformation<'a> {
    /// Reads the list, which has to have an end mark.
    pub(super) fn read(mut rest: &'a [u8]) -> Result<Self, NtlmError> {
        let mut pairs = Vec::new();
        loop {
            let (kind, after) = rest.split_first_chunk().ok_or(NtlmError::Malformed)?;
            let (length, after) = after.split_first_chunk().ok_or(NtlmError::Malformed)?;
            let length = usize::from(u16::from_le_bytes(*length));
            let (value, after) = after.split_at_checked(length).ok_or(NtlmError::Malformed)?;
            match u16::from_le_bytes(*kind) {
                super::av::END => return Ok(Self(pairs)),
                kind => pairs.push((kind, value)),
            }
            rest = after;
        }
    }

    /// The value of one kind.
    pub(super) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.0.iter().find(|pair| pair.0 == kind).map(|pair| pair.1)
    }

    /// The flags, none where they are not given.
    pub(super) fn flags(&self) -> u32 {
        let value = self.get(super::av::FLAGS).and_then(|value| value.try_into().ok());
        value.map_or(0, u32::from_le_bytes)
    }
}

/// Appends one piece of target information.
pub(super) fn push_pair(list: &mut Vec<u8>, kind: u16, value: &[u8]) -> Result<(), NtlmError> {
    let length = u16::try_from(value.len()).map_err(|_| NtlmError::Malformed)?;
    list.extend_from_slice(&kind.to_le_bytes());
    list.extend_from_slice(&length.to_le_bytes());
    list.extend_from_slice(value);
    Ok(())
}

/// Text as NTLM carries it: UTF-16, little-endian, without a mark.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A name as Windows capitalizes it: character by character, each to one or left alone, as ß is.
pub(super) fn capitals(name: &str) -> String {
    let capital = |small: char| {
        let mut capitals = small.to_uppercase();
        match (capitals.next(), capitals.next()) {
            (Some(capital), None) if capital.len_utf16() == small.len_utf16() => capital,
            _ => small,
        }
    };
    name.chars().map(capital).collect()
}

fn utf16(bytes: &[u8]) -> Result<String, NtlmError> {
    let (units, []) = bytes.as_chunks::<2>() else { return Err(NtlmError::Malformed) };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<_, _>>()
        .map_err(|_| NtlmError::Malformed)
}

/// A moment as Windows counts it: tenths of microseconds since 1601.
pub(super) fn file_time(moment: jiff::Timestamp) -> i64 {
    const FROM_1601_TO_1970: i64 = 116_444_736_000_000_000;
    moment.as_microsecond().saturating_mul(10).saturating_add(FROM_1601_TO_1970)
}

#[cfg(test)]
mod tests {
    use super::capitals;

    #[test]
    fn capitals_one_by_one() {
        for (name, wanted) in
            [("ops", "OPS"), ("Groß", "GROß"), ("müller", "MÜLLER"), ("ŉÿ", "ŉŸ"), ("データ1", "データ1")]
        {
            assert_eq!(capitals(name), wanted);
        }
    }
}
