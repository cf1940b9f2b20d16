//! Qualifiers against their declarations: what is declared, where it may stand, what it may say, how it spreads.

use std::collections::HashMap;

use super::model::{Class, DataType, Declaration, Error, Literal, Method, Property, Qualifier, Qualifiers};

/// The declarations of all files, by name in lower case.
#[derive(Debug)]
pub(super) struct Declarations(HashMap<String, Declaration>);

impl Declarations {
    pub(super) fn new(list: Vec<Declaration>) -> Result<Self, Error> {
        let mut by_name = HashMap::new();
        for declaration in list {
            let place = declaration.place.clone();
            let name = declaration.name.clone();
            if declaration.default != Literal::Null && !fits(&declaration.default, &declaration) {
                return Err(place.error(format!("the default of {name} is of another type")));
            }
            if by_name.insert(name.to_ascii_lowercase(), declaration).is_some() {
                return Err(place.error(format!("qualifier {name} is declared twice")));
            }
        }
        Ok(Self(by_name))
    }

    pub(super) fn check_class(&self, class: &Class) -> Result<(), Error> {
        let scopes: &[&str] = match (class.qualifiers.is("Association"), class.qualifiers.is("Indication")) {
            (true, _) => &["association", "class"],
            (false, true) => &["indication", "class"],
            (false, false) => &["class"],
        };
        self.check(&class.qualifiers, scopes)
    }

    pub(super) fn check_property(&self, property: &Property) -> Result<(), Error> {
        let scopes: &[&str] = match property.kind {
            DataType::Reference(_) => &["reference", "property"],
            DataType::Intrinsic(_) => &["property"],
        };
        self.check(&property.qualifiers, scopes)
    }

    pub(super) fn check_method(&self, method: &Method) -> Result<(), Error> {
        self.check(&method.qualifiers, &["method"])
    }

    pub(super) fn check_parameter(&self, parameter: &Property) -> Result<(), Error> {
        self.check(&parameter.qualifiers, &["parameter"])
    }

    /// Own qualifiers, and those inherited ones that spread and are not given anew.
    pub(super) fn merge(&self, own: &Qualifiers, inherited: &Qualifiers) -> Qualifiers {
        let spread = inherited
            .0
            .iter()
            .filter(|qualifier| own.get(&qualifier.name).is_none() && self.spreads(qualifier));
        Qualifiers(own.0.iter().chain(spread).cloned().collect())
    }

    fn spreads(&self, qualifier: &Qualifier) -> bool {
        let flavors = match qualifier.flavors.is_empty() {
            true => {
                self.find(qualifier).map(|declaration| declaration.flavors.as_slice()).unwrap_or_default()
            }
            false => &qualifier.flavors,
        };
        !flavors.iter().any(|flavor| flavor == "restricted")
    }

    fn check(&self, qualifiers: &Qualifiers, scopes: &[&str]) -> Result<(), Error> {
        for qualifier in &qualifiers.0 {
            let Qualifier { name, place, .. } = qualifier;
            let declaration = self
                .find(qualifier)
                .ok_or_else(|| place.error(format!("qualifier {name} is not declared")))?;
            if !declaration.scopes.iter().any(|scope| scope == "any" || scopes.contains(&scope.as_str())) {
                return Err(place.error(format!("qualifier {name} cannot stand at a {}", scopes[0])));
            }
            let fits = match &qualifier.value {
                None => declaration.kind == DataType::Intrinsic("boolean"),
                Some(value) => fits(value, declaration),
            };
            if !fits {
                return Err(place.error(format!("the value of {name} is of another type")));
            }
            if qualifiers.0.iter().filter(|other| other.name.eq_ignore_ascii_case(name)).count() > 1 {
                return Err(place.error(format!("qualifier {name} stands there twice")));
            }
        }
        Ok(())
    }

    fn find(&self, qualifier: &Qualifier) -> Option<&Declaration> {
        self.0.get(&qualifier.name.to_ascii_lowercase())
    }
}

fn fits(value: &Literal, declaration: &Declaration) -> bool {
    match (value, declaration.is_array) {
        (Literal::Array(values), true) => values.iter().all(|value| is_of(value, &declaration.kind)),
        (Literal::Array(_), false) | (_, true) => false,
        (value, false) => is_of(value, &declaration.kind),
    }
}

fn is_of(value: &Literal, kind: &DataType) -> bool {
    match (value, kind) {
        (Literal::Boolean(_), DataType::Intrinsic("boolean"))
        | (Literal::Text(_), DataType::Intrinsic("string" | "datetime"))
        | (Literal::Character(_), DataType::Intrinsic("char16"))
        | (Literal::Real(_) | Literal::Integer(_), DataType::Intrinsic("real32" | "real64")) => true,
        (Literal::Integer(_), kind) => kind.is_integer(),
        _ => false,
    }
}
