//! Looks at one virtual machine's replication again and again.

use std::time::Duration;

use crate::cim::Value;
use crate::client::Client;
use crate::error::Error;
use crate::job::{Job, JobReader, affecting};
use crate::msvm::replication_relationship::ReplicationState;
use crate::msvm::replication_setting_data::ReplicationSettingData;
use crate::msvm::resource_uri;
use crate::transport::TransportErrorKind;
use crate::wsman::{Enumerate, Filter, Wql};

use super::find::by_id;
use super::{Baseline, JobSeen, Observation, Replica, ReplicaReader, ReplicaSeen, VirtualMachine};

/// What is looked at.
pub(super) struct Session<'c> {
    pub(super) client: &'c Client,
    pub(super) vm: VirtualMachine,
    pub(super) reader: ReplicaReader,
    pub(super) job: Option<JobReader>,
    /// The last job seen.
    pub(super) last_job: Option<Job>,
    /// The last relationship seen.
    pub(super) last_replica: Option<Replica>,
    /// Every state seen, in order.
    pub(super) states_seen: Vec<ReplicationState>,
}

impl<'c> Session<'c> {
    pub(super) fn new(client: &'c Client, vm: VirtualMachine, reader: ReplicaReader) -> Self {
        Self { client, vm, reader, job: None, last_job: None, last_replica: None, states_seen: Vec::new() }
    }

    /// Looks at the job, then at the relationship. Only what nobody can wait out is an error.
    pub(super) async fn look(&mut self) -> Result<Observation, Error> {
        let job = self.look_at_job().await?;
        let replica = self.look_at_replica().await?;
        Ok(Observation {
            at: self.client.clock().elapsed(),
            host_time: self.client.host_time(),
            job,
            replica,
        })
    }

    async fn look_at_job(&mut self) -> Result<JobSeen, Error> {
        let Some(reader) = &mut self.job else { return Ok(JobSeen::None) };
        match bearable(reader.read(self.client).await)? {
            Some(Some(job)) => {
                self.last_job = Some(job.clone());
                Ok(JobSeen::Seen(Box::new(job)))
            }
            Some(None) => Ok(JobSeen::Gone),
            None => Ok(JobSeen::Unreadable),
        }
    }

    async fn look_at_replica(&mut self) -> Result<ReplicaSeen, Error> {
        match bearable(self.reader.read(self.client).await)? {
            Some(Some(replica)) => {
                self.note(Some(&replica));
                return Ok(ReplicaSeen::Seen(replica));
            }
            Some(None) => {}
            None => return Ok(ReplicaSeen::Unreadable),
        }
        let Some(vm) = bearable(by_id(self.client, &self.vm.id).await)? else {
            return Ok(ReplicaSeen::Unreadable);
        };
        self.note(None);
        Ok(if vm.is_some() { ReplicaSeen::Removed } else { ReplicaSeen::Away })
    }

    /// Remembers the relationship as it was seen.
    pub(super) fn note(&mut self, replica: Option<&Replica>) {
        self.last_replica = replica.cloned();
        if let Some(replica) = replica
            && self.states_seen.last() != Some(&replica.state)
        {
            self.states_seen.push(replica.state);
        }
    }

    /// Finds a resynchronization of this machine that has not ended.
    pub(super) async fn find_job(&mut self) -> Result<Option<Job>, Error> {
        let jobs = affecting(self.client, &self.vm.reference()).await?;
        Ok(jobs.into_iter().find(|job| job.is_resynchronization() && !job.is_over()))
    }

    /// Whether somebody has asked for another replication state since; `None` where that cannot be read.
    pub(super) async fn has_rivals(&self, baseline: &Baseline) -> Option<bool> {
        let since = self.last_job.as_ref().and_then(|job| job.submitted).or(baseline.host_time);
        let jobs = bearable(affecting(self.client, &self.vm.reference()).await).ok().flatten()?;
        Some(jobs.iter().filter(|job| job.changes_replication()).any(|job| {
            let submitted = job.submitted.or(job.started);
            since.zip(submitted).is_none_or(|(since, submitted)| submitted >= since)
        }))
    }

    /// Follows that job from now on.
    pub(super) fn attach(&mut self, job: &Job) {
        self.job = Some(JobReader::new(job.reference.clone()));
        self.last_job = Some(job.clone());
    }

    /// `ReplicationInterval` of the relationship; the default where it cannot be read.
    pub(super) async fn interval(&self) -> Duration {
        let id = self.reader.id();
        let ids = [id.to_string(), format!("Microsoft:{}\\HVR", id.vm)];
        for id in ids {
            let query = Wql::select(ReplicationSettingData::CLASS).equals("InstanceID", &id);
            let body = Enumerate { filter: Some(Filter::Wql(query.to_string())), ..Enumerate::default() };
            let Ok(items) = self.client.enumerate(&resource_uri("*"), body).await else { continue };
            let settings = items.into_iter().filter_map(|item| item.instance).next();
            let seconds = settings.as_ref().and_then(|settings| settings.get("ReplicationInterval"));
            if let Some(seconds) = seconds.and_then(Value::as_u64).filter(|seconds| *seconds > 0) {
                return Duration::from_secs(seconds);
            }
        }
        DEFAULT_INTERVAL
    }
}

/// Gives `None` where the host could not be read just now: it may be read later.
pub(super) fn bearable<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        // A token that was damaged on the way says nothing of the next one.
        Err(error) if error.transport() == Some(&TransportErrorKind::BadToken) => {
            tracing::warn!(error = %error.chain(), "the host cannot be read just now");
            Ok(None)
        }
        Err(error) if error.is_unauthorized() || error.is_configuration() => Err(error),
        Err(error) => {
            tracing::warn!(error = %error.chain(), "the host cannot be read just now");
            Ok(None)
        }
    }
}

/// `ReplicationInterval` by default.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);
