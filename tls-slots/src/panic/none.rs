//! Targets without a frame of ours: images there catch with their own std, and do not call this.

use crate::keys::abi::{Call, Exception};

/// # Safety
///
/// Calls `call` with `data`: that must be sound.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn tls_slots_try_v1(call: Call, data: *mut u8) -> *mut Exception {
    // SAFETY: the caller's promise.
    unsafe { call(data) }
    std::ptr::null_mut()
}
