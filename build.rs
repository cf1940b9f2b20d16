//! Turns the MOF of `schemas/` into the Rust code that `msvm` includes.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[path = "src/schema_compiler/mod.rs"]
mod schema_compiler;

fn main() {
    println!("cargo::rerun-if-changed=schemas");
    if let Err(error) = generate() {
        println!("cargo::error={error}");
    }
}

fn generate() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(&root).join("schemas"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "mof") {
            let name = path.strip_prefix(&root)?.display().to_string();
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    let sources: Vec<_> = files.iter().map(|(name, text)| schema_compiler::Source { name, text }).collect();
    let generated = schema_compiler::compile(&sources)?;
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("tables.rs"), generated.tables)?;
    fs::write(Path::new(&out).join("classes.rs"), generated.classes)?;
    Ok(())
}
