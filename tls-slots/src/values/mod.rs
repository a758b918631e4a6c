//! The values of keys: what a key resolves to, and what each thread has for it.
//!
//! | file | what |
//! | --- | --- |
//! | `definition.rs` | a *definition*: what the registry knows of a key that some image owns |
//! | `thread.rs` | one thread's values: from the first access to the thread's end |
//! | `sweep.rs` | what is done to values from outside: reset, taken away, looked at |

pub(crate) mod definition;
pub(crate) mod sweep;
pub(crate) mod thread;
