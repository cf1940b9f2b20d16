//! Words for people.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// The text with what could disturb a terminal written out: control characters, separators of lines, marks of
/// direction, and what cannot be seen. In
/// JSON the text stays as it is.
pub(in crate::cli) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_disturbing) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_disturbing(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// The same for a text of several lines, which stay lines.
pub(in crate::cli) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// The text as one printable line of bounded length: hosts may send any amount.
pub(in crate::cli) fn line(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_LINE) {
        None => printable(text),
        Some((end, _)) => Cow::Owned(format!("{}…", printable(text.get(..end).unwrap_or_default()))),
    }
}

fn is_disturbing(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
                | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Rows as a table with aligned columns. What counts is the space on a terminal, where some characters take two
/// columns and some none.
pub(in crate::cli) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            let blanks = width.saturating_sub(cell.width()) + 2;
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

const LONGEST_LINE: usize = 600;

#[cfg(test)]
mod tests {
    use super::{printable, printable_lines, table};

    #[test]
    fn nothing_disturbs_the_terminal() {
        assert_eq!(printable("データベース ä"), "データベース ä");
        assert_eq!(printable("a\u{1b}[2J\u{202e}b\n"), "a\\u{1b}[2J\\u{202e}b\\u{a}");
        assert_eq!(printable_lines("<a>\n\t\u{9b}31m</a>\r\n"), "<a>\n\\u{9}\\u{9b}31m</a>\\u{d}\n");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["web01".to_owned(), "x".to_owned()], vec!["ä".to_owned(), String::new()]];
        assert_eq!(table(&["VM", "STATE"], &rows), "VM     STATE\nweb01  x\nä\n");
        let rows = ["データ", "db-0001", "u\u{308}"].map(|name| vec![name.to_owned(), "x".to_owned()]);
        assert_eq!(table(&["VM", "S"], &rows), "VM       S\nデータ   x\ndb-0001  x\nu\u{308}        x\n");
    }
}
