//! A host that is never quiet, for long runs: seeded mishaps to its machines and disturbances of the conversation.

use std::time::Duration;

use super::agenda::later;
use super::ids::Ids;
use super::machine::Link;
use super::options::{Accident, AfterRestart};
use super::population::crowd_begins;
use super::resynchronize::ResyncOrder;
use super::script::{Action, BadReply, Damage, PlannedFault, Seen};
use super::state::replication;
use super::world::{Event, OTHER_USER, World};

/// How unquiet a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrest {
    /// What happens is drawn from it.
    pub seed: u64,
    /// Host time between two mishaps to machines of the crowd, or to all of the host.
    pub every: Duration,
    /// Of a thousand requests, how many are disturbed.
    pub per_mille: u16,
}

/// Draws.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    ids: Ids,
    /// Requests during which no session is forgotten.
    rest: u32,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { ids: Ids::new(seed), rest: 0 }
    }

    /// A number below that one; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.ids.next() % end).unwrap_or_default()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len());
        all.get(at).copied()
    }
}

impl World {
    /// Enters the next mishap, where there are any.
    pub(super) fn expect_mishap(&mut self) {
        if let Some(unrest) = self.options.unrest {
            self.agenda.enter(later(self.clock, unrest.every), Event::Mishap);
        }
    }

    /// Has something happen to a machine of the crowd.
    pub(super) fn mishap(&mut self) {
        let begins = crowd_begins(&self.machines, &self.options);
        // Most machines rest, so that one that is busy is looked for every now and then.
        let place = if self.chance.one_in(12) {
            let is_busy =
                |place: &usize| self.relationship(of(*place)).is_some_and(|found| found.run.is_some());
            let busy: Vec<usize> = (begins..self.machines.len()).filter(is_busy).collect();
            self.chance.one_of(&busy)
        } else {
            let count = self.machines.len().saturating_sub(begins);
            (count > 0).then(|| begins + self.chance.below(count))
        };
        if let Some(place) = place {
            self.trouble(of(place));
        }
        self.expect_mishap();
    }

    fn trouble(&mut self, link: Link) {
        let Some(state) = self.relationship(link).map(|found| found.state) else { return };
        let mishap = match state {
            replication::REPLICATING => self.chance.one_of(FALLS),
            replication::RESYNCHRONIZING => self.chance.one_of(MISHAPS),
            replication::RESYNC_SUSPENDED => self.chance.one_of(WAYS_ON),
            replication::RESYNC_REQUIRED | replication::CRITICAL | replication::SUSPENDED => {
                self.chance.one_in(6).then_some(Mishap::Resynchronize)
            }
            _ => Some(Mishap::Accident(Accident::Break { state: replication::RESYNC_REQUIRED })),
        };
        let Some(mishap) = mishap else { return };
        match mishap {
            Mishap::Accident(accident) => self.befall_link(link, accident),
            Mishap::Request(state) => {
                self.request_state(link, state, OTHER_USER);
            }
            Mishap::Resynchronize => {
                self.resynchronize(ResyncOrder {
                    machine: Some(link.machine),
                    start_time: None,
                    user: OTHER_USER,
                });
            }
        }
        let guid = self.machines.get(link.machine).map(|machine| machine.guid.clone());
        self.truth.befallen.push((guid.filter(|_| !mishap.is_of_all()), self.clock));
    }
}

/// What happens to a machine.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    Accident(Accident),
    /// Another administrator requests that replication state.
    Request(u16),
    /// Another administrator resynchronizes.
    Resynchronize,
}

impl Mishap {
    /// Whether it happens to all machines.
    fn is_of_all(self) -> bool {
        matches!(self, Self::Accident(Accident::Restart { .. } | Accident::LoseJobs))
    }
}

fn of(machine: usize) -> Link {
    Link { machine, index: 0 }
}

const fn falls_to(state: u16) -> Mishap {
    Mishap::Accident(Accident::Break { state })
}

const fn restart(then: AfterRestart) -> Mishap {
    Mishap::Accident(Accident::Restart { outage: Duration::from_secs(20), then })
}

/// Why a machine that replicates needs a resynchronization.
const FALLS: &[Mishap] = &[
    falls_to(replication::RESYNC_REQUIRED),
    falls_to(replication::RESYNC_REQUIRED),
    falls_to(replication::CRITICAL),
    falls_to(replication::SUSPENDED),
];

/// What happens to one that is being resynchronized.
const MISHAPS: &[Mishap] = &[
    Mishap::Accident(Accident::Suspend),
    Mishap::Accident(Accident::Cancel),
    Mishap::Accident(Accident::Failover { state: replication::RECOVERED }),
    Mishap::Accident(Accident::Failover { state: replication::FAILOVER }),
    Mishap::Accident(Accident::LoseJobs),
    Mishap::Request(replication::SUSPENDED),
    Mishap::Request(replication::RESYNC_REQUIRED),
    falls_to(replication::RESYNC_REQUIRED),
    falls_to(replication::CRITICAL),
    falls_to(replication::SUSPENDED),
    restart(AfterRestart::Continues),
    restart(AfterRestart::Ends(replication::RESYNC_REQUIRED)),
];

/// How a suspended resynchronization goes on.
const WAYS_ON: &[Mishap] =
    &[Mishap::Request(replication::REPLICATING), Mishap::Request(replication::RESYNC_REQUIRED)];

/// Disturbs a request, or not.
pub(super) fn disturb(chance: &mut Chance, unrest: Unrest, request: Seen<'_>) -> Option<Action> {
    let (disturbances, per_mille) = match request.operation {
        Some(_) => (OF_MESSAGES, unrest.per_mille),
        None => (OF_REQUESTS, unrest.per_mille / 4),
    };
    let is_disturbed = chance.below(1000) < usize::from(per_mille);
    let action = is_disturbed.then(|| chance.one_of(disturbances)).flatten();
    if !matches!(action, Some(Action::Deauthenticate)) {
        chance.rest = chance.rest.saturating_sub(1);
        return action;
    }
    // A host that forgets a client twice in a row has refused it.
    (std::mem::replace(&mut chance.rest, BETWEEN_LOST_SESSIONS) == 0).then_some(Action::Deauthenticate)
}

/// In looks at requests, of which there are two for each.
const BETWEEN_LOST_SESSIONS: u32 = 100;

const fn fault(fault: PlannedFault, executed: bool) -> Action {
    Action::Fault { fault, executed }
}

const fn bare(status: u16, close: bool) -> Action {
    Action::Http { status, retry_after: None, close }
}

const fn late(seconds: u64, ignores_timeout: bool) -> Action {
    Action::Delay { by: Duration::from_secs(seconds), ignores_timeout }
}

/// Before the body is decrypted.
const OF_REQUESTS: &[Action] = &[
    Action::DropRequest,
    Action::Deauthenticate,
    bare(503, true),
    bare(500, true),
    Action::Reply(BadReply::Html),
];

const OF_MESSAGES: &[Action] = &[
    Action::DropRequest,
    Action::DropReply { bytes: 0, reset: false },
    Action::DropReply { bytes: 0, reset: true },
    Action::DropReply { bytes: 300, reset: false },
    Action::DropReply { bytes: 900, reset: true },
    fault(PlannedFault::TimedOut, true),
    fault(PlannedFault::TimedOut, false),
    fault(PlannedFault::Quota, false),
    fault(PlannedFault::Quota, false),
    fault(PlannedFault::ServerTooBusy, false),
    fault(PlannedFault::InternalError, true),
    Action::Http { status: 503, retry_after: Some(1), close: false },
    bare(503, true),
    bare(500, true),
    Action::Deauthenticate,
    Action::Mangle(Damage::Cipher),
    Action::Mangle(Damage::Signature),
    Action::Mangle(Damage::Length),
    Action::ClearReply,
    Action::WrongRelatesTo,
    Action::Reply(BadReply::Truncated),
    Action::Reply(BadReply::Empty),
    late(20, true),
    late(20, false),
    late(900, true),
    Action::Close { announced: true },
    Action::Close { announced: false },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msvm::SCHEMA;
    use crate::simulator::WorldOptions;
    use crate::simulator::script::Operation;
    use jiff::Timestamp;

    const UNREST: Unrest = Unrest { seed: 5, every: Duration::from_secs(1), per_mille: 100 };

    #[test]
    fn the_crowd_has_mishaps_and_the_others_have_none() {
        let options = WorldOptions { few: true, crowd: 20, unrest: Some(UNREST), ..WorldOptions::DEFAULT };
        let run = || {
            let mut world = World::new(SCHEMA, options, 1, Timestamp::UNIX_EPOCH);
            world.tick(later(Timestamp::UNIX_EPOCH, Duration::from_secs(3600)));
            world
        };
        let world = run();
        let befallen =
            |guid: &str| world.truth().befallen.iter().filter(|one| one.0.as_deref() == Some(guid)).count();
        for machine in world.machines() {
            assert_eq!(befallen(&machine.guid) > 0, machine.name.starts_with("crowd-"), "{}", machine.name);
        }
        assert!(world.truth().befallen.iter().any(|one| one.0.is_none()));
        assert_eq!(world.truth().befallen, run().truth().befallen);
    }

    #[test]
    fn so_many_requests_are_disturbed() {
        let mut chance = Chance::new(1);
        let mut count = |operation| {
            let seen = Seen { operation, subject: "Msvm_ComputerSystem" };
            (0..10_000).filter(|_| disturb(&mut chance, UNREST, seen).is_some()).count()
        };
        let (messages, requests) = (count(Some(Operation::Get)), count(None));
        assert!((900..1100).contains(&messages), "{messages}");
        assert!((200..300).contains(&requests), "{requests}");
    }
}
