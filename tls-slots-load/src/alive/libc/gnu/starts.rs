//! Threads of modules, from their start to their end: `pthread_create` and C11's `thrd_create`.
//!
//! The problem: a module must not be unmapped while a thread runs its code. So a thread whose start
//! routine belongs to a module (`callers.rs`) gets a [`Thread`], and a start routine of the host's
//! which calls that of the module. All other threads go on to libc as they are.
//!
//! libc does not call `pthread_create` for `thrd_create` (glibc 2.36,
//! sysdeps/pthread/thrd_create.c), so both are here.
//!
//! A start routine counts until it has returned into the host's code, or until `pthread_exit` or
//! `thrd_exit` has ended it.

use std::ffi::{c_int, c_void};

use super::callers;
use super::next::{self, C11Routine, PthreadId, Routine};
use super::threads::{self, Thread};
use crate::alive::libc::types::Span;

/// What a thread does that is started here.
struct Start<R> {
    routine: R,
    argument: *mut c_void,
    thread: &'static Thread,
}

/// Has libc start a thread whose routine belongs to these images. `create` gives libc the pointer
/// for [`begin`], and returns libc's error.
///
/// # Safety
///
/// If `create` gives 0, one thread gives the pointer to [`begin`], once. If not, none does.
unsafe fn start<R>(
    owners: Vec<Span>,
    routine: R,
    argument: *mut c_void,
    create: impl FnOnce(*mut c_void) -> c_int,
) -> c_int {
    // Counted from now on, because the thread may run before this returns.
    let thread = Thread::new(0, owners);
    let start = Box::into_raw(Box::new(Start {
        routine,
        argument,
        thread,
    }));
    let error = create(start.cast());
    if error != 0 {
        // SAFETY: no thread was started, so both still belong to this function alone.
        unsafe {
            drop(Box::from_raw(start));
            Thread::free(thread);
        }
    }
    error
}

/// The calling thread begins. Gives what it is to do, and what [`threads::begin`] says.
///
/// # Safety
///
/// The pointer comes from a [`start`] of this type `R`, and nobody takes it twice.
unsafe fn begin<R>(start: *mut c_void) -> (Start<R>, bool) {
    // SAFETY: the caller promises that this is such a boxed `Start`.
    let start = *unsafe { Box::from_raw(start.cast::<Start<R>>()) };
    let is_known = threads::begin(start.thread);
    (start, is_known)
}

/// Replaces libc's function. Threads are known while they run a start routine of a module.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_create(
    thread: *mut PthreadId,
    attributes: *const c_void,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    let owners = callers::owners(routine as usize, pthread_create as *const () as usize);
    if owners.is_empty() {
        // SAFETY: the caller promises what libc's function asks for.
        return unsafe { next::create(thread, attributes, routine, argument) };
    }
    // SAFETY: the caller promises it for `thread` and `attributes`. libc gives `run` the pointer,
    // once, unless it returns an error.
    unsafe {
        start(owners, routine, argument, |start| {
            next::create(thread, attributes, run, start)
        })
    }
}

/// Replaces libc's function, as [`pthread_create`] does.
///
/// # Safety
///
/// As C11 has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn thrd_create(
    thread: *mut PthreadId,
    routine: C11Routine,
    argument: *mut c_void,
) -> c_int {
    let owners = callers::owners(routine as usize, thrd_create as *const () as usize);
    if owners.is_empty() {
        // SAFETY: the caller promises what libc's function asks for.
        return unsafe { next::create_c11(thread, routine, argument) };
    }
    // SAFETY: the caller promises it for `thread`. libc gives `run_c11` the pointer, once, unless
    // it returns an error.
    unsafe {
        start(owners, routine, argument, |start| {
            next::create_c11(thread, run_c11, start)
        })
    }
}

/// The start routine that libc gets instead of a module's.
///
/// No value with a destructor is alive here while the module's routine runs. `pthread_exit` and
/// cancellation unwind this frame, which Rust allows only for frames without destructors.
///
/// # Safety
///
/// For libc, once, with the `Start` of a [`pthread_create`].
unsafe extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: the caller promises it.
    let (start, is_known) = unsafe { begin::<Routine>(start) };
    // SAFETY: who called `pthread_create` has asked for this call, with this argument.
    let result = unsafe { (start.routine)(start.argument) };
    // SAFETY: the start routine of this thread has returned.
    unsafe { end(start.thread, is_known) }
    result
}

/// As [`run`], for [`thrd_create`].
///
/// # Safety
///
/// For libc, once, with the `Start` of a [`thrd_create`].
unsafe extern "C-unwind" fn run_c11(start: *mut c_void) -> c_int {
    // SAFETY: the caller promises it.
    let (start, is_known) = unsafe { begin::<C11Routine>(start) };
    // SAFETY: who called `thrd_create` has asked for this call, with this argument.
    let result = unsafe { (start.routine)(start.argument) };
    // SAFETY: the start routine of this thread has returned.
    unsafe { end(start.thread, is_known) }
    result
}

/// The calling thread's start routine has returned.
///
/// # Safety
///
/// `thread` is the calling thread's, and `is_known` is what [`threads::begin`] gave for it.
unsafe fn end(thread: &'static Thread, is_known: bool) {
    match is_known {
        true => thread.routine_is_over(),
        // SAFETY: `begin` could not make it known, so only the caller and the list refer to it.
        false => unsafe { Thread::free(thread) },
    }
}
