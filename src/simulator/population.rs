//! The virtual machines of a simulated host: one in every interesting state, and names that break careless code.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::earlier;
use super::ids::Ids;
use super::machine::{Machine, Relationship};
use super::options::WorldOptions;
use super::state::{mode, replication};

/// Display name of the VM that scenarios are about.
pub const TARGET: &str = "web01";

/// A ReplicationState that no documentation knows.
pub const UNKNOWN_STATE: u16 = 99;

/// Where the target stands in the population.
pub(super) const TARGET_PLACE: usize = 0;

/// Makes the machines; the first one is the target.
pub(super) fn populate(options: &WorldOptions, ids: &mut Ids, now: Timestamp) -> Vec<Machine> {
    let mut village = Village { ids, now, machines: Vec::new() };
    village.target(options);
    village.ordinary();
    if !options.few {
        village.odd_names();
        village.roles();
        village.impostors(options);
        village.one_per_state();
    }
    village.crowd(options.crowd);
    village.machines
}

/// Place of the first machine of the crowd, which stands last.
pub(super) fn crowd_begins(machines: &[Machine], options: &WorldOptions) -> usize {
    machines.len().saturating_sub(options.crowd.into())
}

struct Village<'a> {
    ids: &'a mut Ids,
    now: Timestamp,
    machines: Vec<Machine>,
}

impl Village<'_> {
    fn target(&mut self, options: &WorldOptions) {
        let machine = self.add(TARGET, mode::PRIMARY, &[options.target_state]);
        machine.recovery_points = 3;
        if let Some(relationship) = machine.relationships.first_mut() {
            relationship.interval = options.target_interval;
        }
    }

    fn ordinary(&mut self) {
        self.add("healthy", mode::PRIMARY, &[replication::REPLICATING]).recovery_points = 2;
        self.add("paused", mode::PRIMARY, &[replication::SUSPENDED]);
        self.add("critical", mode::PRIMARY, &[replication::CRITICAL]);
        self.add("off", mode::PRIMARY, &[replication::RESYNC_REQUIRED]).running = false;
        self.add("no-replication", mode::NONE, &[]);
    }

    fn odd_names(&mut self) {
        self.add("twin", mode::PRIMARY, &[replication::RESYNC_REQUIRED]);
        self.add("twin", mode::PRIMARY, &[replication::REPLICATING]);
        for name in ODD_NAMES {
            self.add(name, mode::PRIMARY, &[replication::RESYNC_REQUIRED]);
        }
    }

    fn roles(&mut self) {
        let both = [replication::REPLICATING, replication::RESYNC_REQUIRED];
        self.add("replica-extended", mode::REPLICA, &both).recovery_points = 4;
        self.add("replica-plain", mode::REPLICA, &[replication::REPLICATING]).recovery_points = 4;
        self.add("test-replica", mode::TEST_REPLICA, &[]);
        self.add("extended-replica", mode::EXTENDED_REPLICA, &[replication::REPLICATING]);
    }

    /// Named like the host and like the GUID of another VM.
    fn impostors(&mut self, options: &WorldOptions) {
        self.add(options.host, mode::PRIMARY, &[replication::RESYNC_REQUIRED]);
        let guid = self.machines.get(TARGET_PLACE).map(|machine| machine.guid.clone()).unwrap_or_default();
        self.add(&guid, mode::PRIMARY, &[replication::REPLICATING]);
    }

    fn one_per_state(&mut self) {
        for state in (0..=HIGHEST_STATE).chain([UNKNOWN_STATE]) {
            let mode = if SEEN_ON_REPLICAS.contains(&state) { mode::REPLICA } else { mode::PRIMARY };
            self.add(&format!("state-{state:02}"), mode, &[state]);
        }
    }

    fn crowd(&mut self, count: u16) {
        for number in 1..=count {
            self.add(&format!("crowd-{number:04}"), mode::PRIMARY, &[replication::RESYNC_REQUIRED]);
        }
    }

    fn add(&mut self, name: &str, mode: u16, states: &[u16]) -> &mut Machine {
        let relationships =
            (0..).zip(states).map(|(index, state)| self.relationship(index, *state)).collect();
        self.machines.push(Machine {
            guid: self.ids.guid(),
            name: name.to_owned(),
            mode,
            running: mode == mode::PRIMARY || mode == mode::NONE,
            recovery_points: 0,
            relationships,
            migrating: false,
            gone: false,
        });
        let last = self.machines.len() - 1;
        &mut self.machines[last]
    }

    fn relationship(&self, index: u8, state: u16) -> Relationship {
        let last = match state {
            replication::DISABLED | replication::READY | replication::INITIAL_COPY => None,
            replication::REPLICATING => Some(earlier(self.now, Duration::from_secs(100))),
            _ => Some(earlier(self.now, Duration::from_secs(1800))),
        };
        Relationship::new(index, state, last)
    }
}

/// Specials of XML, WQL and LIKE; blanks; letters beyond ASCII.
const ODD_NAMES: [&str; 7] = [
    "データベース-01",
    "Prüfstand Ä ß",
    r#"R&D <test> "q" 'a' \b"#,
    " spaced  name ",
    "50%_off [a-z] ^1",
    "]]> <!-- &amp; {x}",
    "   ",
];

const HIGHEST_STATE: u16 = 21;

/// States of a failover and of a failback, which only a replica has.
const SEEN_ON_REPLICAS: [u16; 5] = [
    replication::RECOVERED,
    replication::COMMITTED,
    replication::FAILOVER,
    replication::FAILBACK,
    replication::FAILED_BACK,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_an_unknown_one_are_there() {
        let machines = populate(&WorldOptions::DEFAULT, &mut Ids::new(1), Timestamp::UNIX_EPOCH);
        for state in (0..=21).chain([UNKNOWN_STATE]) {
            let name = format!("state-{state:02}");
            let machine = machines.iter().find(|machine| machine.name == name).unwrap();
            assert_eq!(machine.relationship(0).unwrap().state, state);
        }
        assert_eq!(machines.iter().filter(|machine| machine.name == "twin").count(), 2);
        assert!(machines.iter().any(|machine| machine.name == machines[0].guid));
    }
}
