//! Signal actions: finds the signals that would run a module's code, and `sigaction`.
//!
//! # The problem
//!
//! A module may install a signal action by itself, past tokio and the host. After `dlclose` the
//! next such signal is a crash. The actions are not taken over. They are asked for, and reported.
//!
//! That is not enough. Whoever replaces an action learns of the old one, and may call it. tokio's
//! signals do so (`Prev` of `signal-hook-registry`). So an action of a module may run although libc
//! does not have it any more.
//!
//! # The way
//!
//! An action of a module counts as replaced, and not as gone, if
//!
//! - another image's function has taken its place, and
//! - `sigaction` has told the caller of it.
//!
//! It counts until it is libc's action again, or until the signal has no function any more.
//!
//! Who calls does not matter here (`callers.rs`): the system calls the function and nothing else.
//!
//! Not seen is whoever replaces an action by `signal` or `sigset`, and calls the old one.
//!
//! `sigaction` may be called in a signal's action. It allocates nothing here. It takes the lock of
//! the list of modules (`images.rs`) only if a function takes another function's place, while there
//! are modules.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(not(tls_slots_thread_sanitizer))]
use super::images;
use super::next;
use crate::alive::libc::types::Span;

/// One more than the last signal: `_NSIG` of `<signal.h>`.
const SIGNALS: usize = 65;

/// `struct sigaction`. The handler comes first on all targets but MIPS, and in no libc more than
/// this follows it.
#[repr(C, align(16))]
struct Action {
    handler: usize,
    rest: [usize; 31],
}

/// Whether the handler's place in the structure is known.
const IS_KNOWN: bool = !cfg!(any(target_arch = "mips64", target_arch = "mips64r6"));

/// By signal: the function that was replaced and may still be called, or 0.
///
/// Relaxed: the functions are only compared with images, while nobody registers any.
static REPLACED: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

/// Whether a handler is a function: not `SIG_DFL`, `SIG_IGN` or `SIG_ERR`.
#[cfg(not(tls_slots_thread_sanitizer))]
fn is_function(handler: usize) -> bool {
    handler > 1 && handler != usize::MAX
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[cfg(not(tls_slots_thread_sanitizer))]
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const c_void,
    old: *mut c_void,
) -> c_int {
    // Read before, because `old` may be the same structure.
    // SAFETY: POSIX asks for null or a structure, which begins with the handler.
    let handler = unsafe { new.cast::<usize>().as_ref() }.copied();
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::sigaction(signal, new, old) };
    let place = usize::try_from(signal).ok().and_then(|it| REPLACED.get(it));
    if let (true, 0, Some(place), Some(handler)) = (IS_KNOWN, error, place, handler) {
        if !is_function(handler) || place.load(Ordering::Relaxed) == handler {
            place.store(0, Ordering::Relaxed);
        }
        // SAFETY: if it is not null, libc has written a structure there.
        let told = unsafe { old.cast::<usize>().as_ref() }.copied();
        if let Some(told) = told.filter(|told| is_function(*told) && is_function(handler))
            && images::has_modules()
            && let Some(image) = images::of_transient(told)
            && !image.contains(handler)
        {
            place.store(told, Ordering::Relaxed);
        }
    }
    error
}

/// The signals whose action is a function of the image, or may call one.
pub(super) fn of(span: Span) -> Vec<c_int> {
    (1..SIGNALS)
        .filter(|signal| {
            let replaced = REPLACED[*signal].load(Ordering::Relaxed);
            span.contains(replaced) || span.contains(handler(*signal as c_int))
        })
        .map(|signal| signal as c_int)
        .collect()
}

/// The function that libc has for a signal, or another number.
fn handler(signal: c_int) -> usize {
    if !IS_KNOWN {
        return 0;
    }
    let mut action = Action {
        handler: 0,
        rest: [0; 31],
    };
    // SAFETY: null as the new action changes nothing, and `action` has room for libc's structure.
    // For the signals that libc keeps for itself this is an error, and nothing is written.
    unsafe { next::sigaction(signal, std::ptr::null(), (&raw mut action).cast()) };
    let _ = action.rest;
    action.handler
}

/// Forgets the replaced actions of an image that goes.
pub(super) fn unregister(span: Span) {
    for place in &REPLACED {
        if span.contains(place.load(Ordering::Relaxed)) {
            place.store(0, Ordering::Relaxed);
        }
    }
}
