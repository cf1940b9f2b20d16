//! A transport without a network: it hands each request to the simulated host and breaks where it is told to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hvreplica::cim::{Reference, Selector, Value};
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::simulator::{Asking, Desk, Handled, Invocation, Operation, ServerOptions, WorldOptions};
use hvreplica::transport::{
    Connection, Delivery, Exchange, HttpRequest, HttpResponse, Transport, TransportError,
    TransportErrorKind as Kind,
};
use hvreplica::wsman::{self, FaultCode, Reply, ReplyHeader, encode_reply, ns};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::fault::{Fault, Plan, Soap};

pub(crate) const USER: &str = "EXAMPLE\\operator";
const OTHER: &str = "EXAMPLE\\other";
const SOAP: &str = "application/soap+xml;charset=UTF-8";
/// A class of jobs that is not the usual one.
pub(crate) const OTHER_JOB: &str = "Msvm_RecoveryJob";
const JOB: &str = "Msvm_ConcreteJob";

/// How the way to the host is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// What `Date` adds to the host's clock in seconds; no header at all without.
    pub(crate) date: Option<i64>,
    /// Jobs are of another class.
    pub(crate) other_job: bool,
}

/// One exchange, as the host and the way know it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) operation: Option<Operation>,
    pub(crate) subject: String,
    /// GUID of the machine that a call was about.
    pub(crate) about: Option<String>,
    pub(crate) at: Duration,
    /// It left for the host.
    pub(crate) left: bool,
    pub(crate) executed: bool,
    /// Length of the reply.
    pub(crate) bytes: usize,
    pub(crate) faults: Vec<Fault>,
}

/// The last run of a command that is run again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Number of its first exchange.
    pub(crate) first: usize,
    pub(crate) since: Timestamp,
}

pub(crate) struct Wire {
    state: Mutex<State>,
    began: Instant,
    origin: Timestamp,
    way: Way,
    killed: Notify,
}

pub(crate) struct State {
    pub(crate) desk: Desk,
    pub(crate) seen: Vec<Seen>,
    /// State of each machine, and the one that it shows, when it was last read and the reply arrived.
    pub(crate) read: HashMap<String, (u16, u16)>,
    pub(crate) attempt: Attempt,
    plan: Plan,
    late: Vec<(Timestamp, Arc<Asking>)>,
    last_reply: Option<Handled>,
    unreachable_until: Option<Timestamp>,
    locked: bool,
    /// What is added to `Date`.
    off: i64,
    stop: watch::Sender<bool>,
    target: String,
}

impl Wire {
    pub(crate) fn new(
        (world, server): (WorldOptions, ServerOptions),
        plan: Plan,
        way: Way,
        stop: watch::Sender<bool>,
    ) -> Self {
        let origin: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let desk = Desk::new(SCHEMA, (world, server), USER, 1, origin);
        let target = desk.world().target().unwrap().guid.clone();
        let state = State {
            desk,
            seen: Vec::new(),
            read: HashMap::new(),
            attempt: Attempt { first: 0, since: origin },
            plan,
            late: Vec::new(),
            last_reply: None,
            unreachable_until: None,
            locked: false,
            off: 0,
            stop,
            target,
        };
        Self { state: Mutex::new(state), began: Instant::now(), origin, way, killed: Notify::new() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.origin.checked_add(self.began.elapsed()).unwrap()
    }

    /// Lets everything arrive that is still on its way, and the time that an enumeration lives go by.
    pub(crate) fn settle(&self) {
        let mut state = self.state();
        let last = state.late.iter().map(|(due, _)| *due).max();
        let now = self.now().max(last.unwrap_or(self.origin));
        state.deliver(now);
        state.desk.world_mut().tick(now);
    }

    /// Ends when the client is killed.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    /// The command is run again from here on.
    pub(crate) fn begin_again(&self, stop: watch::Sender<bool>) {
        let now = self.now();
        let mut state = self.state();
        state.stop = stop;
        state.attempt = Attempt { first: state.seen.len(), since: now };
    }

    async fn run(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        tokio::time::sleep(LATENCY).await;
        let body = match self.way.other_job {
            true => String::from_utf8(request.body.clone()).unwrap().replace(OTHER_JOB, JOB).into_bytes(),
            false => request.body.clone(),
        };
        let (asking, faults) = self.state().begin(self.now(), self.began.elapsed(), &body);
        let mut handled = None;
        let mut spoil = Vec::new();
        for fault in faults {
            let (pause, passed) = self.before(fault, &asking, &request);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            match passed {
                Passed::On => {}
                Passed::Spoils => spoil.push(fault),
                Passed::Replied(text) => handled = Some(text),
                Passed::Failed(error) => return Err(error),
                Passed::Answered(response) => return Ok(response),
                Passed::Dies => {
                    self.killed.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        }
        let handled = match handled {
            Some(handled) => handled,
            None => self.state().execute(self.now(), &asking),
        };
        self.reply((&body, &asking), handled, &spoil)
    }

    /// What happens before the request is executed, and how long it takes.
    fn before(
        &self,
        fault: Fault,
        asking: &Arc<Asking>,
        request: &HttpRequest,
    ) -> (Option<Duration>, Passed) {
        let patience = request.timeout;
        let never = |kind| Passed::Failed(TransportError::new(kind, Delivery::NotSent));
        let maybe = |kind| Passed::Failed(TransportError::new(kind, Delivery::MayHaveRun));
        let now = self.now();
        let mut state = self.state();
        let passed = match fault {
            Fault::Befall(_) | Fault::Admin(_) | Fault::AdminResync | Fault::Interrupt => {
                state.befall(fault, now);
                Passed::On
            }
            Fault::NameLookup => state.stays(never(Kind::NameLookup)),
            Fault::Connect | Fault::Outage(_) => state.stays(never(Kind::Connect)),
            Fault::Tls => state.stays(never(Kind::Tls)),
            Fault::BadToken => state.stays(never(Kind::BadToken)),
            Fault::Locked | Fault::LockedForGood => {
                state.stays(never(Kind::Refused { offered: vec!["Negotiate".to_owned()] }))
            }
            Fault::Reauthenticated => Passed::On,
            Fault::RequestLost => maybe(Kind::ConnectionLost),
            Fault::Closed if request.connection == Connection::Any => maybe(Kind::ConnectionLost),
            Fault::Killed { executed } => {
                state.execute_if(executed, now, asking);
                if executed { Passed::Dies } else { state.stays(Passed::Dies) }
            }
            Fault::ArrivesLate(seconds) => {
                let due = now + patience + Duration::from_secs(seconds);
                state.late.push((due, Arc::clone(asking)));
                return (Some(patience), maybe(Kind::TimedOut));
            }
            Fault::ReplyLate => {
                state.execute(now, asking);
                return (Some(patience), maybe(Kind::TimedOut));
            }
            Fault::Slow(seconds) => return (Some(Duration::from_secs(seconds)), Passed::On),
            Fault::Http { status, executed } => {
                state.execute_if(executed, now, asking);
                Passed::Answered(self.response(state.off, status, String::new(), ""))
            }
            Fault::Soap { kind, executed } => {
                state.execute_if(executed, now, asking);
                Passed::Replied(state.fault(asking, kind))
            }
            _ => Passed::Spoils,
        };
        (None, passed)
    }

    fn reply(
        &self,
        (body, asking): (&[u8], &Arc<Asking>),
        handled: Handled,
        spoil: &[Fault],
    ) -> Result<HttpResponse, TransportError> {
        let mut state = self.state();
        let last = match state.plan.iter().any(|(_, fault)| *fault == Fault::Repeated) {
            true => state.last_reply.replace(handled.clone()),
            false => None,
        };
        if let Some(seen) = state.seen.last_mut() {
            seen.bytes = handled.text.len();
        }
        let off = state.off;
        let mut response = self.response(off, handled.status, handled.text, SOAP);
        for fault in spoil {
            let lost = |kind| Err(TransportError::new(kind, Delivery::MayHaveRun));
            match fault {
                Fault::ReplyLost => return lost(Kind::ConnectionLost),
                Fault::Redirect => {
                    return lost(Kind::Redirect {
                        status: 302,
                        location: "http://elsewhere.test/".to_owned(),
                    });
                }
                Fault::BrokenSeal => return lost(Kind::BrokenSeal),
                Fault::InClear => return lost(Kind::ReplyInClear),
                Fault::TooLarge => return lost(Kind::TooLarge { limit: 1 }),
                Fault::Truncated(thousandths) => {
                    response.body.truncate(response.body.len() * thousandths / 1000);
                }
                Fault::CutAt(bytes) => response.body.truncate(*bytes),
                Fault::Html => response = self.response(off, 200, "<html>".to_owned(), "text/html"),
                Fault::Empty => response = self.response(off, 200, String::new(), ""),
                Fault::Repeated => {
                    if let Some(last) = &last {
                        response = self.response(off, last.status, last.text.clone(), SOAP);
                    }
                }
                Fault::OfAnother => {
                    let id = asking.message_id().unwrap_or_default();
                    let other = "uuid:00000000-DEAD-4000-8000-000000000000";
                    response.body = text_of(&response).replace(id, other).into_bytes();
                }
                Fault::WithoutReturnValue => {
                    response.body = text_of(&response).replace("ReturnValue>", "Other>").into_bytes();
                }
                Fault::NoDate => response.date = None,
                _ => {}
            }
        }
        let is_whole = spoil.iter().all(|fault| {
            matches!(fault, Fault::NoDate | Fault::Clock(_) | Fault::Closed | Fault::WithoutReturnValue)
        });
        if is_whole && response.status == 200 && READS.contains(&asking.subject()) {
            state.note_reads(body);
        }
        if self.way.other_job {
            response.body = text_of(&response).replace(JOB, OTHER_JOB).into_bytes();
        }
        Ok(response)
    }

    fn response(&self, off: i64, status: u16, text: String, content_type: &str) -> HttpResponse {
        let second = Timestamp::from_second(self.now().as_second()).unwrap();
        let date = self.way.date.map(|ahead| second + jiff::SignedDuration::from_secs(ahead + off));
        HttpResponse {
            status,
            content_type: content_type.to_owned(),
            date,
            server: None,
            retry_after: None,
            body: text.into_bytes(),
        }
    }
}

enum Passed {
    On,
    /// Nobody is there any more.
    Dies,
    /// It is the reply's affair.
    Spoils,
    Replied(Handled),
    Answered(HttpResponse),
    Failed(TransportError),
}

impl Transport for Wire {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(self.run(request))
    }
}

impl State {
    /// Counts an exchange and says what is to happen to it.
    fn begin(&mut self, now: Timestamp, at: Duration, body: &[u8]) -> (Arc<Asking>, Vec<Fault>) {
        self.deliver(now);
        let number = self.seen.len();
        let mut faults: Vec<Fault> =
            self.plan.iter().filter(|(hit, _)| *hit == number).map(|(_, fault)| *fault).collect();
        for fault in &faults {
            match fault {
                Fault::Outage(seconds) => {
                    self.unreachable_until = Some(now + Duration::from_secs(*seconds));
                }
                Fault::LockedForGood => self.locked = true,
                Fault::Clock(seconds) => self.off += seconds,
                _ => {}
            }
        }
        if self.unreachable_until.is_some_and(|until| now < until) {
            faults.push(Fault::Connect);
        } else if self.locked {
            faults.push(Fault::Locked);
        }
        // What happens on the host comes before what happens on the way.
        faults.sort_by_key(|fault| !fault.is_of_the_host());
        // One way only ends once.
        let on_the_host = faults.iter().take_while(|fault| fault.is_of_the_host()).count();
        faults.truncate(on_the_host + 1);
        let asking = read(&mut self.desk, body);
        let operation = asking.operation();
        let about = (operation == Some(Operation::Invoke)).then(|| guid_in(body)).flatten();
        self.seen.push(Seen {
            operation,
            subject: asking.subject().to_owned(),
            about,
            at,
            left: true,
            executed: false,
            bytes: 0,
            faults: faults.clone(),
        });
        (asking, faults)
    }

    fn stays(&mut self, passed: Passed) -> Passed {
        if let Some(seen) = self.seen.last_mut() {
            seen.left = false;
        }
        passed
    }

    fn execute(&mut self, now: Timestamp, asking: &Arc<Asking>) -> Handled {
        if let Some(seen) = self.seen.last_mut() {
            seen.executed = true;
        }
        self.desk.handle(asking, now)
    }

    fn execute_if(&mut self, executed: bool, now: Timestamp, asking: &Arc<Asking>) {
        if executed {
            self.execute(now, asking);
        }
    }

    fn deliver(&mut self, now: Timestamp) {
        while let Some(at) = self.late.iter().position(|(due, _)| *due <= now) {
            let (due, asking) = self.late.remove(at);
            self.desk.handle(&asking, due);
        }
    }

    fn note_reads(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        for machine in self.desk.world().machines().filter(|machine| text.contains(&machine.guid)) {
            match machine.relationships.first() {
                Some(found) => self.read.insert(machine.guid.clone(), (found.state, found.shown_state())),
                None => self.read.remove(&machine.guid),
            };
        }
    }

    fn befall(&mut self, fault: Fault, now: Timestamp) {
        match fault {
            Fault::Befall(accident) => self.desk.world_mut().befall(accident, now),
            Fault::Admin(state) => {
                let vm = self.target();
                let parameters = [("RequestedState".into(), Value::Unsigned(state.into()))];
                self.call(&vm, "RequestReplicationStateChange", &parameters, now);
            }
            Fault::AdminResync => {
                let world = self.desk.world_mut();
                world.tick(now);
                let Ok(found) = world.instances("Msvm_ReplicationService", now) else { return };
                let Some(service) = world.reference_to(&found[0]) else { return };
                let vm = Value::from(self.target());
                let parameters = [("ComputerSystem".into(), vm), ("StartTime".into(), Value::Null)];
                self.call(&service, "Resynchronize", &parameters, now);
            }
            Fault::Interrupt => {
                self.stop.send_replace(true);
            }
            _ => {}
        }
    }

    fn call(
        &mut self,
        target: &Reference,
        method: &str,
        parameters: &[(hvreplica::cim::Name, Value)],
        now: Timestamp,
    ) {
        let call = Invocation { target, method, parameters, user: OTHER };
        let _ = self.desk.world_mut().invoke(&call, now);
    }

    fn target(&self) -> Reference {
        let class = "Msvm_ComputerSystem";
        let keys = vec![Selector::new("CreationClassName", class), Selector::new("Name", &self.target)];
        Reference::new(resource_uri(class), keys)
    }

    fn fault(&self, asking: &Arc<Asking>, kind: Soap) -> Handled {
        let header = ReplyHeader {
            message_id: "uuid:00000000-FA17-4000-8000-000000000000".to_owned(),
            relates_to: asking.message_id().map(str::to_owned),
            language: "en-US".to_owned(),
        };
        let text = encode_reply(&Reply::Fault(fault(kind)), &header, &SCHEMA).unwrap();
        Handled { status: 500, text }
    }
}

fn fault(kind: Soap) -> wsman::Fault {
    let new = |subcode| wsman::Fault::new(FaultCode::Receiver, Some((ns::WSMAN, subcode)), "It failed.");
    let coded = |subcode, code| wsman::Fault { wsman_code: Some(code), ..new(subcode) };
    match kind {
        Soap::TimedOut => coded("TimedOut", 2_150_858_793),
        Soap::AccessDenied => coded("AccessDenied", 5),
        Soap::Quota => {
            wsman::Fault { cim_status: Some(27), provider_code: Some(2_150_859_174), ..new("QuotaLimit") }
        }
        Soap::Wsman(code) => coded("InternalError", code),
        Soap::Provider(code) => wsman::Fault {
            provider: Some("WMI Provider".to_owned()),
            provider_code: Some(code),
            ..coded("InternalError", code)
        },
        Soap::Bare => wsman::Fault::new(FaultCode::Receiver, None, "It failed."),
    }
}

thread_local! {
    /// Requests that were read: most runs begin with those of others.
    static READ: RefCell<HashMap<Vec<u8>, Arc<Asking>>> = RefCell::default();
}

/// Reads a request, unless the same was read before and was in order.
fn read(desk: &mut Desk, request: &[u8]) -> Arc<Asking> {
    READ.with_borrow_mut(|known| {
        if let Some(asking) = known.get(request) {
            return Arc::clone(asking);
        }
        let before = desk.violations().len();
        let asking = Arc::new(desk.read(request));
        if desk.violations().len() == before {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(request.to_vec(), Arc::clone(&asking));
        }
        asking
    })
}

fn text_of(response: &HttpResponse) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// The first GUID among the selectors `Name` of a message.
fn guid_in(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mark = "Name=\"Name\">";
    text.match_indices(mark).find_map(|(at, _)| {
        let guid = text.get(at + mark.len()..at + mark.len() + GUID)?;
        hvreplica::msvm::is_vm_name(guid).then(|| guid.to_owned())
    })
}

/// Classes that tell the state of a replication.
const READS: [&str; 2] = ["Msvm_ReplicationRelationship", "Msvm_ComputerSystem"];
/// Requests that are remembered.
const MOST_KNOWN: usize = 5000;
/// Characters of a GUID.
const GUID: usize = 36;
/// How long an exchange takes.
const LATENCY: Duration = Duration::from_millis(10);
