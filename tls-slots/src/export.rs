//! The functions that a host exports to its modules, one thin wrapper each.
//!
//! Their signatures are declared in `tls-keys`' `object/elf.rs`, their names in `names.rs`. They stay in
//! the executable, and become dynamic symbols, because of the linker argument that
//! `tls_slots_build::host()` prints.
//!
//! `register`, `unregister` and `explain` must not unwind: an `extern "C"` function that panics
//! aborts. They only panic on broken invariants.

use std::ptr;

use crate::keys::abi::{Answer, Buffer, Image, Key, Status};

use crate::adopt;
use crate::interpose;
use crate::registry;
use crate::thread::{self, Found};

/// # Safety
///
/// The image must be loaded and its section hold nothing but keys.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_register_v1(image: *const Image) {
    // SAFETY: the caller's promise.
    unsafe {
        registry::register(&*image);
        interpose::register(&*image);
    }
}

/// # Safety
///
/// No other code of the image may run any more.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_unregister_v1(image: *const Image) {
    // SAFETY: the caller's promise.
    unsafe {
        interpose::leave(&*image);
        registry::unregister(&*image);
        // Last: a destructor that ran above may have panicked, or registered another one.
        interpose::unregister(&*image);
        adopt::forget(&*image);
    }
}

/// # Safety
///
/// `key` must be a key of a loaded image, `buffer` writable.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_explain_v1(key: *const Key, buffer: *mut Buffer) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*buffer).write(&registry::explain(key)) }
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
    // SAFETY: as above.
    let Some(record) = (unsafe { registry::record(key) }) else {
        return unresolved(key, buffer);
    };
    match thread::get(record) {
        Found::Nothing => {}
        found => return answer(found),
    }
    match record.init {
        // The key is another image's, that is, the host's: its own code makes the value.
        Some(init) if !has_value && !ptr::eq(record.key, key) => {
            // SAFETY: the record's own initialiser.
            match unsafe { thread::initialise(record, init) } {
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
    // SAFETY: as above.
    match unsafe { registry::record(key) } {
        Some(record) => answer(thread::reserve(record)),
        None => unresolved(key, buffer),
    }
}

fn unresolved(key: &Key, buffer: &mut Buffer) -> Answer {
    Answer {
        status: Status::Unresolved,
        value: ptr::null_mut(),
        message: buffer.write(&registry::explain(key)),
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
