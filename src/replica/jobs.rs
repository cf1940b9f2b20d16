//! Jobs and the machines they are about.

use std::time::Duration;

use crate::cim::{Reference, Value};
use crate::client::Client;
use crate::error::Error;
use crate::job::{FollowOptions, Job, JobReader, terminate};
use crate::msvm::affected_job_element::AffectedJobElement;
use crate::msvm::concrete_job::{JobType, RequestStateChangeReturnValue as StateChange};
use crate::msvm::{RelationshipId, resource_uri};
use crate::wsman::Enumerate;

use super::find::by_id;
use super::session::bearable;
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

/// What became of the wish to cancel a job.
#[derive(Debug)]
pub enum JobCancel {
    /// There is no such job.
    NotFound,
    /// It had ended already.
    EndedBefore(Job),
    /// It has ended by the wish; as it was last seen.
    Cancelled(Job),
    /// The host refused.
    Refused {
        /// Whether the job is a resynchronization, which is cancelled by the replication state.
        is_resynchronization: bool,
        /// The return value.
        code: u32,
        /// Its label.
        label: String,
    },
    /// It was asked for, and the host does not show it.
    NotReached(Job),
}

/// Cancels a job: a resynchronization by the replication state of its machine, any other by itself. Sent once.
///
/// # Errors
/// The host cannot be read, or refused the call: nothing was carried out.
pub async fn cancel_job(client: &Client, reference: &Reference) -> Result<JobCancel, Error> {
    let mut reader = JobReader::new(reference.clone());
    let Some(job) = reader.read(client).await? else { return Ok(JobCancel::NotFound) };
    if job.is_over() {
        return Ok(JobCancel::EndedBefore(job));
    }
    let reached = match cancel_resynchronization(client, &job).await? {
        Some(Changed::Refused(code)) => {
            let (code, label) = (code.code(), code.label().into_owned());
            return Ok(JobCancel::Refused { is_resynchronization: true, code, label });
        }
        Some(Changed::Reached) => true,
        Some(Changed::NotReached(_)) => false,
        None => match terminate(client, &job.reference).await {
            Ok(StateChange::CompletedWithNoError | StateChange::MethodParametersCheckedTransitionStarted) => {
                ends(client, &mut reader).await
            }
            Ok(code) => {
                let (code, label) = (code.code(), code.label().into_owned());
                return Ok(JobCancel::Refused { is_resynchronization: false, code, label });
            }
            Err(error) if !error.may_have_run() => return Err(error),
            Err(_) => ends(client, &mut reader).await,
        },
    };
    let job = reader.read(client).await.ok().flatten().unwrap_or(job);
    Ok(if reached { JobCancel::Cancelled(job) } else { JobCancel::NotReached(job) })
}

/// Whether the job ends within the time that such a request takes.
async fn ends(client: &Client, reader: &mut JobReader) -> bool {
    let mut pace = FollowOptions::default().pace("");
    let begun = client.clock().elapsed();
    while client.clock().elapsed().saturating_sub(begun) < PATIENCE {
        match bearable(reader.read(client).await) {
            Ok(Some(job)) if job.as_ref().is_none_or(Job::is_over) => return true,
            Ok(_) => client.clock().sleep(pace.next_pause()).await,
            Err(_) => return false,
        }
    }
    false
}

/// Gives `None` where the job is no resynchronization, or its machine cannot be told.
async fn cancel_resynchronization(client: &Client, job: &Job) -> Result<Option<Changed>, Error> {
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
    cancel(client, &vm, &mut reader, Some(JobReader::new(job.reference.clone()))).await.map(Some)
}

/// How long a job may take to end.
const PATIENCE: Duration = Duration::from_secs(60);
