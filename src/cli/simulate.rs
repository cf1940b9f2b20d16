//! `simulate`: a simulated Hyper-V host that runs until interrupted.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::auth::kerberos::{KeytabEntry, parse_keytab};
use crate::auth::random;
use crate::secret::Secret;
use crate::simulator::{
    Hardening, HostTime, Offers, Scenario, Server, ServerSettings, ServerTls, ServerTruth, Unrest, World,
};

use super::args::{Cbt, Connection, Format, Offer, Simulate};
use super::certificate;
use super::environment;
use super::exit::Exit;
use super::fail::Fail;
use super::interrupts;
use super::output::text::table;

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: &Simulate) -> Exit {
    match serve(connection, args).await {
        Ok(()) => Exit::Success,
        Err(fail) => fail.end(connection.output),
    }
}

async fn serve(connection: &Connection, args: &Simulate) -> Result<(), Fail> {
    if args.list {
        list(connection.output);
        return Ok(());
    }
    let scenario = Scenario::named(&args.scenario).ok_or_else(|| {
        Fail::usage(format!("there is no scenario {:?}", args.scenario))
            .hint("see `hvreplica simulate --list`")
    })?;
    let user = connection.user.as_deref().unwrap_or(USER);
    let (password, is_made_up) = password()?;
    let mut scenario = *scenario;
    scenario.world.crowd = args.crowd;
    scenario.world.unrest =
        args.unrest.map(|seed| Unrest { seed, every: MISHAPS, per_mille: args.per_mille });
    let mut settings = ServerSettings::new(scenario, user, password.clone());
    settings.listen = args.listen;
    settings.tls = tls(args).map_err(Fail::usage)?;
    settings.offers = offers(connection, args)?;
    settings.keytab = connection.keytab.as_deref().map_or(Ok(Vec::new()), keytab)?;
    if let Some(file) = &args.client_ca {
        settings.client_roots = read(file)?;
    }
    if let Some(speed) = args.speed {
        settings.pace = HostTime::Times(speed);
    }
    let server = Server::start(settings).await.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Unsupported => Fail::usage(error.to_string()),
        _ => Fail::usage(format!("{} cannot be listened on: {error}", args.listen)),
    })?;
    // Whoever has read that it is ready may end it.
    let interrupted = interrupts::heeded_signal().await;
    let mut ready = json!({ "url": server.url(), "user": server.user() });
    if is_made_up && let Some(ready) = ready.as_object_mut() {
        // A password of nobody's: it is made up for this run and opens nothing but the simulation.
        ready.insert("password".to_owned(), password.expose().as_str().into());
    }
    {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{ready}");
        let _ = out.flush();
    }
    if connection.output == Format::Ndjson {
        tell(&server, interrupted).await;
    } else {
        interrupted.await;
    }
    let (truth, host) = (server.truth(), server.inspect(state));
    server.stop().await;
    for violation in &truth.violations {
        let _ = writeln!(std::io::stderr().lock(), "hvreplica: a client broke a rule: {violation:?}");
    }
    if connection.output != Format::Human {
        let mut account = account(&truth);
        if let (Some(account), serde_json::Value::Object(host)) = (account.as_object_mut(), host) {
            account.extend(host);
        }
        let _ = writeln!(std::io::stdout().lock(), "{account}");
    }
    Ok(())
}

/// Says again and again what has really happened since, until interrupted or nobody listens; it is not kept.
async fn tell(server: &Server, interrupted: impl Future<Output = ()>) {
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => break,
            () = tokio::time::sleep(BETWEEN_ACCOUNTS) => {}
        }
        let account = account(&server.take_truth());
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{account}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
}

/// What really happened.
fn account(truth: &ServerTruth) -> serde_json::Value {
    let calls: Vec<_> = truth
        .host
        .resynchronizations
        .iter()
        .map(|call| json!({ "vm": call.vm, "user": call.user, "return_value": call.return_value }))
        .collect();
    let requests: Vec<_> = truth
        .host
        .calls
        .iter()
        .filter(|call| call.method.starts_with("Request"))
        .map(|call| {
            json!({ "method": call.method, "subject": call.subject, "user": call.user, "return_value": call.return_value })
        })
        .collect();
    let of = |runs: &[(String, jiff::Timestamp)]| -> Vec<_> {
        runs.iter().map(|(vm, at)| json!({ "vm": vm, "at": at.to_string() })).collect()
    };
    let befallen: Vec<_> =
        truth.host.befallen.iter().map(|(vm, at)| json!({ "vm": vm, "at": at.to_string() })).collect();
    let violations: Vec<String> = truth.violations.iter().map(ToString::to_string).collect();
    json!({
        "format": 1,
        "calls": calls,
        "requests": requests,
        "begun": of(&truth.host.begun),
        "succeeded": of(&truth.host.succeeded),
        "befallen": befallen,
        "violations": violations,
        "connections": truth.connections,
        "open_enumerations": truth.open_enumerations,
    })
}

/// How machines and jobs stand.
fn state(world: &World) -> serde_json::Value {
    let states = |machine: &crate::simulator::Machine| -> Vec<u16> {
        machine.relationships.iter().map(|relationship| relationship.state).collect()
    };
    let machines: Vec<_> = world
        .machines()
        .map(|machine| json!({ "id": machine.guid, "name": machine.name, "states": states(machine) }))
        .collect();
    let jobs: Vec<_> = world
        .jobs()
        .map(|job| json!({ "id": job.id, "state": job.state, "type": job.kind, "owner": job.owner }))
        .collect();
    json!({ "machines": machines, "jobs": jobs })
}

fn tls(args: &Simulate) -> Result<Option<ServerTls>, String> {
    let Some(cert) = &args.tls_cert else { return Ok(None) };
    let identity = certificate::from_pem(cert, args.tls_key.as_deref().unwrap_or(cert))?;
    let hardening = match args.cbt {
        Cbt::None => Hardening::None,
        Cbt::Relaxed => Hardening::Relaxed,
        Cbt::Strict => Hardening::Strict,
    };
    Ok(Some(ServerTls { identity, hardening }))
}

fn offers(connection: &Connection, args: &Simulate) -> Result<Offers, Fail> {
    let mut offers = Offers::default();
    if args.offer.is_empty() {
        offers.kerberos = connection.keytab.is_some();
        offers.certificate = args.client_ca.is_some();
    } else {
        offers.negotiate = args.offer.contains(&Offer::Negotiate);
        offers.kerberos = args.offer.contains(&Offer::Kerberos);
        offers.basic = args.offer.contains(&Offer::Basic);
        offers.certificate = args.offer.contains(&Offer::Certificate);
        #[cfg(feature = "credssp")]
        {
            offers.credssp = args.offer.contains(&Offer::Credssp);
        }
    }
    if offers.basic && args.tls_cert.is_none() && !args.danger_basic {
        return Err(Fail::usage("Basic over plain http lets the password cross the network in clear")
            .hint("add --danger-basic if it may, or --tls-cert"));
    }
    offers.basic |= args.danger_basic;
    Ok(offers)
}

/// The keys of the host's services.
fn keytab(file: &Path) -> Result<Vec<KeytabEntry>, Fail> {
    let bytes = zeroize::Zeroizing::new(read(file)?);
    let keys = parse_keytab(&bytes);
    keys.map_err(|error| Fail::usage(format!("{}: {error}", file.display())))
}

fn read(file: &Path) -> Result<Vec<u8>, Fail> {
    std::fs::read(file).map_err(|error| Fail::usage(format!("{} cannot be read: {error}", file.display())))
}

fn list(format: Format) {
    let mut out = std::io::stdout().lock();
    let _ = match format {
        Format::Human => {
            let rows: Vec<Vec<String>> =
                Scenario::all().map(|one| vec![one.name.to_owned(), one.summary.to_owned()]).collect();
            write!(out, "{}", table(&["SCENARIO", "WHAT HAPPENS"], &rows))
        }
        Format::Json | Format::Ndjson => {
            let all: Vec<_> =
                Scenario::all().map(|one| json!({ "name": one.name, "summary": one.summary })).collect();
            writeln!(out, "{}", json!({ "format": 1, "scenarios": all }))
        }
    };
}

/// The password that clients have to know, and whether it was made up here.
fn password() -> Result<(Secret<String>, bool), Fail> {
    if let Some(password) = environment::text("HVREPLICA_PASSWORD") {
        return Ok((Secret::new(password), false));
    }
    Ok((made_up()?, true))
}

/// A password for one run.
pub(super) fn made_up() -> Result<Secret<String>, Fail> {
    let bytes = random::<16>().map_err(|error| Fail::new(Exit::Defect, "randomness", error.to_string()))?;
    Ok(Secret::new(bytes.expose().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Who may come in, unless `--user` says otherwise.
pub(super) const USER: &str = "operator";

/// Host time between two mishaps of `--unrest`.
const MISHAPS: Duration = Duration::from_secs(1);
/// With `-o ndjson`.
const BETWEEN_ACCOUNTS: Duration = Duration::from_millis(100);
