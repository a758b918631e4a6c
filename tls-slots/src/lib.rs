//! The host's half of shared thread-locals and statics.
//!
//! # The problem
//!
//! A program that loads `cdylib` modules has one copy of each crate's state per binary. The crate
//! `tls-keys` declares state as *keys* instead, of which the host has the one instance. Somebody has
//! to define that instance: this crate, linked by the host only.
//!
//! # How to use it
//!
//! In the host, and nowhere else:
//!
//! ```toml
//! [dependencies]
//! tls-slots = "0.1"
//!
//! [build-dependencies]
//! tls-slots-build = "0.1"
//! ```
//!
//! ```
//! use tls_slots as _; // in main.rs: links the exported symbols
//! ```
//!
//! ```
//! # mod build_rs {
//! # mod tls_slots_build { pub fn host() {} }
//! // build.rs: linker arguments that export them
//! fn main() {
//!     tls_slots_build::host();
//! }
//! # }
//! ```
//!
//! There is nothing to initialise and nothing to call. A module that is loaded into a program
//! without this crate is refused by `dlopen`, by the name of the missing symbol.
//!
//! # How it fits
//!
//! | module | what |
//! | --- | --- |
//! | `export` | the exported functions |
//! | `allocator` | those that allocate; whether a module's allocator fits |
//! | `registry` | images and keys: shared, private, refused |
//! | `manifest` | whether an image's manifest fits the host's |
//! | `thread` | a thread's values: storage, destructors |
//! | `table` | the per-thread table of pointers, one file per way of access |
//! | `exit` | how a thread's end is noticed, one file per system |
//! | `adopt` | modules whose std is taken care of |
//! | `thread_ids` | thread ids that no two images have |
//! | [`panic`](mod@panic) | catching the panics of all images |
//! | `hook` | panics of modules, reported to the host's hook |
//! | `interpose` | what modules' stds leave with libc: taken over, counted |
//! | `sync` | what the models replace |
//! | `load` | feature `load`: [`Module`], the loader |
//!
//! # Cargo features
//!
//! - `load`: [`Module`], which opens a module and gives typed access to its entries. Needs `libloading`.
//! - `reload`: [`Reload`], which follows a module's file: each new build takes the calls, and the old one is
//!   unloaded. Needs `notify`, and a thread.

mod adopt;
mod allocator;
mod exit;
mod export;
mod hook;
#[cfg_attr(not(feature = "load"), allow(dead_code))] // only the loader unloads
mod idle;
mod image_file;
mod image_memory;
#[cfg_attr(not(feature = "load"), allow(dead_code))]
mod interpose;
#[cfg(feature = "load")]
mod load;
mod manifest;
mod on_unload;
pub mod panic;
mod registry;
mod scan;
mod sync;
mod table;
mod thread;
mod thread_ids;
mod usage;

/// All files name `tls-keys` by this, so that the models can put another in its place, see `sync`.
use tls_keys as keys;

// A module's accesses are inline or calls as `tls-keys` has it, and what they find is defined here.
const _: () = assert!(keys::arch::INLINE == cfg!(tls_slots_asm));

pub use hook::{ModulePanic, module_panic, set_module_panic_hook};
#[doc(hidden)]
pub use interpose::probe;
pub use keys::abi::Kind;
#[cfg(feature = "load")]
pub use load::{
    Call, CallError, Entry, EntryPanic, Function, HostProblem, LoadError, LoadOptions, Module,
    Signature, Source, Symbol, ThreadUse, Unload, UnloadError, UnloadProblem, Usage,
};
#[cfg(feature = "reload")]
pub use load::{
    Generation, Reload, ReloadEntry, ReloadError, ReloadEvent, ReloadFunction, ReloadOptions,
};
pub use manifest::manifest;
pub use on_unload::{LeftBehind, left_behind};
pub use registry::{ImageInfo, KeyInfo, images, reset_thread};
pub use thread_ids::{ThreadIds, thread_ids};
pub use tls_slots_manifest::{Difference, Manifest, Mismatch, ParseError};

keys::process_local! {
    /// Marks an image that contains the host's half: a module whose manifest has a key of this package links
    /// it by mistake, and does not fit (`tls_slots_manifest::compare`).
    #[allow(dead_code)] // being there is all it does
    static HOST_HALF: u8 = 0;
}

/// The text of a panic's payload, or a stand-in.
fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a panic without a text)".to_owned()
    }
}
