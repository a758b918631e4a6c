//! The threads that have to do with a module.
//!
//! # The problem
//!
//! A module must not be unmapped while a thread runs its code, or is going to run one of its
//! destructors. libc does not tell which threads these are. So a [`Thread`] is kept for each thread
//! whose start routine belongs to a module (`callers.rs`), and for each thread that has destructors
//! or values of modules.
//!
//! # The way
//!
//! | a [`Thread`] | |
//! | --- | --- |
//! | is made | by whoever starts a thread with such a routine, before the start (`starts.rs`); else by the thread itself, when a module first registers a destructor or sets a value of a pthread key on it |
//! | is found | by its thread in [`OWN`], by others in [`THREADS`] |
//! | is freed | by its thread ([`free_own`]), when the destructors of pthread keys run; those of thread-locals have run before |
//!
//! A start routine counts until it has returned into the host's code, or until `pthread_exit` has
//! ended it. After that, the thread runs code of the module only in registered destructors, which
//! count by themselves.
//!
//! Only its own thread changes a [`Thread`], with two exceptions ([`forget`] and [`forget_key`]).
//! All changes are under the thread's lock. Nothing but the allocator is called under that lock.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use tls_slots::loader::{arm_end, lock};

use super::next::{self, Destructor, PthreadKey};
use crate::alive::libc::types::{Span, ThreadDestructors, ThreadInfo};

/// A destructor that a module has registered.
pub(super) struct Registered {
    pub(super) function: Destructor,
    pub(super) argument: *mut c_void,
    /// Invariant: a module that is loaded while the destructor is listed.
    pub(super) image: Span,
    /// The number of the ticket that runs this, see `destructors.rs`.
    pub(super) ticket: u32,
}

// SAFETY: only the thread that has registered the destructor calls it with its argument. Other
// threads only compare the addresses, or forget them.
unsafe impl Send for Registered {}

/// What is known of a thread.
pub(super) struct Thread {
    /// The system's number of the thread, 0 before the thread runs.
    tid: AtomicU32,
    state: Mutex<State>,
}

/// What of modules a thread has.
#[derive(Default)]
pub(super) struct State {
    /// The images to which the start routine belongs that the thread runs, or is about to run.
    owners: Vec<Span>,
    /// The destructors that are registered, in order of registration.
    pub(super) registered: Vec<Registered>,
    /// The images whose destructors are running, the innermost last.
    pub(super) running: Vec<Span>,
    /// The modules' pthread keys of which the thread has a value, with the module.
    values: Vec<(PthreadKey, Span)>,
    /// How often [`free_own`] kept this for the sake of these values.
    kept: u32,
}

impl State {
    /// How many destructors of an image are still to run, or running.
    fn count(&self, span: Span) -> usize {
        let waiting = self.registered.iter().filter(|one| one.image == span);
        let running = self.running.iter().filter(|image| **image == span);
        let values = self.values.iter().filter(|(_, image)| *image == span);
        waiting.count() + running.count() + values.count()
    }
}

impl Thread {
    /// A thread whose start routine belongs to these images.
    pub(super) fn new(tid: u32, owners: Vec<Span>) -> &'static Self {
        let thread: &'static Self = Box::leak(Box::new(Self {
            tid: AtomicU32::new(tid),
            state: Mutex::new(State {
                owners,
                ..State::default()
            }),
        }));
        list().push(thread);
        thread
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The system's number, if the thread runs. Relaxed: nothing else is published by it.
    fn tid(&self) -> Option<u32> {
        Some(self.tid.load(Ordering::Relaxed)).filter(|tid| *tid != 0)
    }

    fn is_current(&self) -> bool {
        ptr::eq(self, OWN.get())
    }

    /// Frees a thread.
    ///
    /// # Safety
    ///
    /// Only the caller and the list may refer to it.
    pub(super) unsafe fn free(this: *const Self) {
        list().retain(|listed| !ptr::eq(*listed, this));
        // SAFETY: `new` has leaked the box. It is not listed any more, and readers of the list keep
        // no reference after they have released its lock. The caller promises that nobody else
        // refers to it.
        drop(unsafe { Box::from_raw(this.cast_mut()) });
    }
}

/// All threads. Invariant: a thread is here from [`Thread::new`] until [`Thread::free`].
///
/// Lock order: this, then a thread's own. Under this lock nothing is called but the allocator,
/// which is no module's.
static THREADS: Mutex<Vec<&'static Thread>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<&'static Thread>> {
    lock(&THREADS)
}

std::thread_local! {
    /// The calling thread's [`Thread`], or null. It has no destructor, so it can be read until the
    /// thread is gone.
    ///
    /// Invariant: only the calling thread frees what is here, and it sets this to null before.
    static OWN: Cell<*const Thread> = const { Cell::new(ptr::null()) };
}

/// The calling thread's [`Thread`], if there is one. Valid until [`free_own`].
pub(super) fn current<'a>() -> Option<&'a Thread> {
    // SAFETY: by the invariant of `OWN`, it is null or not freed yet. Only `free_own` frees it, and
    // nobody calls that while having this reference.
    unsafe { OWN.get().as_ref() }
}

/// The calling thread's [`Thread`], which is made if there is none. `None` if the system cannot
/// tell when the thread ends.
pub(super) fn current_or_new<'a>() -> Option<&'a Thread> {
    if current().is_none() {
        // Each time, because a thread that is ending may begin again to have destructors.
        if !arm_end() {
            return None;
        }
        OWN.set(Thread::new(next::tid(), Vec::new()));
    }
    current()
}

/// The calling thread begins with a start routine for which `thread` was made. Gives false if the
/// system cannot tell when the thread ends. Then the caller has to free `thread`.
pub(super) fn begin(thread: &'static Thread) -> bool {
    thread.tid.store(next::tid(), Ordering::Relaxed);
    let armed = arm_end();
    if armed {
        OWN.set(thread);
    }
    armed
}

impl Thread {
    /// The start routine has returned. The rest of this goes when the thread ends, because
    /// destructors may still be registered.
    pub(super) fn routine_is_over(&self) {
        // Freed when the lock is released: the allocator is called under no lock but the list's.
        let owners = std::mem::take(&mut self.state().owners);
        drop(owners);
    }
}

/// Frees the calling thread's [`Thread`]. Its destructors have run.
///
/// If destructors of pthread keys are still to run, the [`Thread`] is kept for another of libc's
/// rounds, so that they count until then. There are four rounds (`PTHREAD_DESTRUCTOR_ITERATIONS`).
pub(super) fn free_own() {
    const MOST: u32 = 2;

    if let Some(thread) = current() {
        let keep = {
            let mut state = thread.state();
            state.kept += 1;
            !state.values.is_empty() && state.kept <= MOST
        };
        if keep && arm_end() {
            return;
        }
    }
    let thread = OWN.replace(ptr::null());
    if !thread.is_null() {
        // SAFETY: this thread's own, and nobody finds it in `OWN` any more.
        unsafe { Thread::free(thread) }
    }
}

/// The name of a thread, as the system has it.
fn name(tid: Option<u32>) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", tid?)).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// The threads that run a start routine of one of these images, or are about to.
pub(super) fn in_routines(spans: &[Span]) -> Vec<ThreadInfo> {
    let is_theirs = |thread: &Thread| {
        let state = thread.state();
        state.owners.iter().any(|owner| spans.contains(owner))
    };
    let found: Vec<_> = list()
        .iter()
        .filter(|thread| is_theirs(thread))
        .map(|thread| (thread.tid(), thread.is_current()))
        .collect();
    // Files are read without the lock.
    let info = |(tid, is_current)| ThreadInfo {
        tid,
        name: name(tid),
        is_current,
    };
    found.into_iter().map(info).collect()
}

/// The threads that have destructors of an image to run.
pub(super) fn with_destructors(span: Span) -> Vec<ThreadDestructors> {
    let found: Vec<_> = list()
        .iter()
        .map(|thread| {
            let count = thread.state().count(span);
            (thread.tid(), thread.is_current(), count)
        })
        .filter(|(_, _, count)| *count > 0)
        .collect();
    let info = |(tid, is_current, count)| ThreadDestructors {
        tid,
        name: name(tid),
        count,
        is_current,
    };
    found.into_iter().map(info).collect()
}

/// Drops the destructors of an image, on all threads, without running them.
pub(super) fn forget(span: Span) {
    for thread in list().iter() {
        thread.state().registered.retain(|one| one.image != span);
    }
}

/// Takes note that the calling thread has a value of a module's pthread key.
pub(super) fn note_value(key: PthreadKey, image: Span) {
    // If there is no `Thread`, the value is not counted. It is leaked if the module goes before the
    // thread.
    if let Some(thread) = current_or_new() {
        let values = &mut thread.state().values;
        if !values.iter().any(|(known, _)| *known == key) {
            values.push((key, image));
        }
    }
}

/// Takes note that the calling thread has no value of a pthread key any more.
pub(super) fn note_no_value(key: PthreadKey) {
    if let Some(thread) = current() {
        thread.state().values.retain(|(known, _)| *known != key);
    }
}

/// Takes note that no thread has a value of a pthread key any more.
pub(super) fn forget_key(key: PthreadKey) {
    for thread in list().iter() {
        thread.state().values.retain(|(known, _)| *known != key);
    }
}
