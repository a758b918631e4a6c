//! The loader: opens modules that were checked, knows what they have alive, unloads and reloads them.
//!
//! # The problem
//!
//! `dlopen` takes whatever a path leads to, and `dlclose` unmaps code that is still to run, or silently
//! does not unmap it. A host wants errors in place of crashes, typed functions in place of addresses,
//! and modules that really go.
//!
//! # How to use it
//!
//! In the host, and nowhere else. The crate brings `tls-slots`, the host's half, with it:
//!
//! ```toml
//! [dependencies]
//! tls-slots-load = "0.1"
//!
//! [build-dependencies]
//! tls-slots-build = "0.1"
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use tls_slots_load::Module;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // SAFETY: built from our own sources, by the same compiler and for this host.
//! let module = unsafe { Module::load("./libmarkdown.so")? };
//! let render = module.entry::<fn(String) -> String>("render")?;
//! println!("{}", render.call(("# Title".to_owned(),)).await?);
//!
//! // SAFETY: its entries take and give plain data.
//! unsafe { module.unload(Duration::from_secs(10)) }.await?;
//! # Ok(()) }
//! ```
//!
//! A host that opens its modules by other means, and links this crate, gets what can be had without
//! being asked: the functions of libc that this crate takes over (`alive/libc`) see every module that
//! the registry has accepted, and [`left_behind`] tells what a module keeps in shared state.
//!
//! # How it fits
//!
//! The files form layers. A file uses only files of lower layers.
//!
//! | layer | what |
//! | --- | --- |
//! | `reload` | hot reload (feature `reload`) |
//! | `observer` | what `tls-slots` tells this crate |
//! | `unload` | a module goes: gate, wait, drop, see, close, look |
//! | `load` | a module comes: the steps of `open`, in order; [`LoadOptions`] |
//! | `usage` | what of a module is alive, as a report |
//! | `entry` | typed calls, counted |
//! | `module`, `loaded` | [`Module`], and the image behind it |
//! | `open` | from a path to checked bytes to an image |
//! | `alive` | what of an image is alive: counters, holds, what libc is told, shared state |
//!
//! # Cargo features
//!
//! - `reload`: [`Reload`], which follows a module's file: each new build takes the calls, and the old one
//!   is unloaded. Needs `notify`, and a thread.

mod alive;
mod entry;
mod load;
mod loaded;
mod module;
mod observer;
mod open;
#[cfg(feature = "reload")]
mod reload;
mod unload;
mod usage;

#[doc(hidden)]
pub use alive::libc::probe;
pub use alive::shared_state::{LeftBehind, left_behind};
pub use entry::{Call, CallError, Entry, Function};
pub use load::{LoadOptions, Source};
pub use module::{Module, Symbol};
pub use open::error::{HostProblem, LoadError};
#[cfg(feature = "reload")]
pub use reload::{
    Generation, Reload, ReloadEntry, ReloadError, ReloadEvent, ReloadFunction, ReloadOptions,
};
pub use tls_keys::entry::{EntryPanic, Signature};
pub use unload::{Unload, UnloadError, UnloadProblem};
pub use usage::{ThreadUse, Usage};
