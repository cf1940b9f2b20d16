//! Enumerate, Pull, Release.

use std::time::Duration;

use crate::cim::{Name, Reference, SelectorValue, Value};
use crate::error::Error;
use crate::wsman::{Body, DecodeError, Enumerate, EnumerateReply, Item, Kind, Pull, Request};

use super::{Client, wrong};

/// An enumeration, page by page. Call [`Pages::release`] when giving it up before its end, since the host
/// counts open ones against a quota.
pub struct Pages<'c> {
    client: &'c Client,
    resource_uri: String,
    state: State,
    max_elements: u32,
    timed_out: u32,
    empty: u32,
}

enum State {
    Begin(Enumerate),
    Next(String),
    End,
}

impl<'c> Pages<'c> {
    pub(super) fn new(client: &'c Client, resource_uri: String, mut body: Enumerate) -> Self {
        body.optimize = true;
        let max_elements = *body.max_elements.get_or_insert(client.options.max_elements);
        Self { client, resource_uri, state: State::Begin(body), max_elements, timed_out: 0, empty: 0 }
    }

    /// The next items; `None` at the end. A page may be empty.
    ///
    /// # Errors
    /// As any read. A context that the host has dropped is an error here: what came before stands.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Error> {
        let reply = match &self.state {
            State::End => return Ok(None),
            State::Begin(body) => {
                let body = body.clone();
                let request = Request::Enumerate { resource_uri: self.resource_uri.clone(), body };
                self.ask(&request).await?
            }
            State::Next(context) => {
                let body = Pull {
                    context: context.clone(),
                    max_elements: Some(self.max_elements),
                    more: Vec::new(),
                };
                self.pull(&Request::Pull { resource_uri: self.resource_uri.clone(), body }).await?
            }
        };
        self.state = match reply.next_context() {
            Some(context) => State::Next(context.to_owned()),
            None => State::End,
        };
        self.empty = if reply.items.is_empty() { self.empty + 1 } else { 0 };
        if self.empty > MOST_EMPTY {
            return Err(Error::Reply(DecodeError::WrongReply(Kind::Pull)));
        }
        Ok(Some(reply.items))
    }

    /// Gives the enumeration up. A host that does not answer loses nothing: the context expires by itself.
    pub async fn release(self) {
        if let State::Next(context) = self.state {
            let request = Request::Release { resource_uri: self.resource_uri, context };
            if let Err(error) = self.client.exchange(&request, crate::transport::Connection::Any).await {
                tracing::debug!(error = %Error::from(error), "release");
            }
        }
    }

    /// Asks for the next page. `w:TimedOut` only says that there is nothing yet: the same context goes again.
    async fn pull(&mut self, request: &Request) -> Result<EnumerateReply, Error> {
        loop {
            match self.ask(request).await {
                Err(Error::Fault(fault)) if fault.is_timed_out() && self.timed_out < MOST_TIMEOUTS => {
                    self.timed_out += 1;
                }
                other => {
                    self.timed_out = 0;
                    return other;
                }
            }
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<EnumerateReply, Error> {
        match self.client.read(request).await?.body {
            Body::Items(reply) => Ok(reply),
            _ => Err(wrong(request)),
        }
    }
}

/// Reads a whole enumeration, from the beginning where its context is lost.
pub(super) async fn collect(
    client: &Client,
    resource_uri: &str,
    body: Enumerate,
) -> Result<Vec<Item>, Error> {
    let mut begun = 0;
    loop {
        begun += 1;
        match run(client, resource_uri, body.clone()).await {
            Err(Error::Fault(fault)) if fault.is_context_lost() && begun < MOST_BEGINNINGS => {
                tracing::info!("the host dropped the enumeration; beginning anew");
            }
            other => return other,
        }
    }
}

async fn run(client: &Client, resource_uri: &str, body: Enumerate) -> Result<Vec<Item>, Error> {
    let mut pages = client.pages(resource_uri, body);
    let mut items = Vec::new();
    let begun = client.clock().elapsed();
    let mut weight: usize = 0;
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                weight = page.iter().map(weight_of).fold(weight, usize::saturating_add);
                items.extend(page);
            }
            Ok(None) => return Ok(items),
            Err(error) => {
                if !error.fault().is_some_and(crate::wsman::Fault::is_context_lost) {
                    pages.release().await;
                }
                return Err(error);
            }
        }
        let took = client.clock().elapsed().saturating_sub(begun);
        if items.len() > MOST_ITEMS || took > LONGEST || weight > HEAVIEST {
            pages.release().await;
            return Err(Error::Reply(DecodeError::WrongReply(Kind::Enumerate)));
        }
    }
}

/// About how many bytes an item takes.
fn weight_of(item: &Item) -> usize {
    let instance = item.instance.as_ref().map_or(0, |instance| weight_of_values(&instance.properties));
    EACH + instance + item.reference.as_ref().map_or(0, weight_of_reference)
}

fn weight_of_values(values: &[(Name, Value)]) -> usize {
    values.iter().map(|(name, value)| EACH + name.len() + weight_of_value(value)).sum()
}

fn weight_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| EACH + weight_of_value(value)).sum(),
        Value::Instance(instance) => weight_of_values(&instance.properties),
        Value::Reference(reference) => weight_of_reference(reference),
        _ => 0,
    }
}

fn weight_of_reference(reference: &Reference) -> usize {
    let selectors = reference.selectors.iter().map(|selector| {
        let value = match &selector.value {
            SelectorValue::Text(text) => text.len(),
            SelectorValue::Reference(inner) => weight_of_reference(inner),
        };
        EACH + selector.name.len() + value
    });
    reference.resource_uri.len() + selectors.sum::<usize>()
}

/// In bytes; what a value takes besides its text.
const EACH: usize = 64;
/// In bytes; a thousand machines with all their properties take less. What comes page by page has no such bound.
const HEAVIEST: usize = 128 * 1024 * 1024;
const MOST_TIMEOUTS: u32 = 10;
const MOST_BEGINNINGS: u32 = 4;
/// Pages without an item in a row; a host that sends more never comes to an end.
const MOST_EMPTY: u32 = 1000;
/// More than any question of ours can bring; a host that sends more is no host.
const MOST_ITEMS: usize = 200_000;
/// How long a whole enumeration may take.
const LONGEST: Duration = Duration::from_secs(1800);

#[cfg(test)]
mod tests {
    use super::weight_of;
    use crate::cim::{Instance, Value};
    use crate::wsman::Item;

    #[test]
    fn long_texts_weigh_what_they_are_long_wherever_they_are() {
        let text = || Value::String("x".repeat(1000));
        let inner = Instance::new("X", "n").with("Deep", Value::Array(vec![text(), text()]));
        let instance = Instance::new("X", "n").with("Flat", text()).with("Inner", inner);
        let weight = weight_of(&Item { instance: Some(instance), reference: None });
        assert_eq!(weight, 64 * 6 + 3000 + "FlatInnerDeep".len());
        assert_eq!(weight_of(&Item { instance: None, reference: None }), 64);
    }
}
