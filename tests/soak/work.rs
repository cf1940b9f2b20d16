//! The client: one process, whose workers resynchronize one machine after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hvreplica::auth::Credential;
use hvreplica::client::{Circuit, Client, ClientOptions, Retry, Surroundings};
use hvreplica::job::FollowOptions;
use hvreplica::msvm::{SCHEMA, resource_uri};
use hvreplica::replica::{
    Event, Events, Outcome, ResynchronizeOptions, Schedule, VirtualMachine, find, resynchronize,
};
use hvreplica::transport::{Authentication, Endpoint, Http, HttpOptions, Scheme, Transport};
use hvreplica::wsman::Enumerate;

use crate::host::{Host, MACHINES, USER};
use crate::ledger::{Ledger, Machine};

pub(crate) struct Crew {
    http: HttpOptions,
    options: ClientOptions,
    ledger: Arc<Ledger>,
    seed: u64,
}

struct Silent;

impl Events for Silent {
    fn event(&self, _: &str, _: Option<&VirtualMachine>, _: &Event<'_>) {}
}

impl Crew {
    pub(crate) fn new(host: &Host, ledger: &Arc<Ledger>, seed: u64) -> Self {
        let endpoint = Endpoint {
            scheme: Scheme::Http,
            host: "127.0.0.1".to_owned(),
            port: host.port,
            path: "/wsman".to_owned(),
        };
        let mut options = ClientOptions::new(endpoint.url());
        options.operation_timeout = Duration::from_secs(1);
        options.retry = Retry {
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
            ..Retry::default()
        };
        options.circuit = Some(Circuit {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(1),
            ..Circuit::default()
        });
        let http =
            HttpOptions::new(endpoint, Authentication::Ntlm(Credential::new(USER, host.password.clone())));
        Self { http, options, ledger: Arc::clone(ledger), seed }
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(Http::new(self.http.clone()).unwrap())
    }

    fn client(&self) -> Client {
        Client::new(self.transport(), self.options.clone(), Surroundings::default(), SCHEMA)
    }

    /// Puts all machines into the ledger.
    pub(crate) async fn find_machines(&self) {
        let client = self.client();
        let all = loop {
            if let Ok(all) =
                client.enumerate(&resource_uri("Msvm_ComputerSystem"), Enumerate::default()).await
            {
                break all;
            }
        };
        let crowd = all.iter().filter_map(|item| item.instance.as_ref()).filter_map(|instance| {
            let name = instance.text("ElementName")?.to_owned();
            name.starts_with("crowd-")
                .then(|| Some(Machine { name, id: instance.text("Name")?.to_owned() }))?
        });
        let crowd: Vec<Machine> = crowd.collect();
        assert_eq!(crowd.len(), usize::from(MACHINES));
        self.ledger.put_all(crowd);
    }

    /// Works until then, over one connection after the other.
    pub(crate) async fn work(&self, number: usize, ends: Instant) {
        let mut random =
            Random(self.seed ^ u64::try_from(number).unwrap().wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let client = self.client();
        while Instant::now() < ends {
            let Some(machine) = self.ledger.take() else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let asked = if random.one_in(2) { &machine.name } else { &machine.id };
            let outcome = match find(&client, asked).await {
                Ok(vm) => resynchronize(&client, asked, vm, &options(&mut random), &Silent).await,
                Err(error) => Outcome::of_find_error(asked, error),
            };
            self.ledger.said(machine, outcome);
        }
    }
}

fn options(random: &mut Random) -> ResynchronizeOptions {
    ResynchronizeOptions {
        schedule: random.one_in(16).then(|| Schedule::In(Duration::from_secs(30))),
        follow: Some(!random.one_in(8)),
        suspend_first: random.one_in(2),
        timeout: Some(Duration::from_secs(40)),
        pace: FollowOptions {
            first_pause: Duration::from_millis(150),
            longest_pause: Duration::from_millis(600),
            ..FollowOptions::default()
        },
        ..ResynchronizeOptions::default()
    }
}

/// SplitMix64
struct Random(u64);

impl Random {
    fn one_in(&mut self, count: u64) -> bool {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).is_multiple_of(count)
    }
}
