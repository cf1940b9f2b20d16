//! Bytes nobody can guess.

use crate::secret::Secret;

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Draws bytes from the operating system's generator.
///
/// # Errors
///
/// [`NoRandomness`] where that generator fails; then nothing secure can be done.
pub fn random<const N: usize>() -> Result<Secret<[u8; N]>, NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(Secret::new(bytes))
}
