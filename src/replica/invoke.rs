//! The call itself.

use jiff::Timestamp;

use crate::cim::{DateTime, Reference, Value};
use crate::client::Client;
use crate::error::Error;
use crate::msvm::replication_service::{RESYNCHRONIZE, ReplicationService, ResynchronizeReturnValue};
use crate::msvm::resource_uri;
use crate::wsman::{Enumerate, EnumerationMode, Invocation, Invoke, Request};

use super::VirtualMachine;

/// Finds the replication service; its keys hold the name that the host has for itself, so they are read and
/// not made up.
pub(super) async fn service(client: &Client) -> Result<Reference, Error> {
    let body = Enumerate { mode: Some(EnumerationMode::Epr), ..Enumerate::default() };
    let items = client.enumerate(&resource_uri(ReplicationService::CLASS), body).await?;
    let mut references = items.into_iter().filter_map(|item| item.reference);
    references
        .next()
        .ok_or_else(|| Error::Instance { class: ReplicationService::CLASS.to_owned(), property: "Name" })
}

/// `Msvm_ReplicationService.Resynchronize`: at once, or at that moment in UTC.
pub(super) fn resynchronize(
    service: &Reference,
    vm: &VirtualMachine,
    start_time: Option<Timestamp>,
) -> Invoke {
    let start_time = start_time.map_or(Value::Null, |start| DateTime::at(start).into());
    Invoke {
        target: service.clone(),
        method: RESYNCHRONIZE.to_owned(),
        parameters: vec![("ComputerSystem".into(), vm.reference().into()), ("StartTime".into(), start_time)],
    }
}

/// The envelope of the call, for a dry run.
pub(super) fn envelope(client: &Client, invoke: Invoke) -> Result<String, Error> {
    client.envelope(&Request::Invoke(invoke))
}

/// What the call returned.
pub(super) struct Answer {
    /// The return value.
    pub(super) return_value: ResynchronizeReturnValue,
    /// The job, exactly as returned.
    pub(super) job: Option<Reference>,
}

impl Answer {
    /// Reads the answer; `None` where it holds no usable return value.
    pub(super) fn read(answer: &Invocation) -> Option<Self> {
        let code = answer.return_value.as_ref().and_then(Value::as_u64)?;
        Some(Self {
            return_value: u32::try_from(code).ok()?.into(),
            job: answer.parameter("Job").and_then(Value::as_reference).cloned(),
        })
    }
}
