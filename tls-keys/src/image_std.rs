//! What the std of an image is told when the image is loaded.
//!
//! The problem: std is a crate like any other, so each image has a copy of its own, and each copy
//! counts thread ids from 1 and prints panics by a hook of its own. The first makes two threads equal
//! that are not: [`std::thread::ThreadId`] is "unique during the lifetime of a process", and code
//! relies on it (crossbeam-channel would wait forever, send_wrapper would hand a value to the wrong
//! thread). The second hides a module's panics from its host.
//!
//! So the image's second constructor presents its std to the host, once the registry has accepted
//! the image. The host, whose own std stays as it is:
//!
//! - gives this copy a range of thread ids that no other image has (`tls-slots`' `thread_ids.rs`);
//! - learns how to take this copy's panics (see [`panic`](crate::panic));
//! - answers with the function that panics of this image are reported to.

use alloc::boxed::Box;
use core::fmt::Display;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use crate::abi::{self, Key, Std};
use crate::object;

/// What the host does with a panic of a module: it calls its own hook.
///
/// The key is the first of the module's section, which is how the registry knows an image. The
/// backtrace is there if the environment asks for it, and is written by the module's std, which
/// knows the module's functions.
pub type Report = fn(&PanicHookInfo<'_>, *const Key, Option<&dyn Display>);

/// Presents this image's std to the host.
pub(crate) extern "C" fn present_std() {
    // The order of constructors is not the same on all systems.
    object::enter();
    let image = object::image();
    let std = Std {
        draw_thread_id,
        burn_thread_ids,
        take: crate::panic::take,
        leave,
    };
    // SAFETY: this image's own description, and functions of its std.
    let report = unsafe { abi::present_std(&image, &std) };
    if report.is_null() {
        // The host itself, or a refused image.
        return;
    }
    // SAFETY: the host answers with a `Report`, and only to an image that the same compiler has
    // built, for which the type means the same.
    let report = unsafe { core::mem::transmute::<*const (), Report>(report) };
    let start = Start(image.keys_start);
    std::panic::set_hook(Box::new(move |info| {
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        report(info, start.get(), captured.then_some(&backtrace as _));
    }));
}

/// The address by which the registry knows this image.
struct Start(*const Key);

// SAFETY: an address, not read through.
unsafe impl Send for Start {}
// SAFETY: as above.
unsafe impl Sync for Start {}

impl Start {
    fn get(&self) -> *const Key {
        self.0
    }
}

/// See [`Std::leave`]. Not from this image's own destructor: that also runs in `exit`, when other threads may
/// still panic, and the host knows the difference.
///
/// The buffer of this std's standard output cannot be given back, as std has no function for it; nor is it
/// flushed, as to ask for it would be to allocate it.
extern "C" fn leave() {
    // `take_hook` panics on a thread that is panicking. Then the hook is leaked, a few bytes.
    if !std::thread::panicking() {
        // The module may have set another one, and its destructor may panic.
        crate::panic::discard_panic(|| drop(std::panic::take_hook()));
    }
}

/// See [`Std::draw_thread_id`].
extern "C" fn draw_thread_id() {
    // The lock of standard error remembers the thread that holds it by its id
    // (library/std/src/sync/reentrant_lock.rs), and needs no handle of the thread: nothing is
    // allocated, no destructor is registered. It is this image's own lock, and free.
    drop(std::io::stderr().lock());
}

/// See [`Std::burn_thread_ids`].
extern "C" fn burn_thread_ids(count: u64) -> u64 {
    // More than an address space has; a multiple of any page, and not so large that a C library
    // calls it invalid.
    const TOO_MUCH: usize = if usize::BITS == 64 {
        1 << 60
    } else {
        usize::MAX & !0xffff
    };
    for burnt in 0..count {
        let thread = std::thread::Builder::new()
            .stack_size(TOO_MUCH)
            .spawn(|| ());
        if thread.is_ok() {
            // Not to be expected, and not something to do often. It cannot be joined here: its end
            // may wait for the loader, which waits for this constructor.
            return burnt + 1;
        }
    }
    count
}
