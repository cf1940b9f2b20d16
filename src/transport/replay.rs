//! Answers from a recording, to exactly the requests that were recorded.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::recording::{Entry, Index, failed, moment, recording};
use super::{Delivery, Exchange, HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind};
use crate::wsman::ns;
use crate::xml::{self, Element, Node};

/// A recording in the place of a host.
///
/// In each lane the next request has to be the recorded one, as a tree of qualified names. Only the text of
/// `a:MessageID`, of `a:To` and of what the recording lists as volatile may differ. After the first difference
/// nothing is answered any more. Nothing is waited for, and no network is used.
pub struct Replayer {
    folder: PathBuf,
    host: String,
    made_at: Timestamp,
    volatile: Vec<(String, String)>,
    message_ids: Vec<String>,
    exchanges: Vec<Recorded>,
    progress: Mutex<Progress>,
}

/// One exchange of the recording.
struct Recorded {
    entry: Entry,
    date: Option<Timestamp>,
}

/// How far a replay has come.
struct Progress {
    /// Positions of the exchanges to come, by lane.
    next: HashMap<String, VecDeque<usize>>,
    has_failed: bool,
}

impl Replayer {
    /// Opens a recording and checks that it is whole.
    ///
    /// # Errors
    /// [`TransportErrorKind::Recording`]: the index or a file is missing or malformed, or the form is not known.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, TransportError> {
        let folder = folder.into();
        let index = Index::read(&folder)?;
        let made_at = moment(&index.made_at)?;
        let volatile = index.volatile.iter().map(|name| volatile(name)).collect::<Result<_, _>>()?;
        let message_ids = index.exchanges.iter().filter_map(|entry| entry.message_id.clone()).collect();
        let mut next: HashMap<_, VecDeque<_>> = HashMap::new();
        let mut exchanges = Vec::new();
        for (at, entry) in index.exchanges.into_iter().enumerate() {
            next.entry(entry.lane.clone()).or_default().push_back(at);
            exchanges.push(check(&folder, entry)?);
        }
        let progress = Mutex::new(Progress { next, has_failed: false });
        Ok(Self { folder, host: index.host, made_at, volatile, message_ids, exchanges, progress })
    }

    /// URL of the endpoint that was recorded.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// When the recording was made.
    pub fn made_at(&self) -> Timestamp {
        self.made_at
    }

    /// The message ids of the recorded requests, in their order.
    pub fn message_ids(&self) -> &[String] {
        &self.message_ids
    }

    /// How many exchanges have not been asked for.
    pub fn unused(&self) -> usize {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.next.values().map(VecDeque::len).sum()
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.has_failed {
            return Err(mismatch("an earlier request differed, nothing more is answered".to_owned()));
        }
        let answer = self.next(&mut progress, request);
        progress.has_failed = answer.is_err();
        drop(progress);
        let (recorded, message_id) = answer?;
        match &recorded.entry.error {
            Some(broken) => Err(broken.clone().into_error()),
            None => self.response(recorded, message_id.as_deref()),
        }
    }

    /// The exchange that this request is part of, with the request's own message id.
    fn next(
        &self,
        progress: &mut Progress,
        request: &HttpRequest,
    ) -> Result<(&Recorded, Option<String>), TransportError> {
        let lane = progress.next.get_mut(&request.lane);
        let Some((at, recorded)) = lane.and_then(|lane| {
            let at = lane.pop_front()?;
            Some((at, self.exchanges.get(at)?))
        }) else {
            return Err(mismatch(format!("nothing more is recorded in lane {:?}", request.lane)));
        };
        let name = &recorded.entry.request;
        let expected = read(&self.folder, name)?;
        let expected = parse(&expected).map_err(|error| unusable(name, error))?;
        let at = at + 1;
        let found = parse(&request.body)
            .map_err(|error| mismatch(format!("exchange {at} ({name}): the request is unusable: {error}")))?;
        let message_id = message_id(&found);
        match xml::difference(&self.masked(expected), &self.masked(found)) {
            None => Ok((recorded, message_id)),
            Some(difference) => Err(mismatch(format!("exchange {at} ({name}): {difference}"))),
        }
    }

    fn response(
        &self,
        recorded: &Recorded,
        message_id: Option<&str>,
    ) -> Result<HttpResponse, TransportError> {
        let Recorded { entry, date } = recorded;
        let body = match &entry.response {
            Some(name) => related(read(&self.folder, name)?, entry.message_id.as_deref(), message_id),
            None => Vec::new(),
        };
        Ok(HttpResponse {
            status: entry.status.unwrap_or_default(),
            content_type: entry.content_type.clone().unwrap_or_default(),
            date: *date,
            server: entry.server.clone(),
            retry_after: entry.retry_after.map(Duration::from_secs),
            body,
        })
    }

    /// The request without the texts that may differ.
    fn masked(&self, mut envelope: Element) -> Element {
        let headers = elements_mut(&mut envelope).filter(|element| element.is(ns::SOAP, "Header"));
        for header in headers.flat_map(elements_mut) {
            if header.is(ns::ADDRESSING, "MessageID") || header.is(ns::ADDRESSING, "To") {
                header.children.clear();
            }
        }
        self.mask_volatile(&mut envelope);
        envelope
    }

    /// Only text is passed over: what is inside of a volatile element still counts.
    fn mask_volatile(&self, element: &mut Element) {
        let is_volatile = self.volatile.iter().any(|(namespace, local)| element.is(namespace, local));
        if is_volatile {
            element.children.retain(|node| matches!(node, Node::Element(_)));
        }
        for child in elements_mut(element) {
            self.mask_volatile(child);
        }
    }
}

impl Transport for Replayer {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(async move { self.answer(&request) })
    }
}

impl fmt::Debug for Replayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayer")
            .field("exchanges", &self.exchanges.len())
            .field("unused", &self.unused())
            .finish_non_exhaustive()
    }
}

/// An entry of the index with its files there and its values readable.
fn check(folder: &Path, entry: Entry) -> Result<Recorded, TransportError> {
    let name = &entry.request;
    parse(&read(folder, name)?).map_err(|error| unusable(name, error))?;
    if let Some(response) = &entry.response {
        let path = inside(folder, response)?;
        fs::metadata(&path).map_err(|error| failed(format!("cannot read {}", path.display()), error))?;
    }
    if entry.status.is_some() == entry.error.is_some() {
        return Err(recording(format!("{name} has neither a status nor an error, or both")));
    }
    let date = entry.date.as_deref().map(moment).transpose()?;
    Ok(Recorded { entry, date })
}

/// The file of that name, which has to lie in the folder itself.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, TransportError> {
    let mut components = Path::new(name).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) if !name.contains(['/', '\\', ':']) => Ok(folder.join(name)),
        _ => Err(recording(format!("{name:?} is no name of a file in the recording"))),
    }
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, TransportError> {
    let path = inside(folder, name)?;
    fs::read(&path).map_err(|error| failed(format!("cannot read {}", path.display()), error))
}

fn parse(bytes: &[u8]) -> Result<Element, xml::XmlError> {
    Element::parse(&xml::decode(bytes, None)?)
}

fn message_id(envelope: &Element) -> Option<String> {
    let header = envelope.find(ns::SOAP, "Header")?;
    Some(header.find(ns::ADDRESSING, "MessageID")?.text().trim().to_owned())
}

/// The reply, relating to the request of now where it related to the recorded one.
fn related(body: Vec<u8>, recorded: Option<&str>, now: Option<&str>) -> Vec<u8> {
    let (Some(recorded), Some(now)) = (recorded, now) else {
        return body;
    };
    let Some(text) = std::str::from_utf8(&body).ok().filter(|_| recorded != now) else {
        return body;
    };
    let rewritten = xml::rewrite(text, |place, text| {
        let is_relation = place.element.local == "RelatesTo"
            && place.attribute.is_none()
            && place.ancestors.last().is_some_and(|parent| parent.local == "Header")
            && text.trim().eq_ignore_ascii_case(recorded);
        is_relation.then(|| now.to_owned())
    });
    rewritten.map_or(body, String::into_bytes)
}

/// Reads `{namespace}local`. What chooses an instance is never volatile.
fn volatile(name: &str) -> Result<(String, String), TransportError> {
    let parts = name.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let Some((namespace, local)) = parts.filter(|(_, local)| !local.is_empty()) else {
        return Err(recording(format!("the volatile element {name:?} is not written as {{namespace}}local")));
    };
    if NEVER_VOLATILE.iter().any(|never| never.eq_ignore_ascii_case(local)) {
        return Err(recording(format!("{name} can never be volatile")));
    }
    Ok((namespace.to_owned(), local.to_owned()))
}

fn elements_mut(element: &mut Element) -> impl Iterator<Item = &mut Element> {
    element.children.iter_mut().filter_map(|node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    })
}

fn mismatch(difference: String) -> TransportError {
    TransportError::new(TransportErrorKind::ReplayMismatch(difference), Delivery::NotSent)
}

fn unusable(name: &str, error: xml::XmlError) -> TransportError {
    failed(format!("{name} is unusable"), error)
}

/// Elements whose text says which instance, which class or which operation.
const NEVER_VOLATILE: [&str; 8] =
    ["Selector", "InstanceID", "ResourceURI", "Action", "Filter", "Name", "SystemName", "EnumerationContext"];
