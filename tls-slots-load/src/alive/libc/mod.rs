//! What the std of a module leaves with libc, taken over by the host.
//!
//! # The problem
//!
//! A module's std, as any library's, gives libc addresses of its own functions, which libc calls when a thread
//! ends. So on a thread that lives on:
//!
//! | the module did | libc has | after `dlclose`, without this |
//! | --- | --- | --- |
//! | used a `std::thread_local!` with a destructor; started a thread; waited in a channel | a destructor, by `__cxa_thread_atexit_impl` | still mapped, until the next `dlclose` after the thread's end |
//! | asked for `thread::current()` | a pthread key with a destructor | unmapped; SIGSEGV when the thread ends. 1,024 such loads, and there is no key left |
//! | started a thread that still runs | that thread's start routine | unmapped under running code |
//!
//! # What is done
//!
//! The host defines `__cxa_thread_atexit_impl`, `pthread_key_create`, `pthread_key_delete`, `pthread_setspecific` and
//! `pthread_create`. A definition in the executable is found before libc's, by every image, so each call of these
//! comes here. What concerns a module that the registry has accepted is kept here; everything else is handed on to
//! libc, unchanged:
//!
//! | file | what | libc gets instead |
//! | --- | --- | --- |
//! | `gnu/destructors.rs` | destructors of thread-locals, in a list per thread | a function of the host's at the same place of its own list |
//! | `gnu/keys.rs` | destructors of pthread keys, in a table | one of 256 functions of the host's |
//! | `gnu/threads.rs` | threads whose start routine is a module's, and the threads that have such a list | a function of the host's that calls the routine |
//! | `gnu/signals.rs` | signal actions; asked for, not taken over | |
//! | `gnu/images.rs` | which addresses are a module's | |
//! | `gnu/next.rs` | libc's own functions | |
//!
//! So libc never holds an address of a module. What is registered can be counted, run on its own thread before that
//! thread ends, or dropped.
//!
//! # Order of destructors
//!
//! That of libc without this: last registered first, over all images, with the host's own values of keys
//! (`thread.rs`) in between; then pthread keys. `gnu/destructors.rs` tells how.
//!
//! # What is not seen
//!
//! - Keys without a destructor: the key is leaked, unless the module deletes it.
//! - Threads started by C11's `thrd_create`, which libc does without `pthread_create`; and those of a C++
//!   library's `std::thread`, whose start routine is in libstdc++.
//! - Modules opened by `RTLD_DEEPBIND`, which find libc's functions first.
//! - A statically linked program has none of this, nor any modules.
//!
//! On other systems nothing is taken over (`none.rs`). Windows leaks such destructors, and macOS never unmaps
//! an image that has thread-locals.

use std::ops::Range;

#[doc(hidden)]
pub mod probe;
mod types;

#[cfg(tls_slots_interpose)]
mod gnu;
#[cfg(tls_slots_interpose)]
use gnu as system;

#[cfg(not(tls_slots_interpose))]
mod none;
#[cfg(not(tls_slots_interpose))]
use none as system;

use tls_slots::loader::{AcceptedImage, memory};

pub use types::{ThreadDestructors, ThreadInfo};
use types::Span;

/// Takes note of a module that the registry has accepted.
pub(crate) fn image_came(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        system::register(Span::from(&memory.all));
    }
}

/// Has the calling thread run what an image has left with libc. The first step when the image goes: what
/// runs may use keys and print.
///
/// # Safety
///
/// No other code of the image may run any more, except for what runs here.
pub(crate) unsafe fn image_leaves(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        // SAFETY: the caller's promise.
        unsafe { run_here(&memory.all) };
    }
}

/// Has the calling thread run what an image has left since, and drops what other threads have of it. The
/// last step when the image goes: a destructor that ran before may have registered another.
///
/// # Safety
///
/// As [`image_leaves`].
pub(crate) unsafe fn image_left(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        // SAFETY: the caller's promise.
        unsafe { system::unregister(Span::from(&memory.all)) }
    }
}

/// The calling thread ends, and its thread-locals are gone: runs the destructors that came too late for
/// libc, and forgets the thread.
pub(crate) fn thread_ends() {
    system::thread_ends();
}

/// The threads that have destructors to run of an image's thread-locals, or of values of its pthread keys.
pub(crate) fn destructors(range: &Range<usize>) -> Vec<ThreadDestructors> {
    system::destructors(range.into())
}

/// The threads that run, or are about to run, a function of an image that it gave to libc: a start routine, or
/// the destructor of a pthread key.
pub(crate) fn threads(range: &Range<usize>) -> Vec<ThreadInfo> {
    system::threads(range.into())
}

/// How many pthread keys with a destructor an image has.
pub(crate) fn keys(range: &Range<usize>) -> usize {
    system::keys(range.into())
}

/// The signals whose action is a function of an image.
pub(crate) fn signal_actions(range: &Range<usize>) -> Vec<std::ffi::c_int> {
    system::signal_actions(range.into())
}

/// What of an image libc may still call that cannot be taken back, each as the end of a sentence "it cannot be
/// unloaded, because of …".
pub(crate) fn kept_mapped_by(range: &Range<usize>) -> Vec<String> {
    system::kept_mapped_by(range.into())
}

/// Runs, on the calling thread, the destructors that an image has registered on it, last registered first, also
/// those that are registered meanwhile; then those of its pthread keys' values on this thread. Panics are
/// contained. Gives how many ran: of so many that there is no end to them, the first ones.
///
/// The values are gone then: a later access to one of them panics, as at the thread's end.
///
/// # Safety
///
/// The image must be loaded, and no code of it may run further up on this thread, nor refer to its
/// thread-locals.
pub(crate) unsafe fn run_here(range: &Range<usize>) -> usize {
    // SAFETY: the caller's promise.
    unsafe { system::run_here(range.into()) }
}

/// Drops all destructors of an image, on all threads, without running them, and deletes its pthread keys. What
/// the values own is leaked.
///
/// No thread begins to run any of them after this returns; those that [`destructors`] and [`threads`] tell of
/// are running still.
pub(crate) fn forget(range: &Range<usize>) {
    system::forget(range.into());
}
