//! Timers that call a function: `timer_create` with `SIGEV_THREAD`, and `timer_delete`.
//!
//! # The problem
//!
//! libc calls the function of such a timer on a thread of its own, whenever the time has come. A
//! thread that libc has begun to start calls the function even after the timer is deleted.
//!
//! # The way
//!
//! For a timer that belongs to a module (`callers.rs`), libc gets a function of the host's and a
//! number. The number stands for an entry in a list, and is never used again. The host's function
//! looks for the number, counts the call, and calls the module's function. If the number is gone,
//! it does nothing. So a timer counts until it is deleted and no call of it is running.
//!
//! A call that ends by `pthread_exit` counts for ever.
//!
//! Not seen are other requests with `SIGEV_THREAD`: `mq_notify`, `aio_read` and its like,
//! `lio_listio` and `getaddrinfo_a`.
//!
//! Sources: POSIX (`timer_create`), glibc 2.36 (sysdeps/unix/sysv/linux/timer_routines.c).

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use tls_keys::panic::discard_panic;
use tls_slots::loader::lock;

use super::callers;
use super::next::{self, Clock, TimerId};
use crate::alive::libc::types::Span;

/// `struct sigevent` of glibc's `<signal.h>`, on targets with 64 bits.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Event {
    /// A pointer or a number.
    value: *mut c_void,
    signal: c_int,
    /// What to do: only with `SIGEV_THREAD` is there a function.
    notify: c_int,
    /// Invariant: with `SIGEV_THREAD`, a [`Function`].
    function: *const c_void,
    attributes: *const c_void,
    rest: [usize; 4],
}

const SIGEV_THREAD: c_int = 2;

/// What a timer calls, with the value of its event.
type Function = unsafe extern "C-unwind" fn(*mut c_void);

/// A timer that belongs to a module.
struct Timer {
    /// What libc gets as the value. Invariant: no other timer has or had it.
    number: usize,
    /// `None` before it is made, and after it is deleted.
    id: Option<TimerId>,
    function: Function,
    value: *mut c_void,
    owners: Vec<Span>,
    /// How many threads are in the function.
    running: usize,
}

// SAFETY: the value is only handed to the function, which by POSIX runs on any thread.
unsafe impl Send for Timer {}

/// The timers that belong to modules. Under this lock nothing is called but the allocator.
static TIMERS: Mutex<Vec<Timer>> = Mutex::new(Vec::new());

/// The number of the next timer.
static NEXT: AtomicUsize = AtomicUsize::new(1);

fn timers() -> MutexGuard<'static, Vec<Timer>> {
    lock(&TIMERS)
}

/// Changes the timer with that number, if there is one.
fn change<R>(number: usize, change: impl FnOnce(&mut Timer) -> R) -> Option<R> {
    timers()
        .iter_mut()
        .find(|timer| timer.number == number)
        .map(change)
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn timer_create(
    clock: Clock,
    event: *const Event,
    id: *mut TimerId,
) -> c_int {
    // SAFETY: POSIX asks for null or an event.
    let calls = unsafe { event.as_ref() }.filter(|event| event.notify == SIGEV_THREAD);
    let owners = calls.map(|event| {
        let entry = timer_create as *const () as usize;
        callers::owners(event.function.addr(), entry)
    });
    let (Some(calls), Some(owners)) = (calls, owners.filter(|owners| !owners.is_empty())) else {
        // SAFETY: the caller promises what libc's function asks for.
        return unsafe { next::timer_create(clock, event.cast(), id) };
    };
    // Relaxed: only that the numbers differ matters.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: by POSIX the event has a function of that type, as it asks for a thread. It is not
    // null, because it belongs to an image.
    let function = unsafe { std::mem::transmute::<*const c_void, Function>(calls.function) };
    timers().push(Timer {
        number,
        id: None,
        function,
        value: calls.value,
        owners,
        running: 0,
    });
    let ours = Event {
        value: std::ptr::without_provenance_mut(number),
        function: call as *const c_void,
        ..*calls
    };
    // SAFETY: the caller promises it for the clock, for `id` and for the rest of the event. `call`
    // takes the number.
    let error = unsafe { next::timer_create(clock, (&raw const ours).cast(), id) };
    match error {
        0 => {
            // SAFETY: libc has just written there.
            let id = unsafe { *id };
            change(number, |timer| timer.id = Some(id));
        }
        _ => timers().retain(|timer| timer.number != number),
    }
    error
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn timer_delete(id: TimerId) -> c_int {
    // Before libc deletes it, because libc may then give the same id to another timer.
    {
        let mut timers = timers();
        if let Some(timer) = timers.iter_mut().find(|timer| timer.id == Some(id)) {
            timer.id = None;
        }
        forget_deleted(&mut timers);
    }
    // SAFETY: the caller promises what libc's function asks for.
    unsafe { next::timer_delete(id) }
}

/// Forgets timers that are deleted and whose function does not run.
fn forget_deleted(timers: &mut Vec<Timer>) {
    timers.retain(|timer| timer.id.is_some() || timer.running != 0);
}

/// The function that libc gets instead of a module's.
unsafe extern "C-unwind" fn call(number: *mut c_void) {
    let number = number.addr();
    let found = change(number, |timer| {
        timer.running += 1;
        (timer.function, timer.value)
    });
    let Some((function, value)) = found else {
        return;
    };
    discard_panic(|| {
        // SAFETY: who made the timer has asked for this call, with this value. The function's image
        // is loaded: the call counts for it.
        unsafe { function(value) }
    });
    let mut timers = timers();
    if let Some(timer) = timers.iter_mut().find(|timer| timer.number == number) {
        timer.running -= 1;
    }
    forget_deleted(&mut timers);
}

/// How many timers belong to one of these images.
pub(super) fn count(spans: &[Span]) -> usize {
    let timers = timers();
    let is_theirs = |timer: &&Timer| timer.owners.iter().any(|owner| spans.contains(owner));
    timers.iter().filter(is_theirs).count()
}

/// Forgets the timers whose function is in an image that goes. They call nothing any more.
pub(super) fn unregister(span: Span) {
    timers().retain(|timer| !span.contains(timer.function as usize));
}
