//! Reads jobs and their errors from the host.

use crate::cim::{Instance, Reference, Value};
use crate::client::Client;
use crate::error::Error;
use crate::msvm::concrete_job::{self, ConcreteJob, RequestStateChangeRequestedState};
use crate::msvm::{affected_job_element::AffectedJobElement, resource_uri};
use crate::wsman::{Enumerate, Filter, Invoke, Wql, cim_namespace, wmi_uri};

use super::{Job, JobError};

/// Reads one job again and again. It asks with one optimized Enumerate for the class and the InstanceID that
/// the reference names; where a host refuses WQL, with Get and the reference as it came.
#[derive(Clone, Debug)]
pub struct JobReader {
    reference: Reference,
    refuses_wql: bool,
}

impl JobReader {
    /// A reader of that job.
    pub fn new(reference: Reference) -> Self {
        Self { reference, refuses_wql: false }
    }

    /// The job's reference, as it came.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The job; `None` where there is none any more.
    ///
    /// # Errors
    /// The host cannot be read.
    pub async fn read(&mut self, client: &Client) -> Result<Option<Job>, Error> {
        if let Some((uri, query)) = self.query() {
            match enumerate(client, &uri, &query).await {
                Ok(instances) => {
                    let job = instances.first();
                    return job.map(|job| Job::from_instance(job, Some(&self.reference))).transpose();
                }
                Err(Error::Fault(fault)) if fault.is_filter_refused() => self.refuses_wql = true,
                Err(error) => return Err(error),
            }
        }
        match client.get(&self.reference).await {
            Ok(instance) => Job::from_instance(&instance, Some(&self.reference)).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The query, where the reference is of the form that WQL can express.
    fn query(&self) -> Option<(String, Wql)> {
        let (namespace, class) = cim_namespace(&self.reference.resource_uri)?;
        let id = self.reference.selector("InstanceID")?;
        let is_simple = self.reference.selectors.len() == 1 && !self.refuses_wql;
        is_simple.then(|| (wmi_uri(namespace, "*"), Wql::select(class).equals("InstanceID", id)))
    }
}

/// All jobs of the host.
///
/// # Errors
/// The host cannot be read.
pub async fn list(client: &Client) -> Result<Vec<Job>, Error> {
    let items = client.enumerate(&resource_uri(ConcreteJob::CLASS), Enumerate::default()).await?;
    items.iter().filter_map(|item| item.instance.as_ref()).map(|job| Job::from_instance(job, None)).collect()
}

/// The jobs that affect an instance, through `Msvm_AffectedJobElement`.
///
/// # Errors
/// The host cannot be read.
pub async fn affecting(client: &Client, element: &Reference) -> Result<Vec<Job>, Error> {
    let Some(query) = Wql::associators(element, AffectedJobElement::CLASS, ConcreteJob::CLASS) else {
        return Ok(Vec::new());
    };
    let instances = enumerate(client, &resource_uri("*"), &query).await?;
    instances.iter().map(|job| Job::from_instance(job, None)).collect()
}

/// The errors of a job that failed: `GetErrorEx`, while the job still exists, else what the job says itself.
pub async fn errors(client: &Client, job: &Job) -> Vec<JobError> {
    let own = JobError {
        code: job.error_code.map(|code| code.to_string()),
        message: job.error_description.clone().unwrap_or_default(),
    };
    let invoke = Invoke {
        target: job.reference.clone(),
        method: concrete_job::GET_ERROR_EX.to_owned(),
        parameters: Vec::new(),
    };
    let mut found = match client.invoke_read(invoke).await {
        Ok(answer) => {
            let errors = answer.parameter("Errors").unwrap_or(&Value::Null);
            errors.elements().iter().filter_map(JobError::from_value).collect()
        }
        Err(error) => {
            tracing::info!(error = %error.chain(), "GetErrorEx");
            Vec::new()
        }
    };
    if found.is_empty() && (own.code.is_some() || !own.message.is_empty()) {
        found.push(own);
    }
    found
}

/// Asks a job to end (`RequestStateChange`, Terminate) and gives the return value. Sent once.
///
/// # Errors
/// No usable reply, or a fault; ask [`Error::may_have_run`].
pub async fn terminate(
    client: &Client,
    reference: &Reference,
) -> Result<concrete_job::RequestStateChangeReturnValue, Error> {
    let state = RequestStateChangeRequestedState::Terminate;
    let invoke = Invoke {
        target: reference.clone(),
        method: concrete_job::REQUEST_STATE_CHANGE.to_owned(),
        parameters: vec![("RequestedState".into(), state.into())],
    };
    let answer = client.invoke(invoke).await?;
    let code = answer.return_value.as_ref().and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
    code.map(Into::into)
        .ok_or_else(|| Error::Instance { class: reference.class().to_owned(), property: "ReturnValue" })
}

async fn enumerate(client: &Client, uri: &str, query: &Wql) -> Result<Vec<Instance>, Error> {
    let body = Enumerate { filter: Some(Filter::Wql(query.to_string())), ..Enumerate::default() };
    let items = client.enumerate(uri, body).await?;
    Ok(items.into_iter().filter_map(|item| item.instance).collect())
}
