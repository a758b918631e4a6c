//! A hash of 128 bits. It tells changes apart, and stops nobody who looks for a collision: host and
//! module are by people who want them to fit.

/// FNV-1a, as of <http://www.isthe.com/chongo/tech/comp/fnv/>, in its variant of 128 bits.
pub(crate) struct Digest(u128);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Adds bytes, and where they end.
    pub(crate) fn add(&mut self, kind: u8, bytes: &[u8]) {
        self.byte(kind);
        for byte in bytes.len().to_le_bytes().iter().chain(bytes) {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(PRIME);
    }

    pub(crate) fn finish(&self) -> u128 {
        self.0
    }
}
