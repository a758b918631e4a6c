//! Access by a call to the host, for targets that have no inline access yet.
//!
//! Slower (2.5 ns against 1.0 ns per access on x86-64, measured before the inline variant was
//! written), and correct wherever the object-format file can reach the host's functions. A new
//! architecture is an inline variant of this file and a line in `mod.rs`.

/// The pointer at byte `offset` of the calling thread's table.
///
/// # Safety
///
/// `offset` must be less than the table's size and a multiple of the pointer's size.
#[inline(always)]
pub unsafe fn value(offset: usize) -> *mut u8 {
    // SAFETY: the table is readable on every thread up to its size, which `offset` is below by the
    // caller's promise, and its pointers are aligned.
    unsafe { table().add(offset).cast::<*mut u8>().read() }
}

/// The calling thread's table.
#[inline]
pub fn table() -> *mut u8 {
    crate::object::table()
}
