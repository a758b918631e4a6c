//! glibc: `__cxa_thread_atexit_impl`, which std's thread-locals use too.
//!
//! glibc (since 2.18, stdlib/cxa_thread_atexit_impl.c) runs the registered functions in reverse
//! order when the thread ends or the main thread leaves `main`. It takes new registrations while it
//! runs. It runs before the destructors of pthread keys (nptl/pthread_create.c, `start_thread`).
//!
//! Only the host registers here, and the host is never unloaded: a key pins no module. Where the
//! host links `tls-slots-load`, the function of this name is that crate's, which hands the call on
//! to libc's.

use std::ffi::{c_int, c_void};

use super::pthread::call;

unsafe extern "C" {
    fn __cxa_thread_atexit_impl(
        function: unsafe extern "C" fn(*mut c_void),
        argument: *mut c_void,
        image: *const c_void,
    ) -> c_int;

    /// Identifies the image to `__cxa_thread_atexit_impl`. The compiler's start files define it;
    /// only its address means something.
    static __dso_handle: u8;
}

/// See the folder's interface.
pub(crate) fn arm_destructors(run: fn()) {
    // SAFETY: `call` gets a `fn()`; both functions lie in the executable, which is never unloaded.
    unsafe {
        __cxa_thread_atexit_impl(call, run as *mut c_void, (&raw const __dso_handle).cast());
    }
}
