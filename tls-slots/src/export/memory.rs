//! Exported for `HostAllocator`: the host's memory.

use crate::keys::abi::Key;
use crate::memory;

/// # Safety
///
/// As [`memory::alloc`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_alloc_v1(image: *const Key, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { memory::alloc(image, size, align) }
}

/// # Safety
///
/// As [`memory::dealloc`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_dealloc_v1(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { memory::dealloc(image, block, size, align) }
}

/// # Safety
///
/// As [`memory::alloc_zeroed`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_alloc_zeroed_v1(
    image: *const Key,
    size: usize,
    align: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { memory::alloc_zeroed(image, size, align) }
}

/// # Safety
///
/// As [`memory::realloc`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_realloc_v1(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { memory::realloc(image, block, size, align, new_size) }
}
