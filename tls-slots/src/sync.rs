//! What threads share, memory, and how panics are caught, named in one place.
//!
//! The models in `tests/loom` compile this crate's files as they are, except for this file. In its
//! place they put loom's locks, atomics, statics and thread-locals, and an allocator that keeps
//! books. A `cfg` in this file would not do: `tls-keys` would then have to depend on loom, and loom
//! would stand in the lock file of everybody who uses a key.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use std::alloc::{alloc, dealloc};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread_local;

pub(crate) use tls_keys::panic::{catch_unwind, discard_panic};

/// Statics. Loom's are made anew for every run of a model.
macro_rules! statics {
    ($($item:item)*) => { $($item)* };
}
pub(crate) use statics;

/// A field of a block of memory whose other fields are immutable. The models put a type in its
/// place that checks two things: each read comes after the write, and before the block is freed.
/// Here it is nothing.
pub(crate) struct LifetimeCheck;

impl LifetimeCheck {
    /// The block is written now.
    pub(crate) fn new() -> Self {
        Self
    }

    /// The block is read now.
    pub(crate) fn read(&self) {}

    /// The block is freed now.
    pub(crate) fn free(&self) {}
}

/// Locks, whether or not a thread has panicked under the lock: what locks guard in this crate is
/// never half changed when code that can panic runs.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a lock that nobody else has. As [`lock`] with regard to panics.
pub(crate) fn into_value<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading. As [`lock`] with regard to panics.
pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing. As [`lock`] with regard to panics.
pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
