//! A scenario: a named host, the behaviour of its server, and planned disturbances.

use std::time::Duration;

use super::options::{ResyncOptions, WorldOptions};
use super::script::Injection;
use super::{scenarios_of_the_host, scenarios_of_the_wire};

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What happens in it, in one line.
    pub summary: &'static str,
    /// The host.
    pub world: WorldOptions,
    /// The server.
    pub server: ServerOptions,
    /// Disturbances.
    pub injections: &'static [Injection],
}

/// How the server in front of the world behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Host seconds per second.
    pub speed: u32,
    /// Whether replies are in UTF-16.
    pub utf16: bool,
    /// Whether replies come in chunks.
    pub chunked: bool,
    /// Whether the connection is closed after each reply.
    pub closes_each: bool,
    /// Whether every credential is refused.
    pub rejects_credentials: bool,
    /// Enumerations of one user that may be open.
    pub open_enumerations: u32,
    /// How long an enumeration stays open without a Pull, in host time.
    pub enumeration_lifetime: Duration,
    /// Items in one reply at most, whatever was asked for.
    pub batch: u32,
    /// Whether EndOfSequence comes together with a context.
    pub ends_with_context: bool,
}

impl ServerOptions {
    /// A quick host that behaves.
    pub const DEFAULT: Self = Self {
        speed: 20,
        utf16: false,
        chunked: false,
        closes_each: false,
        rejects_credentials: false,
        open_enumerations: 1500,
        enumeration_lifetime: Duration::from_secs(600),
        batch: 32_000,
        ends_with_context: false,
    };
}

impl Scenario {
    /// All scenarios.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        scenarios_of_the_host::SCENARIOS.iter().chain(scenarios_of_the_wire::SCENARIOS)
    }

    /// The scenario of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|scenario| scenario.name == name)
    }

    /// A scenario in which nothing is out of the ordinary.
    pub(super) const fn plain(name: &'static str, summary: &'static str) -> Self {
        let (world, server) = (WorldOptions::DEFAULT, ServerOptions::DEFAULT);
        Self { name, summary, world, server, injections: &[] }
    }

    pub(super) const fn resync(mut self, resync: ResyncOptions) -> Self {
        self.world.resync = resync;
        self
    }

    pub(super) const fn world(mut self, world: WorldOptions) -> Self {
        self.world = world;
        self
    }

    pub(super) const fn server(mut self, server: ServerOptions) -> Self {
        self.server = server;
        self
    }

    pub(super) const fn injecting(mut self, injections: &'static [Injection]) -> Self {
        self.injections = injections;
        self
    }
}
