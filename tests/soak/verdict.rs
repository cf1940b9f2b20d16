//! What the client says of one run against what the host knows of it.

use hvreplica::replica::{Outcome, OutcomeKind as Kind};

/// What happened to one machine since somebody began to work on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// What our calls of Resynchronize returned.
    pub(crate) returned: Vec<u64>,
    /// State requests of ours.
    pub(crate) requests: usize,
    pub(crate) begun: usize,
    pub(crate) succeeded: usize,
    /// Somebody or something else was at it.
    pub(crate) is_disturbed: bool,
}

impl Tally {
    fn was_accepted(&self) -> bool {
        self.returned.iter().any(|value| matches!(value, 0 | 4096))
    }

    /// What was executed more than once.
    pub(crate) fn twice(&self) -> Option<String> {
        match (self.returned.len(), self.requests) {
            (calls @ 2.., _) => Some(format!("Resynchronize was executed {calls} times")),
            (_, requests @ 2..) => Some(format!("another state was requested {requests} times")),
            _ => None,
        }
    }
}

/// What is wrong with what was said, if anything is.
pub(crate) fn wrong(outcome: &Outcome, tally: &Tally) -> Option<String> {
    let failure = outcome.failure.as_ref();
    let hint = failure.and_then(|failure| failure.hint.as_deref()).unwrap_or_default();
    let is_ours = outcome.invoked || outcome.attached;
    let accepted = tally.was_accepted();
    if !tally.returned.is_empty() && !outcome.invoked {
        return Some("it was executed, but nothing was invoked, it says".to_owned());
    }
    if let Some(value) = outcome.return_value
        && !tally.returned.contains(&value.code().into())
    {
        return Some(format!("nobody returned {}", value.code()));
    }
    let text = match outcome.kind {
        Kind::Succeeded if tally.succeeded == 0 => "nothing succeeded",
        Kind::Succeeded if !is_ours => "nothing was asked for",
        Kind::Failed | Kind::Cancelled | Kind::Superseded
            if is_ours && !tally.is_disturbed && tally.succeeded > 0 =>
        {
            "it succeeded"
        }
        Kind::Refused | Kind::Unreachable | Kind::NotFound | Kind::Unauthorized | Kind::Cancelled
            if (!is_ours || outcome.kind != Kind::Cancelled) && (accepted || outcome.attached) =>
        {
            "the host had accepted it"
        }
        Kind::NotFound => "the machine is there",
        Kind::Unauthorized => "the account is good",
        Kind::Scheduled | Kind::Started if !accepted && !outcome.attached && tally.begun == 0 => {
            "nothing was accepted"
        }
        Kind::Unknown | Kind::StillRunning | Kind::Suspended if !hint.contains("`hvreplica ") => {
            "no command settles it"
        }
        Kind::Unknown if !is_ours => "nothing was asked for",
        Kind::Unknown if !failure.is_some_and(|failure| failure.may_have_run) => "it has not run, it says",
        _ => return None,
    };
    Some(text.to_owned())
}
