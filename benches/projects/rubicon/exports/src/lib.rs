//! Holds the state that the module imports.

pub use bench_rubicon_keys::{CONST, LAZY, PROCESS};

/// Something for the program to refer to, so that it is linked with this library.
#[inline(never)]
pub fn link() -> usize {
    std::hint::black_box(CONST.len() + LAZY.len() + PROCESS.len())
}
