//! Targets without a frame of ours: images there catch with their own std, and do not call this.

use crate::keys::abi::{Call, Outcome, Word};

/// # Safety
///
/// Calls `call` with `data`: that must be sound.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn tls_slots_try_v1(data: Word, call: Call) -> Outcome {
    // SAFETY: the caller's promise.
    unsafe { call(data) }
}
