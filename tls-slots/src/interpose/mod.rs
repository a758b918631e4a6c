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

#[cfg(tls_slots_interpose)]
mod gnu;
#[cfg(tls_slots_interpose)]
use gnu as system;

#[cfg(not(tls_slots_interpose))]
mod none;
#[cfg(not(tls_slots_interpose))]
use none as system;

use crate::keys::abi::Image;
use crate::{image_memory, registry};

/// Where an image lies, from its lowest to its highest address: what identifies it here.
///
/// Invariant: the C library reserves the whole range for the image, so no other image's code is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    #[allow(dead_code)] // not where nothing is taken over
    fn contains(self, address: usize) -> bool {
        self.start <= address && address < self.end
    }
}

impl From<&Range<usize>> for Span {
    fn from(range: &Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A thread that has destructors of a module to run: of thread-locals, and of values of pthread keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadDestructors {
    /// The system's number of the thread; `None` where it does not tell.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// How many destructors, with the one that is running.
    pub count: usize,
    /// Whether it is the calling thread.
    pub is_current: bool,
}

/// A thread that runs, or is about to run, a function that a module gave to libc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadInfo {
    /// The system's number of the thread; `None` before it runs, and for a thread that is ending, in a
    /// destructor of a pthread key.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// Whether it is the calling thread.
    pub is_current: bool,
}

/// Takes note of an image, if it is a module that the registry has accepted. For its constructor, as soon
/// as the registry knows it.
pub(crate) fn register(image: &Image) {
    if !registry::is_accepted_module(image.keys_start) {
        return;
    }
    if let Some(memory) = image_memory::of(image.keys_start.cast()) {
        system::register(Span::from(&memory.all));
    }
}

/// Has the calling thread run what an image has left, and drops what other threads have of it.
///
/// For the image's destructor, when the registry does not know the image any more.
///
/// # Safety
///
/// No other code of the image may run any more, but for what runs here.
pub(crate) unsafe fn unregister(image: &Image) {
    if registry::is_exiting() {
        return;
    }
    if let Some(memory) = image_memory::of(image.keys_start.cast()) {
        // SAFETY: the caller's promise.
        unsafe { system::unregister(Span::from(&memory.all)) }
    }
}

/// Has the calling thread run what an image has left. For the image's destructor, first of all: what runs may
/// use keys and print.
///
/// # Safety
///
/// As [`unregister`].
pub(crate) unsafe fn leave(image: &Image) {
    if registry::is_exiting() {
        return;
    }
    if let Some(memory) = image_memory::of(image.keys_start.cast()) {
        // SAFETY: the caller's promise.
        unsafe { run_here(&memory.all) };
    }
}

/// What the host does when a thread ends, after its thread-locals: runs destructors that came too late for
/// libc to run them, and forgets the thread.
#[cfg(unix)]
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
pub(crate) fn pins(range: &Range<usize>) -> Vec<String> {
    system::pins(range.into())
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

/// For the tests of this repository.
#[doc(hidden)]
pub mod probe {
    use std::ffi::c_int;
    use std::ops::Range;

    pub use super::{ThreadDestructors, ThreadInfo};
    use crate::image_memory;

    /// All that is known of the image that an address is in.
    #[derive(Debug)]
    pub struct Seen {
        /// Where it lies.
        pub memory: Range<usize>,
        /// See the module.
        pub destructors: Vec<ThreadDestructors>,
        /// See the module.
        pub threads: Vec<ThreadInfo>,
        /// See the module.
        pub keys: usize,
        /// See the module.
        pub signals: Vec<c_int>,
        /// See the module.
        pub pins: Vec<String>,
    }

    /// Looks at the image that an address is in.
    pub fn look(address: *const u8) -> Option<Seen> {
        let memory = image_memory::of(address)?.all;
        Some(Seen {
            destructors: super::destructors(&memory),
            threads: super::threads(&memory),
            keys: super::keys(&memory),
            signals: super::signal_actions(&memory),
            pins: super::pins(&memory),
            memory,
        })
    }

    /// See the module.
    ///
    /// # Safety
    ///
    /// See the module.
    pub unsafe fn run_here(memory: &Range<usize>) -> usize {
        // SAFETY: the caller's promise.
        unsafe { super::run_here(memory) }
    }

    /// See the module.
    pub fn forget(memory: &Range<usize>) {
        super::forget(memory);
    }

    /// Whether an image lies there.
    pub fn is_mapped(memory: &Range<usize>) -> bool {
        image_memory::is_mapped(memory)
    }
}
