//! Scenarios in which the host decides how a resynchronization ends.

use std::time::Duration;

use super::options::{
    Accident, AfterRestart, Generation, JobStyle, Language, Mishap, Outcome, ResyncOptions, Rights,
    ScheduledJob, WorldOptions,
};
use super::population::UNKNOWN_STATE;
use super::scenario::Scenario;
use super::state::replication;

const HOST: WorldOptions = WorldOptions::DEFAULT;
const RESYNC: ResyncOptions = ResyncOptions::DEFAULT;

/// Half-way through.
const MIDWAY: Duration = Duration::from_secs(30);

const fn midway(accident: Accident) -> ResyncOptions {
    ResyncOptions { accident: Some(Mishap { after: MIDWAY, accident }), ..RESYNC }
}

const fn restart(then: AfterRestart) -> ResyncOptions {
    midway(Accident::Restart { outage: Duration::from_secs(10), then })
}

const fn ending(outcome: Outcome) -> ResyncOptions {
    ResyncOptions { outcome, ..RESYNC }
}

/// The job object goes away early.
const fn vanishing(outcome: Outcome) -> ResyncOptions {
    ResyncOptions { job_lost_after: Some(Duration::from_secs(8)), outcome, ..RESYNC }
}

const fn from_state(target_state: u16) -> WorldOptions {
    WorldOptions { target_state, ..HOST }
}

const fn returning(name: &'static str, summary: &'static str, code: u32) -> Scenario {
    Scenario::plain(name, summary).resync(ResyncOptions { return_value: Some(code), ..RESYNC })
}

/// Scenarios of the job, of the VM's state, of the host and of each return value.
pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::plain("healthy", "state 9; one job as long as the work; 10, then 3"),
    Scenario::plain("short-job", "the job only starts the work and ends; state 10 for a while, then 3")
        .resync(ResyncOptions { job: JobStyle::Short, ..RESYNC }),
    Scenario::plain(
        "short-job-then-long",
        "the returned job only starts the work; another one, found through the VM, lives as long as it",
    )
    .resync(ResyncOptions { job: JobStyle::ShortThenLong, ..RESYNC }),
    Scenario::plain(
        "short-job-fails",
        "the job only starts the work and completes; later the VM falls to state 8",
    )
    .resync(ResyncOptions { job: JobStyle::Short, outcome: Outcome::Exception, ..RESYNC }),
    Scenario::plain("no-job", "ReturnValue 0 without a job; state 10 for a while, then 3")
        .resync(ResyncOptions { job: JobStyle::None, ..RESYNC }),
    Scenario::plain("job-exception", "the job ends in Exception (10) with two errors, state 8")
        .resync(ending(Outcome::Exception)),
    Scenario::plain("job-exception-state-9", "the job ends in Exception (10), state 9 again").resync(
        ResyncOptions {
            outcome: Outcome::Exception,
            end_state: Some(replication::RESYNC_REQUIRED),
            ..RESYNC
        },
    ),
    Scenario::plain("job-killed", "the job ends in Killed (9), state 9").resync(ending(Outcome::Killed)),
    Scenario::plain("job-terminated", "the job ends in Terminated (8), state 9")
        .resync(ending(Outcome::Terminated)),
    Scenario::plain("job-warnings", "the job ends in CompletedWithWarnings (32768), state 3")
        .resync(ending(Outcome::Warnings)),
    Scenario::plain("job-ok-state-8", "the job says Completed, yet the VM is in state 8")
        .resync(ResyncOptions { end_state: Some(replication::CRITICAL), ..RESYNC }),
    Scenario::plain("job-ok-state-7", "the job says Completed, yet the VM is paused")
        .resync(ResyncOptions { end_state: Some(replication::SUSPENDED), ..RESYNC }),
    Scenario::plain("job-reaped-early", "an ended job is gone one second later")
        .resync(ResyncOptions { retention: Duration::from_secs(1), ..RESYNC }),
    Scenario::plain(
        "job-vanishes-success",
        "the job object goes away midway; state 3 with fresh replication times",
    )
    .resync(vanishing(Outcome::Success)),
    Scenario::plain("job-vanishes-failure", "the job object goes away midway; state 9 again")
        .resync(vanishing(Outcome::Killed)),
    Scenario::plain(
        "job-vanishes-unknown",
        "from state 7; the job object goes away; state 3, and no replication time moves",
    )
    .world(WorldOptions {
        target_interval: Duration::from_secs(2),
        target_state: replication::SUSPENDED,
        resync: ResyncOptions { times_move: false, ..vanishing(Outcome::Success) },
        ..HOST
    }),
    Scenario::plain("jobs-lost", "all job objects go away midway, the work goes on")
        .resync(midway(Accident::LoseJobs)),
    Scenario::plain("suspended-midway", "somebody suspends it: state 11, job suspended")
        .resync(midway(Accident::Suspend)),
    Scenario::plain("cancelled-midway", "somebody cancels it: state 9, job terminated")
        .resync(midway(Accident::Cancel)),
    Scenario::plain("broken-midway", "a network failure: job Exception, state 8")
        .resync(midway(Accident::Break { state: replication::CRITICAL })),
    Scenario::plain("log-outgrown", "the tracked writes outgrow their limit: job Exception, state 9")
        .resync(midway(Accident::Break { state: replication::RESYNC_REQUIRED })),
    Scenario::plain("failover-midway", "an unplanned failover takes over: state 5")
        .resync(midway(Accident::Failover { state: replication::RECOVERED })),
    Scenario::plain("failover-midway-state-4", "a failover takes over: state 4")
        .resync(midway(Accident::Failover { state: replication::SYNCED })),
    Scenario::plain("failover-midway-state-6", "a failover takes over: state 6")
        .resync(midway(Accident::Failover { state: replication::COMMITTED })),
    Scenario::plain("failover-midway-state-12", "a failover takes over: state 12")
        .resync(midway(Accident::Failover { state: replication::FAILOVER })),
    Scenario::plain("failover-midway-state-13", "a failover takes over: state 13")
        .resync(midway(Accident::Failover { state: replication::FAILBACK })),
    Scenario::plain("failover-midway-state-14", "a failover takes over: state 14")
        .resync(midway(Accident::Failover { state: replication::FAILED_BACK })),
    Scenario::plain("unknown-state-midway", "the VM goes to a state that no documentation knows")
        .resync(midway(Accident::Failover { state: UNKNOWN_STATE })),
    Scenario::plain("removed-midway", "replication is removed: the relationship is gone")
        .resync(midway(Accident::Remove { keeps_instance: false })),
    Scenario::plain("disabled-midway", "replication is removed: the relationship stays in state 0")
        .resync(midway(Accident::Remove { keeps_instance: true })),
    Scenario::plain(
        "vmms-restart-continue",
        "the management service restarts: jobs gone, an outage, the work goes on",
    )
    .resync(restart(AfterRestart::Continues)),
    Scenario::plain("vmms-restart-8", "the management service restarts: jobs gone, an outage, state 8")
        .resync(restart(AfterRestart::Ends(replication::CRITICAL))),
    Scenario::plain("vmms-restart-9", "the management service restarts: jobs gone, an outage, state 9")
        .resync(restart(AfterRestart::Ends(replication::RESYNC_REQUIRED))),
    Scenario::plain("vm-moved", "the VM migrates to another node midway: everything of it is gone from here")
        .resync(midway(Accident::Move { takes: Duration::from_secs(6) })),
    Scenario::plain("already-resyncing", "somebody else started a resynchronization before")
        .world(WorldOptions { resynchronizing: true, ..HOST }),
    Scenario::plain("already-suspended", "a resynchronization is suspended: state 11")
        .world(from_state(replication::RESYNC_SUSPENDED)),
    Scenario::plain("paused-start", "from state 7; then 10 and 3").world(from_state(replication::SUSPENDED)),
    Scenario::plain("critical-start", "from state 8; then 10 and 3").world(from_state(replication::CRITICAL)),
    Scenario::plain("healthy-vm", "state 3: Resynchronize answers 32775")
        .world(from_state(replication::REPLICATING)),
    Scenario::plain("scheduled", "with a StartTime ahead the job waits, state 9 until then")
        .resync(ResyncOptions { scheduled_job: ScheduledJob::Waits, ..RESYNC }),
    Scenario::plain("scheduled-short-job", "with a StartTime ahead the job ends at once, state 9 until then")
        .resync(ResyncOptions { scheduled_job: ScheduledJob::Ends, ..RESYNC }),
    Scenario::plain("automatic", "the host resynchronizes by itself a minute after the beginning")
        .world(WorldOptions { automatic_in: Some(Duration::from_secs(60)), ..HOST }),
    Scenario::plain("access-denied", "authenticated, but every request is answered with access denied")
        .world(WorldOptions { rights: Rights::WithoutWmi, ..HOST }),
    Scenario::plain("no-hyperv-rights", "WMI but not Hyper-V: no VM is visible, methods answer 32769")
        .world(WorldOptions { rights: Rights::WithoutHyperV, ..HOST }),
    Scenario::plain("no-hyperv", "the Hyper-V role is absent: the namespace does not exist")
        .world(WorldOptions { hyper_v: false, ..HOST }),
    Scenario::plain("pre-2012-r2", "Server 2012: no relationship objects, no Ex methods")
        .world(WorldOptions { generation: Generation::Server2012, ..HOST }),
    Scenario::plain("localised", "a Japanese host: captions and status texts")
        .world(WorldOptions { language: Language::Japanese, ..HOST }),
    returning("return-code-0", "Resynchronize answers 0 and the work begins", 0),
    returning("return-code-32768", "Resynchronize answers 32768: failed", 32768),
    returning("return-code-32769", "Resynchronize answers 32769: access denied", 32769),
    returning("return-code-32770", "Resynchronize answers 32770: not supported", 32770),
    returning("return-code-32771", "Resynchronize answers 32771: status is unknown", 32771),
    returning("return-code-32772", "Resynchronize answers 32772: timeout", 32772),
    returning("return-code-32773", "Resynchronize answers 32773: invalid parameter", 32773),
    returning("return-code-32774", "Resynchronize answers 32774: system is in use", 32774),
    returning("return-code-32775", "Resynchronize answers 32775: invalid state for this operation", 32775),
    returning("return-code-32776", "Resynchronize answers 32776: incorrect data type", 32776),
    returning("return-code-32777", "Resynchronize answers 32777: system is not available", 32777),
    returning("return-code-32778", "Resynchronize answers 32778: out of memory", 32778),
    returning("return-code-32779", "Resynchronize answers 32779: file not found", 32779),
];
