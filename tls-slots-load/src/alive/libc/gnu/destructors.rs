//! Destructors of thread-locals: `__cxa_thread_atexit_impl`.
//!
//! # The problem
//!
//! libc has a list of destructors for each thread (glibc, stdlib/cxa_thread_atexit_impl.c). It runs
//! the list when the thread ends, or when the main thread leaves `main`, the last registered first.
//! Until then libc keeps the image of each destructor mapped. So a module that has a thread-local
//! on a thread that lives on is never unmapped.
//!
//! # The way
//!
//! A module's destructors go to a list of the host's instead. There they keep no module loaded.
//!
//! The order over all images must stay that of libc. So libc's list has *tickets*: entries with a
//! number, and with a function of the host's, [`run_ticket`].
//!
//! - Each destructor of a module has the number of a ticket. Destructors of modules that are
//!   registered one after the other have the same number, as long as no other image registers one
//!   in between.
//! - When libc comes to a ticket, the destructors with its number run, the last registered first.
//!
//! ```text
//! libc's list:     A  ticket 1  B  C  ticket 2          (A, B, C: of the host or of libraries)
//! the host's list:    m1 m2           m3                the order of running: m3 C B m2 m1 A
//! ```
//!
//! While a ticket is the last entry of libc's list, it is used again, even if all its destructors
//! are gone. So libc has at most one ticket more than it has other entries, however often modules
//! come and go on a thread.
//!
//! | [`LastEntry`] of libc's list | a module registers a destructor | another image registers one |
//! | --- | --- | --- |
//! | `Other`: no ticket, or nothing is known | it gets a new ticket | |
//! | `Ticket`: libc has not come to it yet | it gets that ticket's number | becomes `Other` |
//! | `Running`: its destructors are running | it gets that ticket's number, and runs next | becomes `Other`; if destructors are left, the ticket is put back below the new entry, and `run_ticket` returns after the current one |
//!
//! A destructor belongs to the image that its function is in. If that is no module, it belongs to
//! the image that the caller names: a C++ object may have a destructor of libstdc++.
//!
//! Not seen are destructors that libc itself registers for an image, and those of images that were
//! opened by `RTLD_DEEPBIND`. Only the order between these and modules' destructors may differ.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;

use tls_keys::panic::discard_panic;

use super::images;
use super::next::{self, Destructor};
use super::threads::{self, Registered, Thread};
use crate::alive::libc::types::Span;

/// The last entry of libc's list for the calling thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastEntry {
    /// No ticket, or nothing is known of it.
    Other,
    /// A ticket to which libc has not come yet.
    Ticket(u32),
    /// A ticket whose destructors are running. libc has taken it off the list.
    Running(u32),
}

std::thread_local! {
    // Neither has a destructor, so both can be read until the thread is gone.
    static LAST_ENTRY: Cell<LastEntry> = const { Cell::new(LastEntry::Other) };
    /// The number of the last ticket.
    static LAST_NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// Replaces libc's function.
///
/// # Safety
///
/// It must be sound to call `function` with `argument` once, on this thread, at any time until its
/// image is unloaded.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn __cxa_thread_atexit_impl(
    function: Destructor,
    argument: *mut c_void,
    image: *mut c_void,
) -> c_int {
    let module = images::of(function as usize).or_else(|| images::of(image.addr()));
    if let Some(module) = module
        && let Some(thread) = threads::current_or_new()
    {
        let one = Registered {
            function,
            argument,
            image: module,
            ticket: ticket(),
        };
        thread.state().registered.push(one);
        return 0;
    }
    before_another_entry();
    // SAFETY: the caller promises what libc's function asks for.
    unsafe { next::thread_atexit(function, argument, image) }
}

/// The number of the ticket for a destructor that is registered now.
fn ticket() -> u32 {
    match LAST_ENTRY.get() {
        LastEntry::Ticket(number) | LastEntry::Running(number) => number,
        LastEntry::Other => {
            // It takes four thousand million entries of other images to use a number twice.
            let number = LAST_NUMBER.get().wrapping_add(1);
            LAST_NUMBER.set(number);
            put_ticket(number);
            LAST_ENTRY.set(LastEntry::Ticket(number));
            number
        }
    }
}

/// Puts a ticket on libc's list.
fn put_ticket(number: u32) {
    let argument = ptr::without_provenance_mut(number as usize);
    // SAFETY: `run_ticket` lies in the host, which is never unloaded, and only reads the number.
    // libc's function does not fail: it ends the process if there is no memory.
    unsafe {
        next::thread_atexit(run_ticket, argument, next::host());
    }
}

/// Keeps the order when another image is about to put a destructor on libc's list.
fn before_another_entry() {
    if let LastEntry::Running(number) = LAST_ENTRY.get()
        && let Some(thread) = threads::current()
    {
        let any_left = {
            let state = thread.state();
            state
                .registered
                .last()
                .is_some_and(|one| one.ticket >= number)
        };
        if any_left {
            put_ticket(number);
        }
    }
    LAST_ENTRY.set(LastEntry::Other);
}

/// Runs the destructors of a ticket. libc calls this when it comes to the ticket.
///
/// # Safety
///
/// For libc, on the thread of the ticket, with the ticket's number.
unsafe extern "C-unwind" fn run_ticket(argument: *mut c_void) {
    let number = argument.addr() as u32;
    let Some(thread) = threads::current() else {
        return;
    };
    LAST_ENTRY.set(LastEntry::Running(number));
    // Also higher numbers: if a destructor has called `exit`, libc has taken their ticket off its
    // list, and they are left.
    while LAST_ENTRY.get() == LastEntry::Running(number)
        && run_last(thread, |one| one.ticket >= number)
    {}
    if LAST_ENTRY.get() == LastEntry::Running(number) {
        LAST_ENTRY.set(LastEntry::Other);
    }
}

/// Runs the last registered one of the wanted destructors. Gives false if there is none. `thread`
/// is the calling one.
fn run_last(thread: &Thread, wanted: impl Fn(&Registered) -> bool) -> bool {
    let one = {
        let mut state = thread.state();
        let Some(at) = state.registered.iter().rposition(wanted) else {
            return false;
        };
        let one = state.registered.remove(at);
        state.running.push(one.image);
        one
    };
    discard_panic(|| {
        // SAFETY: this thread has registered the destructor, and promised that this call is sound.
        // It was taken from the list, so this happens once. Its image is loaded: the image is
        // listed as running, which keeps `unload/` from unmapping it.
        unsafe { (one.function)(one.argument) }
    });
    thread.state().running.pop();
    true
}

/// Runs the calling thread's destructors of one image. Gives how many ran.
///
/// # Safety
///
/// As [`crate::alive::libc::run_here`].
pub(super) unsafe fn run_here(span: Span) -> usize {
    /// An end, because a destructor may register itself again for ever.
    const MOST: usize = 100_000;

    let Some(thread) = threads::current() else {
        return 0;
    };
    (0..MOST)
        .take_while(|_| run_last(thread, |one| one.image == span))
        .count()
}

/// Runs the destructors that libc does not run any more: those that destructors of pthread keys
/// have registered, when libc had finished its list. libc itself would leak them.
pub(super) fn run_late() {
    if let Some(thread) = threads::current() {
        while run_last(thread, |_| true) {}
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ffi::c_void;
    use std::ptr;

    use super::{__cxa_thread_atexit_impl as register, Span, images, next, run_here};

    std::thread_local! {
        /// No destructor, so that it can be used to the end.
        static LOG: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    /// Appends a digit to the thread's log.
    unsafe extern "C-unwind" fn log(digit: *mut c_void) {
        LOG.set(LOG.get() * 10 + digit.addr() as u64);
    }

    /// The same, for destructors that the tests register for a module.
    #[inline(never)]
    unsafe extern "C-unwind" fn module_log(digit: *mut c_void) {
        std::hint::black_box(0);
        // SAFETY: takes any digit.
        unsafe { log(digit) }
    }

    /// Registers a destructor of the host's, and then one of the module's.
    unsafe extern "C-unwind" fn module_nests(_: *mut c_void) {
        host(7);
        module(8);
    }

    unsafe extern "C-unwind" fn report(sender: *mut c_void) {
        // SAFETY: `on_a_thread` registers this with a boxed sender, and it runs once.
        let sender = unsafe { Box::from_raw(sender.cast::<std::sync::mpsc::Sender<u64>>()) };
        sender.send(LOG.get()).expect("somebody waits");
    }

    fn digit(digit: usize) -> *mut c_void {
        ptr::without_provenance_mut(digit)
    }

    fn host(number: usize) {
        // SAFETY: takes a digit.
        unsafe { register(log, digit(number), next::host()) };
    }

    /// Registers a function of the host's with the module's handle, by which it counts as the
    /// module's.
    fn module(number: usize) {
        // SAFETY: takes a digit.
        unsafe { register(module_log, digit(number), ptr::without_provenance_mut(FAKE)) };
    }

    /// An address in no image: the last page but one of the address space.
    const FAKE: usize = usize::MAX - 0x1fff;
    const MODULE: Span = Span {
        start: FAKE,
        end: FAKE + 16,
    };

    /// What runs at the end of a thread that has done that, in order.
    fn on_a_thread(work: impl FnOnce() + Send + 'static) -> u64 {
        images::add(MODULE, None);
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let send = Box::into_raw(Box::new(send));
            // SAFETY: takes the sender.
            unsafe { register(report, send.cast(), next::host()) };
            work();
        });
        thread.join().expect("it ends well");
        receive.recv().expect("the last destructor reports")
    }

    #[test]
    fn the_order_is_that_of_one_list() {
        let order = on_a_thread(|| {
            host(1);
            module(2);
            module(3);
            host(4);
            module(5);
        });
        assert_eq!(order, 54321);
    }

    #[test]
    fn what_destructors_register_runs_next() {
        let order = on_a_thread(|| {
            module(1);
            // SAFETY: needs no argument.
            unsafe {
                register(
                    module_nests,
                    ptr::null_mut(),
                    ptr::without_provenance_mut(FAKE),
                );
            }
            module(2);
        });
        assert_eq!(order, 2871);
    }

    #[test]
    fn an_image_runs_by_itself_and_the_rest_in_order() {
        let order = on_a_thread(|| {
            host(1);
            module(2);
            module(3);
            host(4);
            module(5);
            // SAFETY: nothing refers to a digit.
            assert_eq!(unsafe { run_here(MODULE) }, 3);
            // SAFETY: nothing refers to a digit.
            assert_eq!(unsafe { run_here(MODULE) }, 0);
            module(6);
            LOG.with(|log| assert_eq!(log.get(), 532));
        });
        assert_eq!(order, 532_641);
    }

    #[test]
    fn nothing_grows_by_modules_that_come_and_go() {
        let tickets = std::sync::Arc::new(std::sync::Mutex::new(0));
        let last = tickets.clone();
        on_a_thread(move || {
            for _ in 0..100 {
                module(1);
                module(2);
                // SAFETY: nothing refers to a digit.
                unsafe { run_here(MODULE) };
            }
            *last.lock().expect("no panic") = super::LAST_NUMBER.get();
            LOG.set(0);
        });
        assert_eq!(*tickets.lock().expect("no panic"), 1);
    }

    #[test]
    fn forgotten_ones_do_not_run() {
        thread_local!(static UNUSED: RefCell<u32> = const { RefCell::new(0) });
        UNUSED.with_borrow(|_| ());
        const OTHER: Span = Span {
            start: FAKE + 32,
            end: FAKE + 48,
        };
        images::add(OTHER, None);
        let order = on_a_thread(|| {
            host(1);
            // SAFETY: takes a digit.
            unsafe {
                register(
                    module_log,
                    digit(2),
                    ptr::without_provenance_mut(OTHER.start),
                );
            }
            module(3);
            let all = super::threads::with_destructors(OTHER);
            assert_eq!(all.iter().map(|one| one.count).sum::<usize>(), 1);
            assert!(all[0].is_current && all[0].tid.is_some());
            super::threads::forget(OTHER);
            assert!(super::threads::with_destructors(OTHER).is_empty());
        });
        assert_eq!(order, 31);
    }
}
