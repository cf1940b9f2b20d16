//! Why the host refuses a request as a whole.

use super::query::QueryError;

/// A refusal that is no return value of a method: the wire carries it as a SOAP fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The namespace does not exist (WBEM_E_INVALID_NAMESPACE).
    #[error("namespace does not exist")]
    InvalidNamespace,
    /// The namespace has no such class (WBEM_E_INVALID_CLASS).
    #[error("class does not exist")]
    InvalidClass,
    /// No such instance (WBEM_E_NOT_FOUND).
    #[error("instance does not exist")]
    NotFound,
    /// The selectors are not the keys of the class.
    #[error("selectors are not the keys of the class")]
    InvalidSelectors,
    /// The class has no such method (WBEM_E_METHOD_NOT_IMPLEMENTED).
    #[error("class has no such method")]
    NoSuchMethod,
    /// A parameter that the method does not take, or a value of another type (WBEM_E_INVALID_METHOD_PARAMETERS).
    #[error("parameter {0:?} is not one of the method or has another type")]
    InvalidParameter(String),
    /// The caller may not use WMI (WBEM_E_ACCESS_DENIED).
    #[error("access is denied")]
    AccessDenied,
    /// The management service is not there (WBEM_E_PROVIDER_LOAD_FAILURE).
    #[error("provider is not available")]
    ProviderUnavailable,
    /// The query cannot be answered (WBEM_E_INVALID_QUERY).
    #[error(transparent)]
    Query(#[from] QueryError),
}
