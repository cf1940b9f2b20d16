//! What can be read from the host: instances of a class, one instance, the answer to a query.

use jiff::Timestamp;

use super::fault::Fault;
use super::instances::{Given, PROVIDERS, Provider, SINCE_2012_R2};
use super::options::{Generation, Rights};
use super::query::{Query, Walk};
use super::resource::class_of;
use super::world::World;
use crate::cim::{Class, Instance, Reference, Selector, SelectorValue, Value};
use crate::msvm::resource_uri;

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was found, in the order of the host.
    pub instances: Vec<Instance>,
    /// Whether only some properties were asked for: such items have no class.
    pub is_projection: bool,
}

impl World {
    /// All instances of a class and of the classes that derive from it.
    ///
    /// # Errors
    /// The class or the namespace does not exist, or the caller may not look.
    pub fn instances(&mut self, class: &str, now: Timestamp) -> Result<Vec<Instance>, Fault> {
        self.tick(now);
        self.let_in()?;
        Ok(self.instances_of(self.class(class)?.name))
    }

    /// The instance that a reference points at.
    ///
    /// # Errors
    /// The namespace, the class or the instance does not exist, the selectors are not its keys, or the caller
    /// may not look.
    pub fn get(&mut self, target: &Reference, now: Timestamp) -> Result<Instance, Fault> {
        self.tick(now);
        self.let_in()?;
        self.find(target)
    }

    /// The answer to a query.
    ///
    /// # Errors
    /// The query is none of this host, or the caller may not ask.
    pub fn query(&mut self, text: &str, now: Timestamp) -> Result<Answer, Fault> {
        self.tick(now);
        self.let_in()?;
        match Query::parse(text, self.schema)? {
            Query::Select(select) => {
                let mut instances = self.instances_of(self.class(select.class)?.name);
                instances.retain(|instance| select.admits(instance, self.schema));
                let instances = instances.into_iter().map(|instance| select.project(instance)).collect();
                Ok(Answer { instances, is_projection: select.properties.is_some() })
            }
            Query::Associators(walk) => {
                Ok(Answer { instances: self.associators(&walk)?, is_projection: false })
            }
            Query::References(walk) => {
                Ok(Answer { instances: self.references(&walk)?, is_projection: false })
            }
        }
    }

    /// The reference to one of this host's instances; `None` where the instance has no keys.
    pub fn reference_to(&self, instance: &Instance) -> Option<Reference> {
        let class = self.schema.class(&instance.class)?;
        let keys: Vec<&str> = class.keys().collect();
        if keys.is_empty() {
            return None;
        }
        Reference::to_instance(resource_uri(class.name), instance, keys)
    }

    /// Instances at the other end of associations.
    pub(super) fn associators(&self, walk: &Walk) -> Result<Vec<Instance>, Fault> {
        let mut found: Vec<Instance> = Vec::new();
        for (link, own_role) in self.links(walk, walk.association_class)? {
            for (role, other) in ends(&link) {
                let unwanted = role == own_role
                    || walk.result_role.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(role))
                    || walk.result_class.is_some_and(|class| !self.schema.is_a(other.class(), class));
                if unwanted {
                    continue;
                }
                if let Ok(instance) = self.find(other)
                    && !found.contains(&instance)
                {
                    found.push(instance);
                }
            }
        }
        Ok(found)
    }

    /// The associations themselves.
    pub(super) fn references(&self, walk: &Walk) -> Result<Vec<Instance>, Fault> {
        Ok(self.links(walk, walk.result_class)?.into_iter().map(|(link, _)| link).collect())
    }

    /// Associations that refer to the source, and the property that does.
    fn links(&self, walk: &Walk, class: Option<&str>) -> Result<Vec<(Instance, String)>, Fault> {
        self.find(&walk.source)?;
        let mut found = Vec::new();
        for (name, _) in
            PROVIDERS.iter().filter(|(name, _)| class.is_none_or(|own| self.schema.is_a(name, own)))
        {
            if !self.schema.class(name).is_some_and(|class| class.is_association) {
                continue;
            }
            for link in self.instances_of(name) {
                let role = ends(&link).find(|(role, end)| {
                    end.same_instance(&walk.source)
                        && walk.role.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(role))
                });
                if let Some(role) = role.map(|(role, _)| role.to_owned()) {
                    found.push((link, role));
                }
            }
        }
        Ok(found)
    }

    /// Whether requests are answered at all.
    pub(super) fn let_in(&self) -> Result<(), Fault> {
        if self.options.rights == Rights::WithoutWmi {
            return Err(Fault::AccessDenied);
        }
        if !self.options.hyper_v {
            return Err(Fault::InvalidNamespace);
        }
        if self.outage_until.is_some_and(|until| self.clock < until) {
            return Err(Fault::ProviderUnavailable);
        }
        Ok(())
    }

    /// A class of this host.
    pub(super) fn class(&self, name: &str) -> Result<&'static Class, Fault> {
        let class = self.schema.class(name).ok_or(Fault::InvalidClass)?;
        let too_new =
            self.options.generation < Generation::Server2012R2 && SINCE_2012_R2.contains(&class.name);
        if too_new { Err(Fault::InvalidClass) } else { Ok(class) }
    }

    /// The class that a resource URI names.
    pub(super) fn class_of(&self, target: &Reference) -> Result<&'static Class, Fault> {
        self.class(class_of(&target.resource_uri).ok_or(Fault::InvalidNamespace)?)
    }

    /// The instance that a reference points at.
    pub(super) fn find(&self, target: &Reference) -> Result<Instance, Fault> {
        let class = self.class_of(target)?;
        let keys: Vec<&str> = class.keys().collect();
        let are_keys = !keys.is_empty()
            && target.selectors.len() == keys.len()
            && keys.iter().all(|key| target.selectors.iter().any(|own| own.name.eq_ignore_ascii_case(key)));
        if !are_keys {
            return Err(Fault::InvalidSelectors);
        }
        let points_here = |given: &Given| target.selectors.iter().all(|selector| selects(selector, given));
        for (name, provide) in self.provided(class.name) {
            if let Some(given) = provide(self).into_iter().find(points_here) {
                return Ok(self.complete(name, given));
            }
        }
        Err(Fault::NotFound)
    }

    /// Instances of a class that exists, subclasses included.
    pub(super) fn instances_of(&self, class: &str) -> Vec<Instance> {
        let complete = |(name, provide): &(&'static str, Provider)| {
            provide(self).into_iter().map(|given| self.complete(name, given)).collect::<Vec<_>>()
        };
        self.provided(class).flat_map(complete).collect()
    }

    /// Who makes the instances of a class and of those that derive from it, as far as this host has them.
    fn provided(&self, class: &str) -> impl Iterator<Item = &'static (&'static str, Provider)> {
        PROVIDERS.iter().filter(move |(name, _)| self.schema.is_a(name, class) && self.class(name).is_ok())
    }
}

/// Whether a selector agrees with the property of its name; text compares without case.
fn selects(selector: &Selector, given: &Given) -> bool {
    let property = given.iter().find(|(name, _)| name.eq_ignore_ascii_case(&selector.name));
    match (&selector.value, property) {
        (SelectorValue::Text(wanted), Some((_, Value::String(own)))) => {
            own == wanted || own.to_lowercase() == wanted.to_lowercase()
        }
        (SelectorValue::Reference(wanted), Some((_, Value::Reference(own)))) => own.same_instance(wanted),
        _ => false,
    }
}

/// The references of an association.
fn ends(link: &Instance) -> impl Iterator<Item = (&str, &Reference)> {
    link.properties.iter().filter_map(|(name, value)| match value {
        Value::Reference(reference) => Some((&**name, &**reference)),
        _ => None,
    })
}
