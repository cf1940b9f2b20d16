//! Writes every exchange that passes into a folder.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::recording::{Broken, Entry, FORMAT, INDEX, Index, failed, recording, replace, seconds};
use super::scrub::Scrubber;
use super::{Delivery, Exchange, HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind};
use crate::cim::Schema;
use crate::wsman::{self, Body, Kind};
use crate::xml::{self, Element};

/// What a recording says of itself.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// URL of the endpoint, as `a:To` says it.
    pub host: String,
    /// The present moment.
    pub made_at: Timestamp,
    /// Whether names of hosts and VMs are replaced by stand-ins. Names that are too common to be looked for,
    /// such as `10` or `system`, are replaced only where they stand as a name; GUIDs stay.
    pub scrub: bool,
}

/// Writes a recording. Clones write the same one.
///
/// What is written is what crosses the seam: no header of a request, no credential, no token. The folder is a
/// recording after each exchange. Where writing fails the exchanges go on, unrecorded: see
/// [`Recorder::failure`].
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Writer>>);

impl Recorder {
    /// Begins a recording in a folder, which is made where there is none.
    ///
    /// # Errors
    /// The folder holds a recording already, or cannot be written.
    pub fn create(folder: impl Into<PathBuf>, options: RecorderOptions) -> Result<Self, TransportError> {
        let folder = folder.into();
        if folder.join(INDEX).exists() {
            return Err(recording(format!("{} holds a recording already", folder.display())));
        }
        let cannot_write = |error| failed(format!("cannot write into {}", folder.display()), error);
        fs::create_dir_all(&folder).map_err(cannot_write)?;
        let scrubber = options.scrub.then(|| {
            let mut scrubber = Scrubber::default();
            scrubber.learn_url(&options.host);
            scrubber
        });
        let head = Index {
            format: FORMAT,
            made_by: MADE_BY.to_owned(),
            made_at: options.made_at.to_string(),
            host: options.host,
            scrubbed: options.scrub,
            ..Index::default()
        };
        let writer = Writer {
            head,
            scrubber,
            folder: folder.clone(),
            begun: 0,
            exchanges: BTreeMap::new(),
            files: Vec::new(),
            failure: None,
        };
        writer.write_index().map_err(cannot_write)?;
        Ok(Self(Arc::new(Mutex::new(writer))))
    }

    /// A transport that records what it passes on to `inner`.
    pub fn wrap(&self, inner: Arc<dyn Transport>) -> Recording {
        Recording { recorder: self.clone(), inner }
    }

    /// Why the recording is not whole: what could not be written, with the first reason.
    pub fn failure(&self) -> Option<TransportError> {
        self.with(|writer| writer.failure.clone()).map(recording)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Writer) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// A transport with a recorder around it.
pub struct Recording {
    recorder: Recorder,
    inner: Arc<dyn Transport>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Transport for Recording {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(async move {
            let begun = self.recorder.with(|writer| writer.begin(&request));
            let mut open = Open { recorder: &self.recorder, begun: Some(begun) };
            let outcome = self.inner.exchange(request).await;
            open.end(&outcome);
            outcome
        })
    }
}

/// An exchange under way. Dropped before its end it is recorded as a lost connection: nobody knows whether
/// the host acted.
struct Open<'r> {
    recorder: &'r Recorder,
    begun: Option<Begun>,
}

/// What is known of an exchange before its end.
struct Begun {
    number: usize,
    kind: Kind,
    entry: Entry,
}

impl Open<'_> {
    fn end(&mut self, outcome: &Result<HttpResponse, TransportError>) {
        if let Some(begun) = self.begun.take() {
            self.recorder.with(|writer| writer.end(begun, outcome));
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.begun.is_some() {
            let error = TransportError::new(TransportErrorKind::ConnectionLost, Delivery::MayHaveRun);
            self.end(&Err(error.because("the run ended before the answer")));
        }
    }
}

struct Writer {
    folder: PathBuf,
    head: Index,
    scrubber: Option<Scrubber>,
    begun: usize,
    exchanges: BTreeMap<usize, Entry>,
    files: Vec<String>,
    failure: Option<String>,
}

impl Writer {
    fn begin(&mut self, request: &HttpRequest) -> Begun {
        self.begun += 1;
        let number = self.begun;
        let text = xml::decode(&request.body, None).unwrap_or_default();
        let message = wsman::decode(&text, &Schema::EMPTY).ok();
        let kind = message.as_ref().map_or(Kind::Other, |message| message.kind);
        let name = format!("{number:02}-{}.request.xml", kind.name());
        let body = self.printed(&text).map_or_else(|| self.verbatim(&request.body), String::into_bytes);
        self.save(&name, &body);
        let message_id = message.and_then(|message| message.headers.message_id);
        let entry = Entry { lane: request.lane.clone(), request: name, message_id, ..Entry::default() };
        Begun { number, kind, entry }
    }

    fn end(&mut self, begun: Begun, outcome: &Result<HttpResponse, TransportError>) {
        let Begun { number, kind, mut entry } = begun;
        match outcome {
            Ok(response) => {
                let base = format!("{number:02}-{}.response", kind.name());
                self.respond(&mut entry, response, &base);
            }
            Err(error) => entry.error = Some(Broken::of(error)),
        }
        self.exchanges.insert(number, entry);
        let written = self.write_index();
        self.note(INDEX, written);
    }

    fn respond(&mut self, entry: &mut Entry, response: &HttpResponse, base: &str) {
        entry.status = Some(response.status);
        entry.date = response.date.map(|date| date.to_string());
        entry.retry_after = seconds(response.retry_after);
        entry.server = response.server.clone();
        entry.content_type = Some(response.content_type.clone());
        let charset = charset(&response.content_type);
        let text = xml::decode(&response.body, charset).ok();
        self.recognize(response, text.as_deref());
        if response.body.is_empty() {
            return;
        }
        let envelope = text.as_deref().filter(|text| is_envelope(text));
        let Some(printed) = envelope.and_then(|text| self.printed(text)) else {
            let name = format!("{base}.txt");
            let body = self.verbatim(&response.body);
            self.save(&name, &body);
            entry.response = Some(name);
            return;
        };
        let name = format!("{base}.xml");
        self.save(&name, printed.as_bytes());
        entry.response = Some(name);
        if xml::decode(printed.as_bytes(), charset).as_deref() != Ok(&printed) {
            entry.came_as = entry.content_type.take();
            entry.content_type = Some(in_utf8(&response.content_type));
        }
    }

    /// What answers there.
    fn recognize(&mut self, response: &HttpResponse, text: Option<&str>) {
        if self.head.server.is_some() {
            return;
        }
        self.head.server = response.server.clone().or_else(|| {
            let text = text.filter(|text| text.contains("IdentifyResponse"))?;
            match wsman::decode(text, &Schema::EMPTY).ok()?.body {
                Body::Identity(identity) => {
                    Some(format!("{} {}", identity.product_vendor, identity.product_version))
                }
                _ => None,
            }
        });
    }

    /// The document as it is written; `None` where it is no acceptable XML.
    fn printed(&mut self, text: &str) -> Option<String> {
        let Some(scrubber) = &mut self.scrubber else {
            return xml::pretty(text).ok();
        };
        let known = scrubber.names();
        scrubber.learn(&Element::parse(text).ok()?);
        let has_learned = scrubber.names() > known;
        let printed = xml::rewrite(text, |place, text| scrubber.edit(place, text)).ok();
        if has_learned {
            let scrubbed = self.scrub_again();
            self.note("what was recorded before", scrubbed);
        }
        printed
    }

    /// What is no message, byte by byte; scrubbed it has to become text.
    fn verbatim(&self, body: &[u8]) -> Vec<u8> {
        match &self.scrubber {
            Some(scrubber) => scrubber.replace(&String::from_utf8_lossy(body)).into_bytes(),
            None => body.to_vec(),
        }
    }

    /// Replaces in the files so far the names that were learned since.
    fn scrub_again(&self) -> io::Result<()> {
        let Some(scrubber) = &self.scrubber else {
            return Ok(());
        };
        for name in &self.files {
            let path = self.folder.join(name);
            let old = fs::read_to_string(&path)?;
            let edited = xml::rewrite(&old, |place, text| scrubber.edit(place, text));
            let new = edited.ok().filter(|_| name.ends_with(".xml"));
            let new = new.unwrap_or_else(|| scrubber.replace(&old));
            if new != old {
                replace(&path, new.as_bytes())?;
            }
        }
        Ok(())
    }

    fn save(&mut self, name: &str, bytes: &[u8]) {
        let written = write_new(&self.folder.join(name), bytes);
        self.files.push(name.to_owned());
        self.note(name, written);
    }

    fn note(&mut self, what: &str, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(%error, "the recording cannot be written");
            let folder = self.folder.display();
            self.failure.get_or_insert_with(|| format!("cannot write {what} in {folder}: {error}"));
        }
    }

    fn write_index(&self) -> io::Result<()> {
        let mut index = self.head.clone();
        index.exchanges = self.exchanges.values().cloned().collect();
        if let Some(scrubber) = &self.scrubber {
            for text in [Some(&mut index.host), index.server.as_mut()].into_iter().flatten() {
                *text = scrubber.replace(text);
            }
            for entry in &mut index.exchanges {
                entry.lane = scrubber.replace_name(&entry.lane);
                let texts = entry.error.iter_mut().flat_map(Broken::texts_mut);
                for text in texts.chain(&mut entry.server).chain(&mut entry.content_type) {
                    *text = scrubber.replace(text);
                }
            }
        }
        index.write(&self.folder)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(bytes)
}

fn is_envelope(text: &str) -> bool {
    let mut reader = xml::Reader::new(text);
    reader.next_event() == Ok(xml::Event::Start) && reader.name().local == "Envelope"
}

fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
    })
}

/// The media type with its charset replaced; other parameters stay.
fn in_utf8(content_type: &str) -> String {
    let mut parts: Vec<_> = content_type.split(';').map(str::trim).collect();
    parts.retain(|part| !part.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("charset=")));
    parts.insert(1.min(parts.len()), "charset=UTF-8");
    parts.join(";")
}

const MADE_BY: &str = concat!("hvreplica ", env!("CARGO_PKG_VERSION"));
