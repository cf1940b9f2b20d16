//! The HTTP server in front of the simulated host.
//!
//! [`Server`] listens on a socket, lets clients in by the methods that it is told to offer ([`Offers`]), and hands
//! what they say to the service. It carries out the disturbances that a scenario plans and writes down what
//! really happened. It knows sockets and the clock; what a request means is the service's affair.

mod client_certificate;
mod clock;
mod connection;
#[cfg(feature = "credssp")]
mod credssp;
mod exchange;
mod login;
mod negotiate;
mod plan;
mod reply;
mod spoil;
mod tap;
mod tickets;
mod tls;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::clock::HostClock;
use self::login::Doorkeeper;
pub use self::login::Offers;
use self::tls::Tls;
pub use self::tls::{Hardening, ServerTls};
use super::options::Accident;
use super::scenario::{Scenario, ServerOptions};
use super::script::{Operation, Script};
use super::service::{Service, Violation};
use super::truth::Truth;
use super::world::World;
use crate::auth::kerberos::KeytabEntry;
use crate::msvm::SCHEMA;
use crate::secret::Secret;

/// How a server is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Where it listens; port 0 for any.
    pub listen: SocketAddr,
    /// The host and what happens.
    pub scenario: Scenario,
    /// The user who may do everything, as `name` or `DOMAIN\name`.
    pub user: String,
    /// The user's password.
    pub password: Secret<String>,
    /// By which methods clients may come in.
    pub offers: Offers,
    /// The keys of the host's services, for Kerberos.
    pub keytab: Vec<KeytabEntry>,
    /// TLS; without it http.
    pub tls: Option<ServerTls>,
    /// The roots of client certificates, in PEM; the handshake of TLS asks for one where there are any.
    pub client_roots: Vec<u8>,
    /// How the host's time goes.
    pub pace: HostTime,
    /// The host's time at the beginning; ours by default.
    pub begins: Option<Timestamp>,
    /// Identifiers are drawn from it.
    pub seed: u64,
}

/// How the host's time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostTime {
    /// As fast as the scenario says.
    OfScenario,
    /// So many seconds in one of ours.
    Times(u32),
    /// Only by [`Server::advance`].
    Manual,
}

impl ServerSettings {
    /// A server on a free port of loopback that offers NTLM alone.
    pub fn new(scenario: Scenario, user: impl Into<String>, password: Secret<String>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            scenario,
            user: user.into(),
            password,
            offers: Offers::default(),
            keytab: Vec::new(),
            tls: None,
            client_roots: Vec::new(),
            pace: HostTime::OfScenario,
            begins: None,
            seed: 1,
        }
    }
}

/// A request that was read, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The operation; `None` where it is none of this host's.
    pub operation: Option<Operation>,
    /// The class that it was for, or the method.
    pub subject: String,
    /// Whether it was carried out.
    pub executed: bool,
}

/// What really happened, on the host and on the way to it.
#[derive(Clone, Debug, Default)]
pub struct ServerTruth {
    /// The host's own account.
    pub host: Truth,
    /// Requests of WS-Management, in order.
    pub requests: Vec<Served>,
    /// Requests of HTTP, legs of handshakes among them.
    pub http_requests: usize,
    /// Connections that were made.
    pub connections: usize,
    /// Handshakes that let somebody in.
    pub handshakes: usize,
    /// Enumerations that are open.
    pub open_enumerations: usize,
    /// What clients did against the rules.
    pub violations: Vec<Violation>,
}

/// A simulated host that listens. Dropping it ends it at once.
pub struct Server {
    address: SocketAddr,
    user: String,
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What all connections share.
struct Shared {
    doorkeeper: Doorkeeper,
    clock: HostClock,
    options: ServerOptions,
    tls: Option<Tls>,
    user: String,
    /// Where redirects lead.
    trap: SocketAddr,
    host: Mutex<Host>,
}

/// The host with everything that is known about it.
struct Host {
    service: Service,
    script: Script,
    requests: Vec<Served>,
    /// Requests that were taken with the truth.
    taken: usize,
    http_requests: usize,
    connections: usize,
    handshakes: usize,
}

impl Server {
    /// Starts to listen, on the current tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound, the certificate and its key cannot be used, or a method is to be offered that
    /// lacks what it needs.
    pub async fn start(settings: ServerSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let trap = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared::new(&settings, trap.local_addr()?)?);
        let (stopping, stopped) = watch::channel(false);
        let listeners = connection::Listeners { listener, trap };
        let task = tokio::spawn(connection::accept(listeners, Arc::clone(&shared), stopped));
        Ok(Self { address, user: settings.user, shared, stopping, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL of the endpoint.
    pub fn url(&self) -> String {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/wsman", SocketAddr::new(ip, self.address.port()))
    }

    /// The user who may come in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What really happened until now.
    pub fn truth(&self) -> ServerTruth {
        let mut host = self.shared.host();
        host.service.world.tick(self.shared.clock.now());
        ServerTruth {
            host: host.service.world.truth().clone(),
            requests: host.requests.clone(),
            http_requests: host.http_requests,
            connections: host.connections,
            handshakes: host.handshakes,
            open_enumerations: host.service.open_enumerations(),
            violations: host.service.violations.clone(),
        }
    }

    /// What really happened since it was taken last, so that a server may run for ever. Counts are those of the
    /// whole time.
    pub fn take_truth(&self) -> ServerTruth {
        let mut host = self.shared.host();
        host.service.world.tick(self.shared.clock.now());
        host.taken += host.requests.len();
        ServerTruth {
            host: host.service.world.take_truth(),
            requests: std::mem::take(&mut host.requests),
            http_requests: host.http_requests,
            connections: host.connections,
            handshakes: host.handshakes,
            open_enumerations: host.service.open_enumerations(),
            violations: std::mem::take(&mut host.service.violations),
        }
    }

    /// Looks at the host itself, as it is now.
    pub fn inspect<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        let mut host = self.shared.host();
        host.service.world.tick(self.shared.clock.now());
        look(&host.service.world)
    }

    /// The host's time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Puts the host's clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Has something happen to the target now.
    pub fn befall(&self, accident: Accident) {
        let now = self.shared.clock.now();
        self.shared.host().service.world.befall(accident, now);
    }

    /// Stops to listen and lets requests under way end, for a second at most.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        if tokio::time::timeout(LAST_REQUESTS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("user", &self.user).finish()
    }
}

impl ServerTruth {
    /// How often Resynchronize was executed for a VM, whatever it returned.
    pub fn executions(&self, guid: &str) -> usize {
        self.host.executions(guid)
    }
}

impl Shared {
    fn new(settings: &ServerSettings, trap: SocketAddr) -> io::Result<Self> {
        let Scenario { world, server, injections, .. } = settings.scenario;
        let speed = match settings.pace {
            HostTime::OfScenario => server.speed,
            HostTime::Times(speed) => speed,
            HostTime::Manual => 0,
        };
        let begins = settings.begins.unwrap_or_else(Timestamp::now);
        let unrest = world.unrest;
        let world = World::new(SCHEMA, world, settings.seed, begins);
        let host = Host {
            service: Service::new(world, SCHEMA, server, settings.seed),
            script: Script::new(injections).unquiet(unrest),
            requests: Vec::new(),
            taken: 0,
            http_requests: 0,
            connections: 0,
            handshakes: 0,
        };
        let tls = settings.tls.as_ref().map(|tls| Tls::new(tls, &settings.client_roots)).transpose()?;
        Ok(Self {
            doorkeeper: Doorkeeper::new(settings, tls.as_ref())?,
            clock: HostClock::new(begins, speed),
            options: server,
            tls,
            user: settings.user.clone(),
            trap,
            host: Mutex::new(host),
        })
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blame(&self, rule: &'static str, text: impl Into<String>) {
        self.host().service.violations.push(Violation::new(rule, text));
    }
}

/// How long requests under way may take once the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
