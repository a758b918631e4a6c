//! What threads share, memory, and how panics are caught, named in one place.
//!
//! The models in `tests/loom` compile this crate's files as they are, but for this one, in whose
//! place they put loom's locks, atomics, statics and thread-locals, and an allocator that keeps
//! books. (Not by a `cfg` here: `tls-keys` would then have to depend on loom, and loom would stand in
//! the lock file of everybody who uses a key.)

pub(crate) use std::alloc::{alloc, dealloc};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(crate) use std::thread_local;

pub(crate) use tls_keys::panic::{catch_unwind, discard_panic};

/// Statics. Loom's are made anew for every run of a model.
macro_rules! statics {
    ($($item:item)*) => { $($item)* };
}
pub(crate) use statics;

/// Stands in a block of memory for its immutable fields, of which loom knows nothing: there, it
/// checks that each read comes after the write and before the block is freed. Here it is nothing.
pub(crate) struct Witness;

impl Witness {
    /// The block is written now.
    pub(crate) fn new() -> Self {
        Self
    }

    /// The block is read now.
    pub(crate) fn read(&self) {}

    /// The block is freed now.
    pub(crate) fn free(&self) {}
}

/// A lock, whether or not somebody has panicked under it: what it guards here is never half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
