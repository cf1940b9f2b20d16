//! Names: of the user, and of the service asked for.

use super::Failure;
use super::conf::Krb5Conf;
use crate::auth::Credential;

/// A user as the KDC knows him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name; with an `@` in it, it is an enterprise name.
    pub name: String,
    /// The realm.
    pub realm: String,
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.contains('@') {
            f.write_str(&self.name)
        } else {
            write!(f, "{}@{}", self.name, self.realm)
        }
    }
}

/// Who a user may be, in the order to try; `realm` is what was given apart from the name.
///
/// `name@suffix` may be a name in the realm of that suffix, or one that the directory maps to another account: an
/// enterprise name. Windows asks for the latter first; other KDCs know only the former.
///
/// # Errors
///
/// [`Failure::NoRealm`] where neither the name nor the configuration says one.
pub fn principals(
    credential: &Credential,
    realm: Option<&str>,
    conf: &Krb5Conf,
) -> Result<Vec<Principal>, Failure> {
    let (domain, user) = (credential.domain(), credential.user());
    if let Some((name, suffix)) = user.rsplit_once('@').filter(|_| domain.is_empty()) {
        let known = conf.realm_of_domain(suffix).filter(|_| suffix.contains('.'));
        let home = realm.or(known).map_or_else(|| suffix.to_uppercase(), str::to_owned);
        let plain = (realm.is_none() || home.eq_ignore_ascii_case(suffix))
            .then(|| Principal { name: name.to_owned(), realm: home.clone() });
        let enterprise = Principal { name: user.to_owned(), realm: home };
        return Ok(std::iter::once(enterprise).chain(plain).collect());
    }
    let named = if domain.is_empty() { None } else { Some(domain) };
    let home = match (realm, named) {
        (Some(realm), _) => realm.to_owned(),
        (None, Some(domain)) => {
            conf.realm_of_domain(domain).map_or_else(|| domain.to_uppercase(), str::to_owned)
        }
        (None, None) => conf.default_realm().ok_or(Failure::NoRealm)?.to_owned(),
    };
    Ok(vec![Principal { name: user.to_owned(), realm: home }])
}

/// The names under which a host's service may be registered, in the order to try: `HTTP/host`, then `WSMAN/host`.
/// Names are taken as they are given: no port, no search in the DNS.
///
/// # Errors
///
/// [`Failure::NoHostName`] for an address, which names no service.
pub fn service_names(host: &str) -> Result<Vec<String>, Failure> {
    let host = host.trim_end_matches('.');
    let is_address = host.contains([':', '[']) || host.split('.').all(|part| part.parse::<u32>().is_ok());
    if host.is_empty() || is_address {
        return Err(Failure::NoHostName);
    }
    let host = host.to_ascii_lowercase();
    Ok(vec![format!("HTTP/{host}"), format!("WSMAN/{host}")])
}

#[cfg(test)]
mod tests {
    use super::{principals, service_names};
    use crate::auth::Credential;
    use crate::auth::kerberos::{Failure, Krb5Conf};
    use crate::secret::Secret;

    #[test]
    fn who_a_user_may_be() {
        let mut conf = Krb5Conf::default();
        conf.add("[libdefaults]\ndefault_realm = CORP.TEST\n[realms]\nEU.TEST = {\nkdc = k\n}");
        for (name, realm, wanted) in [
            ("ops", None, "ops@CORP.TEST in CORP.TEST"),
            ("ops", Some("X.TEST"), "ops@X.TEST in X.TEST"),
            (r"CORP\ops", None, "ops@CORP.TEST in CORP.TEST"),
            (r"EU\ops", None, "ops@EU.TEST in EU.TEST"),
            (r"OTHER\ops", None, "ops@OTHER in OTHER"),
            ("ops@corp.test", None, "ops@corp.test in CORP.TEST, ops@CORP.TEST in CORP.TEST"),
            ("ops@mail.test", None, "ops@mail.test in MAIL.TEST, ops@MAIL.TEST in MAIL.TEST"),
            ("ops@mail.test", Some("CORP.TEST"), "ops@mail.test in CORP.TEST"),
        ] {
            let credential = Credential::new(name, Secret::default());
            let found = principals(&credential, realm, &conf).unwrap();
            let found: Vec<_> = found.iter().map(|p| format!("{p} in {}", p.realm)).collect();
            assert_eq!(found.join(", "), wanted, "{name}");
        }
        let nobody = Credential::new("ops", Secret::default());
        assert_eq!(principals(&nobody, None, &Krb5Conf::default()), Err(Failure::NoRealm));
    }

    #[test]
    fn names_of_the_service() {
        assert_eq!(service_names("HV1.Corp.Test.").unwrap(), ["HTTP/hv1.corp.test", "WSMAN/hv1.corp.test"]);
        for address in ["10.1.2.3", "::1", "[fe80::1]", "1", ""] {
            assert_eq!(service_names(address), Err(Failure::NoHostName), "{address}");
        }
    }
}
