//! `krb5.conf`, as far as it says where KDCs are and which host is in which realm.

/// What some configuration files say together; an earlier word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Krb5Conf {
    default_realm: Option<String>,
    looks_up_kdcs: Option<bool>,
    /// Realms with their KDCs.
    realms: Vec<(String, Vec<String>)>,
    /// Host names, or domains with a leading dot, with their realms.
    domains: Vec<(String, String)>,
}

/// Something else that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Include {
    /// One file.
    File(String),
    /// All files of a folder whose names are of letters, digits, `-` and `_`, or end with `.conf`.
    Folder(String),
}

impl Krb5Conf {
    /// Adds what a file says, and gives what it includes. What is not understood is skipped.
    pub fn add(&mut self, text: &str) -> Vec<Include> {
        let mut includes = Vec::new();
        let (mut section, mut groups) = ("", Vec::new());
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
                section = name.trim();
                groups.clear();
            } else if let Some(path) = line.strip_prefix("includedir ") {
                includes.push(Include::Folder(path.trim().to_owned()));
            } else if let Some(path) = line.strip_prefix("include ") {
                includes.push(Include::File(path.trim().to_owned()));
            } else {
                self.line(section, &mut groups, line);
            }
        }
        includes
    }

    /// `groups` are the names before the braces that are open.
    fn line(&mut self, section: &str, groups: &mut Vec<String>, line: &str) {
        if line.starts_with('}') {
            groups.pop();
            return;
        }
        let Some((name, value)) = line.split_once('=') else { return };
        let (name, value) = (name.trim().trim_end_matches('*'), value.trim());
        if let Some(inside) = value.strip_prefix('{') {
            groups.push(name.to_owned());
            let (inside, closes) =
                inside.split_once('}').map_or((inside, false), |(inside, _)| (inside, true));
            if inside.contains('=') && !inside.contains('{') {
                self.line(section, groups, inside.trim());
            }
            if closes {
                groups.pop();
            }
            return;
        }
        let value = value.trim_matches('"').to_owned();
        match (section, groups.as_slice(), name) {
            ("libdefaults", [], "default_realm") if self.default_realm.is_none() => {
                self.default_realm = Some(value);
            }
            ("libdefaults", [], "dns_lookup_kdc") if self.looks_up_kdcs.is_none() => {
                let no = ["no", "false", "n", "f", "off", "nil", "0"];
                self.looks_up_kdcs = Some(!no.iter().any(|no| value.eq_ignore_ascii_case(no)));
            }
            ("realms", [realm], "kdc") => self.kdc(&realm.clone(), value),
            ("domain_realm", [], _) => self.domains.push((name.to_ascii_lowercase(), value)),
            _ => {}
        }
    }

    fn kdc(&mut self, realm: &str, kdc: String) {
        match self.realms.iter_mut().find(|(known, _)| known == realm) {
            Some((_, kdcs)) => kdcs.push(kdc),
            None => self.realms.push((realm.to_owned(), vec![kdc])),
        }
    }

    /// The realm of users who name none.
    pub fn default_realm(&self) -> Option<&str> {
        self.default_realm.as_deref()
    }

    /// Whether the DNS may be asked for KDCs.
    pub fn looks_up_kdcs(&self) -> bool {
        self.looks_up_kdcs.unwrap_or(true)
    }

    /// The KDCs of a realm, as `HOST` or `HOST:PORT`.
    pub fn kdcs(&self, realm: &str) -> &[String] {
        let found = self.realms.iter().find(|(known, _)| known.eq_ignore_ascii_case(realm));
        found.map_or(&[], |(_, kdcs)| kdcs)
    }

    /// The realm that a host is in, by the longest name that fits.
    pub fn realm_of_host(&self, host: &str) -> Option<&str> {
        let host = host.to_ascii_lowercase();
        let of = |name: &str| self.domains.iter().find(|(known, _)| known == name);
        let exact = of(&host).map(|(_, realm)| realm.as_str());
        exact.or_else(|| {
            let dots = host.match_indices('.').map(|(at, _)| at);
            dots.filter_map(|at| of(&host[at..])).map(|(_, realm)| realm.as_str()).next()
        })
    }

    /// The realm meant by a domain: the realm itself, or one whose name begins with this short name.
    pub fn realm_of_domain(&self, domain: &str) -> Option<&str> {
        let realms = self.realms.iter().map(|(realm, _)| realm.as_str()).chain(self.default_realm());
        let is_it = |realm: &&str| {
            realm.eq_ignore_ascii_case(domain)
                || (!domain.contains('.')
                    && realm.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(domain)))
        };
        realms.into_iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::{Include, Krb5Conf};

    const TEXT: &str = "
include /a/b.conf
includedir /a/c.d/
# [realms]
[libdefaults]
    default_realm = EXAMPLE.TEST
    default_realm = OTHER.TEST
    dns_lookup_kdc = false
[realms]
    EXAMPLE.TEST = {
        kdc = kdc1.example.test:88
        auth_to_local_names = {
            kdc = nonsense
        }
        kdc = [::1]:750
    }
    OTHER.TEST = { kdc = kdc.other.test }
    BROKEN = {
[domain_realm]
    .example.test = EXAMPLE.TEST
    .lab.example.test = LAB.TEST
    hv9.example.test = OTHER.TEST
";

    #[test]
    fn what_it_says() {
        let mut conf = Krb5Conf::default();
        let includes = conf.add(TEXT);
        let wanted = [Include::File("/a/b.conf".to_owned()), Include::Folder("/a/c.d/".to_owned())];
        assert_eq!(includes, wanted);
        assert_eq!(conf.default_realm(), Some("EXAMPLE.TEST"));
        assert!(!conf.looks_up_kdcs() && Krb5Conf::default().looks_up_kdcs());
        assert_eq!(conf.kdcs("example.test"), ["kdc1.example.test:88", "[::1]:750"]);
        assert_eq!(conf.kdcs("OTHER.TEST"), ["kdc.other.test"]);
        assert_eq!(conf.kdcs("NONE"), [""; 0]);
        for (host, realm) in [
            ("hv1.example.test", Some("EXAMPLE.TEST")),
            ("HV1.Lab.Example.Test", Some("LAB.TEST")),
            ("hv9.example.test", Some("OTHER.TEST")),
            ("example.test", None),
            ("hv1", None),
        ] {
            assert_eq!(conf.realm_of_host(host), realm, "{host}");
        }
        for (domain, realm) in [
            ("EXAMPLE", Some("EXAMPLE.TEST")),
            ("other.test", Some("OTHER.TEST")),
            ("example.com", None),
            ("TEST", None),
        ] {
            assert_eq!(conf.realm_of_domain(domain), realm, "{domain}");
        }
    }

    #[test]
    fn no_text_panics() {
        for text in
            ["[", "]", "=", "{", "}", "a = {", "a = {}", "[x]\n=\n= {\n}", "include", "[realms]\nX = {} }"]
        {
            Krb5Conf::default().add(text);
        }
    }
}
