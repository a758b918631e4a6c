//! Thread-locals and statics that a host and its modules share: the half that everybody links.
//!
//! # The problem
//!
//! A Rust program that loads independently built `cdylib` modules has one copy of each crate per
//! binary, and with it one copy of each crate's *state*: its thread-locals and statics. Code that
//! was written for one copy breaks: a task counter counts twice, a "current runtime" is missing.
//!
//! # How this fits
//!
//! This crate declares state so that there is one copy after all, the host's:
//!
//! - [`thread_local!`] has the syntax and the interface of `std::thread_local!`;
//! - [`process_local!`] is a `static` that exists once in the process.
//!
//! Each declaration is a *key*: a descriptor in a section of the image. When an image is loaded,
//! one constructor hands the image's keys to the host. The host resolves each key: a key that the
//! host's image has too is shared, every other key is private to the image that declares it. The
//! host's half is the crate `tls-slots`. This crate only *declares* the host's symbols, so no
//! combination of features can turn a module into a host. It has no `std`, and no dependency
//! but `tls-keys-macros`, which is in no image: it runs in the compiler.
//!
//! A program that uses keys must link `tls-slots` (`use tls_slots as _;`). That holds for tests
//! too. Without `tls-slots` the linker reports undefined symbols called `tls_slots_…`.
//!
//! | word | meaning |
//! | --- | --- |
//! | image | an executable or shared library, as loaded in the process |
//! | host | the executable that owns the state |
//! | module | a `cdylib` that a host loads |
//! | key | one declared piece of state: a thread-local, or a static of the process |
//! | definition | what a key resolves to: the registry's entry of the image that owns the key |
//! | slot | a place in a thread's table of pointers |
//! | manifest, record | what an image says about itself, and one entry of it |
//! | row | one image's counters in a thread's block of counters |
//! | unload hook | what a shared crate does when a module goes |
//! | quiescent state | a moment when a thread runs no code of any module |
//!
//! # Cargo features
//!
//! - `std`: for modules that use std, which is nearly all of them. When the module is loaded, its
//!   copy of std gets thread ids that no other image has, the host's hook prints its panics, and
//!   the host can catch them. The forked tokio turns this feature on. A module that uses keys
//!   without tokio should turn it on, too.
//! - `shared` (default): keys resolve to the host's state. The next section says who does without.
//!
//! # Without the feature `shared`
//!
//! A forked crate depends on this one without default features. So a program that is neither host
//! nor module, such as a build script, can use the forked crate: every key in it is a plain static
//! or a thread-local of std, and no symbol of a host is needed. `tls-slots`, tokio's `external-tls`
//! and any ordinary dependency on this crate turn `shared` on. Cargo unifies features over a
//! program, and keeps the features of build scripts and procedural macros apart.
//!
//! # Where to look
//!
//! Everything in `shared/` is there with the feature `shared` only, and everything in `image_std/`
//! with the feature `std` only. A file uses only files below it; ARCHITECTURE.md has the layers.
//!
//! | file | what |
//! | --- | --- |
//! | [`names`] | all symbol and section names |
//! | `unload_hook` | the type of an unload hook |
//! | `fork` | what the edits of forked crates use beside keys |
//! | `unshared` | the whole interface without `shared` |
//! | `shared/macros` | the macros that declare keys |
//! | `shared/local`, `shared/process` | the types behind those macros |
//! | `shared/access` | the cold path: how a thread gets its first value |
//! | `shared/arch/` | how a thread finds its table: one file per way |
//! | `shared/key` | the descriptor of a key, and of an image |
//! | `shared/answer` | what the host answers about a value |
//! | `shared/calls/` | the host's functions |
//! | `shared/object/` | sections and constructors: one file per object format |
//! | `shared/image` | how this image presents itself to the host |
//! | `shared/record/` | the image's manifest: what it was built by, and from |
//! | `shared/allocator` | `HostAllocator`: a module's memory is the host's |
//! | `shared/entry` | functions that a module exports by name |
//! | `shared/counters` | what of an image is in use, counted for unloading |
//! | `shared/wakers` | wakers of a module that others keep |
//! | `shared/hold` | `Hold`: keeps an image from being unloaded |
//! | `shared/quiescence` | when threads give up what they have of modules |
//! | `shared/on_unload` | how a module asks for an unload hook |
//! | `image_std/present` | what the image's std is told at load |
//! | `image_std/panic` | how the panics of all images are caught |
//!
//! # Examples
//!
//! ```
//! use tls_slots as _; // this program is a host
//!
//! use std::cell::Cell;
//!
//! tls_keys::thread_local! {
//!     static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
//! }
//!
//! CURRENT.set(Some(7));
//! assert_eq!(CURRENT.get(), Some(7));
//! ```
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod fork;
pub mod names;
mod unload_hook;

#[cfg(feature = "shared")]
mod shared;
#[cfg(feature = "shared")]
pub use shared::*;

#[cfg(not(feature = "shared"))]
mod unshared;
#[cfg(not(feature = "shared"))]
pub use unshared::*;

#[doc(hidden)]
#[cfg(feature = "std")]
pub mod image_std;
#[cfg(feature = "std")]
pub use image_std::panic;

#[doc(hidden)]
pub use fork::StaticMut;
