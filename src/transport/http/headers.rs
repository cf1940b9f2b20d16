//! What the headers of a response say.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    AsHeaderName, CONNECTION, CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};

/// `Server`, as it came.
pub(super) fn server(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(reqwest::header::SERVER)?;
    value.to_str().ok().map(str::to_owned)
}

/// `Content-Type`, empty where there is none.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    text(headers, CONTENT_TYPE)
}

/// `Location`, empty where there is none.
pub(super) fn location(headers: &HeaderMap) -> String {
    text(headers, LOCATION)
}

/// `Date`, if it is one.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(text(headers, DATE)).ok()
}

/// `Retry-After`, if it is a number of seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, RETRY_AFTER).trim().parse().ok().map(Duration::from_secs)
}

/// Whether the host closes the connection behind this response.
pub(super) fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    let words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.map(<[u8]>::trim_ascii).any(|word| word.eq_ignore_ascii_case(b"close"))
}

/// The schemes that the host offers, as it spells them.
pub(super) fn offered(headers: &HeaderMap) -> Vec<String> {
    let mut found = Vec::<String>::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        for part in outside_quotes(&value).split(',') {
            let scheme = part.split_whitespace().next().unwrap_or_default();
            let is_name =
                !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if is_name && !found.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
                found.push(scheme.to_owned());
            }
        }
    }
    found
}

/// The value without its quoted strings, in which commas mean nothing.
fn outside_quotes(value: &str) -> String {
    value.split('"').step_by(2).collect()
}

/// The token that the host sends under a scheme.
pub(super) fn token(headers: &HeaderMap, wanted: &str) -> Option<Token> {
    headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| {
        let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case(wanted) || token.is_empty() {
            return None;
        }
        Some(BASE64_STANDARD.decode(token).map_or(Token::Malformed, Token::Bytes))
    })
}

/// A token as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Bytes(Vec<u8>),
    Malformed,
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Token, closes, date, offered, retry_after, token};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn dates() {
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("1994-11-06T08:49:37Z")),
            ("Tue, 24 Nov 2026 20:15:10 GMT", Some("2026-11-24T20:15:10Z")),
            ("yesterday", None),
            ("", None),
        ];
        for (value, wanted) in cases {
            let found = date(&headers(&[("date", value)]));
            assert_eq!(found, wanted.map(|text| text.parse().unwrap()), "{value}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_in_seconds_only() {
        let cases =
            [("120", Some(120)), (" 5 ", Some(5)), ("-1", None), ("Sun, 06 Nov 1994 08:49:37 GMT", None)];
        for (value, wanted) in cases {
            assert_eq!(retry_after(&headers(&[("retry-after", value)])), wanted.map(Duration::from_secs));
        }
    }

    #[test]
    fn offers() {
        let list = headers(&[
            ("www-authenticate", "Negotiate"),
            ("www-authenticate", "Basic realm=\"WSMAN, and more\""),
            ("www-authenticate", "Kerberos, CredSSP, negotiate"),
        ]);
        assert_eq!(offered(&list), ["Negotiate", "Basic", "Kerberos", "CredSSP"]);
        assert_eq!(offered(&HeaderMap::new()), Vec::<String>::new());
    }

    #[test]
    fn tokens() {
        let list = headers(&[("www-authenticate", "Kerberos eA=="), ("www-authenticate", "negotiate eHk=")]);
        assert_eq!(token(&list, "Negotiate"), Some(Token::Bytes(b"xy".to_vec())));
        assert_eq!(
            token(&headers(&[("www-authenticate", "Negotiate !")]), "Negotiate"),
            Some(Token::Malformed)
        );
        assert_eq!(token(&headers(&[("www-authenticate", "Negotiate")]), "Negotiate"), None);
    }

    #[test]
    fn closing() {
        assert!(closes(&headers(&[("connection", "keep-alive, Close")])));
        assert!(!closes(&headers(&[("connection", "closed")])));
    }
}
