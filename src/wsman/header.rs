//! Headers of requests and replies (DSP0226, 5.4; MS-WSMV 2.2.4).

use std::time::Duration;

use crate::cim::{Interval, Selector};
use crate::xml::{Element, Writer};

use super::encode_value::write_selectors;
use super::message::DecodeError;
use super::{ns, reference};

/// What every request says besides its operation.
#[derive(Clone, Debug)]
pub struct RequestHeader {
    /// URL of the endpoint.
    pub to: String,
    /// `uuid:` and a GUID, new for each try.
    pub message_id: String,
    /// How long the host may work on it.
    pub operation_timeout: Duration,
    /// Largest reply in bytes; at least 8192.
    pub max_envelope_size: u32,
}

/// The headers of a decoded message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers {
    /// `a:Action`
    pub action: Option<String>,
    /// `a:MessageID`
    pub message_id: Option<String>,
    /// `a:RelatesTo`
    pub relates_to: Option<String>,
    /// `a:To`
    pub to: Option<String>,
    /// `w:ResourceURI`
    pub resource_uri: Option<String>,
    /// `w:SelectorSet`
    pub selectors: Vec<Selector>,
    /// All header elements, these included.
    pub elements: Vec<Element>,
}

impl Headers {
    pub(super) fn from_elements(elements: Vec<Element>) -> Result<Self, DecodeError> {
        let text = |namespace: &str, local: &str| {
            let found = elements.iter().find(|element| element.is(namespace, local))?;
            Some(found.text().trim().to_owned())
        };
        let selectors = elements
            .iter()
            .find(|element| element.is(ns::WSMAN, "SelectorSet"))
            .map(reference::selectors)
            .transpose()?;
        Ok(Self {
            action: text(ns::ADDRESSING, "Action"),
            message_id: text(ns::ADDRESSING, "MessageID"),
            relates_to: text(ns::ADDRESSING, "RelatesTo"),
            to: text(ns::ADDRESSING, "To"),
            resource_uri: text(ns::WSMAN, "ResourceURI"),
            selectors: selectors.unwrap_or_default(),
            elements,
        })
    }

    /// The header element of that name.
    pub fn find(&self, namespace: &str, local: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.is(namespace, local))
    }
}

/// Writes `s:Header` of a request.
pub(super) fn write(
    writer: &mut Writer,
    header: &RequestHeader,
    action: &str,
    resource_uri: &str,
    selectors: &[Selector],
) {
    writer.element("s:Header").content(|writer| {
        writer.element("a:To").text(&header.to);
        understood(writer, "w:ResourceURI", resource_uri);
        writer.element("a:ReplyTo").content(|writer| understood(writer, "a:Address", ns::ANONYMOUS));
        understood(writer, "a:Action", action);
        understood(writer, "w:MaxEnvelopeSize", &header.max_envelope_size.to_string());
        writer.element("a:MessageID").text(&header.message_id);
        for name in ["w:Locale", "m:DataLocale"] {
            writer
                .element(name)
                .attribute("xml:lang", LANGUAGE)
                .attribute("s:mustUnderstand", "false")
                .empty();
        }
        if !selectors.is_empty() {
            write_selectors(writer, selectors);
        }
        writer.element("w:OperationTimeout").text(&timeout_text(header.operation_timeout));
    });
}

fn understood(writer: &mut Writer, name: &str, text: &str) {
    writer.element(name).attribute("s:mustUnderstand", "true").text(text);
}

/// Whole seconds as Windows writes them, anything else with days, hours and minutes.
fn timeout_text(timeout: Duration) -> String {
    if timeout.subsec_nanos() == 0 {
        return format!("PT{}.000S", timeout.as_secs());
    }
    Interval::of(timeout).to_xs()
}

const LANGUAGE: &str = "en-US";
