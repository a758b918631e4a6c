//! Memory: an allocator for modules that forwards to the host's, and two functions by which the
//! host finds out which allocator an image has.
//!
//! The problem: memory crosses between host and modules inside shared values. A task that one side
//! boxed is freed by the other side. That is sound only if both have the same allocator, and each
//! image chooses its own with `#[global_allocator]`. A host with mimalloc and a module that says
//! nothing corrupt each other's heap.
//!
//! | module | host: the system's | host: another |
//! | --- | --- | --- |
//! | says nothing, or `std::alloc::System` | fits | refused |
//! | [`host_allocator!`](crate::host_allocator) | fits | fits |
//! | another | refused | refused |
//!
//! The last field holds even if both name the same crate, as each image has its own copy of the
//! allocator's state.
//!
//! An image's manifest says that the image forwards, or says nothing: no tool can tell the rest
//! from the file. The host finds out by trying ([`Image::alloc`](crate::abi::Image::alloc)) before
//! it resolves the module's keys. How it tries is told in `tls-slots`, in `allocator.rs`.
//!
//! # Which image asks
//!
//! A program may link a module as an ordinary library: the module's unit tests, a static build.
//! Then [`HostAllocator`] is the program's own allocator, the host's functions are in the same
//! program, and they would call themselves for ever. So each call says which image it comes from,
//! by the address of that image's keys. The host's functions answer their own image from the
//! system's allocator.

use core::alloc::{GlobalAlloc, Layout};

use super::{calls, object};

/// A module's allocator that forwards to the host's allocator, whatever that is.
///
/// [`host_allocator!`](crate::host_allocator) makes it the image's allocator. An allocator of your
/// own may wrap it, if it hands the pointers through as they are. An allocator that adds a header
/// is another allocator, and is refused as such.
///
/// In a program that is a host itself, it is the system's allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostAllocator;

// SAFETY:
// - The host's functions call its `#[global_allocator]`, or `std::alloc::System`, with the caller's
//   layout. So that allocator's contract is this one's.
// - One block is always given to the same of the two: which of them depends on the image only.
// - The host's functions do not unwind: they are `extern "C"`.
unsafe impl GlobalAlloc for HostAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a `Layout` is valid.
        unsafe { calls::alloc(object::id(), layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; a `Layout` is valid.
        unsafe { calls::dealloc(object::id(), block, layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a `Layout` is valid.
        unsafe { calls::alloc_zeroed(object::id(), layout.size(), layout.align()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; a `Layout` is valid.
        unsafe { calls::realloc(object::id(), block, layout.size(), layout.align(), size) }
    }
}

/// Makes the host's allocator the allocator of this module: one line, at the root of the module's
/// crate.
///
/// A module needs it where the host has a `#[global_allocator]` of its own. It is harmless
/// everywhere else. The forked tokio offers it as `tokio::host_allocator!`.
///
/// A program has one `#[global_allocator]`. A module may also be linked as an ordinary library,
/// into a program that has another allocator, or beside another module with this line. Then put the
/// line behind a feature of the module: `#[cfg(feature = "module")]`.
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

/// Allocates from this image's allocator, whatever it is. For the host to try.
///
/// # Safety
///
/// As [`GlobalAlloc::alloc`], with a valid layout.
pub(crate) unsafe extern "C" fn alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { alloc::alloc::alloc(Layout::from_size_align_unchecked(size, align)) }
}

/// The counterpart of [`alloc`], likewise.
///
/// # Safety
///
/// As [`GlobalAlloc::dealloc`], with the layout that the block was allocated with.
pub(crate) unsafe extern "C" fn dealloc(block: *mut u8, size: usize, align: usize) {
    // SAFETY: the caller's promise.
    unsafe { alloc::alloc::dealloc(block, Layout::from_size_align_unchecked(size, align)) }
}
