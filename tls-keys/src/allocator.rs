//! Memory: an allocator for modules that is the host's, and what the host needs to find out which
//! allocator an image has.
//!
//! The problem: memory crosses between host and modules inside shared values. A task that one side
//! boxed is freed by the other. That is sound only if both have the same allocator, and each image
//! chooses its own with `#[global_allocator]`. A host with mimalloc and a module that says nothing
//! corrupt each other's heap.
//!
//! | module | host: the system's allocator | host: another |
//! | --- | --- | --- |
//! | says nothing, or [`System`](https://doc.rust-lang.org/std/alloc/struct.System.html) | fits | refused |
//! | [`host_allocator!`](crate::host_allocator) | fits | fits |
//! | another | refused | refused, be it the same crate: each image has its own copy of its state |
//!
//! In the manifest an image says that it forwards, or nothing: no tool can tell the rest from the file.
//! The host finds out by trying ([`Image::alloc`](crate::abi::Image::alloc)), before the module's keys are
//! resolved; how is told in `tls-slots`' `src/allocator.rs`.
//!
//! # Which image asks
//!
//! A program that links a module as an ordinary library (its unit tests, a static build) has
//! [`HostAllocator`] as its own allocator and the host's functions too, and these would call
//! themselves for ever. So each call says which image it comes from, by the address of that
//! image's keys, and the host's functions answer their own image from the system's allocator.

use core::alloc::{GlobalAlloc, Layout};

use crate::object;

/// A module's allocator that forwards to the host's, whatever that is.
///
/// [`host_allocator!`](crate::host_allocator) makes it the image's. By hand it does for allocators
/// that wrap it and hand its pointers through as they are; one that adds a header is another
/// allocator, and refused as such.
///
/// In a program that is a host itself it is the system's allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostAllocator;

// SAFETY:
// - The host's functions are those of its `#[global_allocator]`, or of `std::alloc::System`, called with
//   the caller's layout, so that allocator's contract is this one's.
// - One block is always given to the same of the two: which of them it is depends on the image only.
// - They do not unwind: they are `extern "C"`.
unsafe impl GlobalAlloc for HostAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a `Layout` is valid.
        unsafe { object::alloc(object::id(), layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { object::dealloc(object::id(), block, layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { object::alloc_zeroed(object::id(), layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { object::realloc(object::id(), block, layout.size(), layout.align(), size) }
    }
}

/// Makes the host's allocator the one of this module: one line, at the root of the module's crate.
///
/// Needed where the host has a `#[global_allocator]` of its own; harmless everywhere else. The forked tokio
/// has it as `tokio::host_allocator!`.
///
/// A program has one `#[global_allocator]`. If a module is also linked as an ordinary library into a
/// program that has another, or beside another module with this line, put the line behind a feature
/// of the module: `#[cfg(feature = "module")]`.
///
/// # Examples
///
/// ```
/// use tls_slots as _; // this program is a host: its allocator is the system's
///
/// tls_keys::host_allocator!();
///
/// # fn main() {
/// assert_eq!(String::from("allocated").len(), 9);
/// # }
/// ```
#[macro_export]
macro_rules! host_allocator {
    () => {
        #[global_allocator]
        static TLS_SLOTS_HOST_ALLOCATOR: $crate::HostAllocator = $crate::HostAllocator;

        $crate::allocator_record!("tls_keys::HostAllocator", forwards: true);
    };
}

/// This image's allocator, whatever it is, for the host to try.
///
/// # Safety
///
/// As [`GlobalAlloc::alloc`], with a valid layout.
pub(crate) unsafe extern "C" fn alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { alloc::alloc::alloc(Layout::from_size_align_unchecked(size, align)) }
}

/// The counterpart of [`alloc`].
///
/// # Safety
///
/// As [`GlobalAlloc::dealloc`], with the layout that the block was allocated with.
pub(crate) unsafe extern "C" fn dealloc(block: *mut u8, size: usize, align: usize) {
    // SAFETY: the caller's promise.
    unsafe { alloc::alloc::dealloc(block, Layout::from_size_align_unchecked(size, align)) }
}
