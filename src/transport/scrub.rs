//! Stand-ins for the names of hosts and VMs in a recording.
//!
//! Names are learned from what passes: the URL of the endpoint, the properties, selectors and literals of
//! queries that hold one. Each gets one stand-in, everywhere. GUIDs stay, and so do the URIs of the protocol.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::xml::Place;

/// The names learned so far and their stand-ins.
#[derive(Default)]
pub(super) struct Scrubber {
    /// What is looked for, by its spelling in lower case.
    patterns: HashMap<String, Vec<Pattern>>,
    /// The lengths of all spellings, in bytes.
    lengths: BTreeSet<usize>,
    /// Names that are too common to be replaced inside of other text.
    common: HashMap<String, String>,
    names: usize,
    hosts: usize,
    vms: usize,
    domains: usize,
}

struct Pattern {
    exact: String,
    stand_in: String,
}

impl Scrubber {
    /// How many names are known: more than before means that earlier text may hold one of them.
    pub(super) fn names(&self) -> usize {
        self.names
    }

    /// Learns the host of a URL.
    pub(super) fn learn_url(&mut self, url: &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        self.learn_host(host);
    }

    /// Learns the name or the address of a host. A domain name is learned by its parts too, so that
    /// the short name and the long one stay recognizable as one host.
    pub(super) fn learn_host(&mut self, name: &str) {
        let name = name.trim().trim_start_matches("*.");
        if is_no_name(name) || self.knows(name) {
            return;
        }
        let parts = name.split_once('.').filter(|_| name.parse::<IpAddr>().is_err() && is_domain_name(name));
        let Some((label, domain)) = parts else {
            let stand_in = self.next_host();
            return self.add(name, stand_in);
        };
        let short = match self.stand_in(label) {
            Some(known) => known,
            None => {
                let stand_in = self.next_host();
                self.add(label, stand_in.clone());
                stand_in
            }
        };
        let suffix = match self.stand_in(domain) {
            Some(known) => known,
            None if domain.contains('.') => {
                self.domains += 1;
                let stand_in = format!("{STAND_IN}domain-{}.example", self.domains);
                self.add(domain, stand_in.clone());
                stand_in
            }
            None => "example".to_owned(),
        };
        self.add(name, format!("{short}.{suffix}"));
    }

    /// Learns the name of a VM.
    pub(super) fn learn_vm(&mut self, name: &str) {
        let known = self.patterns.get(&name.to_ascii_lowercase());
        let is_known = known.is_some_and(|known| {
            known.iter().any(|own| own.exact == name || !own.stand_in.starts_with(VM_STAND_IN))
        });
        if is_no_name(name) || is_known || self.common.contains_key(name) {
            return;
        }
        self.vms += 1;
        let stand_in = format!("{VM_STAND_IN}{}", self.vms);
        self.add(name, stand_in);
    }

    /// What takes the place of a text of a message; `None` where it stays.
    pub(super) fn edit(&self, place: &Place<'_>, text: &str) -> Option<String> {
        if place.attribute.is_some_and(|name| KEPT_ATTRIBUTES.contains(&local(name))) {
            return None;
        }
        if is_protocol_uri(text) {
            return None;
        }
        if is_name_bearing(place)
            && let Some(stand_in) = self.common.get(text.trim())
        {
            return Some(stand_in.clone());
        }
        Some(self.replace(text)).filter(|replaced| replaced != text)
    }

    /// A text with every name replaced, the longest first.
    pub(super) fn replace(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut previous = None;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (taken, written) = match self.at(previous, rest) {
                Some((length, stand_in)) => (length, stand_in),
                None => (first.len_utf8(), &rest[..first.len_utf8()]),
            };
            out.push_str(written);
            previous = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        out
    }

    /// The same for a text that is one name as a whole, such as a lane.
    pub(super) fn replace_name(&self, text: &str) -> String {
        self.common.get(text).cloned().unwrap_or_else(|| self.replace(text))
    }

    /// The name that begins here: its length in the text and what takes its place.
    fn at<'s>(&'s self, previous: Option<char>, rest: &'s str) -> Option<(usize, &'s str)> {
        let of_length = |length: &usize| self.of_length(*length, previous, rest);
        if let Some(found) = self.lengths.range(GUID_LENGTH + 1..).rev().find_map(of_length) {
            return Some(found);
        }
        match rest.get(..GUID_LENGTH) {
            Some(guid) if is_guid(guid) => Some((GUID_LENGTH, guid)),
            _ => self.lengths.range(..=GUID_LENGTH).rev().find_map(of_length),
        }
    }

    fn of_length(&self, length: usize, previous: Option<char>, rest: &str) -> Option<(usize, &str)> {
        let (found, after) = rest.split_at_checked(length)?;
        let known = self.patterns.get(&found.to_ascii_lowercase())?;
        let goes_on = continues(previous, found.chars().next())
            || continues(found.chars().next_back(), after.chars().next());
        if goes_on {
            return None;
        }
        let pattern = known.iter().find(|own| own.exact == found).or_else(|| known.first())?;
        Some((length, pattern.stand_in.as_str()))
    }

    fn next_host(&mut self) -> String {
        self.hosts += 1;
        format!("{STAND_IN}host-{}", self.hosts)
    }

    fn knows(&self, name: &str) -> bool {
        self.stand_in(name).is_some()
    }

    fn stand_in(&self, name: &str) -> Option<String> {
        let known = self.patterns.get(&name.to_ascii_lowercase()).and_then(|known| known.first());
        known.map(|pattern| pattern.stand_in.clone()).or_else(|| self.common.get(name).cloned())
    }

    fn add(&mut self, name: &str, stand_in: String) {
        self.names += 1;
        // A stand-in is itself again, whatever names are learned later.
        self.add_pattern(stand_in.clone(), stand_in.clone());
        if is_common(name) {
            for (before, after) in AROUND_NAMES {
                let with = |name: &str| format!("{before}{name}{after}");
                self.add_pattern(with(name), with(&stand_in));
            }
            self.common.insert(name.to_owned(), stand_in);
            return;
        }
        for spelling in spellings(name) {
            self.add_pattern(spelling, stand_in.clone());
        }
    }

    fn add_pattern(&mut self, exact: String, stand_in: String) {
        let known = self.patterns.entry(exact.to_ascii_lowercase()).or_default();
        if known.iter().all(|own| own.exact != exact) {
            self.lengths.insert(exact.len());
            known.push(Pattern { exact, stand_in });
        }
    }
}

/// A name as it is, in the literals of queries and object paths, and in XML within text.
fn spellings(name: &str) -> BTreeSet<String> {
    let in_xml = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let by_number = |text: &str| text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;");
    let in_single_quotes = name.replace('\\', "\\\\").replace('\'', "\\'");
    let in_double_quotes = name.replace('\\', "\\\\").replace('"', "\\\"");
    let plain = [name.to_owned(), in_single_quotes, in_double_quotes];
    let nested = plain.iter().flat_map(|text| [in_xml(text), by_number(text)]).collect::<Vec<_>>();
    plain.into_iter().chain(nested).collect()
}

/// Whether a word or a number goes on from one character to the next.
fn continues(left: Option<char>, right: Option<char>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => {
            (left.is_alphabetic() && right.is_alphabetic()) || (left.is_numeric() && right.is_numeric())
        }
        _ => false,
    }
}

fn is_no_name(name: &str) -> bool {
    name.trim().is_empty()
        || name == "."
        || name == "*"
        || name.eq_ignore_ascii_case("localhost")
        || is_guid(name)
        || name.get(..STAND_IN.len()).is_some_and(|head| head.eq_ignore_ascii_case(STAND_IN))
}

/// Whether a name is a word that messages use in another sense, or too short to be looked for.
fn is_common(name: &str) -> bool {
    name.chars().count() < 3
        || name.chars().all(|character| character.is_numeric() || matches!(character, '.' | '-' | ' '))
            && name.parse::<IpAddr>().is_err()
        || COMMON.iter().any(|word| word.eq_ignore_ascii_case(name))
}

fn is_domain_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty()
            && label.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    })
}

pub(super) fn is_guid(text: &str) -> bool {
    text.len() == GUID_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_protocol_uri(text: &str) -> bool {
    ["http://schemas.", "http://www.w3.org/"].iter().any(|head| text.trim_start().starts_with(head))
}

fn is_name_bearing(place: &Place<'_>) -> bool {
    if let Some(attribute) = place.attribute {
        return attribute == "Machine";
    }
    let attributes = &place.element.attributes;
    let property = match attributes.iter().find(|(name, _)| name == "Name") {
        Some((_, value)) if place.element.local == "Selector" => value,
        _ => &place.element.local,
    };
    NAME_BEARING.iter().any(|known| known.eq_ignore_ascii_case(property))
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}

const GUID_LENGTH: usize = 36;
const STAND_IN: &str = "scrubbed-";
const VM_STAND_IN: &str = "scrubbed-vm-";

/// Attributes that name things of the protocol.
const KEPT_ATTRIBUTES: [&str; 8] = ["Name", "NAME", "CLASSNAME", "TYPE", "type", "lang", "Dialect", "URI"];

/// What stands around a name in queries, object paths and URLs.
const AROUND_NAMES: [(&str, &str); 5] = [("'", "'"), ("\"", "\""), ("//", ":"), ("//", "/"), ("\\\\", "\\")];

/// Properties whose text is a name as a whole.
const NAME_BEARING: [&str; 9] = [
    "ElementName",
    "Name",
    "SystemName",
    "PrimaryHostSystem",
    "RecoveryHostSystem",
    "PrimaryConnectionPoint",
    "RecoveryConnectionPoint",
    "AllowedPrimaryHostSystem",
    "VirtualSystemName",
];

/// Words of queries, identifiers and values.
const COMMON: [&str; 32] = [
    "select",
    "from",
    "where",
    "and",
    "not",
    "isa",
    "like",
    "null",
    "true",
    "false",
    "associators",
    "references",
    "instance",
    "property",
    "value",
    "uuid",
    "http",
    "https",
    "wsman",
    "root",
    "virtualization",
    "microsoft",
    "hvr",
    "msvm",
    "cim",
    "name",
    "elementname",
    "instanceid",
    "caption",
    "virtual machine",
    "hyper-v",
    "system",
];

#[cfg(test)]
mod tests {
    use super::Scrubber;

    fn knowing(hosts: &[&str], vms: &[&str]) -> Scrubber {
        let mut scrubber = Scrubber::default();
        hosts.iter().for_each(|name| scrubber.learn_host(name));
        vms.iter().for_each(|name| scrubber.learn_vm(name));
        scrubber
    }

    #[test]
    fn one_host_keeps_one_stand_in() {
        let mut scrubber = knowing(&["HV1", "hv1.corp.example.com", "10.0.0.5"], &["HV1"]);
        scrubber.learn_url("https://hv2.Corp.example.com:5986/wsman");
        scrubber.learn_url("http://[fe80::1]:5985/wsman");
        let cases = [
            ("hv1", "scrubbed-host-1"),
            (r"\\\\HV1\root", r"\\\\scrubbed-host-1\root"),
            ("http://HV1.CORP.EXAMPLE.COM:5985/", "http://scrubbed-host-1.scrubbed-domain-1.example:5985/"),
            ("10.0.0.5, not 10.0.0.55", "scrubbed-host-2, not 10.0.0.55"),
            ("hv2.corp.example.com", "scrubbed-host-3.scrubbed-domain-1.example"),
            ("fe80::1", "scrubbed-host-4"),
        ];
        for (text, wanted) in cases {
            assert_eq!(scrubber.replace(text), wanted);
        }
    }

    #[test]
    fn the_longest_name_wins_and_words_stay_whole() {
        let scrubber = knowing(&[], &["web", "web 01", "Ü&'x", "beef", "vm"]);
        let cases = [
            ("web 01", "scrubbed-vm-2"),
            ("Web_02", "scrubbed-vm-1_02"),
            ("webs cobweb", "webs cobweb"),
            ("web 011", "scrubbed-vm-1 011"),
            (r"'Ü&\'x' Ü&amp;'x", "'scrubbed-vm-3' scrubbed-vm-3"),
            (
                "01234567-beef-beef-beef-0123456789AB beef",
                "01234567-beef-beef-beef-0123456789AB scrubbed-vm-4",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(scrubber.replace(text), wanted);
            assert_eq!(scrubber.replace(wanted), wanted);
        }
    }

    #[test]
    fn common_words_are_replaced_as_names_only() {
        let scrubber = knowing(&[], &["10", "System"]);
        assert_eq!(scrubber.replace("10 System 'System'"), "10 System 'scrubbed-vm-2'");
        assert_eq!(scrubber.replace_name("10"), "scrubbed-vm-1");
        let scrubber = knowing(&["h"], &[]);
        assert_eq!(scrubber.replace("http://h:5985/wsman h"), "http://scrubbed-host-1:5985/wsman h");
    }

    #[test]
    fn no_names() {
        let scrubber =
            knowing(&["", "localhost", "*"], &[" ", "scrubbed-vm-7", "01234567-89ab-CDEF-0123-456789ABCDEF"]);
        assert_eq!(scrubber.names(), 0);
    }
}
