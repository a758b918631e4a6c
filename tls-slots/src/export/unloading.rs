//! Exported for unloading: what modules and runtimes tell a loader, and hooks of shared crates.
//!
//! Without a loader the first four do nothing (`observers.rs`).

use std::sync::Arc;

use crate::keys::abi::{Key, Text};
use crate::keys::counters::Counted;
use crate::keys::on_unload::OnUnload;
use crate::keys::quiescence::Runtime;
use crate::{observers, unload_hooks};

/// # Safety
///
/// `key` must be a key of a loaded image, and `row` an offset that the image's observer has given
/// to the image.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_count_v1(key: *const Key, row: usize, what: Counted, ended: bool) {
    for observer in observers::all() {
        // SAFETY: the caller's promise.
        unsafe { (observer.count)(&*key, row, what, ended) }
    }
}

/// # Safety
///
/// `image` must be what identifies a loaded image, `name` a text of its own.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_hold_v1(image: *const Key, name: Text, begins: bool) {
    for observer in observers::all() {
        // SAFETY: the caller's promise.
        unsafe { (observer.hold)(image, name, begins) }
    }
}

/// # Safety
///
/// No code of a module that is being unloaded may run on this thread.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn tls_slots_quiescent_state_v1() {
    for observer in observers::all() {
        // SAFETY: the caller's promise.
        unsafe { (observer.quiescent_state)() }
    }
}

/// # Safety
///
/// `runtime` must be from `Box::into_raw`, of this executable's own code.
#[allow(improper_ctypes_definitions)] // only this executable calls it
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_runtime_v1(runtime: *mut dyn Runtime) {
    // SAFETY: the caller's promise.
    let runtime = unsafe { Box::from_raw(runtime) };
    let runtime: Arc<dyn Runtime> = Arc::from(runtime);
    for observer in observers::all() {
        (observer.add_runtime)(&runtime);
    }
}

/// # Safety
///
/// `image` must be the id of the image that calls this, `hook` a static of the host.
#[allow(improper_ctypes_definitions)]
// the host has made the hook, and reads it
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_on_unload_v1(image: *const Key, hook: *const OnUnload) {
    // SAFETY: the caller's promise: a static.
    let hook = unsafe { &*hook };
    // SAFETY: the caller's promise.
    unsafe { unload_hooks::ask(image, hook) }
}
