//! What of an image is alive: everything that would run its code, or read its data, after it is
//! unmapped.
//!
//! The problem: no single place knows that. Tasks and calls come and go too often for a list, libc
//! knows destructors and threads, and shared crates have state of their own. So there is one file
//! for each kind:
//!
//! | file | what |
//! | --- | --- |
//! | `counters.rs` | tasks, blocking calls, calls of entries, deferred functions, wakers: each thread counts for itself |
//! | `wakers.rs` | tells which module's code a waker is |
//! | `holds.rs` | named holds, in a list |
//! | `libc/` | what the image leaves with libc: destructors, pthread keys, threads, signal actions, timers |
//! | `linked.rs` | the images of the process, and which needs which |
//! | `companions.rs` | the images that go when the image is closed |
//! | `shared_state.rs` | what the image has registered with shared crates |
//! | `by_rule.rs` | what crates without a recipe may keep of the image |
//! | `pointers.rs` | pointers into the image, in values of shared keys |
//! | `statics.rs` | pointers into the image, in statics of other modules |
//! | `words.rs` | reads words that other threads may write to, and knows which do not count |
//!
//! No file here knows a [`Module`](crate::Module). An image is known by its first key, or by its
//! memory.

pub(crate) mod by_rule;
pub(crate) mod companions;
pub(crate) mod counters;
pub(crate) mod holds;
pub(crate) mod libc;
#[cfg(tls_slots_interpose)]
pub(crate) mod linked;
pub(crate) mod pointers;
pub(crate) mod shared_state;
pub(crate) mod statics;
pub(crate) mod wakers;
mod words;
