//! Who asks: a name in the forms Windows knows, and the password.

use crate::secret::Secret;

/// An account and its password.
#[derive(Clone, Debug)]
pub struct Credential {
    domain: String,
    user: String,
    password: Secret<String>,
}

impl Credential {
    /// Reads a name as `DOMAIN\name`, `.\name` (an account of the host itself), `name@realm` or `name`.
    ///
    /// `name@realm` stays whole and has an empty domain: the host splits it.
    ///
    /// ```
    /// use hvreplica::auth::Credential;
    /// let credential = Credential::new(r"CORP\ops", "secret".to_owned().into());
    /// assert_eq!((credential.domain(), credential.user()), ("CORP", "ops"));
    /// ```
    pub fn new(name: &str, password: Secret<String>) -> Self {
        let (domain, user) = match name.split_once('\\') {
            Some((".", user)) => ("", user),
            Some((domain, user)) => (domain, user),
            None => ("", name),
        };
        Self { domain: domain.to_owned(), user: user.to_owned(), password }
    }

    /// The NTLM domain; empty for an account of the host and for `name@realm`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The user name without the domain.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    pub fn password(&self) -> &Secret<String> {
        &self.password
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;
    use crate::secret::Secret;

    #[test]
    fn name_forms() {
        let cases = [
            (r"CORP\ops", "CORP", "ops"),
            (r".\ops", "", "ops"),
            (r"HV1\Ops Team", "HV1", "Ops Team"),
            ("ops@corp.example", "", "ops@corp.example"),
            ("ops", "", "ops"),
            ("", "", ""),
            (r"A\B\C", "A", r"B\C"),
        ];
        for (name, domain, user) in cases {
            let credential = Credential::new(name, Secret::default());
            assert_eq!((credential.domain(), credential.user()), (domain, user), "{name}");
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let credential = Credential::new("ops", Secret::new("hunter2".to_owned()));
        assert_eq!(
            format!("{credential:?}"),
            r#"Credential { domain: "", user: "ops", password: (secret) }"#
        );
    }
}
