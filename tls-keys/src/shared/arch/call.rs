//! Access by a call to the host, for targets that have no inline access yet.
//!
//! Slower (2.5 ns against 1.0 ns per access on x86-64, measured before the inline variant was
//! written), and correct wherever an image can call the host's functions. A new architecture is an
//! inline variant of this file and a line in `mod.rs`.

use super::super::calls::host_functions;

/// The pointer at byte `offset` of the calling thread's table.
///
/// # Safety
///
/// `offset` must be less than the table's size and a multiple of the pointer's size.
#[inline(always)]
pub unsafe fn value(offset: usize) -> *mut u8 {
    // SAFETY: the table is readable on every thread up to its size. The caller promises that
    // `offset` is below that size. The table's pointers are aligned.
    unsafe { table().add(offset).cast::<*mut u8>().read() }
}

/// The calling thread's table.
#[inline]
pub fn table() -> *mut u8 {
    // SAFETY: the function demands nothing.
    unsafe { host_table() }
}

host_functions! {
    /// The calling thread's table.
    ///
    /// # Safety
    ///
    /// Nothing is demanded of the caller.
    unsafe extern "C" fn host_table() -> *mut u8 =
        "tls_slots_value_v1", else {
            use core::sync::atomic::AtomicPtr;

            use crate::names::TABLE_SLOTS;

            // Null in every slot, so that every access takes the cold path.
            static NULLS: [AtomicPtr<u8>; TABLE_SLOTS] =
                [const { AtomicPtr::new(core::ptr::null_mut()) }; TABLE_SLOTS];
            NULLS.as_ptr().cast_mut().cast()
        };
}
