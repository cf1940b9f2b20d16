//! Symbols of the numbers that faults carry.

use std::sync::OnceLock;

/// A table of codes and symbols.
#[derive(Debug)]
pub struct Codes(Vec<(u32, &'static str)>);

impl Codes {
    /// The WS-Management codes (`ERROR_WSMAN_…`).
    pub fn wsman() -> &'static Self {
        static TABLE: OnceLock<Codes> = OnceLock::new();
        TABLE.get_or_init(|| Self::parse(include_str!("../../schemas/wsman_codes.tsv")))
    }

    /// The WMI codes (`WBEM_E_…`).
    pub fn wbem() -> &'static Self {
        static TABLE: OnceLock<Codes> = OnceLock::new();
        TABLE.get_or_init(|| Self::parse(include_str!("../../schemas/wbem_codes.tsv")))
    }

    /// The symbol of a code.
    pub fn symbol(&self, code: u32) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == code).map(|(_, symbol)| *symbol)
    }

    /// All codes of the table.
    pub fn codes(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(code, _)| *code)
    }

    /// How many codes the table has.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn parse(table: &'static str) -> Self {
        let row = |line: &'static str| {
            let mut cells = line.split('\t');
            let code = cells.next()?.parse().ok()?;
            Some((code, cells.nth(1)?.trim()))
        };
        Self(table.lines().filter_map(row).collect())
    }
}

/// The symbol of a code of either table, or of the few Win32 codes that hosts send.
pub fn symbol(code: u32) -> Option<&'static str> {
    let win32 = || WIN32.iter().find(|(known, _)| *known == code).map(|(_, symbol)| *symbol);
    Codes::wsman().symbol(code).or_else(|| Codes::wbem().symbol(code)).or_else(win32)
}

const WIN32: [(u32, &str); 9] = [
    (5, "ERROR_ACCESS_DENIED"),
    (87, "ERROR_INVALID_PARAMETER"),
    (995, "ERROR_OPERATION_ABORTED"),
    (1223, "ERROR_CANCELLED"),
    (1326, "ERROR_LOGON_FAILURE"),
    (1722, "RPC_S_SERVER_UNAVAILABLE"),
    (0x8007_0005, "E_ACCESSDENIED"),
    (0x8007_0002, "ERROR_FILE_NOT_FOUND"),
    (0x8008_0005, "CO_E_SERVER_EXEC_FAILURE"),
];

#[cfg(test)]
mod tests {
    use super::{Codes, symbol};

    #[test]
    fn both_tables_are_whole() {
        assert_eq!((Codes::wsman().count(), Codes::wbem().count()), (509, 126));
        assert_eq!(symbol(2_150_858_752), Some("ERROR_WSMAN_RESOURCE_NOT_FOUND"));
        assert_eq!(symbol(0x8004_1003), Some("WBEM_E_ACCESS_DENIED"));
    }
}
