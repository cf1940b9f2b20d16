//! The world of the simulated host, in virtual time.

mod courses;
mod instances;
mod methods;
mod queries;
mod scenarios;
mod server;
#[cfg(feature = "credssp")]
mod server_credssp;
mod server_negotiate;
mod server_rules;
mod server_scenarios;
mod server_tls;
mod server_wire;
mod states;

use std::time::Duration;

use hvreplica::cim::{Name, Reference, Value};
use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Fault, Invocation, MethodResult, TARGET, World, WorldOptions};
use jiff::Timestamp;

/// A world and its time.
struct Host {
    world: World,
    start: Timestamp,
    seconds: u64,
}

impl Host {
    fn new(options: WorldOptions) -> Self {
        let start = "2026-11-24T12:00:00Z".parse().unwrap();
        Self { world: World::new(SCHEMA, options, 1, start), start, seconds: 0 }
    }

    fn at(&self, seconds: u64) -> Timestamp {
        self.start.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    fn now(&self) -> Timestamp {
        self.at(self.seconds)
    }

    fn go_to(&mut self, seconds: u64) {
        self.seconds = seconds;
        self.world.tick(self.now());
    }

    fn guid(&self, name: &str) -> String {
        self.world.machines().find(|machine| machine.name == name).unwrap().guid.clone()
    }

    fn vm(&mut self, name: &str) -> Reference {
        let guid = self.guid(name);
        let instances = self.world.instances("Msvm_ComputerSystem", self.now()).unwrap();
        let instance = instances.iter().find(|instance| instance.text("Name") == Some(&guid)).unwrap();
        self.world.reference_to(instance).unwrap()
    }

    fn service(&mut self) -> Reference {
        let instances = self.world.instances("Msvm_ReplicationService", self.now()).unwrap();
        self.world.reference_to(&instances[0]).unwrap()
    }

    fn call(
        &mut self,
        target: &Reference,
        method: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<MethodResult, Fault> {
        let parameters: Vec<(Name, Value)> =
            parameters.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect();
        let call = Invocation { target, method, parameters: &parameters, user: "EXAMPLE\\operator" };
        self.world.invoke(&call, self.now())
    }

    fn resynchronize(&mut self, name: &str, start_time: Value) -> (u32, Option<Reference>) {
        let (service, vm) = (self.service(), self.vm(name));
        let parameters = [("ComputerSystem", Value::from(vm)), ("StartTime", start_time)];
        let result = self.call(&service, "Resynchronize", &parameters).unwrap();
        let job = result.outs.iter().find(|(name, _)| *name == "Job").unwrap();
        (result.return_value, job.1.as_reference().cloned())
    }

    fn request(&mut self, name: &str, requested: u16) -> (u32, Option<Reference>) {
        let vm = self.vm(name);
        let parameters = [("RequestedState", Value::from(requested))];
        let result = self.call(&vm, "RequestReplicationStateChange", &parameters).unwrap();
        let job = result.outs.iter().find(|(name, _)| *name == "Job").unwrap();
        (result.return_value, job.1.as_reference().cloned())
    }

    /// ReplicationState as it reads on the relationship of that index.
    fn state(&mut self, name: &str, index: u8) -> Option<u64> {
        let id = format!("Microsoft:{}\\HVR\\{index}", self.guid(name));
        let instances = self.world.instances("Msvm_ReplicationRelationship", self.now()).unwrap();
        let found = instances.iter().find(|instance| instance.text("InstanceID") == Some(&id))?;
        found.number("ReplicationState")
    }

    fn job(&mut self, job: &Reference, property: &str) -> Value {
        self.world.get(job, self.now()).unwrap().get(property).unwrap().clone()
    }

    fn job_state(&mut self, job: &Reference) -> Option<u64> {
        match self.world.get(job, self.now()) {
            Ok(instance) => instance.number("JobState"),
            Err(fault) => {
                assert_eq!(fault, Fault::NotFound);
                None
            }
        }
    }

    fn target_guid(&self) -> String {
        self.guid(TARGET)
    }
}

/// The default host with some of its options changed.
fn host(change: impl FnOnce(&mut WorldOptions)) -> Host {
    let mut options = WorldOptions::DEFAULT;
    change(&mut options);
    Host::new(options)
}
