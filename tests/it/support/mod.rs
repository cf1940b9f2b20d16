//! What several themes share.

pub(crate) mod host;
