//! What several targets have in common.

use std::panic;
use std::sync::Once;

/// A message with up to eight changes, four bytes of the script for each: a byte replaced, flipped, put in or removed,
/// or the end cut off.
pub fn changed(message: &[u8], script: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    for [how, high, low, byte] in script.as_chunks::<4>().0.iter().take(8) {
        if message.is_empty() {
            break;
        }
        let at = usize::from(u16::from_be_bytes([*high, *low])) % message.len();
        match how % 8 {
            0..=2 => message[at] = *byte,
            3 | 4 => message[at] ^= 1 << (byte % 8),
            5 => message.insert(at, *byte),
            6 => drop(message.remove(at)),
            _ => message.truncate(at),
        }
    }
    message
}

/// Lets panics unwind that the library catches on purpose; libFuzzer's own hook would end the process at once. One
/// that gets as far as the target still does.
pub fn let_panics_unwind() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|_| {})));
}
