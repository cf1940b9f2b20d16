//! Message ids: new ones, or those of a recording.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Makes message ids.
pub trait Ids: Send + Sync {
    /// The next one: `uuid:` and a GUID in upper case, as Windows writes it.
    fn message_id(&self) -> String;
}

/// Random ones.
#[derive(Clone, Copy, Debug)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn message_id(&self) -> String {
        format!("uuid:{:X}", Uuid::new_v4().hyphenated())
    }
}

/// Those of a recording in their order, then random ones.
#[derive(Debug)]
pub struct RecordedIds(Mutex<VecDeque<String>>);

impl RecordedIds {
    /// These ids.
    pub fn new(ids: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(ids.into_iter().collect()))
    }
}

impl Ids for RecordedIds {
    fn message_id(&self) -> String {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or_else(|| RandomIds.message_id())
    }
}
