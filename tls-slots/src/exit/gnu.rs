//! glibc: destructors with std's, memory by a pthread key.
//!
//! `__cxa_thread_atexit_impl` (glibc 2.18, stdlib/cxa_thread_atexit_impl.c) runs its functions in
//! reverse order of registration when the thread ends or the main thread leaves `main`, takes new
//! registrations while it runs, and runs before the destructors of pthread keys
//! (nptl/pthread_create.c, `start_thread`).
//!
//! Only the host registers, and the host is never unloaded: no module is pinned by a key. The function of that name
//! is the host's own (`interpose`), which hands this on to libc's.

use std::ffi::{c_int, c_void};

pub(crate) use super::pthread::arm_release;

unsafe extern "C" {
    fn __cxa_thread_atexit_impl(
        function: unsafe extern "C" fn(*mut c_void),
        argument: *mut c_void,
        image: *const c_void,
    ) -> c_int;

    /// Identifies the image to `__cxa_thread_atexit_impl`; defined by the compiler's start files,
    /// only its address means something.
    static __dso_handle: u8;
}

unsafe extern "C" fn run(_: *mut c_void) {
    crate::thread::run_destructors();
}

/// See the module.
pub(crate) fn arm_destructors() {
    // SAFETY: `run` needs no argument, and lies in the executable, which is never unloaded.
    unsafe {
        __cxa_thread_atexit_impl(run, std::ptr::null_mut(), (&raw const __dso_handle).cast());
    }
}
