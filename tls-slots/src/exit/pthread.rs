//! Unix: a pthread key. Its destructor runs when a thread ends (POSIX, `pthread_key_create`). It
//! runs again if the value was set again meanwhile, up to `PTHREAD_DESTRUCTOR_ITERATIONS` times.

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
pub type ThreadId = usize;

/// See the folder's interface.
pub(crate) fn thread_id() -> ThreadId {
    pthread_self()
}

/// See the folder's interface.
///
/// # Safety
///
/// The thread must not have ended.
pub unsafe fn thread_name(thread: ThreadId) -> Option<String> {
    let mut name = [0_u8; 64];
    // SAFETY: the thread has not ended, by the caller's promise, and there is room for so much.
    let failed = unsafe { pthread_getname_np(thread, name.as_mut_ptr().cast(), name.len()) };
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    (failed == 0).then(|| name.to_string_lossy().into_owned())
}

/// The one key of this process. A thread's value is the `fn()` to call. Invariant: made at most
/// once, never deleted. `None` when the system has no key left.
static KEY: OnceLock<Option<PthreadKey>> = OnceLock::new();

/// Calls what was given to the system as data: a destructor's argument, a key's value.
///
/// # Safety
///
/// `function` must come from a `fn()`.
pub(super) unsafe extern "C" fn call(function: *mut c_void) {
    // SAFETY: the caller's promise; a function pointer is as wide as a data pointer on Unix (POSIX,
    // `dlsym`).
    let function = unsafe { std::mem::transmute::<*mut c_void, fn()>(function) };
    function();
}

/// See the folder's interface.
pub(crate) fn arm_release(release: fn()) -> bool {
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: `key` is writable; `call` lies in the executable, which is never unloaded.
        let failed = unsafe { pthread_key_create(&mut key, Some(call)) };
        (failed == 0).then_some(key)
    });
    match *key {
        // SAFETY: a key of this process, and the value that its destructor expects. A function's
        // address is not null, so the destructor is called.
        Some(key) => unsafe { pthread_setspecific(key, release as *const c_void) == 0 },
        None => false,
    }
}

/// See the folder's interface. `release` runs the destructors first, and is armed already.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn arm_destructors(_: fn()) {}

/// Runs `function` when the process exits, before the destructors of modules: handlers run in
/// reverse order of registration, and the dynamic linker registered its own before any constructor
/// ran.
pub(crate) fn at_process_exit(function: extern "C" fn()) {
    // SAFETY: `function` lies in the executable. A refusal (no memory) only means that modules may
    // be taken from the registry while the process exits.
    unsafe {
        atexit(function);
    }
}
