//! `wsman`: the protocol's own operations.

use std::io::{BufWriter, Write};

use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::cim::{Instance, Reference, Value};
use crate::client::Client;
use crate::msvm::SCHEMA;
use crate::wsman::{Enumerate, EnumerationMode, Filter, Identity, Invocation, Invoke, Item};

use super::args::{Connection, Format, Mode, Target, WsmanCommand};
use super::connect::Host;
use super::exit::Exit;
use super::fail::{Fail, written};
use super::interrupts;
use super::output::json::Json;
use super::output::text::printable;
use super::values::{any_class, parameters, resource_uri, selectors};

/// Runs the command.
pub(super) async fn run(connection: &Connection, command: &WsmanCommand) -> Exit {
    match run_command(connection, command).await {
        Ok(exit) => exit,
        Err(fail) => fail.end(connection.output),
    }
}

async fn run_command(connection: &Connection, command: &WsmanCommand) -> Result<Exit, Fail> {
    let host = Host::new(connection)?;
    let client = host.client()?;
    let format = connection.output;
    let mut exit = Exit::Success;
    match command {
        WsmanCommand::Identify => written(identity(format, &client.identify().await?))?,
        WsmanCommand::Get(target) => {
            let instance = client.get(&reference(target)?).await?;
            written(print_item(format, &Item { instance: Some(instance), reference: None }))?;
        }
        WsmanCommand::Enumerate { .. } => exit = enumerate(format, &client, command).await?,
        WsmanCommand::Invoke { target, method, param } => {
            let target = reference(target)?;
            let parameters = parameters(param, &target.resource_uri, method, &SCHEMA).map_err(Fail::usage)?;
            let invoke = Invoke { target, method: method.clone(), parameters };
            let answer = client.invoke(invoke).await.map_err(|error| Fail::of_call(&error))?;
            written(invocation(format, &answer))?;
            exit = exit_of(&answer);
        }
    }
    host.close();
    Ok(exit)
}

/// A method that returns neither success nor the start of a job has refused.
fn exit_of(answer: &Invocation) -> Exit {
    match answer.return_value.as_ref().and_then(Value::as_u64) {
        None | Some(0 | 4096) => Exit::Success,
        Some(_) => Exit::Refused,
    }
}

fn reference(target: &Target) -> Result<Reference, Fail> {
    let uri = resource_uri(&target.resource.resource, &target.resource.namespace);
    Ok(Reference::new(uri, selectors(&target.selector).map_err(Fail::usage)?))
}

/// Prints the items as they come, page by page.
async fn enumerate(format: Format, client: &Client, command: &WsmanCommand) -> Result<Exit, Fail> {
    let WsmanCommand::Enumerate { resource, selector, wql, mode, max_elements } = command else {
        return Ok(Exit::Success);
    };
    let mut uri = resource_uri(&resource.resource, &resource.namespace);
    let filter = match wql {
        Some(query) => {
            uri = any_class(&uri);
            Some(Filter::Wql(query.clone()))
        }
        None if selector.is_empty() => None,
        None => Some(Filter::Selectors(selectors(selector).map_err(Fail::usage)?)),
    };
    let mode = match mode {
        Mode::Object => None,
        Mode::Epr => Some(EnumerationMode::Epr),
        Mode::ObjectAndEpr => Some(EnumerationMode::ObjectAndEpr),
    };
    let body = Enumerate { filter, mode, max_elements: *max_elements, ..Enumerate::default() };
    let mut pages = client.pages(uri, body);
    let mut printer = Printer::new(format);
    loop {
        let page = tokio::select! {
            biased;
            () = interrupts::signal() => {
                pages.release().await;
                return printer.broken_off(Fail::new(Exit::Interrupted, "interrupted", "interrupted"));
            }
            page = pages.next() => page,
        };
        match page {
            Ok(Some(items)) => {
                if let Err(error) = items.iter().try_for_each(|item| printer.item(item)) {
                    pages.release().await;
                    return written(Err(error)).map(|()| Exit::Success);
                }
            }
            Ok(None) => break,
            Err(error) => {
                pages.release().await;
                return printer.broken_off(error.into());
            }
        }
    }
    written(printer.end())?;
    Ok(Exit::Success)
}

/// Prints items one by one: JSON as one array, the others as they are.
struct Printer {
    out: BufWriter<std::io::Stdout>,
    format: Format,
    count: u64,
}

impl Printer {
    fn new(format: Format) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER, std::io::stdout()), format, count: 0 }
    }

    fn item(&mut self, item: &Item) -> std::io::Result<()> {
        let first = self.count == 0;
        self.count += 1;
        match self.format {
            Format::Human => {
                if !first {
                    self.out.write_all(b"\n")?;
                }
                write_words(&mut self.out, item)
            }
            Format::Json => {
                self.out.write_all(if first { b"[" } else { b",\n" })?;
                Ok(serde_json::to_writer(&mut self.out, &Json(item))?)
            }
            Format::Ndjson => {
                serde_json::to_writer(&mut self.out, &Json(item))?;
                self.out.write_all(b"\n")
            }
        }
    }

    /// Ends early. One document stays one: an array that was begun is closed, and the failure said in words alone.
    fn broken_off(mut self, fail: Fail) -> Result<Exit, Fail> {
        let has_begun = self.format == Format::Json && self.count > 0;
        let _ = if has_begun { self.end() } else { self.out.flush() };
        if !has_begun {
            return Err(fail);
        }
        fail.say();
        Ok(fail.exit)
    }

    fn end(&mut self) -> std::io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.count == 0 { b"[]\n" } else { b"]\n" })?;
        }
        self.out.flush()
    }
}

fn print_item(format: Format, item: &Item) -> std::io::Result<()> {
    let mut text = Vec::new();
    let written = match format {
        Format::Human => write_words(&mut text, item),
        Format::Json | Format::Ndjson => serde_json::to_writer(&mut text, &Json(item))
            .map_err(Into::into)
            .and_then(|()| text.write_all(b"\n")),
    };
    written.and_then(|()| std::io::stdout().write_all(&text))
}

fn write_words(out: &mut impl Write, item: &Item) -> std::io::Result<()> {
    if let Some(instance) = &item.instance {
        write_instance(out, instance)?;
    }
    if let Some(reference) = &item.reference {
        writeln!(out, "reference  {}", printable(&serde_json::to_string(&Json(reference))?))?;
    }
    Ok(())
}

fn write_instance(out: &mut impl Write, instance: &Instance) -> std::io::Result<()> {
    if !instance.class.is_empty() {
        writeln!(out, "{}", printable(&instance.class))?;
    }
    write_properties(out, &instance.properties)
}

fn write_properties(out: &mut impl Write, properties: &[(crate::cim::Name, Value)]) -> std::io::Result<()> {
    let names: Vec<_> = properties.iter().map(|(name, _)| printable(name)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or_default();
    for (name, (_, value)) in names.iter().zip(properties) {
        let text = match value {
            Value::Null => String::new(),
            Value::Array(_) | Value::Reference(_) | Value::Instance(_) => {
                printable(&serde_json::to_string(&Json(value))?).into_owned()
            }
            scalar => printable(&scalar.to_text().unwrap_or_default()).into_owned(),
        };
        let blanks = width - name.width();
        writeln!(out, "  {name}{:blanks$}  {text}", "")?;
    }
    Ok(())
}

fn identity(format: Format, identity: &Identity) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Human => writeln!(
            out,
            "vendor    {}\nversion   {}\nprotocol  {}",
            printable(&identity.product_vendor),
            printable(&identity.product_version),
            printable(&identity.protocol_version)
        ),
        Format::Json | Format::Ndjson => {
            let mut document = json!({
                "product_vendor": identity.product_vendor,
                "product_version": identity.product_version,
                "protocol_version": identity.protocol_version,
            });
            if let Some(document) = document.as_object_mut() {
                for (name, value) in &identity.more {
                    let value = serde_json::to_value(Json(value)).unwrap_or_default();
                    document.entry(snake_case(name)).or_insert(value);
                }
            }
            writeln!(out, "{document}")
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(character.to_lowercase());
    }
    out
}

fn invocation(format: Format, answer: &Invocation) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let null = Value::Null;
    let return_value = answer.return_value.as_ref().unwrap_or(&null);
    match format {
        Format::Human => {
            let text = return_value.to_text().unwrap_or_default();
            writeln!(out, "{} returned {}", printable(&answer.method), printable(&text))
                .and_then(|()| write_properties(&mut out, &answer.parameters))
        }
        Format::Json | Format::Ndjson => {
            let document = json!({
                "method": answer.method,
                "return_value": serde_json::to_value(Json(return_value)).unwrap_or_default(),
                "parameters": serde_json::to_value(Json(answer.parameters.as_slice())).unwrap_or_default(),
            });
            writeln!(out, "{document}")
        }
    }
}

const BUFFER: usize = 64 * 1024;
