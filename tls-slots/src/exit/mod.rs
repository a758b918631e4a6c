//! How the end of a thread is noticed.
//!
//! A thread's end has two moments, since destructors may use keys again:
//!
//! | file | target | destructors run | memory is freed |
//! | --- | --- | --- | --- |
//! | `gnu.rs` | glibc | with std's own thread-locals (`__cxa_thread_atexit_impl`), on the main thread too | after them (a pthread key) |
//! | `pthread.rs` | other Unix | by a pthread key, not on the main thread | by the same key |
//! | `guard.rs` | everything else | by a `std::thread_local!` guard | by the same guard; **not run here** |
//!
//! The interface is
//!
//! - `arm_destructors(run)`: `run` is called when the calling thread ends. That holds for a thread
//!   that is ending already, too.
//! - `arm_release(release) -> bool`: `release` is called after `run`. False where the system
//!   refuses; the thread's memory then stays.
//! - `at_process_exit(function)`: `function` runs in `exit`, before modules are finalised.
//! - `thread_id()`: the calling thread. `thread_name(id)`: its name, for a thread that has not
//!   ended.
//!
//! The callers pass functions, so this folder knows nothing of a thread's values.

#[cfg(all(unix, target_env = "gnu"))]
mod gnu;
#[cfg(all(unix, target_env = "gnu"))]
pub(crate) use gnu::arm_destructors;

#[cfg(unix)]
mod pthread;
#[cfg(all(unix, not(target_env = "gnu")))]
pub(crate) use pthread::arm_destructors;
#[cfg(unix)]
pub use pthread::{ThreadId, thread_name};
#[cfg(unix)]
pub(crate) use pthread::{arm_release, at_process_exit, thread_id};

#[cfg(not(unix))]
mod guard;
#[cfg(not(unix))]
pub use guard::{ThreadId, thread_name};
#[cfg(not(unix))]
pub(crate) use guard::{arm_destructors, arm_release, at_process_exit, thread_id};
