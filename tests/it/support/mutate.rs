//! Changes of bytes, the same in every run.

/// Changes bytes by a seed.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`, by xorshift64*.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from(wide).unwrap() % end.max(1)
    }

    /// Changes the bytes in one to three places: a bit, a byte, a piece that is lost, doubled or cut off.
    pub(crate) fn change(&mut self, bytes: &mut Vec<u8>) {
        let original = bytes.clone();
        while *bytes == original {
            for _ in 0..=self.below(3) {
                self.change_once(bytes);
            }
        }
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(8)).min(bytes.len());
        match self.below(8) {
            _ if bytes.is_empty() => bytes.push(0),
            0..=2 => bytes[at] ^= 1 << self.below(8),
            3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            4 => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
}
