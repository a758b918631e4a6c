//! When a thread ends: who runs the destructors of its values, and when its memory goes.
//!
//! Two moments, as the first may run code that uses keys again:
//!
//! | file | target | destructors run | memory is freed |
//! | --- | --- | --- | --- |
//! | `gnu.rs` | glibc | with std's own thread-locals (`__cxa_thread_atexit_impl`), on the main thread too | after them (a pthread key) |
//! | `pthread.rs` | other Unix | a pthread key, not on the main thread | the same |
//! | `guard.rs` | everything else | a `std::thread_local!` guard | the same; **not run here** |
//!
//! The interface is
//!
//! - `arm_destructors()`: [`Thread::run_destructors`](crate::thread::run_destructors) is called when the
//!   calling thread ends, also if it is ending already;
//! - `arm_release() -> bool`: [`release`](crate::thread::release) is called after that; false where
//!   the system refuses, and the thread's memory then stays;
//! - `at_process_exit(f)`: `f` runs in `exit`, before modules are finalised;
//! - `thread_id()`: the calling thread, and `thread_name(id)`, which may be asked of a thread that has not ended.

#[cfg(all(unix, target_env = "gnu"))]
mod gnu;
#[cfg(all(unix, target_env = "gnu"))]
pub(crate) use gnu::{arm_destructors, arm_release};

#[cfg(unix)]
mod pthread;
#[cfg(unix)]
pub(crate) use pthread::thread_name;
#[cfg(unix)]
pub(crate) use pthread::{ThreadId, at_process_exit, thread_id};
#[cfg(all(unix, not(target_env = "gnu")))]
pub(crate) use pthread::{arm_destructors, arm_release};

#[cfg(not(unix))]
mod guard;
#[cfg(not(unix))]
pub(crate) use guard::thread_name;
#[cfg(not(unix))]
pub(crate) use guard::{ThreadId, arm_destructors, arm_release, at_process_exit, thread_id};
