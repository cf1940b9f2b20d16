//! Which instances an Enumerate is about.

use super::{Caller, Refusal, Service};
use crate::cim::{Instance, Selector, SelectorValue};
use crate::simulator::fault::Fault;
use crate::simulator::query::Walk;
use crate::wsman::{Association, Filter};

impl Service {
    pub(super) fn select(
        &mut self,
        uri: &str,
        filter: Option<&Filter>,
        caller: Caller<'_>,
    ) -> Result<Vec<Instance>, Refusal> {
        let class = match self.class_name(uri) {
            Ok(class) => class,
            Err(Refusal::NoNamespace) if matches!(filter, Some(Filter::Wql(_))) => {
                return Err(Refusal::Filter("the namespace does not exist".to_owned()));
            }
            Err(refusal) => return Err(refusal),
        };
        let is_all = class == "*";
        match filter {
            None if is_all => Err(self.blame("wildcard", uri, Refusal::Filter(String::new()))),
            None => Ok(self.world.instances(class, caller.now)?),
            Some(Filter::Wql(text)) if is_all => self.query(text, caller),
            Some(Filter::Wql(text)) => Err(self.blame("wql-uri", text.clone(), Refusal::WqlUri)),
            Some(Filter::Selectors(selectors)) if !is_all => self.by_selectors(class, selectors, caller),
            Some(Filter::Association(association)) if is_all => self.walk(association, caller),
            Some(Filter::Selectors(_) | Filter::Association(_)) => {
                Err(self.blame("filter-uri", uri, Refusal::Filter(String::new())))
            }
            Some(_) => Err(self.blame("dialect", uri, Refusal::Dialect)),
        }
    }

    fn query(&mut self, text: &str, caller: Caller<'_>) -> Result<Vec<Instance>, Refusal> {
        match self.world.query(text, caller.now) {
            Ok(answer) => Ok(answer.instances),
            Err(Fault::Query(error)) => Err(self.blame("wql", text, Refusal::Filter(error.to_string()))),
            Err(fault) => Err(as_filter(fault)),
        }
    }

    fn by_selectors(
        &mut self,
        class: &str,
        selectors: &[Selector],
        caller: Caller<'_>,
    ) -> Result<Vec<Instance>, Refusal> {
        let known = self.world.class(class)?;
        if let Some(unknown) = selectors.iter().find(|selector| known.property(&selector.name).is_none()) {
            let name = unknown.name.clone();
            return Err(self.blame("selector-filter", name, Refusal::Filter(String::new())));
        }
        let mut found = self.world.instances(class, caller.now)?;
        found.retain(|instance| selectors.iter().all(|selector| agrees(selector, instance)));
        Ok(found)
    }

    fn walk(&mut self, association: &Association, caller: Caller<'_>) -> Result<Vec<Instance>, Refusal> {
        self.world.tick(caller.now);
        self.world.let_in().map_err(as_filter)?;
        let class = |name: &Option<String>| match name {
            Some(name) => self.world.class(name).map(|class| Some(class.name)).map_err(as_filter),
            None => Ok(None),
        };
        let walk = Walk {
            source: association.object.clone(),
            association_class: class(&association.association_class)?,
            result_class: class(&association.result_class)?,
            role: association.role.clone(),
            result_role: association.result_role.clone(),
        };
        let found =
            if association.instances { self.world.references(&walk) } else { self.world.associators(&walk) };
        Ok(found?)
    }
}

/// Whether an instance has that value, compared as text without case.
pub(super) fn agrees(selector: &Selector, instance: &Instance) -> bool {
    match (&selector.value, instance.get(&selector.name)) {
        (SelectorValue::Text(wanted), Some(own)) => {
            own.to_text().is_some_and(|own| own.to_lowercase() == wanted.to_lowercase())
        }
        (SelectorValue::Reference(wanted), Some(own)) => {
            own.as_reference().is_some_and(|own| own.same_instance(wanted))
        }
        _ => false,
    }
}

/// Under a filter, a class or a namespace that does not exist is the filter's fault.
fn as_filter(fault: Fault) -> Refusal {
    match fault {
        Fault::InvalidClass | Fault::InvalidNamespace => Refusal::Filter(fault.to_string()),
        other => other.into(),
    }
}
