//! Message protection of an authenticated session (RFC 4121), by the key that the host chose.

use std::fmt;

use picky_krb::constants::key_usages::{ACCEPTOR_SEAL, INITIATOR_SEAL};
use picky_krb::crypto::CipherSuite;

use super::wrap::{ACCEPTOR_KEY, HEADER, Header, SEALED, SENT_BY_ACCEPTOR};
use crate::auth::framing::Protocol;
use crate::auth::{SealError, Sealing};
use crate::secret::Secret;

/// One end of an authenticated connection.
///
/// INVARIANT: messages are sealed and opened in the order of the wire; after any failure nothing is any more.
pub struct Context {
    key: Secret<Vec<u8>>,
    suite: CipherSuite,
    protocol: Protocol,
    own: Side,
    peer: Side,
    outgoing: u64,
    /// Of the peer's next message. The first message of a host says where it begins; it is sealed by a key of this
    /// session alone, so that it cannot be an older one.
    incoming: Option<u64>,
    spent: bool,
}

/// How messages of one side look.
#[derive(Clone, Copy)]
struct Side {
    flags: u8,
    usage: i32,
}

const INITIATOR: Side = Side { flags: SEALED | ACCEPTOR_KEY, usage: INITIATOR_SEAL };
const ACCEPTOR: Side = Side { flags: SENT_BY_ACCEPTOR | SEALED | ACCEPTOR_KEY, usage: ACCEPTOR_SEAL };

impl Context {
    /// The client's end. `first` is the sequence number of the first message that leaves.
    ///
    /// # Errors
    ///
    /// [`SealError::Unusable`] for a key that is not of AES.
    pub fn new(key: Secret<Vec<u8>>, protocol: Protocol, first: u64) -> Result<Self, SealError> {
        let suite = suite_of(key.expose().len()).ok_or(SealError::Unusable)?;
        let (own, peer) = (INITIATOR, ACCEPTOR);
        Ok(Self { key, suite, protocol, own, peer, outgoing: first, incoming: None, spent: false })
    }

    /// The host's end; `due` is the sequence number of the client's first message.
    ///
    /// # Errors
    ///
    /// [`SealError::Unusable`] for a key that is not of AES.
    pub fn acceptor(
        key: Secret<Vec<u8>>,
        protocol: Protocol,
        first: u64,
        due: u64,
    ) -> Result<Self, SealError> {
        let client = Self::new(key, protocol, first)?;
        Ok(Self { own: ACCEPTOR, peer: INITIATOR, incoming: Some(due), ..client })
    }

    fn encrypt(&self, usage: i32, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealed = self.suite.cipher().encrypt(self.key.expose(), usage, plain);
        sealed.map_err(|_| SealError::Unusable)
    }

    fn open(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        if signature.len() != SIGNATURE_LENGTH {
            return Err(SealError::MalformedSignature);
        }
        let header = Header::read(signature)?;
        if header.flags != self.peer.flags || header.extra != 0 || header.rotation != ROTATION {
            return Err(SealError::MalformedSignature);
        }
        let mut sealed = [&signature[HEADER..], message.as_slice()].concat();
        sealed.rotate_left(usize::from(ROTATION));
        let opened = self.suite.cipher().decrypt(self.key.expose(), self.peer.usage, &sealed);
        let mut opened = opened.map_err(|_| SealError::WrongSignature)?;
        let copy = opened.split_off(message.len().min(opened.len()));
        // The header itself is not protected; its encrypted copy is, and has a rotation of none.
        if copy != (Header { rotation: 0, ..header }).to_bytes() {
            return Err(SealError::WrongSignature);
        }
        if self.incoming.is_some_and(|due| due != header.sequence) {
            return Err(SealError::OutOfSequence);
        }
        self.incoming = Some(header.sequence.wrapping_add(1));
        *message = opened;
        Ok(())
    }
}

impl Sealing for Context {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        let header = Header { flags: self.own.flags, extra: 0, rotation: 0, sequence: self.outgoing };
        let mut sealed = self.encrypt(self.own.usage, &[message.as_slice(), &header.to_bytes()].concat())?;
        if sealed.len() != message.len() + SIGNATURE_LENGTH - HEADER {
            return Err(SealError::Unusable);
        }
        sealed.rotate_right(usize::from(ROTATION));
        let cipher = sealed.split_off(SIGNATURE_LENGTH - HEADER);
        *message = cipher;
        self.outgoing = self.outgoing.checked_add(1).ok_or(SealError::Spent)?;
        self.spent = false;
        Ok([&Header { rotation: ROTATION, ..header }.to_bytes()[..], &sealed].concat())
    }

    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        if self.spent {
            return Err(SealError::Spent);
        }
        self.spent = true;
        self.open(signature, message)?;
        self.spent = false;
        Ok(())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("spent", &self.spent).finish_non_exhaustive()
    }
}

/// The encryption that goes with a key of so many bytes.
pub(super) fn suite_of(size: usize) -> Option<CipherSuite> {
    match size {
        16 => Some(CipherSuite::Aes128CtsHmacSha196),
        32 => Some(CipherSuite::Aes256CtsHmacSha196),
        _ => None,
    }
}

/// Header, copy of the header, checksum, confounder.
const SIGNATURE_LENGTH: usize = 60;
/// Copy of the header and checksum.
const ROTATION: u16 = 28;

#[cfg(test)]
mod tests {
    use picky_krb::constants::key_usages::{ACCEPTOR_SEAL, INITIATOR_SEAL};

    use super::{Context, Header, ROTATION, SIGNATURE_LENGTH};
    use crate::auth::framing::Protocol;
    use crate::auth::{SealError, Sealing};
    use crate::secret::Secret;

    fn context(size: usize) -> Context {
        Context::new(Secret::new(vec![7; size]), Protocol::Kerberos, 1000).unwrap()
    }

    /// What the host would seal.
    fn of_host(context: &Context, flags: u8, sequence: u64, text: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let header = Header { flags, extra: 0, rotation: 0, sequence };
        let mut sealed = context.encrypt(ACCEPTOR_SEAL, &[text, &header.to_bytes()].concat()).unwrap();
        sealed.rotate_right(usize::from(ROTATION));
        let header = Header { rotation: ROTATION, ..header }.to_bytes();
        let mut token = [&header[..], &sealed].concat();
        let cipher = token.split_off(SIGNATURE_LENGTH);
        (token, cipher)
    }

    #[test]
    fn what_leaves() {
        for size in [16, 32] {
            let mut own = context(size);
            for (sequence, text) in
                [&b""[..], b"x", &[b'a'; 15], &[b'b'; 16], &[b'c'; 4000]].iter().enumerate()
            {
                let mut message = text.to_vec();
                let signature = own.seal(&mut message).unwrap();
                assert_eq!((signature.len(), message.len()), (60, text.len()));
                let header = Header::read(&signature).unwrap();
                let sequence = 1000 + u64::try_from(sequence).unwrap();
                assert_eq!(header, Header { flags: 6, extra: 0, rotation: 28, sequence });
                let mut sealed = [&signature[16..], &message].concat();
                sealed.rotate_left(28);
                let plain = own.suite.cipher().decrypt(own.key.expose(), INITIATOR_SEAL, &sealed).unwrap();
                assert_eq!(&plain[..text.len()], *text);
            }
        }
    }

    #[test]
    fn what_comes_back() {
        let mut own = context(32);
        for (sequence, text) in [(u64::MAX, &b"first"[..]), (0, b""), (1, &[b'x'; 9000])] {
            let (signature, mut message) = of_host(&own, 7, sequence, text);
            own.unseal(&signature, &mut message).unwrap();
            assert_eq!(message, text);
        }
    }

    #[test]
    fn both_ends() {
        let key = || Secret::new(vec![7; 16]);
        let mut client = Context::new(key(), Protocol::Spnego, 500).unwrap();
        let mut host = Context::acceptor(key(), Protocol::Spnego, 1, 500).unwrap();
        for text in [&b"first"[..], b"", &[b'x'; 5000]] {
            for (from, to) in [(0, 1), (1, 0)] {
                let mut ends = [&mut client, &mut host];
                let [from, to] = ends.get_disjoint_mut([from, to]).unwrap();
                let mut message = text.to_vec();
                let signature = from.seal(&mut message).unwrap();
                to.unseal(&signature, &mut message).unwrap();
                assert_eq!(message, text);
            }
        }
        let mut late = Context::acceptor(key(), Protocol::Spnego, 1, 499).unwrap();
        let mut message = Vec::new();
        let signature = Context::new(key(), Protocol::Spnego, 500).unwrap().seal(&mut message).unwrap();
        assert_eq!(late.unseal(&signature, &mut message), Err(SealError::OutOfSequence));
    }

    fn refused(token: &(Vec<u8>, Vec<u8>), before: Option<u64>) -> SealError {
        let mut own = context(32);
        own.incoming = before;
        let error = own.unseal(&token.0, &mut token.1.clone()).unwrap_err();
        assert_eq!(own.unseal(&token.0, &mut token.1.clone()), Err(SealError::Spent));
        error
    }

    #[test]
    fn replayed_reflected_and_unsealed_messages() {
        let own = context(32);
        assert_eq!(refused(&of_host(&own, 7, 5, b"text"), Some(6)), SealError::OutOfSequence);
        assert_eq!(refused(&of_host(&own, 7, 6, b"text"), Some(5)), SealError::OutOfSequence);
        for flags in [6, 5, 3, 0] {
            assert_eq!(refused(&of_host(&own, flags, 5, b"text"), None), SealError::MalformedSignature);
        }
        let mut message = b"text".to_vec();
        let signature = context(32).seal(&mut message).unwrap();
        assert_eq!(refused(&(signature, message), None), SealError::MalformedSignature);
        // A header that claims another place in the sequence than its protected copy.
        let (mut signature, message) = of_host(&own, 7, 5, b"text");
        signature[15] = 6;
        assert_eq!(refused(&(signature, message), Some(6)), SealError::WrongSignature);
    }

    #[test]
    fn every_changed_bit_and_every_other_length_is_refused() {
        let (signature, message) = of_host(&context(32), 7, 5, b"some text of a reply");
        for at in 0..signature.len() + message.len() {
            let (mut signature, mut message) = (signature.clone(), message.clone());
            let place = match at.checked_sub(signature.len()) {
                Some(at) => &mut message[at],
                None => &mut signature[at],
            };
            *place ^= 0x10;
            refused(&(signature, message), None);
        }
        for size in 0..signature.len() {
            refused(&(signature[..size].to_vec(), message.clone()), None);
        }
        for size in 0..message.len() {
            refused(&(signature.clone(), message[..size].to_vec()), None);
        }
    }

    #[test]
    fn other_keys() {
        for size in [0, 8, 24, 33] {
            let made = Context::new(Secret::new(vec![0; size]), Protocol::Spnego, 0);
            assert_eq!(made.unwrap_err(), SealError::Unusable);
        }
    }
}
