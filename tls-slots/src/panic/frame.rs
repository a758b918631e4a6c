//! The personality of the frame that stops panics.

use std::ffi::c_int;

use crate::keys::abi::Exception;

/// Rust's exceptions: `RUST_EXCEPTION_CLASS` of library/panic_unwind/src/gcc.rs.
const RUST: u64 = u64::from_ne_bytes(*b"MOZ\0RUST");

// `_Unwind_Action` and `_Unwind_Reason_Code` of the ABI.
const SEARCH_PHASE: c_int = 1;
const HANDLER_FRAME: c_int = 4;
const FORCE_UNWIND: c_int = 8;
const HANDLER_FOUND: c_int = 6;
const INSTALL_CONTEXT: c_int = 7;
const CONTINUE_UNWIND: c_int = 8;

/// The register that takes the exception, that of the second returned word:
/// `__builtin_eh_return_data_regno(1)`, which is `rdx` by the System V ABI for x86-64 (figure 3.36,
/// number 1) and `x1` on aarch64.
const EXCEPTION: c_int = 1;

/// The unwinder's view of a frame.
#[repr(C)]
pub(crate) struct Context {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn _Unwind_SetGR(context: *mut Context, register: c_int, value: usize);
    fn _Unwind_SetIP(context: *mut Context, address: usize);

    /// Where a stopped exception continues; only its address means something.
    #[link_name = "tls_slots_landing_v1"]
    static LANDING: u8;
}

/// The personality of `tls_slots_try_v1`.
///
/// The frame has one call, so there is no table of places to look up: whatever comes by has come
/// out of that call.
///
/// # Safety
///
/// For the unwinder only.
pub(super) unsafe extern "C" fn personality(
    version: c_int,
    actions: c_int,
    class: u64,
    exception: *mut Exception,
    context: *mut Context,
) -> c_int {
    if version != 1 || class != RUST || actions & FORCE_UNWIND != 0 {
        return CONTINUE_UNWIND;
    }
    if actions & SEARCH_PHASE != 0 {
        return HANDLER_FOUND;
    }
    if actions & HANDLER_FRAME == 0 {
        return CONTINUE_UNWIND;
    }
    // SAFETY: the unwinder's own context of this frame, in the phase in which it may be written;
    // the address is inside the frame's function, where the stack is as it was at the call.
    unsafe {
        _Unwind_SetGR(context, EXCEPTION, exception as usize);
        _Unwind_SetIP(context, &raw const LANDING as usize);
    }
    INSTALL_CONTEXT
}
