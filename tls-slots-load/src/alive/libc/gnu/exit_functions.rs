//! Functions that run when the process exits: `__cxa_atexit`, `on_exit`, `__cxa_at_quick_exit`.
//!
//! # The problem
//!
//! libc keeps a list of functions that `exit` calls, and another one for `quick_exit`. If a
//! function of a module is in a list and the module is unmapped, the process crashes when it exits.
//!
//! | registered by | libc takes it out |
//! | --- | --- |
//! | `atexit`, which calls `__cxa_atexit` with a handle of the caller's image | and calls it, when `dlclose` closes that image |
//! | `__cxa_atexit` without a handle; `on_exit` | never |
//! | `at_quick_exit`, which calls `__cxa_at_quick_exit` | never |
//!
//! # The way
//!
//! The functions that libc does not take out in time are noted. They count for their image. Nobody
//! can take them back, so the image stays.
//!
//! A function may have the handle of another image. A destructor of a C++ static is an example: it
//! may lie in libstdc++. Such a function counts while that other image is loaded, unless both
//! images go together. Who calls does not matter here (`callers.rs`): `exit` calls the function and
//! nothing else.
//!
//! Sources: glibc 2.36 (stdlib/cxa_atexit.c, stdlib/on_exit.c, stdlib/cxa_at_quick_exit.c, and
//! `__cxa_finalize` in stdlib/cxa_finalize.c).

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard};

use tls_slots::loader::lock;

use super::images;
use super::next::{self, AtExit, Destructor, OnExit};
use crate::alive::libc::types::Span;
use crate::alive::linked;

/// A function that is not taken out when its own image is closed.
struct Noted {
    /// The function's image.
    image: Span,
    /// An address in the image with which it is taken out. 0 if it is never taken out.
    with: usize,
}

/// Under this lock nothing is called but the allocator.
static NOTED: Mutex<Vec<Noted>> = Mutex::new(Vec::new());

fn noted() -> MutexGuard<'static, Vec<Noted>> {
    lock(&NOTED)
}

/// Notes a function, if it was registered and its image may be unmapped before it is taken out.
fn note(error: c_int, function: usize, with: usize) {
    if error == 0
        && let Some(image) = images::of_transient(function)
        && !image.contains(with)
    {
        noted().push(Noted { image, with });
    }
}

/// Replaces libc's function.
///
/// # Safety
///
/// As the Linux Standard Base has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn __cxa_atexit(
    function: AtExit,
    argument: *mut c_void,
    image: *mut c_void,
) -> c_int {
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::cxa_atexit(function, argument, image) };
    note(error, function.map_or(0, |it| it as usize), image.addr());
    error
}

/// Replaces libc's function.
///
/// # Safety
///
/// As on_exit(3) has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn on_exit(function: OnExit, argument: *mut c_void) -> c_int {
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::on_exit(function, argument) };
    note(error, function as usize, 0);
    error
}

/// Replaces libc's function.
///
/// # Safety
///
/// As C11 has it for `at_quick_exit`.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn __cxa_at_quick_exit(
    function: Destructor,
    image: *mut c_void,
) -> c_int {
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::cxa_at_quick_exit(function, image) };
    note(error, function as usize, 0);
    error
}

/// How many functions of these images stay in libc's lists when the images go.
pub(super) fn count(spans: &[Span]) -> usize {
    let goes = |address| spans.iter().any(|span| span.contains(address));
    let others: Vec<usize> = {
        let noted = noted();
        let theirs = noted.iter().filter(|one| spans.contains(&one.image));
        let stay = theirs.filter(|one| !goes(one.with));
        stay.map(|one| one.with).collect()
    };
    // The loader is not asked under the lock.
    let stays = |with: &&usize| **with == 0 || linked::memory_of(**with).is_some();
    others.iter().filter(stays).count()
}

/// Forgets the functions that libc has taken out with an image that goes, or has gone.
pub(super) fn forget_taken_out(span: Span) {
    noted().retain(|one| !span.contains(one.with));
}
