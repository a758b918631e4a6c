//! The loader: opens modules that were checked, knows what of them is alive, and unloads and
//! reloads them.
//!
//! # The problem
//!
//! `dlopen` opens whatever a path leads to. `dlclose` may unmap code that is still going to run, or
//! it may leave the file mapped and not say so. A host wants errors instead of crashes, typed
//! functions instead of addresses, and modules that are really gone after they were unloaded.
//!
//! # How to use it
//!
//! Only the host depends on this crate. It brings `tls-slots`, the host's half, with it:
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
//! A host may open its modules by other means, and still link this crate, by
//! `use tls_slots_load as _;`. Then it gets the parts that need no [`Module`]. The functions of
//! libc that this crate takes over (`alive/libc`) know every module that the registry has accepted,
//! and [`left_behind`] tells what a module keeps in shared state.
//!
//! # How it fits
//!
//! The files form layers, the top layer first. A file uses only files of lower layers.
//!
//! | layer | what |
//! | --- | --- |
//! | `reload` | hot reload (feature `reload`) |
//! | `observer` | what `tls-slots` tells this crate |
//! | `unload` | a module goes, in seven steps: gate, shutdown, wait, drop, see, close, look |
//! | `load` | a module comes: the steps of `open`, in order; [`LoadOptions`] |
//! | `usage` | what of a module is alive, as a report |
//! | `entry` | typed calls, which are counted |
//! | `module` | [`Module`], the handle of a loaded module |
//! | `loaded` | the image behind it, and the list of all images |
//! | `open` | from a path to checked bytes to an image |
//! | `alive` | what of an image is alive: counters, holds, what libc knows, shared state |
//!
//! There is one error type for each of the four doors: [`LoadError`] for loading and for looking up
//! an entry or a symbol, [`CallError`] for calls, [`UnloadError`] for unloading, and `ReloadError`
//! for reloading.
//!
//! # Cargo features
//!
//! - `reload`: `Reload` follows a module's file. Each new build takes over the calls, and the old
//!   build is unloaded. This needs the crate `notify`, and a thread.

mod alive;
mod clock;
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
