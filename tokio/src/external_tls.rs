//! The one seam between tokio and the state that a host shares with its modules.
//!
//! # The problem
//!
//! Each binary that links tokio has a copy of tokio's thread-locals and statics. A module that runs
//! on its host's runtime must use the host's.
//!
//! # How this fits
//!
//! Upstream's code is changed in as few places as possible, and only to call what stands here:
//!
//! | here | feature `external-tls` off | on |
//! | --- | --- | --- |
//! | [`thread_local!`] | `std::thread_local!` | `tls_keys::thread_local!` |
//! | [`LocalKey`], [`AccessError`] | std's | those of `tls_keys` |
//! | `thread` | `std::thread` | with these two instead of std's |
//! | `process_local!` | the `static` as it stands | `tls_keys::process_local!` |
//! | `layout` | nothing | layouts for the image's manifest |
//! | `current_thread_id` | `std::thread::current().id()` | the id that the host's std gives the thread |
//! | `on_host!` | nothing | leaves the rest of a function to the host's copy of it |
//! | `catch_unwind` | `std::panic::catch_unwind` | `tls_keys::panic::catch_unwind`: the panics of all images |
//! | `catch_where!` | the function that is named | `catch_unwind` where the condition holds, a plain call elsewhere |
//! | `ClonesByOthers` | nothing | whether a waker that is kept is cloned by code that is not tokio's |
//! | `keep_waker`, `keep_waker_from`, `will_wake` | `clone`, `clone_from`, `will_wake` of a waker | a waker that is kept counts for its module |
//! | `own_panics` | calls the function | makes another image's panic one of this image |
//! | `unload` | not there | what the host must know to unload a module |
//! | `or_pending!` | its argument | or a module is being unloaded |
//! | `cfg_each_task!` | upstream's condition | always |
//! | `held!`, `text_name!`, `default_name!` | the function in an `Arc` | it holds its image, or is the host's |
//!
//! So with the feature off the crate compiles to what upstream compiles to.
//!
//! This file only gives upstream's code one path to all of it, `crate::external_tls`.

#[cfg(feature = "external-tls")]
pub(crate) mod layout;

pub(crate) mod callbacks;
pub(crate) mod keys;
pub(crate) mod on_host;
pub(crate) mod panics;
pub(crate) mod unload_macros;
pub(crate) mod wakers;

#[cfg(feature = "external-tls")]
#[allow(dead_code, unused_imports)] // which features use it varies
pub(crate) mod unload;

/// What `#[tokio::module]` expands to calls of.
#[doc(hidden)]
#[cfg(all(feature = "external-tls", feature = "macros", feature = "rt"))]
pub mod entry;

#[doc(hidden)]
pub use keys::{thread_local, AccessError, LocalKey};

// Which features use each of them varies.
#[allow(unused_imports)]
pub(crate) use callbacks::{default_name, held, text_name};
#[cfg(feature = "rt")]
#[allow(unused_imports)]
pub(crate) use keys::current_thread_id;
#[allow(unused_imports)]
pub(crate) use keys::{process_local, thread};
#[allow(unused_imports)]
pub(crate) use on_host::on_host;
#[cfg(feature = "external-tls")]
#[allow(unused_imports)]
pub(crate) use panics::is_task_waker;
#[allow(unused_imports)]
pub(crate) use panics::{catch_unwind, catch_where, own_panics, ClonesByOthers};
#[allow(unused_imports)]
pub(crate) use unload_macros::{cfg_each_task, or_pending};
#[allow(unused_imports)]
pub(crate) use wakers::{keep_waker, keep_waker_from, will_wake};
