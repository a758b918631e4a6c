//! What of an image is alive: whatever would run its code, or read its data, once it is unmapped.
//!
//! | file | what |
//! | --- | --- |
//! | `counters.rs` | tasks, blocking calls, calls of entries, deferred functions: counted by each thread for itself |
//! | `holds.rs` | named holds, in a list |
//! | `libc/` | what the image's std leaves with libc: destructors, pthread keys, threads, signal actions |
//! | `shared_state.rs` | what the image has registered with shared crates |
//! | `pointers.rs` | pointers into the image, in values of shared keys |
//!
//! Nothing here knows a `Module`: an image is known by its first key, or by its memory.

pub(crate) mod counters;
pub(crate) mod holds;
pub(crate) mod libc;
pub(crate) mod pointers;
pub(crate) mod shared_state;
