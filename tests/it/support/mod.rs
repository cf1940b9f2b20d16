//! What several themes share.

pub(crate) mod host;
#[cfg(feature = "credssp")]
pub(crate) mod mutate;
pub(crate) mod raw;
pub(crate) mod relay;
pub(crate) mod script;
