//! What is known of an image, for the tests of this repository. No stable interface.
//!
//! The tests open modules by plain libloading, without a [`Module`](crate::Module), so that they
//! test this folder alone.

use std::ffi::c_int;
use std::ops::Range;

pub use super::types::{ThreadDestructors, ThreadInfo};
use tls_slots::loader::memory as image_memory;

/// Everything that this folder knows of an image.
#[derive(Debug)]
pub struct ImageReport {
    /// Where the image lies.
    pub memory: Range<usize>,
    /// The threads that have to run destructors of the image.
    pub destructors: Vec<ThreadDestructors>,
    /// The threads that run a function that the image gave to libc, or are about to.
    pub threads: Vec<ThreadInfo>,
    /// How many pthread keys with a destructor the image has.
    pub pthread_keys: usize,
    /// The signals whose action is a function of the image.
    pub signals: Vec<c_int>,
    /// Why the image cannot be unloaded, whatever is done: the end of a sentence each.
    pub kept_mapped_by: Vec<String>,
}

/// Looks at the image that an address is in. `None` if there is no image.
pub fn look(address: *const u8) -> Option<ImageReport> {
    let memory = image_memory::of(address)?.all;
    Some(ImageReport {
        destructors: super::destructors(&memory),
        threads: super::threads(std::slice::from_ref(&memory)),
        pthread_keys: super::pthread_keys(&memory),
        signals: super::signal_actions(&memory),
        kept_mapped_by: super::kept_mapped_by(&memory),
        memory,
    })
}

/// Runs the destructors that the image has registered on the calling thread. Gives how many ran.
///
/// # Safety
///
/// The image must be loaded. No code of it may be further up on this thread's stack, and nothing
/// there may refer to its thread-locals.
pub unsafe fn run_here(memory: &Range<usize>) -> usize {
    // SAFETY: the caller promises the same.
    unsafe { super::run_here(memory) }
}

/// Drops all destructors of the image on all threads without running them, and deletes its pthread
/// keys.
///
/// # Safety
///
/// No code of the image may use a pthread key of the image afterwards.
pub unsafe fn forget(memory: &Range<usize>) {
    super::forget(memory);
}

/// Whether an image is mapped there.
pub fn is_mapped(memory: &Range<usize>) -> bool {
    image_memory::is_mapped(memory)
}
