//! glibc, dynamically linked: the functions that the host takes over.
//!
//! The folder above (`libc/mod.rs`) says why. Here its questions are answered from the files of
//! this folder, and the functions are tied into the program.

use std::ffi::{CStr, c_int, c_void};

use crate::alive::libc::types::{Span, ThreadDestructors, ThreadInfo};
use crate::alive::linked;
use next::{
    AtExit, C11Routine, Clock, Destructor, OnExit, PthreadId, PthreadKey, Routine, TimerId,
};

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

/// The functions that replace libc's.
struct Ours {
    thread_atexit: unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int,
    key_create: unsafe extern "C" fn(*mut PthreadKey, Option<Destructor>) -> c_int,
    key_delete: unsafe extern "C" fn(PthreadKey) -> c_int,
    set: unsafe extern "C" fn(PthreadKey, *const c_void) -> c_int,
    create: unsafe extern "C" fn(*mut PthreadId, *const c_void, Routine, *mut c_void) -> c_int,
    create_c11: unsafe extern "C" fn(*mut PthreadId, C11Routine, *mut c_void) -> c_int,
    timer_create: unsafe extern "C" fn(Clock, *const timers::Event, *mut TimerId) -> c_int,
    timer_delete: unsafe extern "C" fn(TimerId) -> c_int,
    cxa_atexit: unsafe extern "C" fn(AtExit, *mut c_void, *mut c_void) -> c_int,
    on_exit: unsafe extern "C" fn(OnExit, *mut c_void) -> c_int,
    at_quick_exit: unsafe extern "C" fn(Destructor, *mut c_void) -> c_int,
    #[cfg(not(tls_slots_thread_sanitizer))]
    sigaction: unsafe extern "C" fn(c_int, *const c_void, *mut c_void) -> c_int,
}

static OURS: Ours = Ours {
    thread_atexit: destructors::__cxa_thread_atexit_impl,
    key_create: pthread_key_create,
    key_delete: pthread_keys::pthread_key_delete,
    set: pthread_setspecific,
    create: starts::pthread_create,
    create_c11: starts::thrd_create,
    timer_create: timers::timer_create,
    timer_delete: timers::timer_delete,
    cxa_atexit: exit_functions::__cxa_atexit,
    on_exit: exit_functions::on_exit,
    at_quick_exit: exit_functions::__cxa_at_quick_exit,
    #[cfg(not(tls_slots_thread_sanitizer))]
    sigaction: signals::sigaction,
};

pub(super) fn program_starts() {
    linked::note_permanent();
}

pub(super) fn register(span: Span) {
    // A linker takes only what somebody refers to. std refers to some of these functions, but
    // weakly, which is not enough.
    std::hint::black_box(&OURS);
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
    exit_functions::forget_taken_out(&(span.start..span.end));
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
    let ours = [
        (
            c"__cxa_thread_atexit_impl",
            OURS.thread_atexit as *const c_void,
        ),
        (c"pthread_key_create", OURS.key_create as *const c_void),
        (c"pthread_key_delete", OURS.key_delete as *const c_void),
        (c"pthread_setspecific", OURS.set as *const c_void),
        (c"pthread_create", OURS.create as *const c_void),
        (c"thrd_create", OURS.create_c11 as *const c_void),
        (c"timer_create", OURS.timer_create as *const c_void),
        (c"timer_delete", OURS.timer_delete as *const c_void),
        (c"__cxa_atexit", OURS.cxa_atexit as *const c_void),
        (c"on_exit", OURS.on_exit as *const c_void),
        (c"__cxa_at_quick_exit", OURS.at_quick_exit as *const c_void),
        #[cfg(not(tls_slots_thread_sanitizer))]
        (c"sigaction", OURS.sigaction as *const c_void),
    ];
    let missing = ours
        .into_iter()
        .find(|(name, own)| !std::ptr::eq(next::visible(name), *own));
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
    exit_functions::forget_taken_out(&(span.start..span.end));
}
