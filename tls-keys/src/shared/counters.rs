//! What of an image is in use, counted for unloading it.
//!
//! The problem: when the code of a module is unmapped, nothing may be left that would run it. A
//! task, for example, is known to the runtime by functions of the image that spawned it. So each
//! image counts what has begun and what has ended, and the host unmaps a module only when the two
//! are equal.
//!
//! # How counting costs next to nothing
//!
//! Each thread has a block of [`Counters`] in the host's memory, with a row for each image, and is
//! the only one to write to its block. So counting is an addition without a bus lock: load the
//! block's address, which is a thread-local key like any other, add the offset of the image's row,
//! add one. When the host wants to know, it adds up the blocks of all threads.
//!
//! A block has [`ROWS`] rows. When they are taken, the host makes another key with blocks of its
//! own ([`new_key`]), and the key of the next image that comes resolves to that one. So there is a
//! row for each image, no image has to know which block is its own, and a thread has only the
//! blocks in which it counts.
//!
//! What has begun and what has ended are counted apart, because a task may end on another thread
//! than the one on which it began. The host first reads all that has ended, then all that has
//! begun. Both only grow. So if the sums are equal, there was a moment between the two readings
//! when nothing was alive.
//!
//! | who | counts |
//! | --- | --- |
//! | the forked tokio | tasks and blocking calls, for as long as their cell is allocated |
//! | the forked crossbeam-epoch | deferred functions until they have run: [`Deferred`] |
//! | the forked rayon | jobs that nobody waits for: [`Spawned`] |
//! | the forked tokio, by [`wakers`](crate::wakers) | wakers of the image's own that tokio keeps |
//! | the host's loader | calls of entries, until their future is dropped |
//! | whoever keeps code of an image elsewhere | a [`Hold`](crate::Hold) |

use super::counted::Row;
use super::key::Key;
use super::macros::__declared;
use super::object::__in_keys_section;
use super::record::__key_record;
use super::{access, arch, calls, image};

pub use super::counted::{Counted, Counters, ROW_SIZE, ROWS};

__key_record!(ThreadLocal COUNTERS [Counters]);
__in_keys_section! {
    /// The calling thread's block. The host links this crate too, so the key is shared.
    static COUNTERS: Key = Key::thread_local::<Counters>(
        __declared!(COUNTERS [Counters]),
        init_at,
    );
}

unsafe extern "C-unwind" fn init_at(storage: *mut u8) {
    // SAFETY: `Key::init` promises valid storage of this type's size and alignment.
    unsafe { storage.cast::<Counters>().write(Counters::new()) }
}

/// The key of the threads' blocks, as this image uses it. For the host.
#[doc(hidden)]
pub fn key() -> &'static Key {
    &COUNTERS
}

/// A key of further blocks. For the host.
#[doc(hidden)]
pub fn new_key() -> Key {
    Key::thread_local::<Counters>(__declared!(COUNTERS[Counters]), init_at)
}

/// The calling thread's row at an offset; `None` when the thread has ended.
///
/// # Safety
///
/// `key` must be a key of blocks, and `offset` the offset of a row in a block.
#[inline(always)]
unsafe fn row_at<'a>(key: &'static Key, offset: usize) -> Option<&'a Row> {
    // SAFETY: `Key::slot` is an offset inside the table, by the field's invariant.
    let mut block = unsafe { arch::value(key.slot()) };
    if block.is_null() {
        // SAFETY: the caller's promise.
        block = unsafe { cold(key) };
        if block.is_null() {
            return None;
        }
    }
    // SAFETY: a live block of this thread, and a row in the block by the caller's promise.
    Some(unsafe { &*block.add(offset).cast::<Row>() })
}

/// The calling thread's block where the table has none; null when the thread has ended.
///
/// # Safety
///
/// `key` must be a key of blocks.
#[cold]
#[inline(never)]
unsafe fn cold(key: &'static Key) -> *mut u8 {
    // SAFETY: the caller's promise: a key for this type.
    let block = unsafe { access::cold::<Counters>(key, None, Counters::new) };
    block.cast_mut().cast()
}

/// Something of this image has begun.
///
/// # Safety
///
/// For the edits of forked crates. When the thing has ended, [`end`] is called once for it, by the
/// same image.
#[inline(always)]
pub unsafe fn begin(what: Counted) {
    // SAFETY: this image's own key and row.
    unsafe { begin_at(&COUNTERS, image::row(), what) }
}

/// Something of this image has ended.
///
/// # Safety
///
/// For the edits of forked crates. This image has called [`begin`] for the thing. After this, no
/// code of the image runs for it but the return of the functions that are running: the host may
/// unmap the image when all counts are equal.
#[inline(always)]
pub unsafe fn end(what: Counted) {
    // SAFETY: this image's own key and row.
    unsafe { end_at(&COUNTERS, image::row(), what) }
}

/// [`begin`] on behalf of the image whose row has that offset in the blocks of that key.
///
/// # Safety
///
/// `key` must be [`key`] or one that [`new_key`] made, and the host's loader must have given the
/// row at that offset to an image.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn begin_at(key: &'static Key, offset: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { row_at(key, offset) } {
        Some(row) => row.begin(what),
        // SAFETY: the caller's promise.
        None => unsafe { calls::count(key, offset, what, false) },
    }
}

/// [`end`] on behalf of the image whose row has that offset.
///
/// # Safety
///
/// As [`begin_at`].
#[doc(hidden)]
#[inline(always)]
pub unsafe fn end_at(key: &'static Key, offset: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { row_at(key, offset) } {
        Some(row) => row.end(what),
        // SAFETY: the caller's promise.
        None => unsafe { calls::count(key, offset, what, true) },
    }
}

/// Something that this image gives to a crate that runs it later, on whichever thread.
///
/// It counts from [`begin`](Deferred::begin) until the guard is dropped that
/// [`running`](Deferred::running) returns. The guard is the first local variable of the function
/// that runs the thing, so it is dropped last: after that, only a few instructions without a call
/// remain of the function.
macro_rules! runs_later {
    ($(#[$attr:meta])* $name:ident: $counted:ident) => {
        $(#[$attr])*
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct $name(());

        impl $name {
            /// The thing is given away.
            ///
            /// # Safety
            ///
            /// As [`begin`](super::counters::begin).
            #[inline]
            pub unsafe fn begin() {
                // SAFETY: the caller's promise.
                unsafe { begin(Counted::$counted) }
            }

            /// The thing runs now, and code of the same image runs it.
            ///
            /// # Safety
            ///
            /// This image has counted the thing by [`begin`](Self::begin), and runs it once. The
            /// result is the first local variable of the function that runs it.
            #[inline]
            pub unsafe fn running() -> Self {
                Self(())
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: who called `running` has promised it.
                unsafe { end(Counted::$counted) }
            }
        }
    };
}

runs_later! {
    /// A function that frees what others may still read.
    Deferred: Deferred
}

runs_later! {
    /// A job of a pool that is not tokio's.
    Spawned: Task
}
