//! Refusals, and the faults that Windows sends for them (MS-WSMV; MI codes of WinRM and WMI).

use crate::simulator::fault::Fault as WorldFault;
use crate::simulator::options::Language;
use crate::simulator::script::PlannedFault;
use crate::wsman::{Fault, FaultCode, QualifiedName, ns};

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Refusal {
    Version,
    NotUnderstood(QualifiedName),
    HeaderMissing,
    HeaderInvalid,
    TimeoutHeader,
    ReplyTo,
    Locale,
    SmallEnvelope,
    ReplyTooLarge,
    Charset,
    InvalidXml,
    Schema,
    Body,
    XmlValue,
    XmlNamespace,
    ActionNotSupported,
    NoSuchMethod,
    Fragment,
    ResourceUri,
    NotFound,
    NoNamespace,
    SelectorsMissing,
    SelectorsUnexpected,
    SelectorsDuplicate,
    CimNamespace,
    MethodParameters,
    WqlUri,
    Filter(String),
    Dialect,
    EnumerationMode,
    Context,
    TimedOut,
    AccessDenied,
    WmiDenied,
    ProviderUnavailable,
    ProviderFailure,
    ServerTooBusy,
    Quota,
}

/// What a fault is made of.
struct Terms {
    code: FaultCode,
    subcode: Option<(&'static str, &'static str)>,
    wsman_code: u32,
    detail: Option<&'static str>,
    /// Code in the provider's part, where a provider speaks.
    provider_code: Option<u32>,
    text: &'static str,
}

impl Refusal {
    /// The fault, as that host sends it.
    pub(super) fn fault(&self, machine: &str, spoken: Language) -> Fault {
        let terms = self.terms();
        let reason = match spoken {
            Language::English => terms.text,
            Language::Japanese => JAPANESE,
        };
        let mut fault = Fault::new(terms.code, terms.subcode, reason);
        if let Self::NotUnderstood(name) = self {
            fault.not_understood = Some(Box::new(name.clone()));
            return fault;
        }
        fault.detail = terms.detail.map(|detail| format!("{}{detail}", ns::FAULT_DETAIL));
        if *self == Self::Quota {
            // Windows 2012 and later send this one as a CIM error.
            fault.cim_status = Some(SERVER_LIMITS_EXCEEDED);
            fault.provider_code = Some(terms.wsman_code);
            fault.provider_message = Some(reason.to_owned());
            return fault;
        }
        fault.wsman_code = Some(terms.wsman_code);
        fault.machine = Some(machine.to_owned());
        if terms.provider_code.is_some() {
            let text = match self {
                Self::Filter(text) if !text.is_empty() && spoken == Language::English => text,
                _ => reason,
            };
            fault.provider = Some("WMI Provider".to_owned());
            fault.provider_code = terms.provider_code;
            fault.provider_message = Some(text.to_owned());
        }
        fault
    }

    fn terms(&self) -> Terms {
        use Refusal::{
            AccessDenied, ActionNotSupported, Body, Charset, CimNamespace, Context, Dialect, EnumerationMode,
            Filter, Fragment, HeaderInvalid, HeaderMissing, InvalidXml, Locale, MethodParameters,
            NoNamespace, NoSuchMethod, NotFound, NotUnderstood, ProviderFailure, ProviderUnavailable, Quota,
            ReplyTo, ReplyTooLarge, ResourceUri, Schema, SelectorsDuplicate, SelectorsMissing,
            SelectorsUnexpected, ServerTooBusy, SmallEnvelope, TimedOut, TimeoutHeader, Version, WmiDenied,
            WqlUri, XmlNamespace, XmlValue,
        };
        match self {
            Version => Terms { code: FaultCode::VersionMismatch, ..bare(2_150_858_765, SCHEMA_TEXT) },
            NotUnderstood(_) => Terms { code: FaultCode::MustUnderstand, ..bare(2_150_858_768, HEADER_TEXT) },
            HeaderMissing => addressing("MessageInformationHeaderRequired", 2_150_858_769, HEADER_TEXT),
            HeaderInvalid => addressing("InvalidMessageInformationHeader", 2_150_858_767, HEADER_TEXT),
            TimeoutHeader => addressing("InvalidMessageInformationHeader", 2_150_858_881, HEADER_TEXT),
            ReplyTo => wsman("UnsupportedFeature", 2_150_858_818, FEATURE_TEXT).about("AddressingMode"),
            Locale => wsman("UnsupportedFeature", 2_150_858_818, FEATURE_TEXT).about("Locale"),
            Fragment => wsman("UnsupportedFeature", 2_150_858_871, FEATURE_TEXT).about("FragmentLevelAccess"),
            EnumerationMode => {
                wsman("UnsupportedFeature", 2_150_858_886, FEATURE_TEXT).about("EnumerationMode")
            }
            SmallEnvelope => wsman("EncodingLimit", 2_150_858_823, SIZE_TEXT).about("MaxEnvelopeSize"),
            ReplyTooLarge => wsman("EncodingLimit", 2_150_858_824, SIZE_TEXT).about("MaxEnvelopeSize"),
            Charset => wsman("EncodingLimit", 2_150_858_828, SCHEMA_TEXT).about("CharacterSet"),
            InvalidXml => wsman("SchemaValidationError", 2_150_858_819, SCHEMA_TEXT),
            Schema => wsman("SchemaValidationError", 2_150_858_817, SCHEMA_TEXT),
            Body => wsman("SchemaValidationError", 2_150_858_791, SCHEMA_TEXT),
            XmlValue => wsman("SchemaValidationError", 2_150_858_838, SCHEMA_TEXT),
            XmlNamespace => wsman("SchemaValidationError", 2_150_858_840, SCHEMA_TEXT),
            ActionNotSupported => addressing("ActionNotSupported", 2_150_858_771, ACTION_TEXT),
            NoSuchMethod => addressing("ActionNotSupported", 2_150_858_753, ACTION_TEXT),
            ResourceUri => unreachable(2_150_858_811),
            WqlUri => unreachable(2_150_859_003),
            NotFound => unreachable(2_150_858_752).by_provider(2_150_858_752),
            NoNamespace => unreachable(2_150_858_752).by_provider(0x8004_100E),
            SelectorsMissing => selectors(2_150_858_842, "InsufficientSelectors"),
            SelectorsUnexpected => selectors(2_150_858_843, "UnexpectedSelectors"),
            SelectorsDuplicate => selectors(2_150_858_847, "DuplicateSelectors"),
            CimNamespace => selectors(2_150_859_067, "UnexpectedSelectors"),
            Filter(_) => enumeration("CannotProcessFilter", 2_150_858_778).by_provider(2_150_858_778),
            Dialect => enumeration("FilterDialectRequestedUnavailable", 2_150_858_777),
            Context => enumeration("InvalidEnumerationContext", 2_150_858_779).received(CONTEXT_TEXT),
            TimedOut => wsman("TimedOut", 2_150_858_793, "").received(TIMEOUT_TEXT),
            AccessDenied => wsman("AccessDenied", 5, DENIED_TEXT),
            WmiDenied => wsman("AccessDenied", 2_150_859_014, DENIED_TEXT),
            MethodParameters => failure(0x8004_102F),
            ProviderUnavailable => failure(0x8004_1013),
            ServerTooBusy => failure(0x8004_1045),
            ProviderFailure => wsman("InternalError", 2_150_858_755, "").received(PROVIDER_TEXT),
            Quota => wsman("QuotaLimit", 2_150_859_174, QUOTA_TEXT),
        }
    }
}

impl Terms {
    fn about(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    fn by_provider(mut self, code: u32) -> Self {
        self.provider_code = Some(code);
        self
    }

    fn received(mut self, text: &'static str) -> Self {
        self.code = FaultCode::Receiver;
        self.text = text;
        self
    }
}

fn bare(wsman_code: u32, text: &'static str) -> Terms {
    Terms { code: FaultCode::Sender, subcode: None, wsman_code, detail: None, provider_code: None, text }
}

fn addressing(subcode: &'static str, code: u32, text: &'static str) -> Terms {
    Terms { subcode: Some((ns::ADDRESSING, subcode)), ..bare(code, text) }
}

fn wsman(subcode: &'static str, code: u32, text: &'static str) -> Terms {
    Terms { subcode: Some((ns::WSMAN, subcode)), ..bare(code, text) }
}

fn enumeration(subcode: &'static str, code: u32) -> Terms {
    Terms { subcode: Some((ns::ENUMERATION, subcode)), ..bare(code, FILTER_TEXT) }
}

fn unreachable(code: u32) -> Terms {
    addressing("DestinationUnreachable", code, FIND_TEXT).about("InvalidResourceURI")
}

fn selectors(code: u32, detail: &'static str) -> Terms {
    wsman("InvalidSelectors", code, SELECTOR_TEXT).about(detail)
}

fn failure(code: u32) -> Terms {
    wsman("InternalError", code, "").by_provider(code).received(PROVIDER_TEXT)
}

impl From<WorldFault> for Refusal {
    fn from(fault: WorldFault) -> Self {
        match fault {
            WorldFault::InvalidNamespace => Self::NoNamespace,
            WorldFault::InvalidClass | WorldFault::NotFound => Self::NotFound,
            WorldFault::InvalidSelectors => Self::SelectorsUnexpected,
            WorldFault::NoSuchMethod => Self::NoSuchMethod,
            WorldFault::InvalidParameter(_) => Self::MethodParameters,
            WorldFault::AccessDenied => Self::WmiDenied,
            WorldFault::ProviderUnavailable => Self::ProviderUnavailable,
            WorldFault::Query(error) => Self::Filter(error.to_string()),
        }
    }
}

impl From<PlannedFault> for Refusal {
    fn from(fault: PlannedFault) -> Self {
        match fault {
            PlannedFault::TimedOut => Self::TimedOut,
            PlannedFault::AccessDenied => Self::AccessDenied,
            PlannedFault::WmiAccessDenied => Self::WmiDenied,
            PlannedFault::Quota => Self::Quota,
            PlannedFault::ServerTooBusy => Self::ServerTooBusy,
            PlannedFault::InternalError => Self::ProviderFailure,
        }
    }
}

/// `CIMStatusCode`
const SERVER_LIMITS_EXCEEDED: u32 = 27;

const HEADER_TEXT: &str = "A SOAP header of the request is missing, invalid or not understood.";
const FEATURE_TEXT: &str = "The request asks for a feature that the service does not support.";
const SIZE_TEXT: &str = "The reply does not fit into the envelope size that was asked for.";
const SCHEMA_TEXT: &str = "The message does not match its XML schema.";
const ACTION_TEXT: &str = "The resource does not support the action.";
const FIND_TEXT: &str = "The resource URI and the selectors lead to no resource.";
const SELECTOR_TEXT: &str = "The selectors do not fit the resource.";
const FILTER_TEXT: &str = "The data source cannot process the filter.";
const CONTEXT_TEXT: &str = "The enumeration context is unknown, has expired or was released.";
const TIMEOUT_TEXT: &str = "The operation did not end within OperationTimeout.";
const DENIED_TEXT: &str = "Access is denied.";
const PROVIDER_TEXT: &str = "The WMI provider reports a failure.";
const QUOTA_TEXT: &str = "The user has more operations open than are allowed.";
const JAPANESE: &str = "WS-Management サービスは要求を処理できません。";
