//! Faults (SOAP 1.2, 5.4; MS-WSMV 2.2.4.43, WSManFault).

use std::fmt;

use crate::xml::{Element, Writer};

use super::{codes, ns};

/// Who is to blame, by SOAP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultCode {
    /// `s:Sender`
    Sender,
    /// `s:Receiver`
    Receiver,
    /// `s:MustUnderstand`
    MustUnderstand,
    /// `s:VersionMismatch`
    VersionMismatch,
    /// `s:DataEncodingUnknown`
    DataEncodingUnknown,
    /// Another one, as it came.
    Other(String),
}

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// Namespace URI; empty where the prefix is not declared.
    pub namespace: String,
    /// Local name.
    pub local: String,
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ns::prefix(&self.namespace) {
            Some(prefix) => write!(f, "{prefix}:{}", self.local),
            None if self.namespace.is_empty() => f.write_str(&self.local),
            None => write!(f, "{{{}}}{}", self.namespace, self.local),
        }
    }
}

/// The host refused the message, or failed at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The code.
    pub code: FaultCode,
    /// The first subcode.
    pub subcode: Option<QualifiedName>,
    /// Subcodes inside the first.
    pub more_subcodes: Vec<QualifiedName>,
    /// The reason, in the language of the host; may be empty.
    pub reason: String,
    /// `w:FaultDetail`: the URI.
    pub detail: Option<String>,
    /// `Code` of the outer WSManFault.
    pub wsman_code: Option<u32>,
    /// Text of the outer WSManFault.
    pub wsman_message: Option<String>,
    /// `Machine` of the outer WSManFault.
    pub machine: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// The innermost code: of the nested WSManFault, or of a CIM error.
    pub provider_code: Option<u32>,
    /// The provider's text.
    pub provider_message: Option<String>,
    /// `CIMStatusCode` of a CIM error.
    pub cim_status: Option<u32>,
    /// The header that a host did not understand, to be written as `s:NotUnderstood`. Not read from replies.
    pub not_understood: Option<Box<QualifiedName>>,
    /// Everything in `s:Detail`, as it came.
    pub elements: Vec<Element>,
}

impl Fault {
    /// A fault without detail.
    pub fn new(code: FaultCode, subcode: Option<(&str, &str)>, reason: impl Into<String>) -> Self {
        Self {
            code,
            subcode: subcode.map(|(namespace, local)| QualifiedName {
                namespace: namespace.to_owned(),
                local: local.to_owned(),
            }),
            more_subcodes: Vec::new(),
            reason: reason.into(),
            detail: None,
            wsman_code: None,
            wsman_message: None,
            machine: None,
            provider: None,
            provider_code: None,
            provider_message: None,
            cim_status: None,
            not_understood: None,
            elements: Vec::new(),
        }
    }

    /// The code that tells most: the provider's, else WinRM's.
    pub fn decisive_code(&self) -> Option<u32> {
        self.provider_code.filter(|code| *code != 0).or(self.wsman_code)
    }

    /// The symbol of the decisive code.
    pub fn symbol(&self) -> Option<&'static str> {
        self.decisive_code().and_then(codes::symbol)
    }

    /// The text that tells most.
    pub fn message(&self) -> &str {
        let texts =
            [self.provider_message.as_deref(), self.wsman_message.as_deref(), Some(self.reason.as_str())];
        texts.into_iter().flatten().map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Whether the host says that the user may not do this.
    pub fn is_access_denied(&self) -> bool {
        self.has_code(&ACCESS_DENIED)
            || self.cim_status == Some(2)
            || self.has_subcode(ns::WSMAN, "AccessDenied")
    }

    /// Whether there is no such class or instance.
    pub fn is_not_found(&self) -> bool {
        match self.decisive_code() {
            Some(code) => NOT_FOUND.contains(&code),
            None => self.cim_status == Some(6) || self.has_subcode(ns::ADDRESSING, "DestinationUnreachable"),
        }
    }

    /// Whether the namespace or the class does not exist.
    pub fn is_no_such_class(&self) -> bool {
        self.has_code(&NO_SUCH_CLASS) || matches!(self.cim_status, Some(3 | 5))
    }

    /// Whether the filter was refused: bad WQL, or a class or namespace that does not exist.
    pub fn is_filter_refused(&self) -> bool {
        self.has_subcode(ns::ENUMERATION, "CannotProcessFilter") || self.has_code(&[2_150_858_778])
    }

    /// Whether the time of the operation was over: the outcome of anything but a read is unknown then.
    pub fn is_timed_out(&self) -> bool {
        self.has_subcode(ns::WSMAN, "TimedOut") || self.has_code(&[2_150_858_793])
    }

    /// Whether the enumeration context has expired or was released.
    pub fn is_context_lost(&self) -> bool {
        self.has_subcode(ns::ENUMERATION, "InvalidEnumerationContext") || self.has_code(&[2_150_858_779])
    }

    /// Whether the host is busy, over a quota, or restarting a part of itself: a read may go again later.
    pub fn is_transient(&self) -> bool {
        self.has_code(&TRANSIENT) || self.has_subcode(ns::WSMAN, "QuotaLimit")
    }

    /// Whether one of these is among its codes.
    pub fn has_code(&self, codes: &[u32]) -> bool {
        [self.provider_code, self.wsman_code].into_iter().flatten().any(|code| codes.contains(&code))
    }

    fn has_subcode(&self, namespace: &str, local: &str) -> bool {
        let all = self.subcode.iter().chain(&self.more_subcodes);
        all.into_iter().any(|subcode| subcode.local == local && subcode.namespace == namespace)
    }

    /// Writes `s:Fault`, as Windows does.
    pub(super) fn write(&self, writer: &mut Writer, language: &str) {
        writer.element("s:Fault").content(|writer| {
            writer.element("s:Code").content(|writer| {
                writer.element("s:Value").text(&self.code.to_string());
                if let Some(subcode) = &self.subcode {
                    writer
                        .element("s:Subcode")
                        .content(|writer| writer.element("s:Value").text(&subcode.to_string()));
                }
            });
            writer.element("s:Reason").content(|writer| {
                writer.element("s:Text").attribute("xml:lang", language).text(&self.reason);
            });
            if self.detail.is_some() || self.wsman_code.is_some() || self.cim_status.is_some() {
                writer.element("s:Detail").content(|writer| self.write_detail(writer));
            }
        });
    }

    fn write_detail(&self, writer: &mut Writer) {
        if let Some(detail) = &self.detail {
            writer.element("w:FaultDetail").text(detail);
        }
        if let Some(status) = self.cim_status {
            self.write_cim_error(writer, status);
        }
        let Some(code) = self.wsman_code else { return };
        let machine = self.machine.as_deref().unwrap_or_default();
        let open = |writer: &mut Writer, code: u32, write: &dyn Fn(&mut Writer)| {
            writer
                .element("f:WSManFault")
                .declare("f", ns::FAULT)
                .attribute("Code", &code.to_string())
                .attribute("Machine", machine)
                .content(|writer| writer.element("f:Message").content(write));
        };
        let text = self.wsman_message.as_deref().unwrap_or(&self.reason);
        match self.provider_code {
            None => open(writer, code, &|writer| writer.text(text)),
            Some(inner) => open(writer, code, &|writer| {
                let provider = self.provider.as_deref().unwrap_or_default();
                let message = self.provider_message.as_deref().unwrap_or(text);
                writer
                    .element("f:ProviderFault")
                    .attribute("provider", provider)
                    .content(|writer| open(writer, inner, &|writer| writer.text(message)));
            }),
        }
    }
}

impl Fault {
    /// Writes a CIM error, which stands in place of a WSManFault.
    fn write_cim_error(&self, writer: &mut Writer, status: u32) {
        let message = self.provider_message.as_deref().unwrap_or(&self.reason);
        let code = self.provider_code.unwrap_or_default();
        let rows = [
            ("p:CIMStatusCode", "cim:cimUnsignedInt", status.to_string()),
            ("p:Message", "cim:cimString", message.to_owned()),
            ("p:MessageID", "cim:cimString", format!("HRESULT {code:#010x}")),
            ("p:error_Code", "cim:cimUnsignedInt", code.to_string()),
            ("p:error_Type", "cim:cimString", "HRESULT".to_owned()),
        ];
        writer
            .element("p:MSFT_WmiError")
            .declare("p", CIM_ERROR)
            .declare("xsi", ns::XSI)
            .declare("cim", ns::CIM)
            .attribute("b:IsCIM_Error", "true")
            .attribute("xsi:type", "p:MSFT_WmiError_Type")
            .content(|writer| {
                for (name, kind, text) in &rows {
                    writer.element(name).attribute("xsi:type", kind).text(text);
                }
            });
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sender => "s:Sender",
            Self::Receiver => "s:Receiver",
            Self::MustUnderstand => "s:MustUnderstand",
            Self::VersionMismatch => "s:VersionMismatch",
            Self::DataEncodingUnknown => "s:DataEncodingUnknown",
            Self::Other(text) => text,
        })
    }
}

impl fmt::Display for Fault {
    /// The text that tells most, with the decisive code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message();
        let subcode = self.subcode.as_ref().map(ToString::to_string);
        f.write_str(if message.is_empty() {
            subcode.as_deref().unwrap_or("a fault without text")
        } else {
            message
        })?;
        match (self.decisive_code(), self.symbol()) {
            (Some(code), Some(symbol)) => write!(f, " ({symbol}, {code})"),
            (Some(code), None) => write!(f, " ({code}, {code:#010X})"),
            (None, _) => Ok(()),
        }
    }
}

const CIM_ERROR: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError";
const ACCESS_DENIED: [u32; 5] = [5, 0x8007_0005, 0x8004_1003, 2_150_859_013, 2_150_859_014];
const NOT_FOUND: [u32; 2] = [2_150_858_752, 0x8004_1002];
const NO_SUCH_CLASS: [u32; 2] = [0x8004_100E, 0x8004_1010];
/// Provider load failure, provider failure, shutting down, too busy, refresher busy, quota, provider timed out, endpoint unavailable,
/// and the quotas of WinRM: those on operations and requests, which empty by themselves.
const TRANSIENT: [u32; 17] = [
    0x8004_1013,
    0x8004_1004,
    0x8004_1033,
    0x8004_1045,
    0x8004_1057,
    0x8004_106C,
    0x8004_1088,
    0x8004_1015,
    0x8004_1081,
    2_150_858_772,
    2_150_858_815,
    2_150_859_174,
    2_150_859_175,
    2_150_859_176,
    2_150_859_239,
    2_150_859_240,
    2_150_858_802,
];
