//! Destructors of thread-locals: `__cxa_thread_atexit_impl`.
//!
//! libc (glibc, stdlib/cxa_thread_atexit_impl.c) has a list per thread, which it runs last registered first when
//! the thread ends, or when the main thread leaves `main`; it keeps the image loaded that a destructor
//! belongs to. A module's destructors are put on a list of the host's instead. The order over all images
//! stays that of libc, by *tickets*: entries of libc's list with a function of the host's, [`run`], and a
//! number.
//!
//! - Each destructor of a module has the number of a ticket. Those that are registered one after the other,
//!   with none of another image's in between, have the same.
//! - When libc comes to a ticket, the destructors that have its number run, last registered first.
//!
//! ```text
//! libc's list:     A  ticket 1  B  C  ticket 2          (A, B, C: of the host or of libraries)
//! the host's list:    m1 m2           m3                the order of running: m3 C B m2 m1 A
//! ```
//!
//! So libc has at most one ticket more than it has other entries, however often modules come and go on a
//! thread: a ticket whose destructors are gone is used again while it is the last entry of libc's list.
//!
//! | [`Top`]: the last entry of libc's list | a module registers | another image registers |
//! | --- | --- | --- |
//! | `Other`, or nothing is known of it | a new ticket | |
//! | `Ticket`, not reached yet | that ticket's number | becomes `Other` |
//! | `Running`: it was a ticket, and its destructors are running | that ticket's number: it runs next | if any are left, the ticket is put back first, below the new entry, and `run` returns after the current one; becomes `Other` |
//!
//! What libc itself registers for an image, or an image opened by `RTLD_DEEPBIND`, is not seen here, and only the
//! order between that and modules' destructors may differ.
//!
//! An image is known by the address of the destructor; if that is no module's, by the image that the caller
//! names (a C++ object may have a destructor of libstdc++). A module is not kept loaded by what is listed here.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;

use tls_keys::panic::discard_panic;

use super::images;
use super::next::{self, Destructor};
use super::threads::{self, Node, Thread};
use crate::alive::libc::types::Span;

/// The last entry of libc's list of the calling thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Top {
    Other,
    Ticket(u32),
    Running(u32),
}

std::thread_local! {
    /// No destructors: these are readable until the thread is gone.
    static TOP: Cell<Top> = const { Cell::new(Top::Other) };
    /// The number of the last ticket.
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Replaces libc's.
///
/// # Safety
///
/// `function` must be one that can be called with `argument` on this thread, once, until the image that it
/// belongs to is unloaded.
// SAFETY: has the type and does what libc's function of that name does, which is found by `next`.
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
        let node = Node {
            function,
            argument,
            image: module,
            ticket: ticket(),
        };
        thread.state().nodes.push(node);
        return 0;
    }
    make_way();
    // SAFETY: the caller's promise.
    unsafe { next::thread_atexit(function, argument, image) }
}

/// The number for a destructor that is registered now.
fn ticket() -> u32 {
    match TOP.get() {
        Top::Ticket(number) | Top::Running(number) => number,
        Top::Other => {
            // More than four thousand million entries of others' are not on one list.
            let number = LAST.get().wrapping_add(1);
            LAST.set(number);
            put(number);
            TOP.set(Top::Ticket(number));
            number
        }
    }
}

/// Puts a ticket on libc's list.
fn put(number: u32) {
    let argument = ptr::without_provenance_mut(number as usize);
    // SAFETY: `run` lies in the host, which is never unloaded, and reads the number only. libc's function does
    // not fail: it ends the process where there is no memory.
    unsafe {
        next::thread_atexit(run, argument, next::host());
    }
}

/// Another image's destructor is about to be put on libc's list.
fn make_way() {
    if let Top::Running(number) = TOP.get()
        && let Some(thread) = threads::current()
    {
        let any_left = {
            let state = thread.state();
            state.nodes.last().is_some_and(|node| node.ticket >= number)
        };
        if any_left {
            put(number);
        }
    }
    TOP.set(Top::Other);
}

/// libc has come to a ticket.
///
/// # Safety
///
/// For libc, with a ticket's number.
unsafe extern "C-unwind" fn run(argument: *mut c_void) {
    let number = argument.addr() as u32;
    let Some(thread) = threads::current() else {
        return;
    };
    TOP.set(Top::Running(number));
    // Higher numbers are left if a destructor has called `exit`: their ticket is gone.
    while TOP.get() == Top::Running(number) && run_last(thread, |node| node.ticket >= number) {}
    if TOP.get() == Top::Running(number) {
        TOP.set(Top::Other);
    }
}

/// Runs, on its own thread, the last registered destructor of those that are wanted; false if there is none.
fn run_last(thread: &Thread, wanted: impl Fn(&Node) -> bool) -> bool {
    let node = {
        let mut state = thread.state();
        let Some(at) = state.nodes.iter().rposition(wanted) else {
            return false;
        };
        let node = state.nodes.remove(at);
        state.running.push(node.image);
        node
    };
    discard_panic(|| {
        // SAFETY: registered by this thread for this call, by the promise of who registered it; taken from the
        // list, so it happens once. Its image is loaded: it is listed as running, or was forgotten by
        // somebody who promises that no code of it runs.
        unsafe { (node.function)(node.argument) }
    });
    thread.state().running.pop();
    true
}

/// Runs the calling thread's destructors of one image: see [`crate::alive::libc::run_here`].
///
/// # Safety
///
/// As there.
pub(super) unsafe fn run_here(span: Span) -> usize {
    /// A destructor that registers itself again would go on for ever.
    const MOST: usize = 100_000;

    let Some(thread) = threads::current() else {
        return 0;
    };
    (0..MOST)
        .take_while(|_| run_last(thread, |node| node.image == span))
        .count()
}

/// Runs what libc does not run any more: destructors that were registered by pthread keys' destructors, when
/// libc was through with its list. It would leak them.
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

    /// Appends a digit to the thread's log, and hands it over with the last one.
    unsafe extern "C-unwind" fn log(digit: *mut c_void) {
        LOG.set(LOG.get() * 10 + digit.addr() as u64);
    }

    /// The same in another "image": below, the pages of code are told apart by these two functions.
    #[inline(never)]
    unsafe extern "C-unwind" fn module_log(digit: *mut c_void) {
        std::hint::black_box(0);
        // SAFETY: a digit.
        unsafe { log(digit) }
    }

    /// Registers one of the host's, then one of the module's.
    unsafe extern "C-unwind" fn module_nests(_: *mut c_void) {
        host(7);
        module(8);
    }

    unsafe extern "C-unwind" fn report(sender: *mut c_void) {
        // SAFETY: what `on_a_thread` registers.
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

    /// A destructor of the host's that the caller says is the module's: found by the handle.
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
        images::add(MODULE);
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
            // SAFETY: as above.
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
            *last.lock().expect("no panic") = super::LAST.get();
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
        images::add(OTHER);
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
