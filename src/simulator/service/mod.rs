//! WS-Management in front of the world: what an envelope asks, whether it keeps the rules, and what is answered.
//!
//! The service is strict where Windows is, and it keeps a list of what Windows would let pass but a good client
//! does not do. It takes bytes, the time and the caller as arguments; connections, credentials, seals and
//! planned disturbances are its server's affair.

mod asked;
mod enumerations;
mod headers;
mod parameters;
mod refusal;
mod select;
mod violation;

pub(super) use asked::Asked;
pub(super) use refusal::Refusal;
pub use violation::Violation;

use std::collections::HashSet;

use jiff::Timestamp;

use self::enumerations::{Enumerations, Open, Wanted};
use self::parameters::Given;
use super::ids::Ids;
use super::methods::Invocation;
use super::options::{Generation, Language};
use super::query::Query;
use super::resource::is_own_namespace;
use super::scenario::ServerOptions;
use super::script::Operation;
use super::state::returns;
use super::world::World;
use crate::cim::{Class, Instance, Reference, Schema, Value};
use crate::wsman::{
    Body, Enumerate, EnumerateReply, EnumerationMode, Filter, Identity, Item, Message, Reply, ReplyHeader,
    cim_namespace, encode_reply, ns,
};

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// The user; `None` for one who did not say.
    pub(super) user: Option<&'a str>,
    /// Host time.
    pub(super) now: Timestamp,
}

/// What goes back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

/// The service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) world: World,
    schema: Schema,
    options: ServerOptions,
    enumerations: Enumerations,
    ids: Ids,
    message_ids: [HashSet<String>; 2],
    pub(super) violations: Vec<Violation>,
}

impl Service {
    pub(super) fn new(world: World, schema: Schema, options: ServerOptions, seed: u64) -> Self {
        Self {
            world,
            schema,
            options,
            enumerations: Enumerations::new(options.enumeration_lifetime),
            ids: Ids::new(seed ^ IDS_OF_THE_SERVICE),
            message_ids: Default::default(),
            violations: Vec::new(),
        }
    }

    /// Reads a request, as far as it can be understood. What it does against the rules is noted.
    pub(super) fn read(&mut self, bytes: &[u8], content_type: &str) -> Asked {
        let mut asked = Asked::read(bytes, content_type, self.schema);
        self.violations.append(&mut asked.violations);
        asked
    }

    /// Enumerations that are open.
    pub(super) fn open_enumerations(&self) -> usize {
        self.enumerations.len()
    }

    /// Carries a request out. Whatever stands against it becomes a fault.
    pub(super) fn execute(&mut self, asked: &Asked, caller: Caller<'_>) -> Reply {
        self.world.tick(caller.now);
        self.enumerations.expire(caller.now);
        let done = match (&asked.refusal, &asked.message) {
            (Some(refusal), _) => Err(refusal.clone()),
            (None, Some(message)) => self.perform(asked, message, caller),
            (None, None) => Err(Refusal::InvalidXml),
        };
        done.unwrap_or_else(|refusal| self.fault(&refusal))
    }

    /// The fault of a refusal, in the host's language.
    pub(super) fn fault(&self, refusal: &Refusal) -> Reply {
        let options = self.world.options();
        Reply::Fault(refusal.fault(options.host, options.language))
    }

    /// Writes a reply. One that is larger than was asked for becomes a fault.
    pub(super) fn write(&mut self, reply: &Reply, relates_to: Option<String>, limit: usize) -> Answer {
        let text = self.envelope(reply, relates_to.clone());
        let text = match text {
            Some(text) if text.len() <= limit || matches!(reply, Reply::Fault(_)) => text,
            found => {
                let refusal = if found.is_some() { Refusal::ReplyTooLarge } else { Refusal::ProviderFailure };
                let reply = self.fault(&refusal);
                return Answer {
                    status: SERVER_ERROR,
                    text: self.envelope(&reply, relates_to).unwrap_or_default(),
                };
            }
        };
        let status = if matches!(reply, Reply::Fault(_)) { SERVER_ERROR } else { OK };
        Answer { status, text }
    }

    fn envelope(&mut self, reply: &Reply, relates_to: Option<String>) -> Option<String> {
        let header = ReplyHeader {
            message_id: format!("uuid:{}", self.ids.guid()),
            relates_to,
            language: language(self.world.options().language).to_owned(),
        };
        encode_reply(reply, &header, &self.schema).ok()
    }

    fn perform(&mut self, asked: &Asked, message: &Message, caller: Caller<'_>) -> Result<Reply, Refusal> {
        let Some(operation) = asked.operation else { return Err(Refusal::ActionNotSupported) };
        if operation == Operation::Identify {
            return Ok(Reply::Identify(self.identity(caller)));
        }
        self.note_message_id(message);
        match (operation, &message.body) {
            (Operation::Get, Body::Empty) => self.get(message, caller),
            (Operation::Enumerate, Body::Enumerate(body)) => self.enumerate(asked, message, body, caller),
            (Operation::Pull, Body::Pull(_)) => self.pull(asked, message, caller),
            (Operation::Release, Body::Release(context)) => {
                self.close(context)?;
                Ok(Reply::Release)
            }
            (Operation::Invoke, _) => self.invoke(asked, message, caller),
            (Operation::Get, _) => Err(self.blame("get-body", "Get has an empty body", Refusal::Body)),
            _ => Err(self.blame("body", "the body is not that of the action", Refusal::Schema)),
        }
    }

    fn note_message_id(&mut self, message: &Message) {
        let id = message.headers.message_id.clone().unwrap_or_default();
        let [ids, before] = &mut self.message_ids;
        if ids.len() >= REMEMBERED {
            *before = std::mem::take(ids);
        }
        let key = id.to_lowercase();
        if before.contains(&key) || !ids.insert(key) {
            self.violations.push(Violation::new("message-id-reused", id));
        }
    }

    fn blame(&mut self, rule: &'static str, text: impl Into<String>, refusal: Refusal) -> Refusal {
        self.violations.push(Violation::new(rule, text));
        refusal
    }

    fn identity(&self, caller: Caller<'_>) -> Identity {
        let version = match (caller.user, self.world.options().generation) {
            (None, _) => "OS: 0.0.0 SP: 0.0 Stack: 3.0",
            (_, Generation::Server2012) => "OS: 6.2.9200 SP: 0.0 Stack: 3.0",
            (_, Generation::Server2012R2) => "OS: 10.0.20348 SP: 0.0 Stack: 3.0",
        };
        Identity {
            product_vendor: "Microsoft Corporation".to_owned(),
            product_version: version.to_owned(),
            protocol_version: ns::WSMAN.to_owned(),
            more: Vec::new(),
        }
    }

    fn get(&mut self, message: &Message, caller: Caller<'_>) -> Result<Reply, Refusal> {
        let class = self.class(message)?;
        let target = self.target(class, message)?;
        if target.selectors.len() < class.keys().count() {
            return Err(self.blame("selectors-incomplete", class.name, Refusal::SelectorsMissing));
        }
        Ok(Reply::Get(self.world.get(&target, caller.now)?))
    }

    fn enumerate(
        &mut self,
        asked: &Asked,
        message: &Message,
        body: &Enumerate,
        caller: Caller<'_>,
    ) -> Result<Reply, Refusal> {
        for unknown in &body.more {
            let refusal = match unknown.local.as_str() {
                "Expires" | "PolymorphismMode" => continue,
                "EnumerationMode" => Refusal::EnumerationMode,
                "MaxElements" => Refusal::XmlValue,
                _ => Refusal::Schema,
            };
            return Err(self.blame("enumerate-child", unknown.local.clone(), refusal));
        }
        let uri = message.headers.resource_uri.clone().unwrap_or_default();
        let found = self.select(&uri, body.filter.as_ref(), caller)?;
        let items = self.items(found, body.mode.unwrap_or_default());
        let mut open = Open { resource_uri: uri, items: items.into(), used: caller.now };
        let wanted = self.wanted(body.max_elements, asked)?;
        let batch = if body.optimize { self.batch(&mut open, wanted)? } else { Vec::new() };
        let end_of_sequence = body.optimize && open.items.is_empty();
        let context = if end_of_sequence { self.last_context() } else { Some(self.open(open)?) };
        Ok(Reply::Enumerate(EnumerateReply { context, items: batch, end_of_sequence, more: Vec::new() }))
    }

    fn pull(&mut self, asked: &Asked, message: &Message, caller: Caller<'_>) -> Result<Reply, Refusal> {
        let Body::Pull(body) = &message.body else { return Err(Refusal::Schema) };
        if body.more.iter().any(|element| element.local == "MaxElements") {
            return Err(self.blame("max-elements", "no number", Refusal::XmlValue));
        }
        let wanted = self.wanted(body.max_elements, asked)?;
        let mut open = self.close(&body.context)?;
        let uri = message.headers.resource_uri.as_deref().unwrap_or_default();
        if !uri.eq_ignore_ascii_case(&open.resource_uri) {
            self.violations.push(Violation::new("pull-uri", uri));
        }
        open.used = caller.now;
        let items = match self.batch(&mut open, wanted) {
            Ok(items) => items,
            Err(refusal) => {
                self.enumerations.keep(body.context.clone(), open);
                return Err(refusal);
            }
        };
        let end_of_sequence = open.items.is_empty();
        // The context changes with each reply.
        let context = if end_of_sequence { self.last_context() } else { Some(self.keep(open)) };
        Ok(Reply::Pull(EnumerateReply { context, items, end_of_sequence, more: Vec::new() }))
    }

    /// How many items may go into one reply, and how many bytes.
    fn wanted(&mut self, asked_for: Option<u32>, asked: &Asked) -> Result<Wanted, Refusal> {
        let count = asked_for.unwrap_or(1).min(self.options.batch);
        if count == 0 {
            return Err(self.blame("max-elements", "0", Refusal::XmlValue));
        }
        Ok(Wanted { count: usize::try_from(count).unwrap_or(usize::MAX), bytes: asked.max_envelope })
    }

    fn batch(&mut self, open: &mut Open, wanted: Wanted) -> Result<Vec<Item>, Refusal> {
        let mut size = |items: Vec<Item>| {
            let reply = Reply::Pull(EnumerateReply { items, ..EnumerateReply::default() });
            self.envelope(&reply, Some(LONG_ID.to_owned())).map_or(usize::MAX, |text| text.len())
        };
        enumerations::batch(&mut open.items, wanted, &mut size).ok_or(Refusal::ReplyTooLarge)
    }

    fn open(&mut self, open: Open) -> Result<String, Refusal> {
        let limit = usize::try_from(self.options.open_enumerations).unwrap_or(usize::MAX);
        if self.enumerations.len() >= limit { Err(Refusal::Quota) } else { Ok(self.keep(open)) }
    }

    fn keep(&mut self, open: Open) -> String {
        let context = format!("uuid:{}", self.ids.guid());
        self.enumerations.keep(context.clone(), open);
        context
    }

    /// What stands in the last reply of an enumeration as its context.
    fn last_context(&mut self) -> Option<String> {
        self.options.ends_with_context.then(|| format!("uuid:{}", self.ids.guid()))
    }

    fn close(&mut self, context: &str) -> Result<Open, Refusal> {
        match self.enumerations.take(context) {
            Some(open) => Ok(open),
            None if self.enumerations.has_expired(context) => Err(Refusal::Context),
            None => Err(self.blame("context", context, Refusal::Context)),
        }
    }

    fn invoke(&mut self, asked: &Asked, message: &Message, caller: Caller<'_>) -> Result<Reply, Refusal> {
        let class = self.class(message)?;
        let uri = message.headers.resource_uri.clone().unwrap_or_default();
        let action = message.headers.action.as_deref().unwrap_or_default();
        let (prefix, name) = action.rsplit_once('/').unwrap_or_default();
        if !prefix.eq_ignore_ascii_case(&uri) {
            return Err(self.blame("action", action, Refusal::ActionNotSupported));
        }
        let Some(method) = class.method(name) else {
            return Err(self.blame("method", name, Refusal::NoSuchMethod));
        };
        let target = self.target(class, message)?;
        let target = self.singleton(class, target, caller)?;
        let checked = parameters::check(&parameters::Call { method, name, uri: &uri }, asked, message);
        self.violations.extend(checked.violations);
        let (outs, return_value) = match checked.outcome? {
            Given::Unreadable => {
                let outs = method.parameters.iter().filter(|parameter| parameter.is_out);
                (outs.map(|out| (out.name, Value::Null)).collect(), returns::INVALID_PARAMETER)
            }
            Given::Values(parameters) => {
                let user = caller.user.unwrap_or_default();
                let call = Invocation { target: &target, method: name, parameters: &parameters, user };
                let result = self.world.invoke(&call, caller.now)?;
                (result.outs, result.return_value)
            }
        };
        let parameters =
            outs.into_iter().map(|(name, value): (&'static str, _)| (name.into(), value)).collect();
        Ok(Reply::Invoke { resource_uri: uri, method: name.to_owned(), parameters, return_value })
    }

    /// The class that a request is about.
    fn class(&mut self, message: &Message) -> Result<&'static Class, Refusal> {
        let uri = message.headers.resource_uri.as_deref().unwrap_or_default();
        let class = self.class_name(uri)?.to_owned();
        Ok(self.world.class(&class)?)
    }

    /// The last part of a resource URI of the namespace, which may be an asterisk.
    fn class_name<'u>(&mut self, uri: &'u str) -> Result<&'u str, Refusal> {
        let found = cim_namespace(uri).filter(|_| !uri.contains('\\'));
        let Some((namespace, class)) = found else {
            return Err(self.blame("resource-uri", uri, Refusal::ResourceUri));
        };
        if is_own_namespace(namespace) { Ok(class) } else { Err(Refusal::NoNamespace) }
    }

    /// The instance that a request is about. Every selector is a key of the class; some may be missing.
    fn target(&mut self, class: &Class, message: &Message) -> Result<Reference, Refusal> {
        let selectors = message.selectors();
        for (at, selector) in selectors.iter().enumerate() {
            let is_it = |name: &str| name.eq_ignore_ascii_case(&selector.name);
            let refusal = if is_it("__cimnamespace") {
                Refusal::CimNamespace
            } else if selectors.iter().take(at).any(|earlier| is_it(&earlier.name)) {
                Refusal::SelectorsDuplicate
            } else if !class.keys().any(is_it) {
                Refusal::SelectorsUnexpected
            } else {
                continue;
            };
            return Err(self.blame("selector", selector.name.clone(), refusal));
        }
        let uri = message.headers.resource_uri.clone().unwrap_or_default();
        Ok(Reference::new(uri, selectors.to_vec()))
    }

    /// The whole reference of a service of which there is one, where some of its keys were left out.
    fn singleton(
        &mut self,
        class: &Class,
        target: Reference,
        caller: Caller<'_>,
    ) -> Result<Reference, Refusal> {
        if target.selectors.len() == class.keys().count() {
            return Ok(target);
        }
        if target.selectors.is_empty() {
            return Err(self.blame("selectors-missing", class.name, Refusal::MethodParameters));
        }
        let is_service = class.name.ends_with("Service") && target.selector("CreationClassName").is_some();
        let mut found = self.world.instances(class.name, caller.now)?;
        found.retain(|instance| target.selectors.iter().all(|selector| select::agrees(selector, instance)));
        match found.as_slice() {
            [only] if is_service => self.world.reference_to(only).ok_or(Refusal::NotFound),
            _ => Err(self.blame("selectors-incomplete", class.name, Refusal::SelectorsMissing)),
        }
    }

    fn items(&self, found: Vec<Instance>, mode: EnumerationMode) -> Vec<Item> {
        let item = |instance: Instance| {
            let is_projection = instance.class.is_empty();
            let reference = match mode {
                EnumerationMode::Object => None,
                _ if is_projection => None,
                _ => self.world.reference_to(&instance),
            };
            let keeps = mode != EnumerationMode::Epr || is_projection;
            Item { instance: keeps.then_some(instance), reference }
        };
        found.into_iter().map(item).collect()
    }

    /// Class that a WQL filter asks for.
    pub(super) fn class_of_query(schema: Schema, filter: &Filter) -> Option<&'static str> {
        let Filter::Wql(text) = filter else { return None };
        match Query::parse(text, schema) {
            Ok(Query::Select(select)) => Some(select.class),
            _ => None,
        }
    }
}

/// Tag of the language, as `xml:lang` has it.
fn language(language: Language) -> &'static str {
    match language {
        Language::English => "en-US",
        Language::Japanese => "ja-JP",
    }
}

const OK: u16 = 200;
const SERVER_ERROR: u16 = 500;
/// Keeps the identifiers of the service apart from those of the world.
const IDS_OF_THE_SERVICE: u64 = 0x5E55_10E5;
/// So many ids at least are known again.
const REMEMBERED: usize = 10_000;
/// As long as a MessageID is, to estimate the size of a reply.
const LONG_ID: &str = "uuid:00000000-0000-0000-0000-000000000000-000000000000";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msvm::SCHEMA;
    use crate::simulator::options::WorldOptions;

    #[test]
    fn a_reply_beyond_the_limit_becomes_a_fault() {
        let now = Timestamp::UNIX_EPOCH;
        let world = World::new(SCHEMA, WorldOptions::DEFAULT, 1, now);
        let mut service = Service::new(world, SCHEMA, ServerOptions::DEFAULT, 1);
        let reply = Reply::Identify(service.identity(Caller { user: None, now }));
        let whole = service.write(&reply, None, 8192);
        assert_eq!(whole.status, OK);
        let cut = service.write(&reply, None, whole.text.len() - 1);
        assert_eq!(cut.status, SERVER_ERROR);
        assert!(cut.text.contains("Code=\"2150858824\""), "{}", cut.text);
    }
}
