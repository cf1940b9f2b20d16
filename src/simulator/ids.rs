//! Identifiers of virtual machines and jobs, drawn from a seed so that a run can be repeated.

/// A generator of GUIDs (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Ids {
    state: u64,
}

impl Ids {
    /// The generator of that seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next GUID, as Hyper-V writes it: upper case, without braces.
    pub(super) fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let version = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let variant = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        format!(
            "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
            version >> 32,
            (version >> 16) & 0xFFFF,
            version & 0xFFFF,
            variant >> 48,
            variant & 0xFFFF_FFFF_FFFF
        )
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_guids_again() {
        let (mut once, mut again) = (Ids::new(7), Ids::new(7));
        let first = once.guid();
        assert_eq!(first, again.guid());
        assert_ne!(first, once.guid());
        assert_eq!(first.len(), 36);
        assert_eq!(first.get(14..15), Some("4"));
    }
}
