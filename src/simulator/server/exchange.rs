//! One request and its reply: credentials, seal, service, planned disturbances.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response};
use tokio::sync::Notify;

use super::login::{Admitted, Credentials, Session, Verdict};
use super::plan::{Instead, Plan};
use super::reply::{HttpReply, ReplyBody};
use super::spoil::{damage, spoil};
use super::tap::Handle;
use super::tls::Shown;
use super::{Served, Shared};
use crate::auth::framing;
use crate::simulator::script::{BadReply, Operation, Seen};
use crate::simulator::service::{Answer, Asked, Caller, Refusal};

/// The exchanges of one connection.
pub(super) struct Exchanges {
    shared: Arc<Shared>,
    tap: Handle,
    certificate: Shown,
    done: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Session,
    /// The last word of the handshake, which goes out with the reply to the request that ended it.
    last_word: Option<String>,
    /// The last reply was one that nobody may trust.
    poisoned: bool,
}

/// A request of HTTP.
struct Post {
    authorization: Option<String>,
    content_type: String,
    anonymous: bool,
    body: Vec<u8>,
}

/// A request of WS-Management.
struct Opened {
    content_type: String,
    body: Vec<u8>,
    sealed: bool,
    plan: Plan,
}

impl Exchanges {
    pub(super) fn new(shared: Arc<Shared>, tap: Handle, certificate: Shown, done: Arc<Notify>) -> Self {
        Self { shared, tap, certificate, done, state: Mutex::default() }
    }

    pub(super) async fn serve(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        self.shared.host().http_requests += 1;
        let mut reply = match self.receive(request).await {
            Ok(post) if post.anonymous => self.identify(&post),
            Ok(post) => match self.open(post) {
                Ok(opened) => self.perform(opened).await,
                Err(reply) => reply,
            },
            Err(reply) => reply,
        };
        if let Some(word) = self.state().last_word.take() {
            reply = reply.header(WWW_AUTHENTICATE, word);
        }
        if let Some(cut) = reply.cut {
            self.tap.cut(cut);
            reply.hangs_up = true;
        }
        let date = self.shared.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        reply.into_response(&date, &self.done)
    }

    async fn receive(&self, request: Request<Incoming>) -> Result<Post, HttpReply> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().trim_end_matches('/').to_lowercase();
        if path != PATH && path != ANONYMOUS_PATH {
            self.shared.blame("http-path", path);
            return Err(HttpReply::bare(404));
        }
        if head.method != Method::POST {
            self.shared.blame("http-method", head.method.as_str());
            return Err(HttpReply::bare(405));
        }
        if body.size_hint().exact().is_none() {
            self.shared.blame("http-length", "no Content-Length");
        }
        let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
            self.shared.blame("http-size", "the body is larger than MaxEnvelopeSizekb");
            return Err(HttpReply { closes: true, ..HttpReply::bare(413) });
        };
        let header = |name: HeaderName| text(&head.headers, name);
        let identify = header(HeaderName::from_static("wsmanidentify")).unwrap_or_default();
        Ok(Post {
            authorization: header(AUTHORIZATION),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            anonymous: path == ANONYMOUS_PATH || identify.eq_ignore_ascii_case("unauthenticated"),
            body: body.to_bytes().to_vec(),
        })
    }

    /// Nobody needs to say who asks what answers here.
    fn identify(&self, post: &Post) -> HttpReply {
        let mut host = self.shared.host();
        let asked = host.service.read(&post.body, &post.content_type);
        if asked.operation != Some(Operation::Identify) {
            drop(host);
            self.shared.blame("anonymous", "only Identify may go without a user");
            return self.unauthorized(self.shared.doorkeeper.offers());
        }
        let caller = Caller { user: None, now: self.shared.clock.now() };
        let reply = host.service.execute(&asked, caller);
        let answer = host.service.write(&reply, None, asked.max_envelope);
        HttpReply {
            content_type: Some(SOAP),
            body: answer.text.into_bytes(),
            ..HttpReply::bare(answer.status)
        }
    }

    fn unauthorized(&self, offers: Vec<String>) -> HttpReply {
        offers.into_iter().fold(HttpReply::bare(401), |reply, offer| reply.header(WWW_AUTHENTICATE, offer))
    }

    /// Lets the user in and opens the seal.
    fn open(&self, post: Post) -> Result<Opened, HttpReply> {
        let mut state = self.state();
        let verdict = self.verdict(&mut state, post.authorization.as_deref())?;
        if post.body.is_empty() {
            return Err(HttpReply::bare(200));
        }
        let seen = Seen { operation: None, subject: "" };
        let actions = self.shared.host().script.meet(seen);
        let plan = Plan::of(&actions);
        if let Some(reply) = self.early(&mut state, &plan) {
            return Err(reply);
        }
        if state.poisoned {
            self.shared.blame("trusted-bad-reply", "the client goes on after a reply that it had to refuse");
        }
        let sealed = framing::is_sealed(&post.content_type);
        let (content_type, body) = match (verdict, &mut state.session) {
            (Verdict::Connection { .. }, Session::In(Admitted { context: Some(context), .. })) if sealed => {
                framing::unseal(context, &post.content_type, post.body).map_err(|error| {
                    self.shared.blame("seal", error.to_string());
                    HttpReply { closes: true, ..HttpReply::bare(400) }
                })?
            }
            (Verdict::Request, _) if !sealed => (post.content_type, post.body),
            (Verdict::Connection { .. }, _) if !sealed && self.shared.tls.is_some() => {
                (post.content_type, post.body)
            }
            (Verdict::Request, _) => {
                self.shared.blame("seal", "a sealed body on a connection without a context");
                return Err(HttpReply { closes: true, ..HttpReply::bare(400) });
            }
            _ => {
                self.shared.blame("clear-body", "a message crossed plain http in clear");
                return Err(HttpReply::bare(500));
            }
        };
        if !content_type.trim_start().to_lowercase().starts_with("application/soap+xml") {
            self.shared.blame("content-type", content_type);
            return Err(HttpReply::bare(400));
        }
        Ok(Opened { content_type, body, sealed, plan })
    }

    fn verdict(&self, state: &mut State, authorization: Option<&str>) -> Result<Verdict, HttpReply> {
        let was_in = matches!(state.session, Session::In(_));
        let credentials = Credentials { authorization, certificate: &self.certificate };
        match self.shared.doorkeeper.judge(&mut state.session, credentials, &self.shared.clock) {
            Verdict::Refused { offers, is_leg, violation } => {
                if let Some((rule, text)) = violation {
                    self.shared.blame(rule, text);
                }
                if is_leg && was_in {
                    self.shared.blame("auth-again", "a handshake on a connection that had one");
                }
                Err(self.unauthorized(offers))
            }
            Verdict::Connection { last } => {
                self.shared.host().handshakes += usize::from(authorization.is_some());
                state.last_word = last;
                Ok(Verdict::Connection { last: None })
            }
            Verdict::Request => Ok(Verdict::Request),
            Verdict::Forbidden(why) => {
                self.shared.blame("certificate", why);
                Err(HttpReply::bare(403))
            }
        }
    }

    /// What is answered before the seal is opened.
    fn early(&self, state: &mut State, plan: &Plan) -> Option<HttpReply> {
        match (plan.instead, plan.content) {
            (Some(instead), _) => Some(self.instead(state, instead)),
            (None, Some(content)) => without_soap(content),
            (None, None) => None,
        }
    }

    fn instead(&self, state: &mut State, instead: Instead) -> HttpReply {
        match instead {
            Instead::Drop => HttpReply::dropped(),
            Instead::Http { status, retry_after, close } => {
                let reply = HttpReply { closes: close, ..HttpReply::bare(status) };
                match retry_after {
                    Some(seconds) => reply.header(RETRY_AFTER, seconds.to_string()),
                    None => reply,
                }
            }
            Instead::Redirect => {
                HttpReply::bare(302).header(LOCATION, format!("http://{}/wsman", self.shared.trap))
            }
            Instead::Deauthenticate => {
                state.session = Session::New;
                self.unauthorized(self.shared.doorkeeper.offers())
            }
        }
    }

    async fn perform(&self, opened: Opened) -> HttpReply {
        let (asked, plan, number) = self.understand(&opened);
        if let Some(instead) = plan.instead {
            return self.instead(&mut self.state(), instead);
        }
        let late = self.wait(&asked, &plan, number).await;
        let answer = match (plan.failure, late) {
            (Some(failure), _) => {
                if failure.executed {
                    self.execute(&asked, &plan, number);
                }
                self.fault(&asked, &failure.fault.into())
            }
            (None, Some(late)) => late,
            (None, None) => self.execute(&asked, &plan, number),
        };
        self.finish(&opened, &plan, answer)
    }

    /// Waits as planned; gives the answer where the operation takes longer than was asked for.
    async fn wait(&self, asked: &Asked, plan: &Plan, number: usize) -> Option<Answer> {
        let delay = plan.delay?;
        if delay.by <= asked.timeout || delay.ignores_timeout {
            self.shared.clock.sleep(delay.by).await;
            return None;
        }
        // A Pull that is repeated goes on where it was.
        if !matches!(asked.operation, Some(Operation::Enumerate | Operation::Pull)) {
            self.execute(asked, plan, number);
        }
        self.shared.clock.sleep(asked.timeout).await;
        Some(self.fault(asked, &Refusal::TimedOut))
    }

    /// Reads a request; gives what is to be done to it, and its number.
    fn understand(&self, opened: &Opened) -> (Asked, Plan, usize) {
        let now = self.shared.clock.now();
        let mut host = self.shared.host();
        let asked = host.service.read(&opened.body, &opened.content_type);
        let plan = match asked.operation {
            Some(operation) => {
                let seen = Seen { operation: Some(operation), subject: &asked.subject };
                Plan::of(&host.script.meet(seen))
            }
            None => Plan::default(),
        };
        let plan = Plan {
            closes: plan.closes || opened.plan.closes,
            hangs_up: plan.hangs_up || opened.plan.hangs_up,
            ..plan
        };
        for accident in &plan.accidents {
            host.service.world.befall(*accident, now);
        }
        let subject = asked.subject.clone();
        host.requests.push(Served { operation: asked.operation, subject, executed: false });
        let number = host.taken + host.requests.len() - 1;
        (asked, plan, number)
    }

    fn execute(&self, asked: &Asked, plan: &Plan, number: usize) -> Answer {
        let now = self.shared.clock.now();
        let mut host = self.shared.host();
        let reply = host.service.execute(asked, Caller { user: Some(&self.shared.user), now });
        let at = number.checked_sub(host.taken);
        if let Some(served) = at.and_then(|at| host.requests.get_mut(at)) {
            served.executed = true;
        }
        let relates_to =
            if plan.wrong_relates_to { Some(ANOTHER_ID.to_owned()) } else { asked.message_id.clone() };
        host.service.write(&reply, relates_to, asked.max_envelope)
    }

    fn fault(&self, asked: &Asked, refusal: &Refusal) -> Answer {
        let mut host = self.shared.host();
        let reply = host.service.fault(refusal);
        host.service.write(&reply, asked.message_id.clone(), asked.max_envelope)
    }

    /// Spoils, encodes and seals.
    fn finish(&self, opened: &Opened, plan: &Plan, answer: Answer) -> HttpReply {
        let options = self.shared.options;
        let connection = HttpReply {
            closes: plan.closes || options.closes_each,
            hangs_up: plan.hangs_up,
            chunked: options.chunked && plan.cut.is_none(),
            cut: plan.cut,
            ..HttpReply::bare(answer.status)
        };
        if let Some(reply) = plan.content.and_then(without_soap) {
            return HttpReply {
                status: reply.status,
                content_type: reply.content_type,
                body: reply.body,
                ..connection
            };
        }
        let text = match plan.content {
            Some(content) => spoil(answer.text, content),
            None => answer.text,
        };
        let (content_type, body) =
            if options.utf16 { (SOAP_UTF16, wide(&text)) } else { (SOAP, text.into_bytes()) };
        let (content_type, body) = self.seal(opened, plan, content_type, body);
        HttpReply { content_type: Some(content_type), body, ..connection }
    }

    fn seal(
        &self,
        opened: &Opened,
        plan: &Plan,
        content_type: &'static str,
        mut body: Vec<u8>,
    ) -> (&'static str, Vec<u8>) {
        let mut state = self.state();
        let is_hurt = plan.damage.is_some() || plan.clear;
        match &mut state.session {
            Session::In(Admitted { context: Some(context), .. }) if opened.sealed && !plan.clear => {
                // A context that is spent gives nothing that a client would take for a reply.
                let mut sealed = framing::seal(context, content_type, &body).unwrap_or_default();
                let outer = framing::content_type(context, body.len());
                if let Some(how) = plan.damage {
                    damage(outer, &mut sealed, how);
                }
                state.poisoned = is_hurt;
                (outer, sealed)
            }
            _ => {
                if let Some(last) = body.last_mut().filter(|_| plan.damage.is_some()) {
                    *last = b'!';
                }
                state.poisoned = is_hurt && opened.sealed;
                (content_type, body)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reply that is no SOAP at all.
fn without_soap(content: BadReply) -> Option<HttpReply> {
    match content {
        BadReply::Html => {
            Some(HttpReply { content_type: Some("text/html"), body: PAGE.to_vec(), ..HttpReply::bare(200) })
        }
        BadReply::Empty => Some(HttpReply::bare(200)),
        BadReply::Truncated | BadReply::Dtd | BadReply::Giant(_) | BadReply::Deep(_) => None,
    }
}

fn wide(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

const PATH: &str = "/wsman";
const ANONYMOUS_PATH: &str = "/wsman-anon/identify";
const SOAP: &str = "application/soap+xml;charset=UTF-8";
const SOAP_UTF16: &str = "application/soap+xml;charset=UTF-16";
const PAGE: &[u8] = b"<html><body><h1>Sign in</h1></body></html>";
const ANOTHER_ID: &str = "uuid:00000000-DEAD-4000-8000-000000000000";
/// A sealed request of 500 KiB and its frame.
const LARGEST_BODY: usize = 500 * 1024 + 1024;
