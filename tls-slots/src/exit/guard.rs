//! Other systems: one `std::thread_local!` with a destructor. **Not run here.**
//!
//! Once the guard has run, keys that were not initialised before cannot be initialised any more on
//! that thread: `try_with` says so by an `AccessError`.

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        crate::thread::run_destructors();
        crate::thread::release();
    }
}

std::thread_local! {
    static GUARD: Guard = const { Guard };
}

/// See the module.
pub(crate) fn arm_destructors() {
    // The guard runs them, and `arm_release` came first.
}

/// See the module.
pub(crate) fn arm_release() -> bool {
    GUARD.try_with(|_| ()).is_ok()
}

/// See the module. Windows unloads nothing in `ExitProcess` before threads are gone.
pub(crate) fn at_process_exit(_: extern "C" fn()) {}

/// Not known: std's thread-locals may be gone when this is asked.
pub(crate) type ThreadId = ();

/// See the module.
pub(crate) fn thread_id() -> ThreadId {}

/// See the module.
pub(crate) fn thread_name((): ThreadId) -> Option<String> {
    None
}
