//! Jobs and the machines they are about.

use crate::cim::{Reference, Value};
use crate::client::Client;
use crate::error::Error;
use crate::job::Job;
use crate::msvm::affected_job_element::AffectedJobElement;
use crate::msvm::concrete_job::JobType;
use crate::msvm::{RelationshipId, resource_uri};
use crate::wsman::Enumerate;

use super::find::by_id;
use super::{Changed, ReplicaReader, cancel};

/// The elements that the host's jobs affect, by the job's InstanceID.
///
/// # Errors
/// The host cannot be read.
pub async fn affected(client: &Client) -> Result<Vec<(String, Reference)>, Error> {
    let items = client.enumerate(&resource_uri(AffectedJobElement::CLASS), Enumerate::default()).await?;
    let links = items.iter().filter_map(|item| item.instance.as_ref());
    Ok(links
        .filter_map(|link| {
            let job = link.get("AffectingElement").and_then(Value::as_reference)?;
            let element = link.get("AffectedElement").and_then(Value::as_reference)?;
            Some((job.selector("InstanceID")?.to_owned(), element.clone()))
        })
        .collect())
}

/// Cancels the resynchronization that a job stands for, by the replication state of its machine. Gives `None`
/// where the job is no resynchronization, or its machine cannot be told. Sent once.
///
/// # Errors
/// The host cannot be read, or the call failed; ask [`Error::may_have_run`].
pub async fn cancel_job(client: &Client, job: &Job) -> Result<Option<Changed>, Error> {
    let number = match job.job_type {
        Some(JobType::Resynchronizing) => 0,
        Some(JobType::ResynchronizingExtendedReplication) => 1,
        _ => return Ok(None),
    };
    let links = affected(client).await?;
    let own = links.into_iter().filter(|(id, _)| id.eq_ignore_ascii_case(&job.instance_id));
    let mut names = own.filter_map(|(_, element)| element.selector("Name").map(str::to_owned));
    let Some(name) = names.find(|name| crate::msvm::is_vm_name(name)) else { return Ok(None) };
    let Some(vm) = by_id(client, &name).await? else { return Ok(None) };
    let mut reader = ReplicaReader::new(RelationshipId::new(vm.id.clone(), number));
    // Before a call is made, so that it has the form that the host knows.
    reader.read(client).await?;
    cancel(client, &vm, &mut reader).await.map(Some)
}
