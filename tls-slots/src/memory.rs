//! The memory that modules get from the host: the functions behind `tls_keys::HostAllocator`.
//!
//! A module with `host_allocator!` calls these for each allocation. Where the host's own allocator
//! is `HostAllocator` (in a module's unit tests), the host's calls come here too, and then a call
//! with the host's own image must not go to the global allocator again: it goes to [`System`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::keys::abi::Key;
use crate::keys::host;

/// From this alignment on, [`alloc`] notes that it was called. Such alignments are rare, so an
/// ordinary allocation pays one comparison.
pub(crate) const NOTED_ALIGN: usize = 128;

thread_local! {
    /// The address of the last block of [`NOTED_ALIGN`] or more that a module got on this thread.
    static NOTED: Cell<usize> = const { Cell::new(0) };
}

#[cold]
#[inline(never)]
fn note(block: *mut u8) {
    // A thread whose thread-locals are gone is not one that loads modules.
    let _ = NOTED.try_with(|noted| noted.set(block.addr()));
}

/// What was noted on this thread since this was last called; 0 for nothing.
pub(crate) fn take_note() -> usize {
    NOTED.replace(0)
}

/// Whether a call comes from the host's own image.
#[inline(always)]
fn is_own(image: *const Key) -> bool {
    std::ptr::eq(image, host::id())
}

/// # Safety
///
/// As [`GlobalAlloc::alloc`]. Size and alignment must be a layout, `image` the id of the caller's
/// image.
#[inline(always)]
pub(crate) unsafe fn alloc(image: *const Key, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            return System.alloc(layout);
        }
        let block = std::alloc::alloc(layout);
        if align >= NOTED_ALIGN {
            note(block);
        }
        block
    }
}

/// # Safety
///
/// As [`GlobalAlloc::dealloc`], otherwise as [`alloc`].
#[inline(always)]
pub(crate) unsafe fn dealloc(image: *const Key, block: *mut u8, size: usize, align: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.dealloc(block, layout);
        } else {
            std::alloc::dealloc(block, layout);
        }
    }
}

/// # Safety
///
/// As [`alloc`].
#[inline(always)]
pub(crate) unsafe fn alloc_zeroed(image: *const Key, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.alloc_zeroed(layout)
        } else {
            std::alloc::alloc_zeroed(layout)
        }
    }
}

/// # Safety
///
/// As [`GlobalAlloc::realloc`], otherwise as [`alloc`].
#[inline(always)]
pub(crate) unsafe fn realloc(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.realloc(block, layout, new_size)
        } else {
            std::alloc::realloc(block, layout, new_size)
        }
    }
}
