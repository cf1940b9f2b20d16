//! The host without a network: a request goes in and its reply comes out, at a time that the caller names.

use jiff::Timestamp;

use crate::cim::Schema;

use super::options::WorldOptions;
use super::scenario::ServerOptions;
use super::script::Operation;
use super::service::{Caller, Service, Violation};
use super::world::World;

/// A simulated host that is asked in process. It has no clock, no connections and no credentials.
#[derive(Debug)]
pub struct Desk {
    service: Service,
    user: String,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Handled {
    /// The operation; `None` where it is none of this host's.
    pub operation: Option<Operation>,
    /// The class that it was for, or the method that it invoked.
    pub subject: String,
    /// The request's MessageID.
    pub message_id: Option<String>,
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

    /// Carries a request out.
    pub fn handle(&mut self, request: &[u8], now: Timestamp) -> Handled {
        let asked = self.service.read(request, CONTENT_TYPE);
        let reply = self.service.execute(&asked, Caller { user: Some(&self.user), now });
        let answer = self.service.write(&reply, asked.message_id.clone(), asked.max_envelope);
        Handled {
            operation: asked.operation,
            subject: asked.subject,
            message_id: asked.message_id,
            status: answer.status,
            text: answer.text,
        }
    }

    /// Reads a request without carrying it out: its operation and what it is for.
    pub fn look_at(&mut self, request: &[u8]) -> (Option<Operation>, String, Option<String>) {
        let asked = self.service.read(request, CONTENT_TYPE);
        (asked.operation, asked.subject, asked.message_id)
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
