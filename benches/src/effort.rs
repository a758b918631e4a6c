//! How much to measure.
//!
//! A whole run takes an hour. `--quick` is for a change of the benchmarks themselves, and
//! `--filter` for a change of one thing that is measured.

/// How much to measure.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How many rounds there are: each variant runs once in each.
    pub pairs: usize,
    /// How often instructions are counted.
    pub counts: usize,
    /// Whether to do less of everything, to see that it works.
    pub quick: bool,
    /// Whether to measure with fat LTO as well, which takes long to build.
    pub fat: bool,
    /// Only rows whose names contain this are measured.
    pub filter: Option<String>,
}

impl Effort {
    /// Whether a row is wanted.
    pub fn wants(&self, name: &str) -> bool {
        match &self.filter {
            Some(filter) => name.contains(filter.as_str()),
            None => true,
        }
    }

    /// `n` operations, or an eighth of them where less is to be done.
    pub fn scaled(&self, n: u64) -> u64 {
        if self.quick { (n / 8).max(1) } else { n }
    }
}
