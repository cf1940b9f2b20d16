//! Ends a command that failed as a whole.

use std::io::Write;

use serde_json::{Value, json};

use crate::error::Error;
use crate::transport::TransportError;

use super::args::Format;
use super::connect::ConnectError;
use super::exit::Exit;
use super::output::outcome::FORMAT;
use super::output::text::line;

/// What failed, with its exit code.
#[derive(Debug)]
pub(super) struct Fail {
    /// The code.
    pub(super) exit: Exit,
    /// A word for programs.
    pub(super) kind: &'static str,
    /// What happened.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
    may_have_run: bool,
    fault: Option<Box<Value>>,
}

impl Fail {
    /// A failure that is no error of the rooms below.
    pub(super) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self { exit, kind, message: message.into(), hint: None, may_have_run: false, fault: None }
    }

    /// Wrong usage.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The same with what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, saying that the host may have carried it out.
    pub(super) fn may_have_run(mut self) -> Self {
        self.may_have_run = true;
        self
    }

    /// A call that failed.
    pub(super) fn of_call(error: &Error) -> Self {
        let mut fail = Self::from(error);
        fail.exit = Exit::of_call(error);
        fail.may_have_run = error.may_have_run();
        if fail.may_have_run {
            fail.hint =
                Some("look at the host's state before calling again; it was not sent twice".to_owned());
        }
        fail
    }

    /// The failure as JSON.
    pub(super) fn json(&self) -> Value {
        json!({
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "may_have_run": self.may_have_run,
            "fault": self.fault,
        })
    }

    /// Says it in words, and in the JSON formats also there, and gives the exit code.
    pub(super) fn end(self, format: Format) -> Exit {
        if format != Format::Human {
            let document = json!({ "format": FORMAT, "error": self.json() });
            let _ = writeln!(std::io::stdout().lock(), "{document}");
        }
        self.say();
        self.exit
    }

    /// Says it in words on standard error.
    pub(super) fn say(&self) {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "hvreplica: {}", line(&self.message));
        if let Some(hint) = &self.hint {
            let _ = writeln!(err, "  hint: {}", line(hint));
        }
    }
}

/// A read that failed.
impl From<&Error> for Fail {
    fn from(error: &Error) -> Self {
        Self {
            exit: Exit::of_read(error),
            kind: error.kind(),
            message: error.chain(),
            hint: error.hint(),
            may_have_run: false,
            fault: error.fault().map(|fault| Box::new(super::output::fault_json(fault))),
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<TransportError> for Fail {
    fn from(error: TransportError) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<ConnectError> for Fail {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Usage(message) => Self::usage(message),
            ConnectError::Transport(error) => Self::from(error),
        }
    }
}

/// Output that could not be written. Whoever reads and has had enough is no failure.
pub(super) fn written(result: std::io::Result<()>) -> Result<(), Fail> {
    match result {
        Ok(()) => std::io::stdout().flush().or_else(pass_broken_pipe),
        Err(error) => pass_broken_pipe(error),
    }
    .map_err(|error| Fail::new(Exit::Defect, "output", format!("the output cannot be written: {error}")))
}

fn pass_broken_pipe(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}
