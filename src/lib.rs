//! Resynchronize Hyper-V Replica from anywhere: a WS-Management client for the WinRM endpoint of a Hyper-V host.
//!
//! Rooms in layers, lowest first; a later room may use an earlier one, never the reverse:
//! [`secret`], [`xml`], [`cim`], [`wsman`], [`msvm`], [`auth`], [`transport`], [`client`], [`job`], [`replica`],
//! [`cli`]. The [`simulator`] stands beside the client and shares only the rooms below it.

pub mod auth;
pub mod cim;
pub mod cli;
pub mod client;
pub mod error;
pub mod job;
pub mod msvm;
pub mod replica;
pub mod secret;
pub mod simulator;
pub mod transport;
pub mod wsman;
pub mod xml;
