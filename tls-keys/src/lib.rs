//! Thread-locals and statics that a host and its modules share: the half that everybody links.
//!
//! # The problem
//!
//! A Rust program that loads independently built `cdylib` modules has one copy of each crate per
//! binary, and with it one copy of each crate's *state*: its thread-locals and statics. Code that was
//! written for one copy breaks: a task counter counts twice, a "current runtime" is not there.
//!
//! # How this fits
//!
//! This crate declares state so that there is one copy after all, the host's:
//!
//! - [`thread_local!`] has the syntax and the interface of `std::thread_local!`;
//! - [`process_local!`] is a `static` of which there is one in the process.
//!
//! Each declaration is a *key*: a descriptor in a section of the image. When the image is loaded, one
//! constructor hands its keys to the host, which resolves each of them: a key that the host's image has
//! too is shared, every other key is private to the image that declares it. The host's half is the
//! crate `tls-slots`; this one only *declares* the host's symbols, so no combination of features
//! can turn a module into a host. It has no dependencies and no `std`.
//!
//! A program that uses keys must link `tls-slots` (`use tls_slots as _;`), be it only a test: without
//! it the linker reports undefined symbols called `tls_slots_…`.
//!
//! # Cargo features
//!
//! - `std`: for modules that use std, which is nearly all of them. When the module is loaded, its copy of
//!   std gets thread ids that no other image has, its panics are printed by the host's hook, and the
//!   host can catch them. The forked tokio turns it on; a module that uses keys without tokio should.
//!
//! # Without the feature `shared`
//!
//! A forked crate depends on this one without default features. So a program that is neither host nor
//! module, such as a build script, can use the forked crate: every key in it is a plain static or a
//! thread-local of std, and no symbol of a host is needed. `tls-slots`, tokio's `external-tls` and any
//! ordinary dependency on this crate turn `shared` on; cargo unifies features over a program, and
//! keeps those of build scripts and procedural macros apart.
//!
//! | module | what |
//! | --- | --- |
//! | [`abi`] | the binary interface: keys, images, the host's functions |
//! | `allocator` | [`HostAllocator`]: a module's memory is the host's |
//! | [`entry`] | functions that a module exports by name |
//! | [`names`] | all symbol and section names |
//! | `panic` | feature `std`: catching panics of all images |
//! | `image_std` | feature `std`: what the image's std is told at load |
//! | `arch` | how a thread finds its table: one file per way |
//! | `record` | the image's manifest: what it was built by and from |
//! | `object` | constructors, sections, host symbols: one file per object format |
//! | [`counters`] | what of an image is in use, counted for unloading |
//! | `hold` | [`Hold`]: keeps an image from being unloaded |
//! | [`quiescence`] | when threads give up what they have of modules |
//! | `unshared` | all of it without `shared` |
//! | `fork` | what forked crates call beside |
//! | `on_unload` | what a crate does about a module's places in its state when that is unloaded |
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

#[cfg(feature = "shared")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "shared")]
pub mod abi;
#[cfg(feature = "shared")]
mod allocator;
#[cfg(feature = "shared")]
pub mod arch;
#[cfg(feature = "shared")]
pub mod counters;
#[cfg(feature = "shared")]
pub mod entry;
mod fork;
#[cfg(feature = "shared")]
mod hold;
#[cfg(feature = "std")]
mod image_std;
#[cfg(feature = "shared")]
mod local;
#[cfg(feature = "shared")]
mod macros;
pub mod names;
#[cfg(feature = "shared")]
mod object;
#[doc(hidden)]
pub mod on_unload;
#[cfg(feature = "std")]
pub mod panic;
#[cfg(feature = "shared")]
mod process;
#[cfg(feature = "shared")]
pub mod quiescence;
#[cfg(feature = "shared")]
#[doc(hidden)]
pub mod record;
#[cfg(feature = "shared")]
mod sync;

#[cfg(feature = "shared")]
pub use allocator::HostAllocator;
#[doc(hidden)]
pub use fork::{Deferred, Spawned, StaticMut};
#[cfg(feature = "shared")]
pub use hold::Hold;
#[cfg(feature = "shared")]
pub use local::{AccessError, LocalKey};
#[cfg(feature = "shared")]
pub use process::ProcessLocal;

#[cfg(not(feature = "shared"))]
mod unshared;
#[cfg(not(feature = "shared"))]
pub use unshared::{AccessError, Hold, LocalKey, ProcessLocal, thread_local};

/// What the host's half needs of this one, and users do not.
#[doc(hidden)]
#[cfg(feature = "shared")]
pub mod host {
    #[cfg(feature = "std")]
    pub use crate::image_std::Report;
    pub use crate::object::{id, image};

    /// Takes an exception of the host's own std.
    ///
    /// # Safety
    ///
    /// As [`Take`](crate::abi::Take): caught, of this image, and taken once.
    #[cfg(feature = "std")]
    pub unsafe fn take(
        exception: *mut crate::abi::Exception,
    ) -> alloc::boxed::Box<dyn core::any::Any + Send> {
        // SAFETY: the caller's promise.
        unsafe { crate::panic::take(exception) }
    }
}

/// What the macros' expansions name.
#[doc(hidden)]
#[cfg(feature = "shared")]
pub mod __private {
    pub use core::any::type_name;
    pub use core::option::Option::{self, None, Some};

    pub use crate::abi::{Declared, Key, Text};
    pub use crate::local::access;

    use crate::abi::Init;

    /// A thread-local key.
    pub const fn thread_local_key<T>(declared: Declared, init: Init) -> Key {
        Key::thread_local::<T>(declared, init)
    }

    /// [`Text::new`].
    pub const fn text(text: &'static str) -> Text {
        Text::new(text)
    }
}
