//! Requests to other threads: drop what you have of this module.
//!
//! # The problem
//!
//! A thread that has run a module's code may keep values of the module: thread-locals of the
//! module's std, with their destructors, and values of the module's private keys. Only the thread
//! itself can drop them. A worker thread of a runtime does not end, so it would keep them for ever.
//!
//! # The way
//!
//! A worker thread that is about to sleep is in a *quiescent state*: it runs no code of any module.
//! There it calls `tls_keys::quiescence::quiescent_state`. That costs one load while no module is
//! being unloaded. Else the thread drops its values of these modules first.
//!
//! | thread | what it does |
//! | --- | --- |
//! | the unloading thread | makes a [`Request`], which lists the module as pending, and wakes the runtimes |
//! | a worker, or a thread in `block_on` | drops its values ([`drop_own_values`]) before it sleeps again |
//! | an idle thread of the blocking pool | ends, as after its time-out, and so drops its values |
//!
//! Other threads of the host cannot be asked. What they have is reported.
//!
//! The unloading thread looks again when a thread has done one of these things ([`Progress`]), and
//! not only after a pause: most threads need less time than the shortest pause takes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tls_keys::abi::Key;
use tls_keys::panic::discard_panic;
use tls_keys::quiescence::{self, Runtime};
use tls_slots::loader::{self, lock};

use crate::alive::{holds, libc, shared_state};
use crate::loaded::{Group, Loaded};

/// A module that threads are asked about. None of its code will run, except for destructors.
#[derive(Clone)]
struct Pending {
    /// What identifies the module's image, as in the registry.
    image: usize,
    groups: Vec<Group>,
}

impl Loaded {
    /// This image and the modules that it is linked to and that go along: the images whose values
    /// are dropped. This image comes first.
    pub(super) fn groups(&self) -> Vec<Group> {
        let companions = self.companions();
        let linked = companions.modules.iter().filter(|it| it.is_linked);
        let own = std::iter::once(self.group(&companions));
        own.chain(linked.map(Group::of)).collect()
    }

    /// When the last hold of these images has ended.
    pub(super) fn last_hold(&self) -> Option<Instant> {
        let ends = self.groups().into_iter();
        ends.filter_map(|group| holds::last_end(group.start()))
            .max()
    }
}

/// The modules that threads are asked about.
///
/// Invariant: `quiescence::pending()` is their number, and each is loaded while it is listed. Under
/// this lock runs no code but this file's.
static PENDING: Mutex<Vec<Pending>> = Mutex::new(Vec::new());

/// The runtimes of this process that can be woken.
///
/// Under this lock the only other code that runs is the runtimes', which is the host's copy of
/// tokio.
static RUNTIMES: Mutex<Vec<Arc<dyn Runtime>>> = Mutex::new(Vec::new());

/// While this lives, threads in a quiescent state drop their values of a module.
pub(super) struct Request(usize);

impl Request {
    /// Asks all threads to drop their values of a module, and of what goes along with it.
    ///
    /// # Safety
    ///
    /// Until the request is dropped, and until [`is_a_thread_dropping`] is false after that, the
    /// images must be loaded. No thread may run code of them, except for destructors of
    /// thread-locals.
    pub(super) unsafe fn to_all_threads(groups: Vec<Group>) -> Self {
        let image = groups[0].start;
        lock(&PENDING).push(Pending { image, groups });
        quiescence::pending().fetch_add(1, Ordering::SeqCst);
        Self(image)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut pending = lock(&PENDING);
        pending.retain(|pending| pending.image != self.0);
        quiescence::pending().fetch_sub(1, Ordering::SeqCst);
    }
}

/// Wakes all runtimes, so that their threads call `tls_keys::quiescence::quiescent_state`.
pub(super) fn wake_runtimes() {
    let mut runtimes = lock(&RUNTIMES);
    runtimes.retain(|runtime| runtime.is_alive());
    for runtime in &*runtimes {
        runtime.wake();
    }
}

/// Aborts the tasks of these images in all runtimes.
pub(super) fn abort_tasks(groups: &[Group]) {
    let runtimes = lock(&RUNTIMES);
    for runtime in &*runtimes {
        for group in groups {
            runtime.abort(group.ranges[0].clone());
        }
    }
}

/// Drops the calling thread's values of these images: first those that an image's std has left with
/// libc, then those of the image's private keys. Gives how many there were.
///
/// # Safety
///
/// The images must be loaded, and this thread must run no code of them.
pub(super) unsafe fn drop_own_values(groups: &[Group]) -> usize {
    let each = groups.iter();
    // SAFETY: the caller promises the same.
    each.map(|group| unsafe { drop_own_values_of(group) }).sum()
}

/// As [`drop_own_values`], for one group.
///
/// # Safety
///
/// As [`drop_own_values`].
unsafe fn drop_own_values_of(group: &Group) -> usize {
    // A destructor may make new values of either kind. It may do so for ever, so there is an end.
    const TIMES: usize = 8;
    let mut all = 0;
    for _ in 0..TIMES {
        let each = group.ranges.iter();
        // SAFETY: the caller promises that the images are loaded, and that no code of them is
        // further up on this thread.
        let ran: usize = each.map(|memory| unsafe { libc::run_here(memory) }).sum();
        let mut dropped = 0;
        let private = loader::private_thread_locals(group.start());
        // SAFETY: only code of the module refers to values of its private keys, and the caller
        // promises that none of it is further up on this thread.
        discard_panic(|| dropped = unsafe { loader::reset(&private) });
        if ran + dropped == 0 {
            break;
        }
        all += ran + dropped;
    }
    // Last, because the destructors may have deferred something.
    discard_panic(|| shared_state::quiescent(&group.ranges[0]));
    all
}

/// The calling thread is in a quiescent state: it drops its values of the modules that are pending.
///
/// # Safety
///
/// This thread must run no code of such a module.
pub(crate) unsafe fn quiescent_state() {
    // Not in the head of the loop: a temporary there, such as the lock, lives as long as the loop.
    let pending = lock(&PENDING).clone();
    for Pending { image, groups } in pending {
        // SAFETY: the caller's promise.
        let dropped = unsafe { drop_if_pending(image, &groups) };
        // Who has dropped nothing must wake nobody: that would wake this thread again.
        if dropped != 0 {
            Progress::note();
        }
    }
}

/// Drops the calling thread's values of a module that was pending. Gives how many there were.
///
/// # Safety
///
/// As [`quiescent_state`].
unsafe fn drop_if_pending(image: usize, groups: &[Group]) -> usize {
    // No lock is held here, so the request may have ended. But the unloading thread waits for
    // whoever is dropping.
    let _dropping = Dropping::begin(image);
    let is_pending = lock(&PENDING).iter().any(|pending| pending.image == image);
    match is_pending {
        // SAFETY: the module is listed, so it is loaded by the promise to `to_all_threads`, and
        // stays so until `_dropping` is gone. The caller promises that this thread runs no code of
        // it.
        true => unsafe { drop_own_values(groups) },
        false => 0,
    }
}

/// How often a thread has dropped values on request, or has ended while there was a request.
///
/// Under this lock no other is taken.
static PROGRESS: Mutex<u64> = Mutex::new(0);

/// Notified when [`PROGRESS`] grows.
static PROGRESSED: Condvar = Condvar::new();

/// A state of [`PROGRESS`].
pub(super) struct Progress(u64);

impl Progress {
    /// The state now: to be asked for before somebody looks at what is left.
    pub(super) fn now() -> Self {
        Self(*lock(&PROGRESS))
    }

    /// Waits for progress since then, but not longer than this.
    pub(super) fn wait(&self, at_most: Duration) {
        let is_same = |now: &mut u64| *now == self.0;
        // Poisoned or not: a number.
        let _ = PROGRESSED.wait_timeout_while(lock(&PROGRESS), at_most, is_same);
    }

    fn note() {
        *lock(&PROGRESS) += 1;
        PROGRESSED.notify_all();
    }
}

/// The calling thread's values are about to be freed: it has nothing of any module any more.
pub(crate) fn thread_ended() {
    if quiescence::pending().load(Ordering::SeqCst) != 0 {
        Progress::note();
    }
}

/// The modules whose values a thread is dropping at this moment, once for each thread.
static DROPPING: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// While this lives, the module is listed in [`DROPPING`].
struct Dropping(usize);

impl Dropping {
    fn begin(image: usize) -> Self {
        lock(&DROPPING).push(image);
        Self(image)
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        let mut dropping = lock(&DROPPING);
        if let Some(at) = dropping.iter().position(|image| *image == self.0) {
            dropping.swap_remove(at);
        }
    }
}

/// Whether a thread is dropping values of the module at this moment, because of a [`Request`].
pub(super) fn is_a_thread_dropping(image: *const Key) -> bool {
    lock(&DROPPING).contains(&(image as usize))
}

/// Takes note of a runtime.
pub(crate) fn add_runtime(runtime: &Arc<dyn Runtime>) {
    let mut runtimes = lock(&RUNTIMES);
    if runtimes.len() == runtimes.capacity() {
        // Before the list grows: a runtime that is gone has its memory kept by this list.
        runtimes.retain(|runtime| runtime.is_alive());
    }
    runtimes.push(Arc::clone(runtime));
}
