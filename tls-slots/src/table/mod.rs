//! The per-thread table of value pointers: its definition, one file per way of access.
//!
//! Where `tls-keys` has inline access, the table is a symbol in the executable's own thread-local
//! block, defined by `global_asm!` because `#[thread_local]` is not stable. Elsewhere it is a
//! `std::thread_local!` behind an exported function. Both start as zeroes, which is "no value".
//!
//! Invariant of every pointer in it: null, or the address of a live value of the key that owns the
//! slot. Slot 0 is nobody's, and stays null.

#[cfg(all(tls_slots_asm, target_arch = "x86_64"))]
mod x86_64_elf;

#[cfg(all(tls_slots_asm, target_arch = "aarch64"))]
mod aarch64_elf;

#[cfg(not(tls_slots_asm))]
mod call;

use crate::keys::{arch, names::TABLE_SLOTS};
use crate::sync::{AtomicPtr, Ordering};

/// A thread's table, for the host's cold paths, which may look at another thread's.
#[derive(Clone, Copy)]
pub(crate) struct Table(*const AtomicPtr<u8>);

// SAFETY: a table is a block of atomics, which any thread may read and write.
unsafe impl Send for Table {}
// SAFETY: a table is a block of atomics, which any thread may read and write.
unsafe impl Sync for Table {}

impl Table {
    /// The calling thread's.
    pub(crate) fn current() -> Self {
        Self(arch::table().cast_const().cast())
    }

    /// Stores a pointer, or null.
    ///
    /// # Safety
    ///
    /// The table's thread must not have ended. `offset` must be the offset of a slot, not 0, and
    /// `value` keep the table's invariant.
    pub(crate) unsafe fn set(self, offset: usize, value: *mut u8) {
        let index = offset / size_of::<*mut u8>();
        debug_assert!(index != 0 && index < TABLE_SLOTS);
        // SAFETY: in bounds by the caller's promise, and the table lives as long as its thread. The
        // owner reads with plain loads, in code that uses this slot's key: either on this very
        // thread, or not at all, when the key's image is being unloaded.
        unsafe { (*self.0.add(index)).store(value, Ordering::Relaxed) }
    }
}
