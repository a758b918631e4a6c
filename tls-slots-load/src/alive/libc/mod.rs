//! What a module's std leaves with libc. The host takes it over.
//!
//! # The problem
//!
//! A module's std, like that of any library, gives libc addresses of its own functions. libc calls
//! them when a thread ends. On a thread that lives on, this has consequences:
//!
//! | the module | libc has | after `dlclose`, without this folder |
//! | --- | --- | --- |
//! | used a `std::thread_local!` with a destructor, started a thread, or waited in a channel | a destructor, by `__cxa_thread_atexit_impl` | still mapped, until the next `dlclose` after the thread's end |
//! | asked for `thread::current()` | a pthread key with a destructor | unmapped; SIGSEGV when the thread ends. After 1,024 such loads no key is left |
//! | started a thread that still runs | the start routine of that thread | unmapped under running code |
//!
//! # The way
//!
//! The host defines the functions that register such addresses. Every image finds a definition in
//! the executable before libc's, so each call of these functions comes here. If the call is about a
//! module that the registry has accepted, or about a library that may go with a module, the address
//! is kept here. All other calls go on to libc, unchanged.
//!
//! | file | functions | what is kept | libc gets instead |
//! | --- | --- | --- | --- |
//! | `gnu/destructors.rs` | `__cxa_thread_atexit_impl` | destructors of thread-locals, in a list for each thread | a function of the host's at the same place of libc's list |
//! | `gnu/pthread_keys.rs` | `pthread_key_create`, `pthread_key_delete`, `pthread_setspecific` | destructors of pthread keys, in a table | one of 256 functions of the host's |
//! | `gnu/starts.rs` | `pthread_create`, `thrd_create` | start routines of threads | a function of the host's that calls the routine |
//! | `gnu/threads.rs` | | threads that run such a routine or have such a list | |
//! | `gnu/timers.rs` | `timer_create`, `timer_delete` | timers that call a function | a function of the host's that calls the timer's |
//! | `gnu/exit_functions.rs` | `__cxa_atexit`, `on_exit`, `__cxa_at_quick_exit` | functions that `exit` calls and nobody takes back | the same |
//! | `gnu/signals.rs` | `sigaction` | signal actions that were replaced; the others are asked for | the same |
//! | `gnu/environment.rs` | `getenv`, `setenv` and their like | the environment, which images read and write without a common lock | nothing: libc has no part in these calls |
//! | `gnu/callers.rs` | | whose a start routine is, where that is not plain | |
//! | `gnu/images.rs` | | tells which image an address is in | |
//! | `gnu/next.rs` | | libc's own functions | |
//!
//! So libc has no address of a module, except for signal actions and functions of `exit`. The host
//! can count what a module has registered. It can run destructors on their thread before that
//! thread ends, or drop them.
//!
//! # Order of destructors
//!
//! The order is the same as without this folder: first the destructors of thread-locals of all
//! images, the last registered first, with the host's own values of keys in between; then those of
//! pthread keys. `gnu/destructors.rs` tells how.
//!
//! # What is not seen
//!
//! - pthread keys without a destructor. Such a key is leaked, unless the module deletes it.
//! - Threads that are made by `clone` without libc, and threads that libc starts for itself and
//!   that call a function later: `mq_notify`, `aio_read`, `getaddrinfo_a`.
//! - With glibc before 2.34 and GNU ld: `thrd_create`, `timer_create` and `timer_delete`, if the
//!   host is not linked to the library that has them.
//! - Modules that were opened by `RTLD_DEEPBIND`, because they find libc's functions first.
//!
//! A statically linked program has none of this, and no modules either. On other systems nothing is
//! taken over (`none.rs`). Windows leaks such destructors, and macOS never unmaps an image that has
//! thread-locals.

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

use types::Span;
pub use types::{ThreadDestructors, ThreadInfo};

/// Takes note of the images that are there when the program starts. For its first constructor.
pub(crate) fn program_starts() {
    system::program_starts();
}

/// Takes note of a module that the registry has accepted.
pub(crate) fn image_came(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        system::register(Span::from(&memory.all));
    }
}

/// Has the calling thread run what an image has left with libc. This is the first step when the
/// image goes, so the destructors may still use keys and print.
///
/// # Safety
///
/// No other code of the image may run any more.
pub(crate) unsafe fn image_leaves(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        // SAFETY: the image has a memory, so it is loaded. The caller promises that no code of it
        // runs.
        unsafe { run_here(&memory.all) };
    }
}

/// Has the calling thread run what an image has left with libc since [`image_leaves`], and drops
/// what other threads have of it. This is the last step when the image goes.
///
/// # Safety
///
/// As [`image_leaves`].
pub(crate) unsafe fn image_left(image: AcceptedImage) {
    if let Some(memory) = memory::of(image.start.cast()) {
        // SAFETY: the caller promises that no code of the image runs any more. It is still mapped.
        unsafe { system::unregister(Span::from(&memory.all)) }
    }
}

/// The calling thread ends, and its thread-locals are gone. Runs the destructors that were
/// registered too late for libc, and forgets the thread.
pub(crate) fn thread_ends() {
    system::thread_ends();
}

/// The memory of the module that an address is in, among those that the registry has accepted.
pub(crate) fn module_at(address: usize) -> Option<Range<usize>> {
    system::module_at(address).map(|span| span.start..span.end)
}

/// The threads that have to run destructors of an image's thread-locals, or of values of its
/// pthread keys.
pub(crate) fn destructors(range: &Range<usize>) -> Vec<ThreadDestructors> {
    system::destructors(range.into())
}

/// The threads that run a function that one of these images gave to libc, or are about to run it: a
/// start routine, or the destructor of a pthread key.
pub(crate) fn threads(ranges: &[Range<usize>]) -> Vec<ThreadInfo> {
    system::threads(&spans(ranges))
}

/// How many timers call a function of one of these images.
pub(crate) fn timers(ranges: &[Range<usize>]) -> usize {
    system::timers(&spans(ranges))
}

/// How many functions of these images run when the process exits, and are not taken out when the
/// images are closed together.
pub(crate) fn exit_functions(ranges: &[Range<usize>]) -> usize {
    system::exit_functions(&spans(ranges))
}

fn spans(ranges: &[Range<usize>]) -> Vec<Span> {
    ranges.iter().map(Span::from).collect()
}

/// The modules that were opened by code of a module.
pub(crate) fn opened_by(range: &Range<usize>) -> Vec<Range<usize>> {
    let opened = system::opened_by(range.into()).into_iter();
    opened.map(|span| span.start..span.end).collect()
}

/// How many pthread keys with a destructor an image has.
pub(crate) fn pthread_keys(range: &Range<usize>) -> usize {
    system::pthread_keys(range.into())
}

/// The signals whose action is a function of an image, or may call one that it has replaced.
pub(crate) fn signal_actions(range: &Range<usize>) -> Vec<std::ffi::c_int> {
    system::signal_actions(range.into())
}

/// Functions of an image that libc may call and that cannot be taken back, each as the end of a
/// sentence "it cannot be unloaded, because of …".
pub(crate) fn kept_mapped_by(range: &Range<usize>) -> Vec<String> {
    system::kept_mapped_by(range.into())
}

/// Runs the destructors that an image has registered on the calling thread. Gives how many ran.
///
/// First those of thread-locals run, the last registered first, and also those that are registered
/// meanwhile. Then those of this thread's values of the image's pthread keys run. Panics are
/// discarded. If destructors register others without end, this stops after a large number.
///
/// The values are gone after this. A later access to one of them panics, as at the thread's end.
///
/// # Safety
///
/// The image must be loaded. No code of it may be further up on this thread's stack, and nothing
/// there may refer to its thread-locals.
pub(crate) unsafe fn run_here(range: &Range<usize>) -> usize {
    // SAFETY: the caller promises the same.
    unsafe { system::run_here(range.into()) }
}

/// Drops all destructors of an image on all threads without running them, and deletes its pthread
/// keys. What the values own is leaked.
///
/// After this has returned, no thread begins to run one of them. Those that [`destructors`] and
/// [`threads`] still report are running.
pub(crate) fn forget(range: &Range<usize>) {
    system::forget(range.into());
}

/// What is to be forgotten of a library that is no module, when it is gone.
pub(crate) struct Library(system::Library);

/// Takes note of what is to be forgotten of a library. It must be mapped.
pub(crate) fn library(range: &Range<usize>) -> Library {
    Library(system::library(range.into()))
}

/// Forgets a library that is unmapped, and deletes its pthread keys. Nobody has values of them.
pub(crate) fn forget_gone(library: &Library) {
    system::forget_gone(&library.0);
}
