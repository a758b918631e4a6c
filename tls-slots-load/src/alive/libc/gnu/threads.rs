//! Threads that concern a module: those whose start routine is a module's, and those that have modules'
//! destructors to run.
//!
//! | a thread's record | |
//! | --- | --- |
//! | is made | by whoever starts a thread with a module's routine, before it is started; else by the thread, when a module first registers a destructor on it, or sets a value of a pthread key |
//! | is found | by its thread in [`HERE`], by others in [`THREADS`] |
//! | is freed | by its thread, when pthread keys' destructors run ([`ends`]), which is after its thread-locals' |
//!
//! A start routine counts until it has returned into the host's code, or was ended by `pthread_exit`. What
//! its thread does after that for the module, it does by a registered destructor, which counts by itself.
//!
//! A record is written by its thread only, but for [`forget`], under the record's lock. Nothing is called
//! under that lock.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use tls_slots::loader::{arm_end, lock};

use super::images;
use super::next::{self, Destructor, PthreadId, PthreadKey, Routine};
use crate::alive::libc::types::{Span, ThreadDestructors, ThreadInfo};

/// A destructor that a module has registered.
pub(super) struct Node {
    pub(super) function: Destructor,
    pub(super) argument: *mut c_void,
    /// Invariant: a module that is loaded while the node is listed.
    pub(super) image: Span,
    /// The number of the ticket that runs it, see `destructors.rs`.
    pub(super) ticket: u32,
}

// SAFETY: called by the thread that has registered it only. Other threads count it, or forget it.
unsafe impl Send for Node {}

/// What is known of a thread.
pub(super) struct Thread {
    /// The system's number, 0 before the thread runs.
    tid: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The module whose start routine the thread is in, or about to be.
    routine: Option<Span>,
    /// Destructors that are registered, in order of registration.
    pub(super) nodes: Vec<Node>,
    /// The images whose destructors are running, the innermost last.
    pub(super) running: Vec<Span>,
    /// The modules' pthread keys that the thread has a value of.
    values: Vec<(PthreadKey, Span)>,
    /// How often the record was kept for these values when it should have been freed.
    kept: u32,
}

impl State {
    fn count(&self, span: Span) -> usize {
        let waiting = self.nodes.iter().filter(|node| node.image == span);
        let running = self.running.iter().filter(|image| **image == span);
        let values = self.values.iter().filter(|(_, image)| *image == span);
        waiting.count() + running.count() + values.count()
    }
}

impl Thread {
    fn new(tid: u32, routine: Option<Span>) -> &'static Self {
        let thread: &'static Self = Box::leak(Box::new(Self {
            tid: AtomicU32::new(tid),
            state: Mutex::new(State {
                routine,
                ..State::default()
            }),
        }));
        list().push(thread);
        thread
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The system's number. Relaxed: a number, nothing is read by it.
    fn tid(&self) -> Option<u32> {
        Some(self.tid.load(Ordering::Relaxed)).filter(|tid| *tid != 0)
    }

    fn is_current(&self) -> bool {
        ptr::eq(self, HERE.get())
    }

    /// # Safety
    ///
    /// Nobody but the caller may refer to the record, but for the list.
    unsafe fn free(this: *const Self) {
        list().retain(|listed| !ptr::eq(*listed, this));
        // SAFETY: leaked by `new`; no longer listed, and the list's readers keep no reference once they have
        // released its lock. The rest is the caller's promise.
        drop(unsafe { Box::from_raw(this.cast_mut()) });
    }
}

/// All records. Invariant: a record is here from its creation until [`Thread::free`]. Lock order: this, then a
/// record's own. Nothing but the allocator is called under it, and no allocator is a module's.
static THREADS: Mutex<Vec<&'static Thread>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<&'static Thread>> {
    lock(&THREADS)
}

std::thread_local! {
    /// The calling thread's record, or null. No destructor: readable until the thread is gone. Invariant: a
    /// record here is freed by this thread only, which then sets this to null.
    static HERE: Cell<*const Thread> = const { Cell::new(ptr::null()) };
}

/// The calling thread's record, if there is one. Good until [`ends`].
pub(super) fn current<'a>() -> Option<&'a Thread> {
    // SAFETY: by the invariant of `HERE`. Only `ends` frees it, which nothing that holds a reference calls.
    unsafe { HERE.get().as_ref() }
}

/// The calling thread's record, made if need be; `None` if the system could not tell when the thread ends.
pub(super) fn current_or_new<'a>() -> Option<&'a Thread> {
    if current().is_none() {
        // Each time, as a thread that is ending may begin anew.
        if !arm_end() {
            return None;
        }
        HERE.set(Thread::new(next::tid(), None));
    }
    current()
}

/// Frees the calling thread's record. Its destructors have run.
///
/// If there are values of pthread keys whose destructors are still to run, it is kept for another round of libc's,
/// of which there are four (`PTHREAD_DESTRUCTOR_ITERATIONS`), so that they count until then.
pub(super) fn ends() {
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
    let thread = HERE.replace(ptr::null());
    if !thread.is_null() {
        // SAFETY: this thread's, and no longer to be found.
        unsafe { Thread::free(thread) }
    }
}

/// What a thread that is started here is to do.
struct Start {
    routine: Routine,
    argument: *mut c_void,
    thread: &'static Thread,
}

/// Replaces libc's: threads that run a module's code are known while they do.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: has the type and does what libc's function of that name does, which is found by `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_create(
    thread: *mut PthreadId,
    attributes: *const c_void,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    let Some(image) = images::of(routine as usize) else {
        // SAFETY: the caller's promise.
        return unsafe { next::create(thread, attributes, routine, argument) };
    };
    // Counted from now on: it may run before this returns.
    let record = Thread::new(0, Some(image));
    let start = Box::into_raw(Box::new(Start {
        routine,
        argument,
        thread: record,
    }));
    // SAFETY: the caller's promise; `run` takes what `start` points to.
    let error = unsafe { next::create(thread, attributes, run, start.cast()) };
    if error != 0 {
        // SAFETY: no thread was started, so both are still ours alone.
        unsafe {
            drop(Box::from_raw(start));
            Thread::free(record);
        }
    }
    error
}

/// The start routine that libc gets. Nothing with a destructor is alive here while the module's routine runs:
/// `pthread_exit` and cancellation unwind this frame, which is allowed for such frames only.
///
/// # Safety
///
/// For [`pthread_create`], with a `Start`.
unsafe extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: the caller's promise; taken once.
    let Start {
        routine,
        argument,
        thread,
    } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    thread.tid.store(next::tid(), Ordering::Relaxed);
    let armed = arm_end();
    if armed {
        HERE.set(thread);
    }
    // SAFETY: what the thread was started for, with its argument.
    let result = unsafe { routine(argument) };
    if armed {
        // The record goes when the thread does: destructors may be registered still.
        thread.state().routine = None;
    } else {
        // SAFETY: nobody else was told of it.
        unsafe { Thread::free(thread) }
    }
    result
}

/// What the system calls a thread.
fn name(tid: Option<u32>) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", tid?)).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// See [`crate::alive::libc::threads`]; without pthread keys.
pub(super) fn in_routines(span: Span) -> Vec<ThreadInfo> {
    let found: Vec<_> = list()
        .iter()
        .filter(|thread| thread.state().routine == Some(span))
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

/// See [`crate::alive::libc::destructors`].
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
        thread.state().nodes.retain(|node| node.image != span);
    }
}

/// The calling thread has a value of a module's key now.
pub(super) fn value(key: PthreadKey, image: Span) {
    // Without a record it is not counted, and leaked if its module goes before its thread.
    if let Some(thread) = current_or_new() {
        let values = &mut thread.state().values;
        if !values.iter().any(|(known, _)| *known == key) {
            values.push((key, image));
        }
    }
}

/// The calling thread has no value of a key any more.
pub(super) fn no_value(key: PthreadKey) {
    if let Some(thread) = current() {
        thread.state().values.retain(|(known, _)| *known != key);
    }
}

/// No thread has a value of a key any more.
pub(super) fn forget_key(key: PthreadKey) {
    for thread in list().iter() {
        thread.state().values.retain(|(known, _)| *known != key);
    }
}
