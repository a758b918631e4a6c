//! What is known of an image, for the tests of this repository.

use std::ffi::c_int;
use std::ops::Range;

pub use super::types::{ThreadDestructors, ThreadInfo};
use tls_slots::loader::memory as image_memory;

/// All that is known of the image that an address is in.
#[derive(Debug)]
pub struct ImageReport {
    /// Where it lies.
    pub memory: Range<usize>,
    /// See the module.
    pub destructors: Vec<ThreadDestructors>,
    /// See the module.
    pub threads: Vec<ThreadInfo>,
    /// See the module.
    pub keys: usize,
    /// See the module.
    pub signals: Vec<c_int>,
    /// See the module.
    pub kept_mapped_by: Vec<String>,
}

/// Looks at the image that an address is in.
pub fn look(address: *const u8) -> Option<ImageReport> {
    let memory = image_memory::of(address)?.all;
    Some(ImageReport {
        destructors: super::destructors(&memory),
        threads: super::threads(&memory),
        keys: super::keys(&memory),
        signals: super::signal_actions(&memory),
        kept_mapped_by: super::kept_mapped_by(&memory),
        memory,
    })
}

/// See the module.
///
/// # Safety
///
/// See the module.
pub unsafe fn run_here(memory: &Range<usize>) -> usize {
    // SAFETY: the caller's promise.
    unsafe { super::run_here(memory) }
}

/// See the module.
pub fn forget(memory: &Range<usize>) {
    super::forget(memory);
}

/// Whether an image lies there.
pub fn is_mapped(memory: &Range<usize>) -> bool {
    image_memory::is_mapped(memory)
}
