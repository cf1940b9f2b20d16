//! Variables of the environment. An empty one counts as not set: pipelines leave such behind.

use clap::Command;
use clap::builder::Resettable;

/// The text of a variable.
pub(super) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether there is anything in a variable, text or not.
pub(super) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The command without the variables of its options that are empty.
pub(super) fn without_empty(command: Command) -> Command {
    command.mut_args(|arg| {
        let is_empty =
            arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if is_empty { arg.env(Resettable::Reset) } else { arg }
    })
}
