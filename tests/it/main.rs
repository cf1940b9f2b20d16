//! Integration tests, one module per theme.

#![expect(clippy::unwrap_used, reason = "what fails in a test's helper fails the test")]

mod ntlm;
mod sealing;
mod session;
mod support;
mod tls;
mod transport;
