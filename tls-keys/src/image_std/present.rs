//! What the std of an image is told when the image is loaded.
//!
//! The problem: each image has a copy of std, and each copy counts thread ids from 1 and prints
//! panics by a hook of its own. Because of the former, two different threads can have equal ids.
//! But [`std::thread::ThreadId`] is "unique during the lifetime of a process", and code relies on
//! that: crossbeam-channel would wait forever, send_wrapper would hand a value to the wrong thread.
//! Because of the latter, the host does not see a module's panics.
//!
//! So the image's second constructor presents its std to the host, after the registry has accepted
//! the image. The host, whose own std stays as it is:
//!
//! - gives this copy a range of thread ids that no other image has (`tls-slots`, `thread_ids.rs`);
//! - learns how to take this copy's panics (see [`panic`](crate::panic));
//! - learns how to write, when the process exits, what this copy's standard output still has in its
//!   buffer;
//! - answers with the function to which this image reports its panics.

use alloc::boxed::Box;
use core::fmt::Display;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::time::Duration;

use super::{calls, panic};
use crate::shared::exception::Std;
use crate::shared::image;
use crate::shared::key::Key;

/// What the host does with a panic of a module: it calls its own hook.
///
/// The key is the first one of the module's section, by which the registry knows an image. The
/// backtrace is there if the environment asks for one. The module's std writes it, as that std
/// knows the module's functions.
pub type Report = fn(&PanicHookInfo<'_>, *const Key, Option<&dyn Display>);

image::run_at!(load_second: present);

/// Presents this image's std to the host.
extern "C" fn present() {
    // On some systems this constructor may run before that of `image.rs`.
    image::enter();
    let image = image::image();
    let std = Std {
        draw_thread_id,
        burn_thread_ids,
        take: panic::take,
        leave,
        flush,
    };
    // SAFETY: this image's own description, and functions of its own std.
    let report = unsafe { calls::present_std(&image, &std) };
    if report.is_null() {
        // The host itself, or a refused image.
        return;
    }
    // SAFETY: the host answers with a `Report`, and only to an image that the host's own compiler
    // has built, for which the type means the same.
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

// SAFETY: an address, which nobody reads through.
unsafe impl Send for Start {}
// SAFETY: an address, which nobody reads through.
unsafe impl Sync for Start {}

impl Start {
    fn get(&self) -> *const Key {
        self.0
    }
}

/// See [`Std::leave`].
///
/// This image's own destructor does not call it: that destructor also runs in `exit`, when other
/// threads may still panic. The host knows the difference.
///
/// The buffer of this std's standard output is not given back, as std has no function for that. It
/// is not flushed either: asking std for the buffer would allocate it.
extern "C" fn leave() {
    // `take_hook` panics on a thread that is panicking. There, the hook is leaked: a few bytes.
    if !std::thread::panicking() {
        // The module may have set another hook, whose destructor may panic.
        panic::discard_panic(|| drop(std::panic::take_hook()));
    }
}

/// Writes what is in the buffer of this std's standard output. See [`Std::flush`].
///
/// std does this itself when `main` returns, and in `process::exit`, but only for the image whose
/// `main` or whose `process::exit` it is (library/std/src/rt.rs, `cleanup`). There it leaves the
/// buffer alone if a thread has the lock. `Stdout` has no `try_lock`, and a thread may have the
/// lock for ever. So another thread waits for the lock, and this one waits for that thread.
pub extern "C" fn flush() {
    const LONG_ENOUGH: Duration = Duration::from_secs(1);

    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::Builder::new().spawn(move || {
        let _done = done;
        // Nobody is left to be told of an error.
        let _ = std::io::stdout().flush();
    });
    if thread.is_ok() {
        // The thread sends nothing, and drops its end.
        let _ = is_done.recv_timeout(LONG_ENOUGH);
    }
}

/// See [`Std::draw_thread_id`].
extern "C" fn draw_thread_id() {
    // The lock of standard error remembers the thread that holds it by the thread's id
    // (library/std/src/sync/reentrant_lock.rs). It needs no handle of the thread, so nothing is
    // allocated and no destructor is registered. The lock is this image's own, and is free.
    drop(std::io::stderr().lock());
}

/// See [`Std::burn_thread_ids`].
extern "C" fn burn_thread_ids(count: u64) -> u64 {
    // More than an address space has, a multiple of any page, and not so large that a C library
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
            // Not expected, and not to be repeated. The thread cannot be joined here: its end may
            // wait for the system's loader, which waits for this constructor.
            return burnt + 1;
        }
    }
    count
}
