//! The main job, end to end: check, record, ask once, follow to the truth.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::client::Client;
use crate::error::Error;
use crate::job::{FollowOptions, JobReader};
use crate::msvm::RelationshipId;
use crate::msvm::computer_system::ReplicationMode;
use crate::msvm::replication_relationship::ReplicationState;
use crate::msvm::replication_service::ResynchronizeReturnValue as ReturnValue;

use super::check::driven_relationship;
use super::follow::patience_of;
use super::interrupt::{Interrupt, OnInterrupt};
use super::invoke::{self, Answer};
use super::outcome::kind_of;
use super::patience::Woken;
use super::session::Session;
use super::{
    Acceptance, Baseline, Event, Events, Failure, JobSeen, Journal, JournalEntry, Observation, Outcome,
    OutcomeKind, ReplicaReader, Schedule, VirtualMachine,
};

/// How to resynchronize.
#[derive(Clone)]
pub struct ResynchronizeOptions {
    /// When to start; at once by default.
    pub schedule: Option<Schedule>,
    /// Whether to follow to the end: always, never, or, by default, unless it is scheduled.
    pub follow: Option<bool>,
    /// Let the host decide in a state that is certain to be refused.
    pub force: bool,
    /// Pause a replication that runs, so that it can be resynchronized.
    pub suspend_first: bool,
    /// Only say what would be sent.
    pub dry_run: bool,
    /// Stop waiting after that time; the resynchronization goes on.
    pub timeout: Option<Duration>,
    /// What an interruption does once it runs.
    pub on_interrupt: OnInterrupt,
    /// The wish to stop.
    pub interrupt: Interrupt,
    /// The pace of following.
    pub pace: FollowOptions,
    /// Where calls are written down before they leave, and where those of other runs are found.
    pub journal: Option<Arc<dyn Journal>>,
    /// A resynchronization that began since then counts.
    pub since: Option<Timestamp>,
}

impl Default for ResynchronizeOptions {
    fn default() -> Self {
        Self {
            schedule: None,
            follow: None,
            force: false,
            suspend_first: false,
            dry_run: false,
            timeout: None,
            on_interrupt: OnInterrupt::Leave,
            interrupt: Interrupt::never(),
            pace: FollowOptions::default(),
            journal: None,
            since: None,
        }
    }
}

/// Resynchronizes one virtual machine. `Msvm_ReplicationService.Resynchronize` leaves at most once, whatever
/// happens; where its reply is lost, the host's state decides what is said.
///
/// A resynchronization deletes the recovery points of the replica; asking whether that is meant is up to the
/// caller.
pub async fn resynchronize(
    client: &Client,
    asked: &str,
    vm: VirtualMachine,
    options: &ResynchronizeOptions,
    events: &dyn Events,
) -> Outcome {
    let lane = client.in_lane(&vm.id);
    let number = driven_relationship(&vm).unwrap_or_else(|_| u32::from(vm.mode == ReplicationMode::Replica));
    let reader = ReplicaReader::new(RelationshipId::new(vm.id.clone(), number));
    let mut outcome = Outcome::new(asked, OutcomeKind::Unknown);
    outcome.vm = Some(vm.clone());
    let session = Session::new(&lane, vm, reader);
    let mut run = Run {
        session,
        options,
        events,
        outcome,
        begun: lane.clock().elapsed(),
        pause: Pause::No,
        is_written_down: false,
    };
    if let Err(Stopped(kind, failure)) = run.run().await {
        run.outcome.kind = kind;
        run.outcome.failure = failure.map(|failure| *failure);
    }
    run.confess_pause();
    run.conclude();
    run.note_end();
    let Run { outcome, session, .. } = run;
    events.event(asked, Some(&session.vm), &Event::Result(&outcome));
    outcome
}

/// One resynchronization under way.
pub(super) struct Run<'a> {
    pub(super) session: Session<'a>,
    pub(super) options: &'a ResynchronizeOptions,
    events: &'a dyn Events,
    pub(super) outcome: Outcome,
    /// When it began, by our clock.
    pub(super) begun: Duration,
    pub(super) pause: Pause,
    /// The journal has an entry that this run has to end.
    pub(super) is_written_down: bool,
}

/// Whether the replication was paused by this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    No,
    Possible,
    Done,
}

/// It ends here, with that outcome.
pub(super) struct Stopped(pub(super) OutcomeKind, pub(super) Option<Box<Failure>>);

impl Stopped {
    pub(super) fn with(kind: OutcomeKind, failure: Failure) -> Self {
        Self(kind, Some(Box::new(failure)))
    }

    /// Before anything was asked for.
    fn early(woken: Woken) -> Self {
        match woken {
            Woken::Interrupted => Self::with(OutcomeKind::Cancelled, interrupted()),
            Woken::OutOfTime => {
                let failure = Failure::new("timed_out", "the host did not answer within the time given");
                Self::with(
                    OutcomeKind::Unreachable,
                    failure.hint("nothing was asked for; give --timeout more time"),
                )
            }
        }
    }
}

/// An error before the call.
impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::with(kind_of(&error), Failure::of_error(&error))
    }
}

impl Run<'_> {
    async fn run(&mut self) -> Result<(), Stopped> {
        let client = self.session.client;
        let patience = patience_of(self);
        let replica = patience.of(self.read_first()).await.map_err(Stopped::early);
        let replica = replica.flatten().map_err(|stopped| self.left_open(stopped))?;
        if !self.options.dry_run {
            self.look_back(replica.as_ref()).await?;
        }
        let replica = self.refuse(replica)?;
        if replica.state == ReplicationState::Resynchronizing {
            return self.attach(&replica).await;
        }
        if replica.is_waiting() && !self.options.force {
            let pending = patience.of(self.pending()).await.map_err(Stopped::early)??;
            if pending.is_some() {
                return self.attach(&replica).await;
            }
        }
        let service = patience.of(invoke::service(client)).await.map_err(Stopped::early)??;
        // Everything that can stop it here comes before anything is changed there.
        self.outcome.start_time = self.start_time()?;
        self.heed_interrupt()?;
        let replica = self.suspend_first(replica).await?;
        // Pausing takes its time.
        let start_time = self.start_time()?;
        self.outcome.start_time = start_time;
        let call = invoke::resynchronize(&service, &self.session.vm, start_time);
        if self.options.dry_run {
            self.outcome.envelope = Some(invoke::envelope(client, call)?);
            return Err(Stopped(OutcomeKind::Started, None));
        }
        self.heed_interrupt()?;
        let baseline = Baseline::new(&replica, client.host_time(), start_time);
        self.outcome.started_at = baseline.host_time;
        self.write_down(&JournalEntry::Invoking(baseline.clone()))
            .map_err(|message| Stopped::with(OutcomeKind::Refused, Failure::new("configuration", message)))?;
        let acceptance = self.call(call).await?;
        self.after_call(baseline, acceptance).await
    }

    /// Sends the call: once.
    async fn call(&mut self, call: crate::wsman::Invoke) -> Result<Acceptance, Stopped> {
        let client = self.session.client;
        self.event(&Event::Invoking);
        self.outcome.invoked = true;
        let answer = match client.invoke(call).await {
            Ok(answer) => answer,
            Err(error) if error.may_have_run() => return Ok(self.in_doubt(&error.chain())),
            Err(error) => {
                self.outcome.invoked = !matches!(error, Error::Transport(_) | Error::Encode(_));
                return Err(error.into());
            }
        };
        let Some(answer) = Answer::read(&answer) else {
            return Ok(self.in_doubt("the reply has no return value"));
        };
        self.outcome.return_value = Some(answer.return_value);
        match answer.return_value {
            ReturnValue::CompletedWithNoError | ReturnValue::MethodParametersCheckedJobStarted => {
                self.note_acceptance(answer.job.as_ref());
                self.session.job = answer.job.map(JobReader::new);
                Ok(Acceptance::Accepted)
            }
            ReturnValue::Unlisted(code) => {
                Ok(self.in_doubt(&format!("the host returned {code}, which nobody documents")))
            }
            refused => Err(self.refused(refused).await),
        }
    }

    fn in_doubt(&mut self, what: &str) -> Acceptance {
        self.event(&Event::Warning(&format!(
            "{what}; whether it runs is found out by looking, it is not asked for again"
        )));
        Acceptance::InDoubt
    }

    /// A refusal by return value; two of them call for another look at the state.
    async fn refused(&mut self, code: ReturnValue) -> Stopped {
        let state = match super::session::bearable(self.session.reader.read(self.session.client).await) {
            Ok(Some(Some(replica))) => {
                let state = replica.state;
                self.session.note(Some(&replica));
                Some(state)
            }
            _ => None,
        };
        let message = format!("the host refused: {} ({})", code.label(), code.code());
        let state = state
            .map(|state| format!("the replication state is {state} ({}); ", state.code()))
            .unwrap_or_default();
        let hint = match code {
            ReturnValue::AccessDenied => {
                "the account needs to be a Hyper-V Administrator on the host".to_owned()
            }
            ReturnValue::InvalidStateForThisOperation | ReturnValue::SystemIsInUse => {
                format!("{state}wait for what is going on there to end, then look at `hvreplica status`")
            }
            _ => format!("{state}the host's event log Hyper-V-VMMS-Admin may say more"),
        };
        Stopped::with(OutcomeKind::Refused, Failure::new("return_value", message).hint(hint))
    }

    /// Follows, or looks once where nothing is to be followed.
    async fn after_call(&mut self, baseline: Baseline, acceptance: Acceptance) -> Result<(), Stopped> {
        if acceptance == Acceptance::InDoubt || self.follows() {
            if acceptance == Acceptance::Accepted {
                self.event(&Event::Accepted(None));
            }
            return self.follow(baseline, acceptance).await;
        }
        let look = super::session::bearable(self.session.look().await);
        if let Ok(Some(Observation { job: JobSeen::Seen(job), .. })) = look
            && job.is_over()
            && !job.is_success()
        {
            self.outcome.job_errors = crate::job::errors(self.session.client, &job).await;
            let failure = Failure::new("failed", "the job failed at once").may_have_run();
            return Err(Stopped::with(OutcomeKind::Failed, failure));
        }
        self.event(&Event::Accepted(self.session.last_job.as_ref()));
        let is_scheduled = baseline.start_time.is_some();
        Err(Stopped(if is_scheduled { OutcomeKind::Scheduled } else { OutcomeKind::Started }, None))
    }

    /// Whether it is followed to its end: unless that was decided, where it is not scheduled.
    pub(super) fn follows(&self) -> bool {
        self.options.follow.unwrap_or_else(|| self.options.schedule.is_none())
    }

    /// Fills in what the last look brought.
    fn conclude(&mut self) {
        let replica = self.session.last_replica.as_ref();
        self.outcome.state_after = replica.map(|replica| replica.state);
        self.outcome.health = replica.and_then(|replica| replica.health);
        self.outcome.job = self.session.last_job.clone();
        self.outcome.states_seen = std::mem::take(&mut self.session.states_seen);
        let is_open = matches!(
            self.outcome.kind,
            OutcomeKind::StillRunning
                | OutcomeKind::Scheduled
                | OutcomeKind::Started
                | OutcomeKind::Suspended
        );
        if !is_open && (self.outcome.invoked || self.outcome.attached) {
            self.outcome.finished_at = self.session.client.host_time();
        }
    }

    pub(super) fn event(&self, event: &Event<'_>) {
        self.events.event(&self.outcome.asked, Some(&self.session.vm), event);
    }

    /// Since it was asked for, by the host's clock where it gives one.
    pub(super) fn elapsed(&self) -> Duration {
        let host = |begun: Timestamp, now: Timestamp| Duration::try_from(now.duration_since(begun)).ok();
        let by_host = self.outcome.started_at.zip(self.session.client.host_time());
        by_host
            .and_then(|(begun, now)| host(begun, now))
            .unwrap_or_else(|| self.session.client.clock().elapsed().saturating_sub(self.begun))
    }
}

pub(super) fn interrupted() -> Failure {
    Failure::new("interrupted", "interrupted before anything was asked of the host")
}
