//! Other systems: one `std::thread_local!` with a destructor. **Not run here.**
//!
//! After the guard has run, a key that was not initialised before cannot be initialised on that
//! thread any more: `try_with` gives an `AccessError`.

use std::cell::Cell;

/// What to call at the end of the thread.
struct Guard(Cell<Option<fn()>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

std::thread_local! {
    static GUARD: Guard = const { Guard(Cell::new(None)) };
}

/// See the folder's interface. `release` runs the destructors first, and is armed already.
pub(crate) fn arm_destructors(_: fn()) {}

/// See the folder's interface.
pub(crate) fn arm_release(release: fn()) -> bool {
    GUARD.try_with(|guard| guard.0.set(Some(release))).is_ok()
}

/// See the folder's interface. Windows ends the other threads before `ExitProcess` unloads
/// anything.
pub(crate) fn at_process_exit(_: extern "C" fn()) {}

/// Not known: std's thread-locals may be gone when this is asked.
pub type ThreadId = ();

/// See the folder's interface.
pub(crate) fn thread_id() -> ThreadId {}

/// See the folder's interface.
///
/// # Safety
///
/// None.
pub unsafe fn thread_name((): ThreadId) -> Option<String> {
    None
}
