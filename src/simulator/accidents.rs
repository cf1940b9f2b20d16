//! What happens to a resynchronization without the client asking for it.

use std::time::Duration;

use super::agenda::later;
use super::machine::Link;
use super::options::{Accident, AfterRestart};
use super::resynchronize::comparison_failed;
use super::state::{job, mode, replication};
use super::world::{Event, World};

impl World {
    /// Has something happen to a relationship.
    pub(super) fn befall_link(&mut self, link: Link, accident: Accident) {
        match accident {
            Accident::Suspend => self.suspend_run(link),
            Accident::Cancel => self.void_run(link, replication::RESYNC_REQUIRED),
            Accident::Failover { state } => self.void_run(link, state),
            Accident::Break { state } => self.break_run(link, state),
            Accident::Remove { keeps_instance } => self.remove_replication(link, keeps_instance),
            Accident::Move { takes } => self.move_away(link, takes),
            Accident::Restart { outage, then } => self.restart(link, outage, then),
            Accident::LoseJobs => self.jobs.clear(),
            Accident::Rename(name) => {
                if let Some(machine) = self.machines.get_mut(link.machine) {
                    name.clone_into(&mut machine.name);
                }
            }
        }
    }

    fn void_run(&mut self, link: Link, state: u16) {
        self.drop_request(link);
        self.drop_schedule(link);
        self.stop_run(link, job::TERMINATED);
        self.enter_state(link, state);
    }

    fn break_run(&mut self, link: Link, state: u16) {
        let run = self.relationship_mut(link).and_then(|relationship| relationship.run.take());
        if let Some(number) = run.and_then(|run| run.job) {
            self.end_job(number, job::EXCEPTION, comparison_failed());
        }
        self.void_run(link, state);
    }

    fn remove_replication(&mut self, link: Link, keeps_instance: bool) {
        self.void_run(link, replication::DISABLED);
        let Some(machine) = self.machines.get_mut(link.machine) else { return };
        if !keeps_instance {
            machine.relationships.retain(|relationship| relationship.index != link.index);
        }
        if link.index == 0 {
            machine.mode = mode::NONE;
        }
    }

    fn move_away(&mut self, link: Link, takes: Duration) {
        if let Some(machine) = self.machines.get_mut(link.machine) {
            machine.migrating = true;
        }
        self.agenda.enter(later(self.clock, takes), Event::MachineLeaves(link.machine));
    }

    pub(super) fn machine_leaves(&mut self, place: usize) {
        let Some(machine) = self.machines.get_mut(place) else { return };
        machine.gone = true;
        machine.relationships.clear();
        self.jobs.retain(|job| job.machine != place);
    }

    /// Jobs are objects of the service, and it forgets them; so are state requests in progress.
    fn restart(&mut self, link: Link, outage: Duration, then: AfterRestart) {
        self.jobs.clear();
        self.outage_until = Some(later(self.clock, outage));
        for relationship in self.machines.iter_mut().flat_map(|machine| &mut machine.relationships) {
            relationship.request = None;
            if let Some(run) = &mut relationship.run {
                run.job = None;
            }
            if let Some(schedule) = &mut relationship.schedule {
                schedule.job = None;
            }
        }
        if let AfterRestart::Ends(state) = then {
            self.void_run(link, state);
        }
    }

    fn drop_request(&mut self, link: Link) {
        let request = self.relationship_mut(link).and_then(|relationship| relationship.request.take());
        if let Some(request) = request {
            self.end_job(request.job, job::TERMINATED, Vec::new());
        }
    }

    /// Sets the target's automatic window so that it opens that long from now.
    pub(super) fn open_window_in(&mut self, link: Link, delay: Duration) {
        let opens = later(self.clock, delay);
        let seconds = u64::try_from(opens.as_second().rem_euclid(DAY)).unwrap_or_default();
        if let Some(relationship) = self.relationship_mut(link) {
            relationship.automatic = Some(Duration::from_secs(seconds));
        }
        self.agenda.enter(opens, Event::WindowOpens(link));
    }

    pub(super) fn window_opens(&mut self, link: Link) {
        let waits = self.relationship(link).is_some_and(|found| {
            found.state == replication::RESYNC_REQUIRED
                && found.automatic.is_some()
                && found.request.is_none()
        });
        if waits {
            self.drop_schedule(link);
            self.begin_unasked(link, SYSTEM);
        }
        let tomorrow = later(self.clock, ONE_DAY);
        if tomorrow > self.clock {
            self.agenda.enter(tomorrow, Event::WindowOpens(link));
        }
    }
}

const DAY: i64 = 86_400;
const ONE_DAY: Duration = Duration::from_secs(86_400);

/// Owner of what the host does by itself.
const SYSTEM: &str = "NT AUTHORITY\\SYSTEM";
