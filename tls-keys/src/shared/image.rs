//! This image, as the host's registry knows it: its description, its constructor and its
//! destructor.

use super::key::{Image, Key};
use super::sync::{AtomicUsize, Ordering};
use super::{allocator, calls, object};

pub use super::object::id;
pub(crate) use super::object::run_at;

/// Offset of this image's row in a thread's block of counters, in bytes.
///
/// Invariant: a multiple of a row's size, and less than the size of a block. The host's loader
/// writes it before other code of the image runs, and sets it to zero after all other code of the
/// image. Zero is the offset of the host's own row; it stays zero in a host without a loader.
static ROW: AtomicUsize = AtomicUsize::new(0);

/// Offset of this image's row in a thread's block of counters, in bytes.
#[inline(always)]
pub(super) fn row() -> usize {
    ROW.load(Ordering::Relaxed)
}

/// This image's own description.
///
/// It is passed by value, not kept in a static: if the static's symbol were exported, the static of
/// another image could take its place.
pub fn image() -> Image {
    let (keys_start, keys_end) = object::keys();
    let (manifest_start, manifest_end) = object::manifest();
    Image {
        key_size: size_of::<Key>(),
        keys_start,
        keys_end,
        manifest_start,
        manifest_end,
        alloc: allocator::alloc,
        dealloc: allocator::dealloc,
        row: &raw const ROW,
        // Neither generic nor inline, so no other image has a copy of it.
        core: core::fmt::write as *const (),
    }
}

run_at!(load: enter);
run_at!(unload: leave);

/// Presents this image to the host's registry. Does nothing the second time.
pub(crate) extern "C" fn enter() {
    // SAFETY: the image is this one. Its section holds keys only, and it is loaded while its own
    // code runs.
    unsafe { calls::register(&image()) }
}

/// Takes this image from the host's registry.
extern "C" fn leave() {
    // SAFETY: the image is this one, and loaded. The system calls this function last, when no other
    // code of the image may run.
    unsafe { calls::unregister(&image()) }
}
