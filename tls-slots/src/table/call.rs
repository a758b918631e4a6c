//! The table where access is a call: a `std::thread_local!` behind an exported function.

use std::sync::atomic::AtomicPtr;

use crate::keys::names::TABLE_SLOTS;

struct Slots([AtomicPtr<u8>; TABLE_SLOTS]);

std::thread_local! {
    /// No destructor: the slots stay readable until the thread is gone.
    static SLOTS: Slots = const { Slots([const { AtomicPtr::new(std::ptr::null_mut()) }; TABLE_SLOTS]) };
}

/// The calling thread's table.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
extern "C" fn tls_slots_value_v1() -> *mut u8 {
    SLOTS.with(|slots| slots.0.as_ptr().cast_mut().cast())
}
