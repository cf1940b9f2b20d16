//! What several themes share.

pub(crate) mod host;
pub(crate) mod raw;
pub(crate) mod relay;
pub(crate) mod script;
