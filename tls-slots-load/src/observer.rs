//! What `tls-slots` tells this crate: a table of functions that it calls.
//!
//! The problem: modules may come before the host's `main` runs, and a host may open them without
//! this crate's [`Module`](crate::Module). So a constructor of the executable adds the table, in
//! every program that links this crate. A module can come even earlier, if the executable depends
//! on it at link time. `tls-slots` tells of such modules when the table is added.

use tls_slots::loader::{AcceptedImage, Next, Observer, ValueOf, observe};

use crate::alive::{counters, holds, libc, wakers};
use crate::open::own;
use crate::unload::requests;

static OBSERVER: Observer = Observer {
    image_came,
    image_leaves,
    image_left,
    thread_ends: libc::thread_ends,
    thread_ended,
    count: counters::count,
    hold: holds::hold,
    quiescent_state: requests::quiescent_state,
    add_runtime: requests::add_runtime,
    compare: own::compare,
    next: Next::none(),
};

/// An image has come: takes note of it everywhere.
///
/// # Safety
///
/// As [`Observer::image_came`].
unsafe fn image_came(image: AcceptedImage) {
    // SAFETY: the caller promises that the image is loaded, and has presented its row.
    unsafe { counters::image_came(image) }
    libc::image_came(image);
}

/// An image is about to go: has the calling thread run its destructors.
///
/// # Safety
///
/// As [`Observer::image_leaves`].
unsafe fn image_leaves(image: AcceptedImage) {
    // SAFETY: the caller promises that no other code of the image runs any more.
    unsafe { libc::image_leaves(image) }
}

/// An image has gone, as far as the registry knows: forgets it everywhere.
///
/// # Safety
///
/// As [`Observer::image_left`].
unsafe fn image_left(image: AcceptedImage) {
    holds::image_left(image.start);
    // SAFETY: the caller promises that the image is still mapped, and that no code of it runs any
    // more.
    unsafe {
        counters::image_left(image);
        libc::image_left(image);
    }
}

/// A thread has ended, but for its memory.
///
/// # Safety
///
/// As [`Observer::thread_ended`].
unsafe fn thread_ended(value_of: &ValueOf<'_>) {
    // SAFETY: the caller's promise.
    unsafe { counters::thread_ended(value_of) }
    requests::thread_ended();
}

/// Adds the table.
extern "C" fn add() {
    libc::program_starts();
    wakers::start();
    // SAFETY: this is a constructor of the executable. It runs before `main`, and the system's
    // loader unloads nothing while constructors run.
    unsafe { observe(&OBSERVER) }
}

/// A constructor: the system calls this when it has loaded the executable. It is the first
/// constructor of all: lower priorities run first, and 98 is the one by which an image presents its
/// keys (`tls-keys`' `object/`). So a module that another constructor of the host loads is known.
/// On macOS constructors run in the order of linking; no module is unloaded there.
#[used]
#[cfg_attr(
    all(unix, not(target_vendor = "apple")),
    unsafe(link_section = ".init_array.00097")
)]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCAB"))]
static ADD: extern "C" fn() = add;
