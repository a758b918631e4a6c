//! glibc, dynamically linked: the functions that the host takes over.
//!
//! The folder above (`libc/mod.rs`) says why. Here its questions are answered from the files of
//! this folder, and the functions are tied into the program.

use std::ffi::{CStr, c_int, c_void};

use crate::alive::libc::types::{Span, ThreadDestructors, ThreadInfo};
use crate::alive::linked;

mod callers;
mod destructors;
mod environment;
mod exit_functions;
mod images;
mod next;
mod pthread_keys;
mod signals;
mod starts;
#[cfg(tls_slots_thread_sanitizer)]
mod thread_sanitizer;
mod threads;
mod timers;

#[cfg(not(tls_slots_thread_sanitizer))]
use pthread_keys::{pthread_key_create, pthread_setspecific};
#[cfg(tls_slots_thread_sanitizer)]
use thread_sanitizer::{pthread_key_create, pthread_setspecific};

/// The functions that replace libc's, by name.
fn ours() -> impl Iterator<Item = (&'static CStr, *const c_void)> {
    let ours = [
        (
            c"__cxa_thread_atexit_impl",
            destructors::__cxa_thread_atexit_impl as *const c_void,
        ),
        (c"pthread_key_create", pthread_key_create as *const c_void),
        (
            c"pthread_key_delete",
            pthread_keys::pthread_key_delete as *const c_void,
        ),
        (c"pthread_setspecific", pthread_setspecific as *const c_void),
        (c"pthread_create", starts::pthread_create as *const c_void),
        (c"thrd_create", starts::thrd_create as *const c_void),
        (c"timer_create", timers::timer_create as *const c_void),
        (c"timer_delete", timers::timer_delete as *const c_void),
        (
            c"__cxa_atexit",
            exit_functions::__cxa_atexit as *const c_void,
        ),
        (c"on_exit", exit_functions::on_exit as *const c_void),
        (
            c"__cxa_at_quick_exit",
            exit_functions::__cxa_at_quick_exit as *const c_void,
        ),
        #[cfg(not(tls_slots_thread_sanitizer))]
        (c"sigaction", signals::sigaction as *const c_void),
    ];
    ours.into_iter()
}

pub(super) fn program_starts() {
    linked::note_permanent();
}

pub(super) fn register(span: Span) {
    // A linker takes only what somebody refers to. std refers to some of these functions, but
    // weakly, which is not enough.
    ours().for_each(|function| {
        std::hint::black_box(function);
    });
    environment::link();
    images::add(span, callers::opener(span));
}

/// # Safety
///
/// As [`crate::alive::libc::image_left`].
pub(super) unsafe fn unregister(span: Span) {
    // SAFETY: the caller promises that no other code of the image runs any more, and it is still
    // mapped.
    unsafe { run_here(span) };
    images::remove(span);
    threads::forget(span);
    pthread_keys::unregister(span);
    timers::unregister(span);
    signals::unregister(span);
    exit_functions::forget_taken_out(span);
}

pub(super) fn opened_by(span: Span) -> Vec<Span> {
    images::opened_by(span)
}

pub(super) fn module_at(address: usize) -> Option<Span> {
    images::of(address)
}

pub(super) fn thread_ends() {
    destructors::run_late();
    threads::free_own();
}

pub(super) fn destructors(span: Span) -> Vec<ThreadDestructors> {
    threads::with_destructors(span)
}

pub(super) fn threads(spans: &[Span]) -> Vec<ThreadInfo> {
    let mut threads = threads::in_routines(spans);
    threads.extend(spans.iter().flat_map(|span| pthread_keys::running(*span)));
    threads
}

pub(super) fn timers(spans: &[Span]) -> usize {
    timers::count(spans)
}

pub(super) fn exit_functions(spans: &[Span]) -> usize {
    exit_functions::count(spans)
}

pub(super) fn pthread_keys(span: Span) -> usize {
    pthread_keys::count(span)
}

pub(super) fn signal_actions(span: Span) -> Vec<c_int> {
    signals::of(span)
}

pub(super) fn kept_mapped_by(span: Span) -> Vec<String> {
    let mut reasons = Vec::new();
    if pthread_keys::libc_has_its_function(span) {
        reasons.push("a pthread key that could not be taken over".to_owned());
    }
    if let Some(name) = not_ours() {
        reasons.push(format!(
            "destructors that cannot be known: modules find another `{}` than the host's, so call \
             `tls_slots_build::host()` in the host's build script",
            name.to_string_lossy()
        ));
    }
    reasons
}

/// One of these functions for which modules find another definition than the host's.
fn not_ours() -> Option<&'static CStr> {
    let missing = ours().find(|(name, own)| !std::ptr::eq(next::visible(name), *own));
    missing.map(|(name, _)| name)
}

/// # Safety
///
/// As [`crate::alive::libc::run_here`].
pub(super) unsafe fn run_here(span: Span) -> usize {
    // SAFETY: the caller promises the same to both.
    unsafe { destructors::run_here(span) + pthread_keys::run_here(span) }
}

pub(super) fn forget(span: Span) {
    threads::forget(span);
    pthread_keys::forget(span);
}

/// What is to be forgotten of a library when it is gone: its span, and the serial numbers of its
/// pthread keys. Another image may lie at its place then.
pub(super) struct Library(Span, Vec<u64>);

pub(super) fn library(span: Span) -> Library {
    Library(span, pthread_keys::serials(span))
}

pub(super) fn forget_gone(library: &Library) {
    let Library(span, keys) = library;
    pthread_keys::forget_gone(*span, keys);
    exit_functions::forget_taken_out(*span);
}
