//! The Basic scheme (RFC 7617): a password in plain sight, so only inside TLS.

use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

use super::Credential;
use crate::secret::Secret;

/// The scheme's name in `Authorization` and `WWW-Authenticate`.
pub const SCHEME: &str = "Basic";

/// The name holds a colon, which ends the name in this scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name with a colon cannot be sent by Basic")]
pub struct ColonInName;

/// Makes the value of `Authorization`.
///
/// # Errors
///
/// [`ColonInName`] for a name that the host would split in the wrong place.
pub fn authorization(credential: &Credential) -> Result<Secret<String>, ColonInName> {
    let (domain, user) = (credential.domain(), credential.user());
    if domain.contains(':') || user.contains(':') {
        return Err(ColonInName);
    }
    let separator = if domain.is_empty() { "" } else { "\\" };
    let password = credential.password().expose();
    let plain = Zeroizing::new(format!("{domain}{separator}{user}:{password}"));
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes()));
    Ok(Secret::new(format!("{SCHEME} {}", *encoded)))
}

/// Reads the value of `Authorization`; `None` if it is not of this scheme or malformed.
pub fn parse(authorization: &str) -> Option<Credential> {
    let (scheme, token) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let plain = Zeroizing::new(BASE64_STANDARD.decode(token.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
    Some(Credential::new(name, Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::{ColonInName, authorization, parse};
    use crate::auth::Credential;
    use crate::secret::Secret;

    #[test]
    fn header_value() {
        let cases = [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            (r".\ops", "a:b", "Basic b3BzOmE6Yg=="),
            (r"HV1\test", "123\u{a3}", "Basic SFYxXHRlc3Q6MTIzwqM="),
        ];
        for (name, password, wanted) in cases {
            let credential = Credential::new(name, Secret::new(password.to_owned()));
            let value = authorization(&credential).unwrap();
            assert_eq!(value.expose(), wanted);
            let back = parse(value.expose()).unwrap();
            assert_eq!((back.user(), back.domain()), (credential.user(), credential.domain()));
            assert_eq!(back.password().expose(), password);
        }
    }

    #[test]
    fn colon_in_the_name_is_refused() {
        let credential = Credential::new("a:b", Secret::default());
        assert_eq!(authorization(&credential).unwrap_err(), ColonInName);
    }

    #[test]
    fn foreign_values() {
        for value in ["", "Basic", "Basic !!!", "Negotiate b3BzOmE=", "Basic b3Bz", "Basic /w=="] {
            assert!(parse(value).is_none(), "{value}");
        }
    }
}
