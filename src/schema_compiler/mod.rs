//! Compiles the MOF of `schemas/` (DSP0004, "Managed Object Format") to Rust.
//!
//! This is no part of the library: the build script includes it, and so do its tests. It knows the grammar, what
//! classes inherit, and how the tables and types of `msvm` are spelled. It refuses to know any class by name, and
//! it reads and writes no files.

mod check;
mod classes;
mod emit;
mod literal;
pub(crate) mod model;
mod names;
mod parse;
pub(crate) mod resolve;
pub(crate) mod values;

use model::Error;
use parse::parse;
use resolve::{Schema, resolve};

/// A file of MOF.
pub(crate) struct Source<'a> {
    /// Its name, for errors.
    pub(crate) name: &'a str,
    /// What it says.
    pub(crate) text: &'a str,
}

/// The Rust code of a schema.
pub(crate) struct Generated {
    /// Namespace and tables: `NAMESPACE` and `SCHEMA`.
    pub(crate) tables: String,
    /// Modules with types, one per class.
    pub(crate) classes: String,
}

/// Reads all files and resolves what their classes inherit.
pub(crate) fn read(sources: &[Source<'_>]) -> Result<Schema, Error> {
    let documents = sources.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    resolve(documents)
}

/// Reads all files and writes the code.
pub(crate) fn compile(sources: &[Source<'_>]) -> Result<Generated, Error> {
    let schema = read(sources)?;
    Ok(Generated { tables: emit::tables(&schema), classes: classes::modules(&schema) })
}
