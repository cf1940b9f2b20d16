//! NTLMv2 (MS-NLMP), both sides: [`Initiator`] for the client, [`Acceptor`] for a simulated host.
//!
//! NTLMv1, LM responses, anonymous and datagram modes are not spoken, nor are tokens wrapped in SPNEGO. Every
//! exchange carries a message integrity code, so that nobody on the way can take flags out.

mod acceptor;
mod initiator;
mod message;

pub use acceptor::{Accepted, Acceptor, Bindings, HostNames, NtHash, Refusal, Requirements, nt_hash};
pub use initiator::{Authenticated, Given, Initiator};

use hmac::{Hmac, Mac};
use md5::Md5;
use rc4::consts::U16;
use rc4::{KeyInit, Rc4, StreamCipher};

use crate::secret::Secret;

/// The scheme that carries the tokens in `Authorization` and `WWW-Authenticate`.
pub const SCHEME: &str = "Negotiate";

/// What the session has to offer after authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Messages are sealed with 128-bit keys; a peer without that is refused.
    Sealed,
    /// Something below protects the messages (TLS); the session only proves who asks.
    None,
}

/// Why a token of the peer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NtlmError {
    /// The token does not begin as NTLM does.
    #[error("the token is not NTLM")]
    NotNtlm,
    /// The token is wrapped in SPNEGO, although NTLM was spoken bare.
    #[error("the token is wrapped in SPNEGO, which was not asked for")]
    Wrapped,
    /// The token is another message than the one that is due.
    #[error("the NTLM message is not the one that is due")]
    WrongMessage,
    /// A length, an offset or a text of the token is wrong.
    #[error("the NTLM message is malformed")]
    Malformed,
    /// The peer leaves out capabilities without which the exchange would be weak; the bits are theirs.
    #[error("the peer leaves out NTLM capabilities (0x{0:08x})")]
    MissingFlags(u32),
    /// The challenge names no target, as NTLMv2 needs it.
    #[error("the NTLM challenge carries no target information")]
    NoTargetInformation,
    /// The user name or the domain is longer than NTLM can carry.
    #[error("the user name is too long for NTLM")]
    NameTooLong,
}

/// NEGOTIATE flags (MS-NLMP 2.2.2.5), as far as they are used.
mod flag {
    pub(super) const UNICODE: u32 = 0x0000_0001;
    pub(super) const REQUEST_TARGET: u32 = 0x0000_0004;
    pub(super) const SIGN: u32 = 0x0000_0010;
    pub(super) const SEAL: u32 = 0x0000_0020;
    pub(super) const NTLM: u32 = 0x0000_0200;
    pub(super) const ALWAYS_SIGN: u32 = 0x0000_8000;
    pub(super) const TARGET_TYPE_SERVER: u32 = 0x0002_0000;
    pub(super) const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
    pub(super) const TARGET_INFO: u32 = 0x0080_0000;
    pub(super) const VERSION: u32 = 0x0200_0000;
    pub(super) const KEY_128: u32 = 0x2000_0000;
    pub(super) const KEY_EXCHANGE: u32 = 0x4000_0000;
    /// What both sides insist on.
    pub(super) const ALWAYS: u32 = UNICODE | NTLM | EXTENDED_SESSION_SECURITY;
    /// What sealing needs besides.
    pub(super) const SEALING: u32 = SIGN | SEAL | KEY_128 | KEY_EXCHANGE;
}

/// Kinds of target information (MS-NLMP 2.2.2.1).
mod av {
    pub(super) const END: u16 = 0;
    pub(super) const COMPUTER: u16 = 1;
    pub(super) const DOMAIN: u16 = 2;
    pub(super) const DNS_COMPUTER: u16 = 3;
    pub(super) const DNS_DOMAIN: u16 = 4;
    pub(super) const FLAGS: u16 = 6;
    pub(super) const TIMESTAMP: u16 = 7;
    pub(super) const TARGET_NAME: u16 = 9;
    pub(super) const CHANNEL_BINDINGS: u16 = 10;
    /// In FLAGS: the AUTHENTICATE message carries an integrity code.
    pub(super) const HAS_MIC: u32 = 2;
}

/// Where the integrity code lies in AUTHENTICATE: behind the version.
const MIC_AT: usize = 72;
const MIC_LENGTH: usize = 16;

impl Protection {
    fn required_flags(self) -> u32 {
        match self {
            Self::Sealed => flag::ALWAYS | flag::SEALING,
            Self::None => flag::ALWAYS,
        }
    }
}

/// What either side offers, whatever it insists on.
const OFFERED: u32 = flag::ALWAYS | flag::SEALING | flag::REQUEST_TARGET | flag::ALWAYS_SIGN;

/// Whether a random session key is sent; a host takes no notice of that flag alone (MS-NLMP 3.1.5.1.2).
fn exchanges_key(flags: u32) -> bool {
    flags & flag::KEY_EXCHANGE != 0 && flags & (flag::SIGN | flag::SEAL) != 0
}

fn keyed_hash(key: &[u8; 16]) -> Hmac<Md5> {
    let mut block = hmac::digest::Key::<Hmac<Md5>>::default();
    block[..key.len()].copy_from_slice(key);
    <Hmac<Md5> as KeyInit>::new(&block)
}

/// The integrity code over the three messages; `authenticate` holds zeros in its place.
fn integrity(key: &Secret<[u8; 16]>, messages: [&[u8]; 3]) -> Hmac<Md5> {
    messages.iter().fold(keyed_hash(key.expose()), |mac, message| mac.chain_update(message))
}

/// RC4 of one session key under another, which is its own reverse.
fn exchange_key(under: &Secret<[u8; 16]>, key: &[u8; 16]) -> Secret<[u8; 16]> {
    let mut exchanged = *key;
    Rc4::<U16>::new(under.expose().into()).apply_keystream(&mut exchanged);
    Secret::new(exchanged)
}
