//! `demo`: a simulated host in this process, a replication that breaks, and the real client that mends it.

use std::io::Write;

use crate::auth::Credential;
use crate::replica::Interrupt;
use crate::simulator::{Accident, HostTime, Scenario, Server, ServerSettings, TARGET};
use crate::transport::{Authentication, Endpoint, HttpOptions, Scheme};

use super::args::{Connection, Format, Resync};
use super::connect::Host;
use super::exit::Exit;
use super::fail::Fail;
use super::simulate::{USER, made_up};
use super::{interrupts, resync};

/// Runs the command.
pub(super) async fn run(connection: &Connection) -> Exit {
    if connection.record.is_some() || connection.replay.is_some() {
        return Fail::usage("demo neither records nor replays").end(connection.output);
    }
    let interrupt = interrupts::heed_both();
    match show(connection, interrupt).await {
        Ok(exit) => exit,
        Err(fail) => fail.end(connection.output),
    }
}

async fn show(connection: &Connection, interrupt: (Interrupt, Interrupt)) -> Result<Exit, Fail> {
    let scenario = Scenario::named(SCENARIO)
        .ok_or_else(|| Fail::new(Exit::Defect, "scenario", "the scenario is missing"))?;
    let password = made_up()?;
    let mut settings = ServerSettings::new(*scenario, USER, password.clone());
    settings.pace = HostTime::Times(SPEED);
    let server = Server::start(settings).await.map_err(|error| {
        Fail::new(Exit::Defect, "listen", format!("loopback cannot be listened on: {error}"))
    })?;
    server.befall(Accident::Break { state: 9 });
    let say = |line: &str| {
        if !connection.quiet && connection.output == Format::Human {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    };
    say(&format!(
        "A simulated Hyper-V host listens at {}, {SPEED} times as fast as time. Replication of {TARGET} has broken;\nthis is what `hvreplica resync {TARGET} --host HOST -u USER` does about it, over NTLM with sealed messages:",
        server.url()
    ));
    let endpoint = Endpoint {
        scheme: Scheme::Http,
        host: server.address().ip().to_string(),
        port: server.address().port(),
        path: "/wsman".to_owned(),
    };
    let options = HttpOptions::new(endpoint, Authentication::Ntlm(Credential::new(USER, password)));
    let host = Host::at(&server.url(), options);
    let exit = resync::run_on(connection, &Resync::of(TARGET), &host, interrupt).await;
    let truth = server.truth();
    server.stop().await;
    let executed: usize = truth.host.resynchronizations.len();
    say(&format!("The host says: Resynchronize was executed {executed} time(s)."));
    if exit == Exit::Success && (executed != 1 || !truth.violations.is_empty()) {
        return Err(Fail::new(
            Exit::Defect,
            "demo",
            "the simulated host saw something else than what was reported",
        ));
    }
    Ok(exit)
}

const SCENARIO: &str = "healthy";
/// Host seconds in one of ours.
const SPEED: u32 = 15;
