//! The headers of a request (MS-WSMV 3.1.4.1; DSP0226, 5 and 6).

use std::time::Duration;

use super::{Refusal, Violation};
use crate::cim::Interval;
use crate::wsman::{Headers, QualifiedName, ns};
use crate::xml::Element;

/// What the headers ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    /// Bytes of the reply at most.
    pub(super) max_envelope: Option<usize>,
    /// How long the operation may take.
    pub(super) timeout: Option<Duration>,
}

/// Checks the headers of everything but Identify.
pub(super) fn check(headers: &Headers, violations: &mut Vec<Violation>) -> Result<Terms, Refusal> {
    let mut check = Check { headers, violations };
    check.known_once()?;
    check.addressing()?;
    check.resource()?;
    check.languages()?;
    check.fragment()?;
    check.marks();
    let terms = Terms { max_envelope: check.max_envelope()?, timeout: check.timeout()? };
    Ok(terms)
}

struct Check<'a> {
    headers: &'a Headers,
    violations: &'a mut Vec<Violation>,
}

impl<'a> Check<'a> {
    fn blame(&mut self, rule: &'static str, text: impl Into<String>) {
        self.violations.push(Violation::new(rule, text));
    }

    fn refuse<T>(&mut self, rule: &'static str, text: &str, refusal: Refusal) -> Result<T, Refusal> {
        self.blame(rule, text);
        Err(refusal)
    }

    fn text(&self, namespace: &str, local: &str) -> Option<String> {
        self.headers.find(namespace, local).map(|element| element.text().trim().to_owned())
    }

    fn known_once(&mut self) -> Result<(), Refusal> {
        let headers: &'a Headers = self.headers;
        for (at, element) in headers.elements.iter().enumerate() {
            let name = format!("{:?}", element.name());
            let mark = element.attribute(ns::SOAP, "mustUnderstand");
            if mark.is_some_and(|mark| !matches!(mark, "true" | "false" | "1" | "0")) {
                self.blame("must-understand-value", name.clone());
            }
            let is_known = KNOWN.iter().any(|(namespace, locals)| {
                element.namespace == *namespace && locals.contains(&element.local.as_str())
            });
            if !is_known && is_marked(element) {
                let name =
                    QualifiedName { namespace: element.namespace.clone(), local: element.local.clone() };
                return self.refuse("must-understand", &element.local, Refusal::NotUnderstood(name));
            }
            let is_repeated =
                headers.elements.iter().take(at).any(|earlier| earlier.name() == element.name());
            if is_known && is_repeated {
                return self.refuse("header-repeated", &name, Refusal::HeaderInvalid);
            }
        }
        Ok(())
    }

    fn addressing(&mut self) -> Result<(), Refusal> {
        match self.headers.message_id.as_deref() {
            None | Some("") => return self.refuse("message-id", "none", Refusal::HeaderInvalid),
            Some(id) if id.len() > LONGEST_ID => {
                return self.refuse("message-id", "longer than 2 KB", Refusal::HeaderInvalid);
            }
            Some(id) if !is_uuid(id) => self.blame("message-id-form", id),
            Some(_) => {}
        }
        for name in ["Action", "To", "ReplyTo"] {
            if self.headers.find(ns::ADDRESSING, name).is_none() {
                return self.refuse("header-missing", name, Refusal::HeaderMissing);
            }
        }
        let to = self.headers.to.clone().unwrap_or_default();
        let path = to.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
        if !path.is_some_and(|path| path.trim_end_matches('/').eq_ignore_ascii_case("wsman")) {
            self.blame("to", to);
        }
        let address = self.reply_address().map(|address| address.text().trim().to_owned());
        if address.as_deref() != Some(ns::ANONYMOUS) {
            return self.refuse("reply-to", address.as_deref().unwrap_or("none"), Refusal::ReplyTo);
        }
        Ok(())
    }

    fn reply_address(&self) -> Option<&'a Element> {
        self.headers.find(ns::ADDRESSING, "ReplyTo")?.find(ns::ADDRESSING, "Address")
    }

    fn resource(&mut self) -> Result<(), Refusal> {
        match self.headers.resource_uri.as_deref() {
            None | Some("") => self.refuse("resource-uri", "none", Refusal::ResourceUri),
            Some(_) => Ok(()),
        }
    }

    fn languages(&mut self) -> Result<(), Refusal> {
        for (namespace, name) in [(ns::WSMAN, "Locale"), (ns::WSMV, "DataLocale")] {
            let Some(element) = self.headers.find(namespace, name) else { continue };
            if is_marked(element) {
                return self.refuse("locale", name, Refusal::Locale);
            }
            if element.attribute(ns::XML, "lang").is_none() {
                self.blame("locale", format!("{name} without xml:lang"));
            }
        }
        Ok(())
    }

    fn fragment(&mut self) -> Result<(), Refusal> {
        match self.headers.find(ns::WSMAN, "FragmentTransfer") {
            None => Ok(()),
            Some(element) if is_marked(element) => Err(Refusal::Fragment),
            Some(_) => self.refuse("fragment", "not mustUnderstand", Refusal::HeaderInvalid),
        }
    }

    /// Windows lets these pass without the mark; its own client sets it.
    fn marks(&mut self) {
        let reply_to = self.headers.find(ns::ADDRESSING, "ReplyTo");
        let marked = [
            ("ResourceURI", self.headers.find(ns::WSMAN, "ResourceURI"), None),
            ("Action", self.headers.find(ns::ADDRESSING, "Action"), None),
            ("ReplyTo", self.reply_address(), reply_to),
            ("MaxEnvelopeSize", self.headers.find(ns::WSMAN, "MaxEnvelopeSize"), None),
        ];
        for (name, element, owner) in marked {
            let mut present = element.into_iter().chain(owner).peekable();
            if present.peek().is_some() && !present.any(is_marked) {
                self.blame("must-understand-missing", name);
            }
        }
    }

    fn max_envelope(&mut self) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.text(ns::WSMAN, "MaxEnvelopeSize") else {
            self.blame("max-envelope-size", "none");
            return Ok(None);
        };
        match text.parse() {
            Ok(size) if size >= SMALLEST => Ok(Some(size)),
            _ => self.refuse("max-envelope-size", &text, Refusal::SmallEnvelope),
        }
    }

    fn timeout(&mut self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.text(ns::WSMAN, "OperationTimeout") else {
            self.blame("operation-timeout", "none");
            return Ok(None);
        };
        let length = Interval::parse(&text).ok().filter(|_| text.starts_with('P'));
        match length.and_then(|interval| interval.length()) {
            Some(length) => Ok(Some(length)),
            None => self.refuse("operation-timeout", &text, Refusal::TimeoutHeader),
        }
    }
}

fn is_marked(element: &Element) -> bool {
    matches!(element.attribute(ns::SOAP, "mustUnderstand"), Some("true" | "1"))
}

fn is_uuid(id: &str) -> bool {
    id.strip_prefix("uuid:").is_some_and(crate::msvm::is_vm_name)
}

/// Headers that mean something to Windows.
const KNOWN: [(&str, &[&str]); 3] = [
    (ns::ADDRESSING, &["To", "Action", "MessageID", "ReplyTo", "FaultTo", "From", "RelatesTo"]),
    (
        ns::WSMAN,
        &[
            "ResourceURI",
            "SelectorSet",
            "OptionSet",
            "MaxEnvelopeSize",
            "OperationTimeout",
            "Locale",
            "FragmentTransfer",
            "RequestEPR",
            "RequestTotalItemsCountEstimate",
        ],
    ),
    (ns::WSMV, &["DataLocale", "SessionId", "OperationID", "SequenceId", "ActivityId", "CompressionType"]),
];
const SMALLEST: usize = 8192;
const LONGEST_ID: usize = 2048;
