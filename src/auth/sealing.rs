//! What all mechanisms that seal messages have in common.

use std::fmt;

use super::framing::Protocol;

/// Why a message cannot be sealed or opened. The context is spent then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// An earlier failure left the two ends out of step.
    #[error("the security context is spent")]
    Spent,
    /// The signature has another length or form than the mechanism's.
    #[error("the signature is malformed")]
    MalformedSignature,
    /// The message is not the next one.
    #[error("the message is out of sequence")]
    OutOfSequence,
    /// The checksum does not fit: wrong key or changed text.
    #[error("the signature does not fit the message")]
    WrongSignature,
    /// The mechanism fails, or its key is of another kind.
    #[error("the security mechanism fails")]
    Unusable,
}

/// One end of an authenticated connection, both directions of it. Messages go through it in the order of the wire;
/// after an error it is spent.
pub trait Sealing: Send + Sync + fmt::Debug {
    /// By which name its bodies are known.
    fn protocol(&self) -> Protocol;

    /// How many bytes are sealed at once, at most; longer messages go in pieces.
    fn largest(&self) -> usize {
        usize::MAX
    }

    /// Encrypts the message where it lies, with padding if the mechanism needs it, and gives the signature.
    ///
    /// # Errors
    ///
    /// [`SealError::Spent`] or [`SealError::Unusable`].
    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError>;

    /// Decrypts the message where it lies, takes its padding off, and checks the signature.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the signature; what the buffer holds then is worthless.
    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError>;
}

impl<S: Sealing + ?Sized> Sealing for Box<S> {
    fn protocol(&self) -> Protocol {
        (**self).protocol()
    }

    fn largest(&self) -> usize {
        (**self).largest()
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, SealError> {
        (**self).seal(message)
    }

    fn unseal(&mut self, signature: &[u8], message: &mut Vec<u8>) -> Result<(), SealError> {
        (**self).unseal(signature, message)
    }
}
