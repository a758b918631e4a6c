//! What the edits of a fork call: state that a host shares with its modules.
//!
//! # The problem
//!
//! Each binary that links this crate has a copy of its thread-locals and statics, where upstream
//! thinks that there is one in the process.
//!
//! # How this fits
//!
//! | here | in a host or a module | in any other program |
//! | --- | --- | --- |
//! | `thread_local!`, `LocalKey`, `AccessError` | those of `tls_keys` | std's |
//! | `process_local!` | one instance, the host's | the `static` as it stands |
//! | `StaticMut` | what is inside of a `static mut` that is shared | likewise |
//! | `on_host!` | leaves the rest of a function to the host's copy of it | nothing |
//! | `on_unload!` | notes what the host does when this image is unloaded | nothing |
//! | `Spawned` | counts jobs of this image that nobody waits for | nothing |
//! | `Deferred` | counts functions of this image that run later | nothing |
//!
//! The difference is the feature `shared` of `tls-keys`, see there; this crate has no feature of
//! its own for it, as nobody names it in a manifest.

#[allow(unused_imports)] // which are used varies
pub use tls_keys::{
    __on_host as on_host, __on_unload as on_unload, AccessError, Deferred, LocalKey, Spawned,
    StaticMut, on_unload, process_local, thread_local,
};
