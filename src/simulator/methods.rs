//! Methods: parameters are checked against the schema, then executed.

use jiff::Timestamp;

use super::errors::{error, health_issues, statistics};
use super::fault::Fault;
use super::instances::{COMPUTER_SYSTEM, CONCRETE_JOB, Given, REPLICATION_SERVICE, job_reference};
use super::machine::{Link, Machine};
use super::options::{Generation, Rights};
use super::resynchronize::ResyncOrder;
use super::state::{health, job_returns, replication, returns};
use super::truth::MethodCall;
use super::world::World;
use crate::cim::{Class, Instance, Method, Name, Parameter, Reference, Type, Value};
use crate::msvm::{computer_system, concrete_job, replication_service};

/// A method call.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The instance.
    pub target: &'a Reference,
    /// The method.
    pub method: &'a str,
    /// What is given; what is not given is null.
    pub parameters: &'a [(Name, Value)],
    /// Who calls.
    pub user: &'a str,
}

/// What a method gives back.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodResult {
    /// Out parameters in the order of declaration, nulls included. Embedded instances are instances here.
    pub outs: Vec<(&'static str, Value)>,
    /// ReturnValue.
    pub return_value: u32,
}

/// Return value and out parameters that are not null.
type Done = (u32, Given);

impl World {
    /// Executes a method.
    ///
    /// # Errors
    /// The namespace, class, instance or method does not exist, a parameter is not one of it, or the caller may
    /// not call. Nothing was executed then.
    pub fn invoke(&mut self, call: &Invocation<'_>, now: Timestamp) -> Result<MethodResult, Fault> {
        self.tick(now);
        self.let_in()?;
        let class = self.class_of(call.target)?;
        let method = self.method(class, call.method)?;
        check_parameters(method, call.parameters)?;
        let instance = self.find(call.target)?;
        let parameters = Parameters(call.parameters);
        let class = instance.class.clone();
        let (return_value, given) = match &*class {
            REPLICATION_SERVICE => self.call_service(method, parameters, call.user),
            COMPUTER_SYSTEM => self.call_machine(&instance, method, parameters, call.user),
            CONCRETE_JOB => self.call_job(&instance, method, parameters),
            _ => (returns::NOT_SUPPORTED, Vec::new()),
        };
        self.note(&instance, method, call, return_value);
        Ok(MethodResult { outs: in_order(method, given), return_value })
    }

    fn method(&self, class: &'static Class, name: &str) -> Result<&'static Method, Fault> {
        let method = class.method(name).ok_or(Fault::NoSuchMethod)?;
        let too_new =
            self.options.generation < Generation::Server2012R2 && SINCE_2012_R2.contains(&method.name);
        if too_new { Err(Fault::NoSuchMethod) } else { Ok(method) }
    }

    fn call_service(&mut self, method: &Method, parameters: Parameters<'_>, user: &str) -> Done {
        match method.name {
            replication_service::RESYNCHRONIZE => {
                let machine = self.machine_named(parameters.get("ComputerSystem"));
                let start_time = parameters.get("StartTime").as_datetime().and_then(|time| time.instant());
                let (code, job) = self.resynchronize(ResyncOrder { machine, start_time, user });
                (code, self.job_out(job))
            }
            replication_service::GET_REPLICATION_STATISTICS
            | replication_service::GET_REPLICATION_STATISTICS_EX => {
                match self.relationship_named(parameters) {
                    Ok(link) => (returns::DONE, self.statistics_of(link)),
                    Err(refusal) => (refusal, Vec::new()),
                }
            }
            replication_service::RESET_REPLICATION_STATISTICS
            | replication_service::RESET_REPLICATION_STATISTICS_EX => {
                match self.relationship_named(parameters) {
                    Ok(link) => (self.reset_statistics(link), Vec::new()),
                    Err(refusal) => (refusal, Vec::new()),
                }
            }
            replication_service::REQUEST_STATE_CHANGE
            | replication_service::START_SERVICE
            | replication_service::STOP_SERVICE => (job_returns::NOT_SUPPORTED, Vec::new()),
            _ => (returns::NOT_SUPPORTED, Vec::new()),
        }
    }

    fn call_machine(
        &mut self,
        instance: &Instance,
        method: &Method,
        parameters: Parameters<'_>,
        user: &str,
    ) -> Done {
        if !matches!(
            method.name,
            computer_system::REQUEST_REPLICATION_STATE_CHANGE
                | computer_system::REQUEST_REPLICATION_STATE_CHANGE_EX
        ) {
            return (returns::NOT_SUPPORTED, Vec::new());
        }
        // The host is an instance of the class, too, but nothing to replicate.
        let Some(place) = instance.text("Name").and_then(|guid| self.place_of(guid)) else {
            return (returns::NOT_SUPPORTED, Vec::new());
        };
        let Some(index) = self.relationship_index(place, parameters.get("ReplicationRelationship")) else {
            return (returns::INVALID_PARAMETER, Vec::new());
        };
        let requested = parameters.number("RequestedState").unwrap_or(u16::MAX);
        let (code, job) = self.request_state(Link { machine: place, index }, requested, user);
        (code, self.job_out(job))
    }

    fn call_job(&mut self, instance: &Instance, method: &Method, parameters: Parameters<'_>) -> Done {
        let found = instance.text("InstanceID").and_then(|id| self.jobs.find(id));
        let Some(number) = found else { return (returns::INVALID_PARAMETER, Vec::new()) };
        let errors = || self.jobs.get(number).map(|job| job.errors.as_slice()).unwrap_or_default();
        match method.name {
            concrete_job::REQUEST_STATE_CHANGE if !parameters.get("TimeoutPeriod").is_null() => {
                (job_returns::TIMEOUT_NOT_SUPPORTED, Vec::new())
            }
            concrete_job::REQUEST_STATE_CHANGE => {
                let requested = parameters.number("RequestedState").unwrap_or_default();
                (self.request_job_state(number, requested), Vec::new())
            }
            concrete_job::GET_ERROR => {
                let first = errors().first().map(|failure| ("Error", self.embedded(error(failure))));
                (returns::DONE, first.into_iter().collect())
            }
            concrete_job::GET_ERROR_EX => {
                let all: Vec<_> = errors().iter().map(|failure| self.embedded(error(failure))).collect();
                let out = (!all.is_empty()).then_some(("Errors", Value::Array(all)));
                (returns::DONE, out.into_iter().collect())
            }
            _ => (job_returns::NOT_SUPPORTED, Vec::new()),
        }
    }

    /// Place of the VM that a parameter refers to.
    fn machine_named(&self, parameter: &Value) -> Option<usize> {
        let reference = parameter.as_reference()?;
        let instance = self.find(reference).ok()?;
        let is_machine = instance.class == COMPUTER_SYSTEM;
        instance.text("Name").filter(|_| is_machine).and_then(|guid| self.place_of(guid))
    }

    /// The relationship that a statistics method is about, or why not.
    fn relationship_named(&self, parameters: Parameters<'_>) -> Result<Link, u32> {
        if self.options.rights != Rights::Full {
            return Err(returns::ACCESS_DENIED);
        }
        let machine =
            self.machine_named(parameters.get("ComputerSystem")).ok_or(returns::INVALID_PARAMETER)?;
        let index = self.relationship_index(machine, parameters.get("ReplicationRelationship"));
        let link = Link { machine, index: index.ok_or(returns::INVALID_PARAMETER)? };
        self.relationship(link).map(|_| link).ok_or(returns::INVALID_STATE)
    }

    /// Index of the relationship that an embedded instance names; null means the primary one.
    fn relationship_index(&self, place: usize, parameter: &Value) -> Option<u8> {
        if parameter.is_null() {
            return Some(0);
        }
        let wanted = parameter.as_instance()?.text("InstanceID")?;
        let machine = self.machines.get(place)?;
        let is_it = |index: &u8| self.relationship_id(machine, *index).eq_ignore_ascii_case(wanted);
        machine.relationships.iter().map(|relationship| relationship.index).find(is_it)
    }

    fn statistics_of(&self, link: Link) -> Given {
        let Some(relationship) = self.relationship(link) else { return Vec::new() };
        let name = self.machines.get(link.machine).map_or("", |machine: &Machine| machine.name.as_str());
        let issues = health_issues(relationship, name);
        let issues: Vec<_> = issues.iter().map(|issue| self.embedded(error(issue))).collect();
        let mut given = vec![(
            "ReplicationStatistics",
            Value::Array(vec![self.embedded(statistics(relationship, self.clock))]),
        )];
        if !issues.is_empty() {
            given.push(("ReplicationHealthIssues", Value::Array(issues)));
        }
        given
    }

    fn reset_statistics(&mut self, link: Link) -> u32 {
        let Some(relationship) = self.relationship_mut(link) else { return returns::INVALID_STATE };
        if relationship.state == replication::REPLICATING {
            relationship.health = health::OK;
        }
        returns::DONE
    }

    fn embedded(&self, (class, given): (&'static str, Given)) -> Value {
        Value::Instance(Box::new(self.complete(class, given)))
    }

    fn job_out(&self, job: Option<u64>) -> Given {
        let job = job.and_then(|number| self.jobs.get(number));
        job.map(|job| ("Job", Value::Reference(Box::new(job_reference(job))))).into_iter().collect()
    }

    fn note(&mut self, instance: &Instance, method: &Method, call: &Invocation<'_>, return_value: u32) {
        let vm = Parameters(call.parameters)
            .get("ComputerSystem")
            .as_reference()
            .and_then(|vm| vm.selector("Name"));
        let key = instance.text("InstanceID").or_else(|| instance.text("Name"));
        let subject = if method.parameter("ComputerSystem").is_some() { vm } else { key };
        let class = self.schema.class(&instance.class).map_or("", |class| class.name);
        let (subject, user) = (subject.map(str::to_owned), call.user.to_owned());
        let at = self.clock;
        self.truth.calls.push(MethodCall { at, class, method: method.name, subject, user, return_value });
    }
}

#[derive(Clone, Copy)]
struct Parameters<'a>(&'a [(Name, Value)]);

impl<'a> Parameters<'a> {
    fn get(self, name: &str) -> &'a Value {
        self.0.iter().find(|(own, _)| own == name).map_or(&Value::Null, |(_, value)| value)
    }

    fn number(self, name: &str) -> Option<u16> {
        self.get(name).as_u64().and_then(|number| u16::try_from(number).ok())
    }
}

/// Names of parameters are case-sensitive; nothing may come twice.
fn check_parameters(method: &Method, given: &[(Name, Value)]) -> Result<(), Fault> {
    for (at, (name, value)) in given.iter().enumerate() {
        let wrong = || Fault::InvalidParameter(name.clone().into_owned());
        let twice = given.iter().take(at).any(|(earlier, _)| earlier == name);
        let declared = method.parameters.iter().find(|parameter| parameter.is_in && parameter.name == *name);
        let declared = declared.filter(|_| !twice).ok_or_else(wrong)?;
        if !takes(declared, value) {
            return Err(wrong());
        }
    }
    Ok(())
}

fn takes(parameter: &Parameter, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => parameter.is_array && values.iter().all(|each| is_of_type(parameter, each)),
        scalar => !parameter.is_array && is_of_type(parameter, scalar),
    }
}

fn is_of_type(parameter: &Parameter, value: &Value) -> bool {
    match value {
        Value::Unsigned(_) | Value::Signed(_) => parameter.kind.is_integer(),
        Value::Boolean(_) => parameter.kind == Type::Boolean,
        Value::String(_) => parameter.kind == Type::String && parameter.target.is_none(),
        Value::Instance(_) => parameter.kind == Type::String && parameter.target.is_some(),
        Value::DateTime(_) | Value::Interval(_) => parameter.kind == Type::DateTime,
        Value::Reference(_) => parameter.kind == Type::Reference,
        Value::Null => true,
        _ => false,
    }
}

fn in_order(method: &Method, given: Given) -> Vec<(&'static str, Value)> {
    let mut given = given;
    let outs = method.parameters.iter().filter(|parameter| parameter.is_out);
    outs.map(|parameter| {
        let value = given.iter().position(|(name, _)| *name == parameter.name);
        (parameter.name, value.map_or(Value::Null, |at| given.swap_remove(at).1))
    })
    .collect()
}

/// Methods that Server 2012 does not have.
const SINCE_2012_R2: [&str; 6] = [
    replication_service::GET_REPLICATION_STATISTICS_EX,
    replication_service::RESET_REPLICATION_STATISTICS_EX,
    computer_system::REQUEST_REPLICATION_STATE_CHANGE_EX,
    replication_service::REMOVE_REPLICATION_RELATIONSHIP_EX,
    replication_service::CHANGE_REPLICATION_MODE_TO_PRIMARY,
    replication_service::INITIATE_FAILBACK,
];
