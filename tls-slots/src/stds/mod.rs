//! Each image's own copy of std, and what the host sets up in it.
//!
//! | file | what |
//! | --- | --- |
//! | `modules.rs` | the modules that have presented their std |
//! | `hook.rs` | panics of modules, reported to the host's hook |
//! | `thread_ids.rs` | a range of thread ids for each module |
//! | `id_counter.rs`, `no_id_counter.rs` | the counter of a module's std: found and set, or left alone |

pub(crate) mod hook;
#[cfg(tls_slots_id_counter)]
mod id_counter;
#[cfg(not(tls_slots_id_counter))]
#[path = "no_id_counter.rs"]
mod id_counter;
pub(crate) mod modules;
pub(crate) mod thread_ids;
