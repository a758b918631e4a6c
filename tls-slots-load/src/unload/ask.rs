//! What threads that live on have of a module that is being unloaded, and how they are asked to give it up.
//!
//! The problem: a thread of the runtime that has run a module's code may keep values of the module:
//! thread-locals of the module's std with their destructors, values of the module's private keys. Values
//! belong to their thread, so only that thread can drop them. A worker does not end. But before it sleeps, it
//! is in a *quiescent state*: it runs no code of a module. There it calls
//! `tls_keys::quiescence::quiescent_state`, which is one load where nothing is to be done.
//!
//! | who | does |
//! | --- | --- |
//! | the unloading thread | [`ask`]s: lists the module as pending, and wakes the runtimes |
//! | a worker, a thread in `block_on` | drops what it has ([`drop_here`]) before it sleeps again |
//! | an idle thread of the blocking pool | ends, as after its time-out, and drops what it has by that |
//!
//! Other threads of the host are not reached: what they have is reported.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::sync::atomic::Ordering;

use tls_keys::abi::Key;
use tls_keys::panic::discard_panic;
use tls_keys::quiescence::{self, Runtime};
use tls_slots::loader::{self, lock};

use crate::alive::{libc, shared_state};

/// A module that is being unloaded. No code of it will run but destructors.
#[derive(Clone)]
struct Pending {
    /// What identifies the image, as in the registry.
    image: usize,
    memory: Range<usize>,
}

/// The modules that threads are asked about. Invariant: `quiescence::pending()` is their number; each is loaded
/// while it is listed. Nobody's code runs under the lock.
static PENDING: Mutex<Vec<Pending>> = Mutex::new(Vec::new());

/// The runtimes of this process that can be woken. Nobody's code runs under the lock but theirs, which is
/// the host's copy of tokio.
static RUNTIMES: Mutex<Vec<Arc<dyn Runtime>>> = Mutex::new(Vec::new());

/// While this lives, threads in a quiescent state give up what they have of a module.
pub(crate) struct Asked(usize);

/// Asks all threads to give up what they have of a module.
///
/// # Safety
///
/// Until the result is dropped, the module must be loaded, and none of its code be running on any thread but
/// destructors of thread-locals.
pub(crate) unsafe fn ask(image: *const Key, memory: Range<usize>) -> Asked {
    let image = image as usize;
    lock(&PENDING).push(Pending { image, memory });
    quiescence::pending().fetch_add(1, Ordering::SeqCst);
    Asked(image)
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut pending = lock(&PENDING);
        pending.retain(|pending| pending.image != self.0);
        quiescence::pending().fetch_sub(1, Ordering::SeqCst);
    }
}

/// Wakes all runtimes, so that their threads call `tls_keys::quiescence::quiescent_state`.
pub(crate) fn wake() {
    let mut runtimes = lock(&RUNTIMES);
    runtimes.retain(|runtime| runtime.is_alive());
    for runtime in &*runtimes {
        runtime.wake();
    }
}

/// Aborts the tasks of a module in all runtimes; gives how many there were.
pub(crate) fn abort(memory: &Range<usize>) -> usize {
    let runtimes = lock(&RUNTIMES);
    runtimes
        .iter()
        .map(|runtime| runtime.abort(memory.clone()))
        .sum()
}

/// Drops what the calling thread has of a module: first what its std knows, then the values of its private
/// keys.
///
/// # Safety
///
/// The module must be loaded, and none of its code be running on this thread.
pub(crate) unsafe fn drop_here(image: *const Key, memory: &Range<usize>) {
    // A destructor may make new values, of either kind; and it may do so forever.
    const TIMES: usize = 8;
    for _ in 0..TIMES {
        // SAFETY: the caller's promise.
        let ran = unsafe { libc::run_here(memory) };
        let mut dropped = 0;
        discard_panic(|| dropped = loader::reset(&loader::private_thread_locals(image)));
        if ran + dropped == 0 {
            break;
        }
    }
    // Last, as the destructors may have put something off.
    discard_panic(|| shared_state::quiescent(memory));
}

/// The calling thread gives up what it has of modules that are pending.
///
/// # Safety
///
/// No code of such a module may be running on this thread.
pub(crate) unsafe fn quiescent_state() {
    // Not in the loop's head: what that makes lives as long as the loop, the lock too.
    let pending = lock(&PENDING).clone();
    for Pending { image, memory } in pending {
        // The lock is not held meanwhile, so the module could be gone: but it waits for this thread.
        let _visit = Visit::begin(image);
        let is_pending = lock(&PENDING).iter().any(|pending| pending.image == image);
        if is_pending {
            // SAFETY: listed, so it is loaded, and by `ask`'s contract runs no code; it stays so
            // until the visit is over.
            unsafe { drop_here(image as *const Key, &memory) }
        }
    }
}

/// Modules that a thread is just dropping things of.
static VISITS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

struct Visit(usize);

impl Visit {
    fn begin(image: usize) -> Self {
        lock(&VISITS).push(image);
        Self(image)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visits = lock(&VISITS);
        if let Some(at) = visits.iter().position(|image| *image == self.0) {
            visits.swap_remove(at);
        }
    }
}

/// Whether a thread is just dropping things of the module.
pub(crate) fn is_visited(image: *const Key) -> bool {
    lock(&VISITS).contains(&(image as usize))
}

/// Takes note of a runtime.
pub(crate) fn add_runtime(runtime: &Arc<dyn Runtime>) {
    let mut runtimes = lock(&RUNTIMES);
    if runtimes.len() == runtimes.capacity() {
        // A runtime that is gone leaves its memory here, but not for long.
        runtimes.retain(|runtime| runtime.is_alive());
    }
    runtimes.push(Arc::clone(runtime));
}
