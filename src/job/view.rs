//! What a job's instance says.

use std::time::Duration;

use jiff::Timestamp;

use crate::cim::{Instance, Reference, Value};
use crate::error::Error;
use crate::msvm::concrete_job::{JobState, JobType};
use crate::msvm::{is_success, is_terminal};

/// A job at one moment. The class may be another than `Msvm_ConcreteJob`; what counts is `JobState`, never
/// `OperationalStatus` or any text, which the host writes in its own language.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Where it is.
    pub reference: Reference,
    /// Its class.
    pub class: String,
    /// `InstanceID`
    pub instance_id: String,
    /// `JobState`
    pub state: JobState,
    /// `JobType`, which Hyper-V adds.
    pub job_type: Option<JobType>,
    /// `PercentComplete`: the provider's estimate.
    pub percent_complete: Option<u16>,
    /// `ElapsedTime`
    pub elapsed: Option<Duration>,
    /// `TimeSubmitted`
    pub submitted: Option<Timestamp>,
    /// `ScheduledStartTime`
    pub scheduled: Option<Timestamp>,
    /// `StartTime`
    pub started: Option<Timestamp>,
    /// `TimeOfLastStateChange`
    pub changed: Option<Timestamp>,
    /// `ErrorCode`, where it is not 0.
    pub error_code: Option<u16>,
    /// `ErrorDescription`, else `ErrorSummaryDescription`.
    pub error_description: Option<String>,
    /// `ElementName`, else `Name` or `Caption`.
    pub name: Option<String>,
    /// `Cancellable`: a hint.
    pub cancellable: Option<bool>,
}

/// One error that a job gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// `MessageID`, or the job's own `ErrorCode`.
    pub code: Option<String>,
    /// `Message`
    pub message: String,
}

impl Job {
    /// Reads an instance of a job class. Its reference is the one that led to it, or made of its key.
    ///
    /// # Errors
    /// There is no usable `JobState` or `InstanceID`.
    pub fn from_instance(instance: &Instance, reference: Option<&Reference>) -> Result<Self, Error> {
        let missing = |property| Error::Instance { class: instance.class.to_string(), property };
        let instance_id = instance.text("InstanceID").ok_or_else(|| missing("InstanceID"))?.to_owned();
        let state = number(instance, "JobState").ok_or_else(|| missing("JobState"))?;
        let text = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| instance.text(name).filter(|text| !text.trim().is_empty()))
                .map(str::to_owned)
        };
        let time = |name| instance.get(name).and_then(Value::as_datetime).and_then(|time| time.happened());
        let reference = match reference {
            Some(reference) => reference.clone(),
            None => Reference::new(
                crate::wsman::wmi_uri(&instance.namespace, &instance.class),
                vec![crate::cim::Selector::new("InstanceID", &instance_id)],
            ),
        };
        Ok(Self {
            reference,
            class: instance.class.to_string(),
            instance_id,
            state: JobState::from(state),
            job_type: number(instance, "JobType").map(JobType::from),
            percent_complete: number(instance, "PercentComplete"),
            elapsed: instance.get("ElapsedTime").and_then(Value::as_interval).and_then(|time| time.length()),
            submitted: time("TimeSubmitted"),
            scheduled: time("ScheduledStartTime"),
            started: time("StartTime"),
            changed: time("TimeOfLastStateChange"),
            error_code: number(instance, "ErrorCode").filter(|code| *code != 0),
            error_description: text(&["ErrorDescription", "ErrorSummaryDescription"]),
            name: text(&["ElementName", "Name", "Caption"]),
            cancellable: instance.get("Cancellable").and_then(Value::as_bool),
        })
    }

    /// The label of its state. 32768, which the documentation of the class does not list, is what Hyper-V's own
    /// tools call completed with warnings.
    pub fn state_label(&self) -> std::borrow::Cow<'static, str> {
        match self.state {
            JobState::Unlisted(32768) => "Completed with Warnings".into(),
            state => state.label(),
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        is_terminal(self.state)
    }

    /// Whether it has reached its aim.
    pub fn is_success(&self) -> bool {
        is_success(self.state)
    }

    /// Whether it is a resynchronization, of either relationship.
    pub fn is_resynchronization(&self) -> bool {
        matches!(self.job_type, Some(JobType::Resynchronizing | JobType::ResynchronizingExtendedReplication))
    }

    /// Whether it is a request for another replication state, or one to cancel a resynchronization.
    pub fn changes_replication(&self) -> bool {
        matches!(self.job_type, Some(JobType::ReplicateStateChange | JobType::StopResynchronizing))
    }
}

impl JobError {
    /// Reads an `Msvm_Error`.
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Instance(error) => Some(Self {
                code: error.text("MessageID").filter(|code| !code.is_empty()).map(str::to_owned),
                message: error.text("Message").unwrap_or_default().to_owned(),
            }),
            Value::String(text) if !text.trim().is_empty() => {
                Some(Self { code: None, message: text.clone() })
            }
            _ => None,
        }
    }
}

fn number(instance: &Instance, name: &str) -> Option<u16> {
    instance.number(name).and_then(|number| u16::try_from(number).ok())
}
