//! Kerberos with the tickets that the system has: from `kinit`, wherever its library keeps them.
//!
//! The library is loaded at run time; nothing of it is needed to build or to start. Its calls may wait for the
//! network and belong on a thread that may block. All `unsafe` is in `ffi`.

mod ffi;

use std::fmt;

use super::framing::Protocol;
use super::kerberos::{Failure, wrap};
use super::sealing::{SealError, Sealing};
use ffi::{Library, Status};

/// A ticket of the system.
pub struct Ticket {
    credential: ffi::Credential,
    principal: String,
}

impl Ticket {
    /// Looks for a ticket, of that principal or of the default one. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Failure::NoLibrary`], [`Failure::NoTicket`] or [`Failure::TicketExpired`].
    pub fn find(wanted: Option<&str>) -> Result<Self, Failure> {
        let library = Library::load().map_err(|tried| Failure::NoLibrary { tried })?;
        let absent = |status: Status| match failure(status, "", "") {
            expired @ Failure::TicketExpired => expired,
            other => Failure::NoTicket { principal: wanted.map(str::to_owned), reason: words(other) },
        };
        let credential = ffi::Credential::acquire(library, wanted).map_err(absent)?;
        let principal = credential.name().map_err(absent)?;
        Ok(Self { credential, principal })
    }

    /// Whose ticket it is, as `name@REALM`.
    pub fn principal(&self) -> &str {
        &self.principal
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// The client of one authentication.
pub struct Initiator {
    context: ffi::Context,
    ticket: Ticket,
    service: String,
    bindings: Option<Vec<u8>>,
}

impl Initiator {
    /// Prepares an authentication to a service such as `HTTP/hv1.example.test`, with its realm behind an `@` where
    /// that is known. `bindings` is what binds the session to the TLS channel (RFC 5929).
    ///
    /// # Errors
    ///
    /// [`Failure::Library`] for a name that the library does not take.
    pub fn new(ticket: Ticket, service: &str, bindings: Option<Vec<u8>>) -> Result<Self, Failure> {
        let made = ffi::Context::new(ticket.credential.library(), service);
        let context = made.map_err(|status| failure(status, &ticket.principal, service))?;
        Ok(Self { context, ticket, service: service.to_owned(), bindings })
    }

    /// Asks the KDC for a ticket of the service, where there is none yet, and gives the first token for the host.
    ///
    /// # Errors
    ///
    /// What the KDC or the library answers.
    pub fn token(&mut self) -> Result<Vec<u8>, Failure> {
        let (token, _) = self.step(&[])?;
        if token.is_empty() { Err(Failure::NotProven) } else { Ok(token) }
    }

    /// Takes the host's answer, which proves that it could read the ticket, and gives what seals the messages.
    ///
    /// # Errors
    ///
    /// [`Failure::NotProven`], or what the library answers.
    pub fn finish(mut self, answer: &[u8], protocol: Protocol) -> Result<Context, Failure> {
        if answer.is_empty() {
            return Err(Failure::NotProven);
        }
        // The user and the ticket were judged before; what is wrong here is the answer.
        let (_, granted) = self.step(answer).map_err(|failure| match failure {
            failure @ (Failure::Skew | Failure::TicketExpired) => failure,
            _ => Failure::NotProven,
        })?;
        match granted {
            Some(flags) if flags & ffi::REQUIRED == ffi::REQUIRED => {
                Ok(Context { context: self.context, protocol, spent: false })
            }
            _ => Err(Failure::NotProven),
        }
    }

    fn step(&mut self, input: &[u8]) -> Result<(Vec<u8>, Option<u32>), Failure> {
        let bindings = self.bindings.as_deref();
        let step = self.context.step(&self.ticket.credential, bindings, input);
        step.map_err(|status| failure(status, &self.ticket.principal, &self.service))
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = (&self.ticket, &self.service);
        f.debug_struct("Initiator").field("for", &fields).finish_non_exhaustive()
    }
}

/// The client's end of an authenticated connection. The library watches the order of the messages.
pub struct Context {
    context: ffi::Context,
    protocol: Protocol,
    spent: bool,
}

impl Sealing for Context {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
        if std::mem::replace(&mut self.spent, true) {
            return Err(SealError::Spent);
        }
        let token = self.context.wrap(message).map_err(|_| SealError::Unusable)?;
        let (signature, cipher) = wrap::split(token, message.len())?;
        *message = cipher;
        self.spent = false;
        Ok(signature)
    }

    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        if std::mem::replace(&mut self.spent, true) {
            return Err(SealError::Spent);
        }
        let token = [signature, message.as_slice()].concat();
        let (text, sealed) =
            self.context.unwrap(&token).map_err(|status| match status.is_out_of_order() {
                true => SealError::OutOfSequence,
                false => SealError::WrongSignature,
            })?;
        if !sealed {
            return Err(SealError::WrongSignature);
        }
        *message = text;
        self.spent = false;
        Ok(())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("spent", &self.spent).finish_non_exhaustive()
    }
}

/// What the library's words mean, by the code of Kerberos where it gives one.
fn failure(status: Status, principal: &str, service: &str) -> Failure {
    match status.kerberos_code() {
        Some(ffi::KDC_UNREACHABLE) => {
            let realm = principal.rsplit_once('@').map_or("of the user", |(_, realm)| realm).to_owned();
            Failure::KdcUnreachable { realm, tried: status.text }
        }
        Some(code @ 1..=127) => Failure::of_code(code, principal, service),
        _ if status.is_expired() => Failure::TicketExpired,
        _ => Failure::Library(status.text),
    }
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Library(text) => text,
        other => other.to_string(),
    }
}
