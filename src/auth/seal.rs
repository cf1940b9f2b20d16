//! NTLM session security with extended session security and 128-bit keys (MS-NLMP 3.4): RC4 and HMAC-MD5 streams,
//! one per direction.

use std::fmt;

use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use rc4::consts::U16;
use rc4::{KeyInit, Rc4, StreamCipher};

use super::framing::Protocol;
use super::sealing::Sealing;
use crate::secret::Secret;

pub use super::sealing::SealError;

/// Length of a signature in bytes.
pub const SIGNATURE_LENGTH: usize = 16;

/// Both directions of one authenticated connection.
///
/// INVARIANT: messages are sealed and unsealed in the order of the wire; after any failure nothing is any more.
pub struct SealContext {
    outgoing: Stream,
    incoming: Stream,
    spent: bool,
}

impl SealContext {
    /// The initiator's context.
    pub fn initiator(exported_session_key: &Secret<[u8; 16]>) -> Self {
        let [client, server] = streams(exported_session_key);
        Self { outgoing: client, incoming: server, spent: false }
    }

    /// The acceptor's context.
    pub fn acceptor(exported_session_key: &Secret<[u8; 16]>) -> Self {
        let [client, server] = streams(exported_session_key);
        Self { outgoing: server, incoming: client, spent: false }
    }

    /// The integrity code of SPNEGO's list of mechanisms, before any message. The cipher begins anew behind it; the
    /// sequence numbers go on (MS-SPNG 3.3.5.1).
    ///
    /// # Errors
    ///
    /// [`SealError::Spent`] after an earlier failure.
    pub fn sign_list(&mut self, list: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        let stream = &mut self.outgoing;
        let mut checksum = stream.checksum(list);
        stream.cipher.apply_keystream(&mut checksum);
        let signature = write_signature(&checksum, stream.sequence);
        stream.advance()?;
        stream.rewind();
        Ok(signature)
    }

    /// Checks the peer's integrity code of SPNEGO's list of mechanisms, as [`sign_list`](Self::sign_list) makes it.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub fn check_list(&mut self, signature: &[u8], list: &[u8]) -> Result<(), SealError> {
        self.unseal_with(signature, |stream, checksum| {
            stream.cipher.apply_keystream(checksum);
            let mac = stream.signed(list);
            stream.rewind();
            mac
        })
    }

    /// Encrypts the message where it lies and gives its signature.
    ///
    /// # Errors
    ///
    /// [`SealError::Spent`] after an earlier failure, or when the sequence numbers are used up.
    pub fn seal(&mut self, message: &mut [u8]) -> Result<[u8; SIGNATURE_LENGTH], SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        let stream = &mut self.outgoing;
        let mut checksum = stream.checksum(message);
        stream.cipher.apply_keystream(message);
        stream.cipher.apply_keystream(&mut checksum);
        let signature = write_signature(&checksum, stream.sequence);
        stream.advance()?;
        self.spent = false;
        Ok(signature)
    }

    /// Decrypts the message where it lies and checks its signature.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the signature; what the buffer holds then is worthless.
    pub fn unseal(&mut self, signature: &[u8], message: &mut [u8]) -> Result<(), SealError> {
        self.unseal_with(signature, |stream, checksum| {
            stream.cipher.apply_keystream(message);
            stream.cipher.apply_keystream(checksum);
            stream.signed(message)
        })
    }

    /// Checks a signature; `open` deciphers its checksum and gives what has to be in it.
    fn unseal_with(
        &mut self,
        signature: &[u8],
        open: impl FnOnce(&mut Stream, &mut [u8; 8]) -> Hmac<Md5>,
    ) -> Result<(), SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        let (mut checksum, sequence) = read_signature(signature)?;
        let stream = &mut self.incoming;
        if sequence != stream.sequence {
            return Err(SealError::OutOfSequence);
        }
        let mac = open(stream, &mut checksum);
        mac.verify_truncated_left(&checksum).map_err(|_| SealError::WrongSignature)?;
        stream.advance()?;
        self.spent = false;
        Ok(())
    }
}

impl Sealing for SealContext {
    fn protocol(&self) -> Protocol {
        Protocol::Spnego
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
        Self::seal(self, message).map(Vec::from)
    }

    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        Self::unseal(self, signature, message)
    }
}

impl fmt::Debug for SealContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealContext").field("spent", &self.spent).finish_non_exhaustive()
    }
}

struct Stream {
    key: Secret<[u8; 16]>,
    cipher: Rc4<U16>,
    mac: Hmac<Md5>,
    sequence: u32,
}

impl Stream {
    fn new(session_key: &Secret<[u8; 16]>, sign: &[u8], seal: &[u8]) -> Self {
        let signing = Md5::new().chain_update(session_key.expose()).chain_update(sign).finalize();
        let sealing = Md5::new().chain_update(session_key.expose()).chain_update(seal).finalize();
        let mac = <Hmac<Md5> as KeyInit>::new(&hmac_block(&signing));
        Self { cipher: Rc4::new(&sealing), key: Secret::new(sealing.into()), mac, sequence: 0 }
    }

    /// Lets the cipher begin anew.
    fn rewind(&mut self) {
        self.cipher = Rc4::new(self.key.expose().into());
    }

    fn signed(&self, message: &[u8]) -> Hmac<Md5> {
        self.mac.clone().chain_update(self.sequence.to_le_bytes()).chain_update(message)
    }

    fn checksum(&self, message: &[u8]) -> [u8; 8] {
        let mut checksum = [0; 8];
        checksum.copy_from_slice(&self.signed(message).finalize().into_bytes()[..8]);
        checksum
    }

    fn advance(&mut self) -> Result<(), SealError> {
        self.sequence = self.sequence.checked_add(1).ok_or(SealError::Spent)?;
        Ok(())
    }
}

/// HMAC pads a key shorter than its block with zeros, so the padded block is the same key.
fn hmac_block(key: &[u8]) -> hmac::digest::Key<Hmac<Md5>> {
    let mut block = hmac::digest::Key::<Hmac<Md5>>::default();
    block[..key.len()].copy_from_slice(key);
    block
}

fn streams(session_key: &Secret<[u8; 16]>) -> [Stream; 2] {
    [Stream::new(session_key, CLIENT_SIGN, CLIENT_SEAL), Stream::new(session_key, SERVER_SIGN, SERVER_SEAL)]
}

fn write_signature(checksum: &[u8; 8], sequence: u32) -> [u8; SIGNATURE_LENGTH] {
    let mut signature = [0; SIGNATURE_LENGTH];
    signature[..4].copy_from_slice(&VERSION);
    signature[4..12].copy_from_slice(checksum);
    signature[12..].copy_from_slice(&sequence.to_le_bytes());
    signature
}

fn read_signature(signature: &[u8]) -> Result<([u8; 8], u32), SealError> {
    let whole: &[u8; SIGNATURE_LENGTH] = signature.try_into().map_err(|_| SealError::MalformedSignature)?;
    let (version, rest) = whole.split_first_chunk::<4>().ok_or(SealError::MalformedSignature)?;
    let (checksum, rest) = rest.split_first_chunk::<8>().ok_or(SealError::MalformedSignature)?;
    let sequence = rest.first_chunk::<4>().ok_or(SealError::MalformedSignature)?;
    if *version != VERSION {
        return Err(SealError::MalformedSignature);
    }
    Ok((*checksum, u32::from_le_bytes(*sequence)))
}

const VERSION: [u8; 4] = [1, 0, 0, 0];
const CLIENT_SIGN: &[u8] = b"session key to client-to-server signing key magic constant\0";
const SERVER_SIGN: &[u8] = b"session key to server-to-client signing key magic constant\0";
const CLIENT_SEAL: &[u8] = b"session key to client-to-server sealing key magic constant\0";
const SERVER_SEAL: &[u8] = b"session key to server-to-client sealing key magic constant\0";

#[cfg(test)]
mod tests {
    use super::{SealContext, SealError};
    use crate::secret::Secret;

    fn pair() -> (SealContext, SealContext) {
        let key = Secret::new([0x55; 16]);
        (SealContext::initiator(&key), SealContext::acceptor(&key))
    }

    /// MS-NLMP 4.2.4.4: NTLMv2 with the exported session key of sixteen 0x55.
    #[test]
    fn published_example() {
        let mut text: Vec<u8> = "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let plain = text.clone();
        let (mut client, mut server) = pair();
        let signature = client.seal(&mut text).unwrap();
        let cipher = [
            0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20, 0xc1, 0x81, 0x1b, 0x0f, 0x06,
            0xfb, 0x5f,
        ];
        let mac = [1, 0, 0, 0, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49, 0x76, 0, 0, 0, 0];
        assert_eq!(text, cipher);
        assert_eq!(signature, mac);
        server.unseal(&signature, &mut text).unwrap();
        assert_eq!(text, plain);
    }

    #[test]
    fn both_directions_go_on() {
        let (mut client, mut server) = pair();
        for round in 0..50_u8 {
            let plain = vec![round; usize::from(round) * 7];
            for (from, to) in [(0, 1), (1, 0)] {
                let mut text = plain.clone();
                let ends = [&mut client, &mut server];
                let [a, b] = ends;
                let (sender, receiver) = if (from, to) == (0, 1) { (a, b) } else { (b, a) };
                let signature = sender.seal(&mut text).unwrap();
                receiver.unseal(&signature, &mut text).unwrap();
                assert_eq!(text, plain);
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_and_spends_the_context() {
        let size = 24;
        for bit in 0..(16 + size) * 8 {
            let (mut client, mut server) = pair();
            let mut text = vec![0x41; size];
            let mut signature = client.seal(&mut text).unwrap();
            let byte = bit / 8;
            if byte < 16 {
                signature[byte] ^= 1 << (bit % 8);
            } else {
                text[byte - 16] ^= 1 << (bit % 8);
            }
            assert!(server.unseal(&signature, &mut text).is_err(), "bit {bit}");
            assert_eq!(server.seal(&mut [0]).unwrap_err(), SealError::Spent);
            assert_eq!(server.unseal(&signature, &mut text).unwrap_err(), SealError::Spent);
        }
    }

    #[test]
    fn the_list_of_mechanisms_goes_before_the_messages() {
        let (mut client, mut server) = pair();
        let code = client.sign_list(b"list").unwrap();
        server.check_list(&code, b"list").unwrap();
        let code = server.sign_list(b"list").unwrap();
        client.check_list(&code, b"list").unwrap();
        let mut text = *b"text";
        let signature = client.seal(&mut text).unwrap();
        assert_eq!(signature[12..], [1, 0, 0, 0]);
        // The key stream is the one from the beginning.
        let mut first = *b"text";
        pair().0.seal(&mut first).unwrap();
        assert_eq!(text, first);
        server.unseal(&signature, &mut text).unwrap();
        assert_eq!(&text, b"text");
        let (mut client, mut server) = pair();
        let code = client.sign_list(b"list").unwrap();
        assert_eq!(server.check_list(&code, b"other"), Err(SealError::WrongSignature));
        assert_eq!(server.seal(&mut [0]).unwrap_err(), SealError::Spent);
    }

    #[test]
    fn replay_and_reflection_are_refused() {
        let (mut client, mut server) = pair();
        let mut text = *b"once";
        let signature = client.seal(&mut text).unwrap();
        let mut reflected = text;
        assert_eq!(client.unseal(&signature, &mut reflected).unwrap_err(), SealError::WrongSignature);
        let mut again = text;
        server.unseal(&signature, &mut text).unwrap();
        assert_eq!(server.unseal(&signature, &mut again).unwrap_err(), SealError::OutOfSequence);
    }
}
