//! Gives each class what it inherits, and refuses what DSP0004 refuses.

use std::collections::{HashMap, HashSet};

use super::check::Declarations;
use super::model::{Class, DataType, Document, Error, Method, Place, Property, Qualifiers};
use super::values::{Entry, entries};

/// All classes, each complete.
#[derive(Debug, PartialEq)]
pub(crate) struct Schema {
    /// The namespace of every class.
    pub(crate) namespace: String,
    /// The classes, in the order of the files.
    pub(crate) classes: Vec<Resolved>,
}

/// A class with everything it inherits, inherited features first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    /// Name.
    pub(crate) name: String,
    /// The class it derives from.
    pub(crate) superclass: Option<String>,
    /// Its own qualifiers, and inherited ones that spread.
    pub(crate) qualifiers: Qualifiers,
    /// All properties.
    pub(crate) properties: Vec<Feature<Property>>,
    /// All methods.
    pub(crate) methods: Vec<Feature<Method>>,
}

/// A property or method with its history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Feature<T> {
    /// Its effective declaration.
    pub(crate) declared: T,
    /// The class that declares it first.
    pub(crate) origin: String,
    /// The class that gives the value map in force.
    pub(crate) valued_in: String,
    /// That value map; of a method, the return values.
    pub(crate) values: Vec<Entry>,
}

/// Resolves the classes of all files.
pub(crate) fn resolve(documents: Vec<Document>) -> Result<Schema, Error> {
    let mut namespace = None;
    let mut declarations = Vec::new();
    let mut classes = Vec::new();
    for document in documents {
        for class in &document.classes {
            let own = document
                .namespace
                .as_ref()
                .ok_or_else(|| class.place.error("no namespace before the class"))?;
            if namespace.get_or_insert_with(|| own.clone()) != own {
                return Err(class.place.error(format!("{own} is not the namespace of the other classes")));
            }
        }
        declarations.extend(document.declarations);
        classes.extend(document.classes);
    }
    let declarations = Declarations::new(declarations)?;
    let mut resolver =
        Resolver { declarations: &declarations, by_name: index(&classes)?, done: HashMap::new() };
    let resolved =
        classes.iter().map(|class| resolver.class(class, &mut Vec::new())).collect::<Result<_, _>>()?;
    Ok(Schema { namespace: namespace.unwrap_or_default(), classes: resolved })
}

fn index(classes: &[Class]) -> Result<HashMap<String, &Class>, Error> {
    let mut by_name = HashMap::new();
    for class in classes {
        if by_name.insert(class.name.to_ascii_lowercase(), class).is_some() {
            return Err(class.place.error(format!("class {} is declared twice", class.name)));
        }
    }
    Ok(by_name)
}

struct Resolver<'a> {
    declarations: &'a Declarations,
    by_name: HashMap<String, &'a Class>,
    done: HashMap<String, Resolved>,
}

impl<'a> Resolver<'a> {
    /// `below` holds the classes that wait for this one.
    fn class(&mut self, class: &'a Class, below: &mut Vec<&'a str>) -> Result<Resolved, Error> {
        if let Some(done) = self.done.get(&class.name) {
            return Ok(done.clone());
        }
        if below.contains(&class.name.as_str()) {
            return Err(class.place.error(format!("class {} derives from itself", class.name)));
        }
        below.push(&class.name);
        let base = match &class.superclass {
            Some(name) => Some(self.class(self.find(name, &class.place)?, below)?),
            None => None,
        };
        below.pop();
        let resolved = self.merge(class, base)?;
        self.done.insert(class.name.clone(), resolved.clone());
        Ok(resolved)
    }

    fn merge(&self, class: &Class, base: Option<Resolved>) -> Result<Resolved, Error> {
        let superclass = base.as_ref().map(|base| base.name.clone());
        let (inherited, mut properties, mut methods) = match base {
            Some(base) => (base.qualifiers, base.properties, base.methods),
            None => (Qualifiers::default(), Vec::new(), Vec::new()),
        };
        self.declarations.check_class(class)?;
        let qualifiers = self.declarations.merge(&class.qualifiers, &inherited);
        let mut own = HashSet::new();
        for property in &class.properties {
            once(&mut own, &property.name, &property.place)?;
            self.add_property(&mut properties, property, &class.name)?;
        }
        for method in &class.methods {
            once(&mut own, &method.name, &method.place)?;
            self.add_method(&mut methods, method, &class.name)?;
        }
        Ok(Resolved { name: class.name.clone(), superclass, qualifiers, properties, methods })
    }

    fn add_property(
        &self,
        properties: &mut Vec<Feature<Property>>,
        property: &Property,
        class: &str,
    ) -> Result<(), Error> {
        self.declarations.check_property(property)?;
        self.check_target(&property.kind, &property.place)?;
        let place = &property.place;
        let inherited =
            properties.iter_mut().find(|own| own.declared.name.eq_ignore_ascii_case(&property.name));
        check_override(&property.qualifiers, &property.name, inherited.is_some(), place)?;
        let Some(inherited) = inherited else {
            let values = entries(&property.qualifiers, property.kind.is_integer(), place)?;
            properties.push(Feature::new(property.clone(), class, values));
            return Ok(());
        };
        let before = &inherited.declared;
        if before.is_array != property.is_array || !self.narrows(&property.kind, &before.kind) {
            return Err(place.error(format!("{} overrides a property of another type", property.name)));
        }
        let mut declared = property.clone();
        declared.qualifiers = self.declarations.merge(&property.qualifiers, &before.qualifiers);
        declared.default = property.default.clone().or_else(|| before.default.clone());
        inherited.replace(declared.clone(), &property.qualifiers, class);
        inherited.values = entries(&declared.qualifiers, declared.kind.is_integer(), place)?;
        Ok(())
    }

    fn add_method(
        &self,
        methods: &mut Vec<Feature<Method>>,
        method: &Method,
        class: &str,
    ) -> Result<(), Error> {
        self.declarations.check_method(method)?;
        let place = &method.place;
        let mut own = HashSet::new();
        for parameter in &method.parameters {
            once(&mut own, &parameter.name, &parameter.place)?;
            self.declarations.check_parameter(parameter)?;
            self.check_target(&parameter.kind, &parameter.place)?;
            entries(&parameter.qualifiers, parameter.kind.is_integer(), &parameter.place)?;
        }
        let inherited = methods.iter_mut().find(|own| own.declared.name.eq_ignore_ascii_case(&method.name));
        check_override(&method.qualifiers, &method.name, inherited.is_some(), place)?;
        let Some(inherited) = inherited else {
            let values = entries(&method.qualifiers, method.returns.is_integer(), place)?;
            methods.push(Feature::new(method.clone(), class, values));
            return Ok(());
        };
        if inherited.declared.returns != method.returns {
            return Err(place.error(format!("{} overrides a method of another type", method.name)));
        }
        let mut declared = method.clone();
        declared.qualifiers = self.declarations.merge(&method.qualifiers, &inherited.declared.qualifiers);
        inherited.values = entries(&declared.qualifiers, declared.returns.is_integer(), place)?;
        inherited.replace(declared, &method.qualifiers, class);
        Ok(())
    }

    fn find(&self, name: &str, place: &Place) -> Result<&'a Class, Error> {
        let found = self.by_name.get(&name.to_ascii_lowercase()).copied();
        found.ok_or_else(|| place.error(format!("class {name} is not declared")))
    }

    fn check_target(&self, kind: &DataType, place: &Place) -> Result<(), Error> {
        match kind {
            DataType::Reference(class) => self.find(class, place).map(|_| ()),
            DataType::Intrinsic(_) => Ok(()),
        }
    }

    /// Whether the type of an override is the inherited one, or a reference to a subclass.
    fn narrows(&self, kind: &DataType, inherited: &DataType) -> bool {
        let (DataType::Reference(class), DataType::Reference(ancestor)) = (kind, inherited) else {
            return kind == inherited;
        };
        // Bounded by the number of classes, since a cycle of ancestors may not have been met yet.
        let mut next = Some(class.to_ascii_lowercase());
        for _ in 0..=self.by_name.len() {
            let Some(name) = next else { return false };
            if name.eq_ignore_ascii_case(ancestor) {
                return true;
            }
            next = self
                .by_name
                .get(&name)
                .and_then(|class| class.superclass.as_ref())
                .map(|s| s.to_ascii_lowercase());
        }
        false
    }
}

impl<T> Feature<T> {
    fn new(declared: T, class: &str, values: Vec<Entry>) -> Self {
        Self { declared, origin: class.to_owned(), valued_in: class.to_owned(), values }
    }

    fn replace(&mut self, declared: T, own: &Qualifiers, class: &str) {
        self.declared = declared;
        if own.get("ValueMap").is_some() || own.get("Values").is_some() {
            class.clone_into(&mut self.valued_in);
        }
    }
}

fn once<'n>(own: &mut HashSet<String>, name: &'n str, place: &Place) -> Result<&'n str, Error> {
    if own.insert(name.to_ascii_lowercase()) {
        return Ok(name);
    }
    Err(place.error(format!("{name} is declared twice")))
}

fn check_override(own: &Qualifiers, name: &str, is_inherited: bool, place: &Place) -> Result<(), Error> {
    match (own.text("Override"), is_inherited) {
        (None, false) => Ok(()),
        (Some(overridden), true) if overridden.eq_ignore_ascii_case(name) => Ok(()),
        (Some(overridden), true) => Err(place.error(format!("{name} cannot override {overridden}"))),
        (Some(_), false) => Err(place.error(format!("{name} overrides nothing"))),
        (None, true) => Err(place.error(format!("{name} is inherited, which takes Override"))),
    }
}
