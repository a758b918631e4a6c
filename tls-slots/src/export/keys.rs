//! Exported for keys: an image comes and goes, a thread asks for a value.
//!
//! An `extern "C"` function that panics aborts the process. The `extern "C"` functions here panic
//! only where an invariant is broken. Those that run an initialiser are `extern "C-unwind"`.

use std::ptr;

use crate::keys::abi::{Answer, Buffer, Image, Key, Status};
use crate::registry::{images, register};
use crate::stds::modules;
use crate::values::definition::Definition;
use crate::values::thread::{self, Found};

/// # Safety
///
/// The image must be loaded and its section hold nothing but keys.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_register_v1(image: *const Image) {
    // SAFETY: the caller's promise.
    unsafe { register::register(&*image) }
}

/// # Safety
///
/// No other code of the image may run any more.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_unregister_v1(image: *const Image) {
    // SAFETY: the caller's promise.
    unsafe {
        register::unregister(&*image);
        // Last: a destructor that ran above may have panicked.
        modules::forget(&*image);
    }
}

/// # Safety
///
/// `key` must be a key of a loaded image, `buffer` writable.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_explain_v1(key: *const Key, buffer: *mut Buffer) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*buffer).write(&images::explain(key)) }
}

/// # Safety
///
/// `key` must be a thread-local of a loaded image, `buffer` writable.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn tls_slots_get_v1(
    key: *const Key,
    has_value: bool,
    buffer: *mut Buffer,
) -> Answer {
    // SAFETY: the caller's promise.
    let (key, buffer) = unsafe { (&*key, &mut *buffer) };
    // SAFETY: the key's image is loaded.
    let Some(definition) = (unsafe { Definition::of(key) }) else {
        return unresolved(key, buffer);
    };
    match thread::get(definition) {
        Found::Nothing => {}
        found => return answer(found),
    }
    match definition.init {
        // The key is another image's, that is, the host's: its own code makes the value.
        Some(init) if !has_value && !ptr::eq(definition.key, key) => {
            // SAFETY: the definition's own initialiser.
            match unsafe { thread::initialise(definition, init) } {
                Ok(found) => answer(found),
                Err(message) => Answer {
                    status: Status::Panicked,
                    value: ptr::null_mut(),
                    message: buffer.write(&message),
                },
            }
        }
        _ => answer(Found::Nothing),
    }
}

/// # Safety
///
/// `key` must be a thread-local of a loaded image, `buffer` writable.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn tls_slots_reserve_v1(key: *const Key, buffer: *mut Buffer) -> Answer {
    // SAFETY: the caller's promise.
    let (key, buffer) = unsafe { (&*key, &mut *buffer) };
    // SAFETY: the key's image is loaded.
    match unsafe { Definition::of(key) } {
        Some(definition) => answer(thread::reserve(definition)),
        None => unresolved(key, buffer),
    }
}

fn unresolved(key: &Key, buffer: &mut Buffer) -> Answer {
    Answer {
        status: Status::Unresolved,
        value: ptr::null_mut(),
        message: buffer.write(&images::explain(key)),
    }
}

fn answer(found: Found) -> Answer {
    let (status, value) = match found {
        Found::Value(value) => (Status::Alive, value),
        Found::Nothing => (Status::Initialise, ptr::null_mut()),
        Found::Destroyed => (Status::Destroyed, ptr::null_mut()),
        Found::Storage(value) => (Status::Reserved, value),
    };
    Answer {
        status,
        value,
        message: 0,
    }
}
