//! TLS over tokens instead of a socket.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, ProtocolVersion, ServerConfig, ServerConnection,
};

use super::{Failure, certificate};
use crate::auth::framing::Protocol;
use crate::auth::{LeafVerifier, SealError, Sealing};

/// One end of the tunnel.
pub(super) struct Tunnel(Connection);

impl Tunnel {
    /// The client's end. Its first records are ready to be taken.
    pub(super) fn client() -> Result<Self, Failure> {
        let provider = Arc::new(ring::default_provider());
        // Windows makes a certificate by itself; what the host proves later binds it.
        let verifier = Arc::new(LeafVerifier::any(Arc::clone(&provider)));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        let name = ServerName::try_from(NOBODY).map_err(|error| Failure::Tls(error.to_string()))?;
        Ok(Self(ClientConnection::new(Arc::new(config), name)?.into()))
    }

    /// The host's end.
    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self(ServerConnection::new(config)?.into()))
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// `SubjectPublicKey` of the host's certificate.
    pub(super) fn public_key(&self) -> Result<Vec<u8>, Failure> {
        let leaf = self.0.peer_certificates().and_then(<[_]>::first).ok_or(Failure::Certificate)?;
        certificate::public_key(leaf).map(<[u8]>::to_vec).map_err(|_| Failure::Certificate)
    }

    /// Takes records in and gives what was inside of them.
    pub(super) fn open(&mut self, mut records: &[u8]) -> Result<Vec<u8>, Error> {
        let mut plain = Vec::new();
        while !records.is_empty() {
            let taken = self.0.read_tls(&mut records).map_err(|_| NOT_TAKEN)?;
            let state = self.0.process_new_packets()?;
            let begin = plain.len();
            plain.resize(begin + state.plaintext_bytes_to_read(), 0);
            self.0.reader().read_exact(&mut plain[begin..]).map_err(|_| NOT_TAKEN)?;
            if taken == 0 || state.peer_has_closed() {
                return Err(NOT_TAKEN);
            }
        }
        Ok(plain)
    }

    /// The records that are due.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, Error> {
        let mut records = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut records).map_err(|_| NOT_TAKEN)?;
        }
        Ok(records)
    }

    /// The records of a message.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.writer().write_all(plain).map_err(|_| NOT_TAKEN)?;
        self.take()
    }
}

/// What seals the messages of an authenticated connection: the tunnel, which goes on.
///
/// INVARIANT: messages are sealed and opened in the order of the wire; after any failure nothing is any more.
pub struct Context {
    tunnel: Tunnel,
    trailer: usize,
    spent: bool,
}

impl Context {
    pub(super) fn new(tunnel: Tunnel) -> Self {
        let trailer = match tunnel.0.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TRAILER_OF_1_3,
            _ => TRAILER_OF_1_2,
        };
        Self { tunnel, trailer, spent: false }
    }
}

impl Sealing for Context {
    fn protocol(&self) -> Protocol {
        Protocol::Credssp
    }

    fn largest(&self) -> usize {
        LARGEST
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        let mut signature = self.tunnel.seal(message).map_err(|_| SealError::Unusable)?;
        if signature.len() < self.trailer {
            return Err(SealError::Unusable);
        }
        *message = signature.split_off(self.trailer);
        self.spent = false;
        Ok(signature)
    }

    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        let records = [signature, message.as_slice()].concat();
        if !ends_with_a_record(&records) {
            return Err(SealError::MalformedSignature);
        }
        *message = self.tunnel.open(&records).map_err(|error| match error {
            Error::DecryptError => SealError::WrongSignature,
            _ => SealError::MalformedSignature,
        })?;
        self.spent = false;
        Ok(())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("spent", &self.spent).finish_non_exhaustive()
    }
}

/// Whether it is whole records: part of one would wait for the rest in the next message.
fn ends_with_a_record(mut records: &[u8]) -> bool {
    while let [_, 3, _, high, low, behind @ ..] = records {
        match behind.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(rest) => records = rest,
            None => return false,
        }
    }
    records.is_empty()
}

/// Stands for the host in the configuration; it is not sent.
const NOBODY: &str = "credssp.invalid";
/// Memory takes everything but what does not belong there.
const NOT_TAKEN: Error = Error::HandshakeNotComplete;
/// The largest message of one record.
const LARGEST: usize = 16_384;
/// The trailers of records, by which WinRM cuts the signature off: the tag of AES-GCM or ChaCha20-Poly1305.
const TRAILER_OF_1_2: usize = 16;
/// The same with the type of the record behind the message.
const TRAILER_OF_1_3: usize = 17;

#[cfg(test)]
mod tests {
    use super::ends_with_a_record;

    #[test]
    fn whole_records_alone() {
        for records in [&b""[..], b"\x17\x03\x03\0\x01x", b"\x17\x03\x03\0\x01x\x15\x03\x03\0\0"] {
            assert!(ends_with_a_record(records), "{records:x?}");
        }
        for records in [&b"\x17"[..], b"\x17\x03\x03\0\x02x", b"\x17\x03\x03\0\x01xy", b"\x17\x02\x03\0\0"] {
            assert!(!ends_with_a_record(records), "{records:x?}");
        }
    }
}
