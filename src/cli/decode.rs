//! `decode`: recorded envelopes as JSON.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::msvm::SCHEMA;
use crate::wsman::decode_bytes;

use super::output::DecodedFile;
use super::output::text::line;

/// Prints each file's envelope as one JSON document on one line, or indented, and gives the exit code: 0, or
/// 2 where a file cannot be read or is no SOAP envelope. `-` is standard input.
///
/// # Errors
/// The output cannot be written.
pub fn run(files: &[PathBuf], pretty: bool, out: &mut impl Write, err: &mut impl Write) -> io::Result<u8> {
    let mut code = 0;
    for file in files {
        let name = file.display().to_string();
        if let Err(error) = decode_file(file, &name, pretty, out)? {
            writeln!(err, "hvreplica: {}", line(&format!("{name}: {}", chain(&*error))))?;
            code = WRONG_FILE;
        }
    }
    out.flush()?;
    Ok(code)
}

/// The outer error is about the output, the inner one about the file.
fn decode_file(
    file: &Path,
    name: &str,
    pretty: bool,
    out: &mut impl Write,
) -> io::Result<Result<(), Box<dyn Error>>> {
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error.into())),
    };
    let message = match decode_bytes(&bytes, None, &SCHEMA) {
        Ok(message) => message,
        Err(error) => return Ok(Err(error.into())),
    };
    let decoded = DecodedFile { file: name, message: &message };
    if pretty {
        serde_json::to_writer_pretty(&mut *out, &decoded)?;
    } else {
        serde_json::to_writer(&mut *out, &decoded)?;
    }
    out.write_all(b"\n")?;
    Ok(Ok(()))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return std::fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

const WRONG_FILE: u8 = 2;
