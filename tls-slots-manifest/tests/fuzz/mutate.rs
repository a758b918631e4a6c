//! A generator of numbers, and damage.

use std::ops::Range;

/// SplitMix64: small, seeded by any number, the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number as damage likes it: at an edge, or any.
    pub(crate) fn edge(&mut self) -> u64 {
        const EDGES: [u64; 16] = [
            0,
            1,
            2,
            6,
            0x7f,
            0xff,
            0x100,
            0x7fff,
            0xffff,
            0x7fff_ffff,
            0xffff_ffff,
            0x1_0000_0000,
            i64::MAX as u64,
            u64::MAX - 15,
            u64::MAX - 1,
            u64::MAX,
        ];
        match self.below(3) {
            0 => self.next(),
            1 => self.next() % 64,
            _ => self.pick(&EDGES),
        }
    }
}

/// Damages some places of a sequence of bytes; sometimes none.
pub(crate) fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let whole = 0..bytes.len();
        damage(random, bytes, whole);
    }
}

/// Damages a file, mostly in its headers.
#[cfg(feature = "formats")]
pub(crate) fn mutate_headers(random: &mut Random, bytes: &mut Vec<u8>, headers: &[Range<usize>]) {
    for _ in 0..random.below(4) {
        let at = random.below(headers.len() + 1);
        let range = headers.get(at).cloned().unwrap_or(0..bytes.len());
        damage(random, bytes, range);
    }
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, range: Range<usize>) {
    let range = range.start.min(bytes.len())..range.end.min(bytes.len());
    if range.is_empty() {
        bytes.push(random.next() as u8);
        return;
    }
    let at = range.start + random.below(range.len());
    let some = |random: &mut Random| 1 + random.below(64.min(bytes.len()));
    match random.below(16) {
        // A bit, a byte.
        0..3 => bytes[at] ^= 1 << random.below(8),
        3..5 => bytes[at] = random.next() as u8,
        // A number, where numbers begin or anywhere.
        5..11 => {
            let at = if random.one_in(2) { at & !1 } else { at };
            let width = random.pick(&[1, 2, 4, 8]).min(bytes.len() - at);
            let number = random.edge().to_le_bytes();
            bytes[at..at + width].copy_from_slice(&number[..width]);
        }
        // One less, one more.
        11 => bytes[at] = bytes[at].wrapping_add(random.pick(&[1, 255])),
        // Cut off, cut out, moved, doubled, padded.
        12 => bytes.truncate(at),
        13 => {
            let end = (at + some(random)).min(bytes.len());
            bytes.drain(at..end);
        }
        14 => {
            let from = random.below(bytes.len());
            let end = (from + some(random)).min(bytes.len());
            let copy = bytes[from..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => {
            let padding = vec![random.pick(&[0, 0, 0xff]); some(random)];
            bytes.splice(at..at, padding);
        }
    }
}
