//! The host's half of shared thread-locals and statics.
//!
//! # The problem
//!
//! A program that loads `cdylib` modules has one copy of each crate's state per binary. The crate
//! `tls-keys` declares state as *keys* instead, and each key has one instance: the host's. Somebody
//! has to define that instance. This crate does, and only the host links it.
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
//! There is nothing to initialise and nothing to call. A program without this crate cannot load a
//! module by mistake: `dlopen` refuses the module, and names the missing symbol.
//!
//! A host that opens its modules by plain `libloading`, and never closes them, links only this
//! crate. The crate `tls-slots-load` is above it: it checks a module's file before it opens the
//! file, gives typed access to the module's entries, knows what a module has alive, and unloads and
//! reloads modules. A host that closes modules links it in any case: what a module's std has left
//! with libc would be called after the module is gone.
//!
//! # How it fits
//!
//! The files form layers. A file uses only files of lower layers.
//!
//! | layer | what |
//! | --- | --- |
//! | `export` | the exported symbols, one thin wrapper each |
//! | `report`, `loader` | what people and tests are told; what a loader needs |
//! | `stds` | each image's own std: panics, thread ids |
//! | `registry` | images and keys: shared, private, refused |
//! | `fit`, `unload_hooks` | whether an image fits; what shared crates do when it goes |
//! | `values` | definitions of keys; a thread's values, from first access to last destructor |
//! | `observers`, `memory`, `table`, `exit` | who is told; modules' memory; the per-thread table; a thread's end |
//! | `image`, [`panic`](mod@panic) | which file and memory an address belongs to; catching the panics of all images |
//! | `sync` | what the models replace |

mod exit;
mod export;
mod fit;
mod image;
#[doc(hidden)]
pub mod loader;
mod memory;
mod observers;
pub mod panic;
mod registry;
mod report;
mod stds;
mod sync;
mod table;
mod unload_hooks;
mod values;

/// All files name `tls-keys` by this, so that the models can put another crate in its place.
use tls_keys as keys;

// A module's accesses are inline or calls, as `tls-keys` has it. This crate defines what they find.
const _: () = assert!(keys::arch::INLINE == cfg!(tls_slots_asm));

pub use fit::manifest::manifest;
pub use keys::abi::Kind;
pub use report::{ImageInfo, KeyInfo, images, reset_thread};
pub use stds::hook::{ModulePanic, module_panic, set_module_panic_hook};
pub use stds::thread_ids::{ThreadIds, thread_ids};
pub use tls_slots_manifest::{Difference, Manifest, Mismatch, ParseError};

keys::process_local! {
    /// Marks an image that contains the host's half. A module whose manifest has a key of this
    /// package links the half by mistake, and does not fit (`tls_slots_manifest::compare`).
    #[allow(dead_code)] // being there is all it does
    static HOST_HALF: u8 = 0;
}
