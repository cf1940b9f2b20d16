//! The host without a network: a request goes in and its reply comes out, at a time that the caller names.

use jiff::Timestamp;

use crate::cim::Schema;

use super::options::WorldOptions;
use super::scenario::ServerOptions;
use super::script::Operation;
use super::service::{Asked, Caller, Service, Violation};
use super::world::World;

/// A simulated host that is asked in process. It has no clock, no connections and no credentials.
#[derive(Debug)]
pub struct Desk {
    service: Service,
    user: String,
}

/// A request that was read.
#[derive(Clone, Debug)]
pub struct Asking(Asked);

impl Asking {
    /// The operation; `None` where it is none of this host's.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The class that it is for, or the method that it invokes.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Its MessageID.
    pub fn message_id(&self) -> Option<&str> {
        self.0.message_id.as_deref()
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Handled {
    /// HTTP status of the reply.
    pub status: u16,
    /// The reply.
    pub text: String,
}

impl Desk {
    /// A host at that time. The same seed gives the same identifiers.
    pub fn new(
        schema: Schema,
        (world, server): (WorldOptions, ServerOptions),
        user: impl Into<String>,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let world = World::new(schema, world, seed, now);
        Self { service: Service::new(world, schema, server, seed), user: user.into() }
    }

    /// Reads a request.
    pub fn read(&mut self, request: &[u8]) -> Asking {
        Asking(self.service.read(request, CONTENT_TYPE))
    }

    /// Carries a request out.
    pub fn handle(&mut self, asking: &Asking, now: Timestamp) -> Handled {
        let Asking(asked) = asking;
        let reply = self.service.execute(asked, Caller { user: Some(&self.user), now });
        let answer = self.service.write(&reply, asked.message_id.clone(), asked.max_envelope);
        Handled { status: answer.status, text: answer.text }
    }

    /// The host itself.
    pub fn world(&self) -> &World {
        &self.service.world
    }

    /// The host itself, to have something happen there.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.service.world
    }

    /// Enumerations that are open.
    pub fn open_enumerations(&self) -> usize {
        self.service.open_enumerations()
    }

    /// What was done against the rules.
    pub fn violations(&self) -> &[Violation] {
        &self.service.violations
    }
}

const CONTENT_TYPE: &str = "application/soap+xml;charset=UTF-8";
