//! Unix: a pthread key, whose destructor runs when a thread ends (POSIX,
//! `pthread_key_create`), and again if the value is set again meanwhile, up to
//! `PTHREAD_DESTRUCTOR_ITERATIONS` times.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

#[cfg(target_vendor = "apple")]
type PthreadKey = std::ffi::c_ulong;
#[cfg(not(target_vendor = "apple"))]
type PthreadKey = std::ffi::c_uint;

unsafe extern "C" {
    fn pthread_key_create(
        key: *mut PthreadKey,
        destructor: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> c_int;
    fn pthread_setspecific(key: PthreadKey, value: *const c_void) -> c_int;
    fn atexit(function: extern "C" fn()) -> c_int;
    safe fn pthread_self() -> ThreadId;
    fn pthread_getname_np(thread: ThreadId, name: *mut c_char, size: usize) -> c_int;
}

/// `pthread_t`, which is as wide as a pointer on the systems of this file.
pub(crate) type ThreadId = usize;

/// See the module.
pub(crate) fn thread_id() -> ThreadId {
    pthread_self()
}

/// See the module.
pub(crate) fn thread_name(thread: ThreadId) -> Option<String> {
    let mut name = [0_u8; 64];
    // SAFETY: the thread has not ended, by the caller's promise, and there is room for so much.
    let failed = unsafe { pthread_getname_np(thread, name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    (failed == 0).then(|| name.to_string_lossy().into_owned())
}

/// The one key of this process. Invariant: made at most once, never deleted; `None` when the system
/// has no key left.
static KEY: OnceLock<Option<PthreadKey>> = OnceLock::new();

unsafe extern "C" fn end(_: *mut c_void) {
    crate::interpose::thread_ends();
    // Late ones on glibc, all of them elsewhere.
    crate::thread::run_destructors();
    crate::thread::release();
}

/// See the module.
pub(crate) fn arm_release() -> bool {
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: `key` is writable; `end` lies in the executable, which is never unloaded.
        let failed = unsafe { pthread_key_create(&mut key, Some(end)) };
        (failed == 0).then_some(key)
    });
    match *key {
        // SAFETY: a key of this process; any non-null value means "call `end`".
        Some(key) => unsafe { pthread_setspecific(key, std::ptr::dangling::<u8>().cast()) == 0 },
        None => false,
    }
}

/// See the module.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn arm_destructors() {
    // `end` runs them, and `arm_release` came first.
}

/// Runs `function` when the process exits, before the destructors of modules: handlers run last
/// registered first, and the dynamic linker's own was registered before any constructor ran.
pub(crate) fn at_process_exit(function: extern "C" fn()) {
    // SAFETY: `function` lies in the executable. A refusal (no memory) is not fatal: see the caller.
    unsafe {
        atexit(function);
    }
}
