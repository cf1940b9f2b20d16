//! Where messages hold the names of hosts and VMs.

use crate::xml::Element;

use super::scrub::{Scrubber, is_guid};

impl Scrubber {
    /// Learns the names in a message. Hosts come first: the row of a host carries its name as
    /// `ElementName` too.
    pub(super) fn learn(&mut self, message: &Element) {
        for pass in [Pass::Hosts, Pass::Vms] {
            self.walk(message, "", pass);
        }
    }

    fn walk(&mut self, element: &Element, class: &str, pass: Pass) {
        let text = element.text();
        let named = |name: &str| element.attribute("", name).unwrap_or_default().to_owned();
        match element.local.as_str() {
            "Selector" => self.property(class, &named("Name"), &text, pass),
            "PROPERTY" => {
                let value = element.find("", "VALUE").map(Element::text).unwrap_or_default();
                self.property(class, &named("NAME"), &value, pass);
            }
            "To" | "Address" if pass == Pass::Hosts && !text.contains("://schemas.") => self.learn_url(&text),
            property => self.property(class, property, &text, pass),
        }
        if pass == Pass::Hosts {
            self.learn_host(&named("Machine"));
        }
        self.nested(&text, pass);
        let class = class_of(element);
        for child in element.elements() {
            self.walk(child, &class, pass);
        }
    }

    fn property(&mut self, class: &str, property: &str, value: &str, pass: Pass) {
        let is = |name: &&str| property.eq_ignore_ascii_case(name);
        match pass {
            Pass::Hosts => {
                let is_host = HOST_PROPERTIES.iter().any(is)
                    || property.eq_ignore_ascii_case("Name") && class.ends_with("ComputerSystem");
                if is_host {
                    self.learn_host(value);
                }
            }
            Pass::Vms => {
                let is_other = NOT_OF_VMS.iter().any(|end| class.ends_with(end));
                if is(&"ElementName") && !is_other || is(&"VirtualSystemName") {
                    self.learn_vm(value);
                }
            }
        }
    }

    /// Names in XML, queries and object paths that are a text of the message.
    fn nested(&mut self, text: &str, pass: Pass) {
        if text.trim_start().starts_with('<') {
            if let Ok(embedded) = Element::parse(text) {
                self.walk(&embedded, "", pass);
            }
            return;
        }
        let class = if text.contains("ComputerSystem") { "ComputerSystem" } else { "" };
        for (property, value) in literals(text) {
            self.property(class, property, &value, pass);
        }
        if pass == Pass::Hosts
            && let Some((_, rest)) = text.split_once("\\\\")
            && let Some((host, path)) = rest.split_once('\\')
            && path.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("root\\"))
        {
            self.learn_host(host);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Hosts,
    Vms,
}

/// The class whose properties are the children of this element.
fn class_of(element: &Element) -> String {
    if let Some(class) = element.attribute("", "CLASSNAME") {
        return class.to_owned();
    }
    if element.local != "SelectorSet" {
        return element.local.clone();
    }
    let creation_class = element.elements().find(|selector| {
        selector.attribute("", "Name").is_some_and(|name| name.eq_ignore_ascii_case("CreationClassName"))
    });
    creation_class.map(Element::text).unwrap_or_default()
}

/// The `property = 'literal'` pairs of a query or an object path, unescaped.
fn literals(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(['\'', '"']).map(|offset| at + offset) {
        let quote = text[begin..].chars().next();
        let mut value = String::new();
        let mut characters = text[begin + 1..].char_indices();
        at = text.len();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                _ if Some(character) == quote => {
                    at = begin + 1 + offset + 1;
                    break;
                }
                _ => value.push(character),
            }
        }
        if let Some(left) = text[..begin].trim_end().strip_suffix('=') {
            let mut words = left.trim_end().rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let property = words.next().unwrap_or_default();
            if !is_guid(&value) {
                found.push((property, value));
            }
        }
    }
    found
}

/// Properties that hold the name or the address of a host.
const HOST_PROPERTIES: [&str; 8] = [
    "SystemName",
    "PrimaryHostSystem",
    "RecoveryHostSystem",
    "PrimaryConnectionPoint",
    "RecoveryConnectionPoint",
    "AllowedPrimaryHostSystem",
    "PSComputerName",
    "DNSHostName",
];

/// Ends of the classes whose `ElementName` says what they do.
const NOT_OF_VMS: [&str; 4] = ["Service", "ServiceSettingData", "Job", "Provider"];

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn literals_are_found_with_their_property() {
        let query = r#"SELECT * FROM A WHERE ElementName = 'it\'s \\ here' AND Name="x" AND 'y' = 'z"#;
        let wanted = [("ElementName", r"it's \ here"), ("Name", "x"), ("", "z")];
        assert_eq!(literals(query), wanted.map(|(property, value)| (property, value.to_owned())));
    }
}
