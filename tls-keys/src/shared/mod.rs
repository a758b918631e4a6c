//! The crate with the feature `shared`: keys resolve to the host's state.
//!
//! `lib.rs` re-exports what is public here.

pub(crate) mod access;
mod allocator;
mod answer;
pub mod arch;
pub(crate) mod calls;
mod counted;
pub mod counters;
pub mod entry;
pub(crate) mod exception;
mod hold;
pub(crate) mod image;
pub(crate) mod key;
mod local;
mod macros;
mod object;
#[doc(hidden)]
pub mod on_unload;
#[doc(hidden)]
pub mod plain;
mod process;
pub mod quiescence;
#[doc(hidden)]
pub mod record;
mod runtime;
mod sync;
#[doc(hidden)]
pub mod wakers;

pub use allocator::HostAllocator;
#[doc(hidden)]
pub use counters::{Deferred, Spawned};
pub use hold::Hold;
pub use local::{AccessError, LocalKey};
pub use process::ProcessLocal;
#[doc(hidden)]
pub use tls_keys_macros::sources as __sources;

/// The types that cross between a module and its host: plain `#[repr(C)]` data.
pub mod abi {
    pub use super::answer::{Answer, Buffer, Status};
    pub use super::exception::{Call, Exception, Outcome, Std, Take, Word};
    pub use super::key::{Declared, DropInPlace, Image, Init, Key, Kind, Text};
}

/// What the host's half needs of this one, and users do not.
#[doc(hidden)]
pub mod host {
    pub use super::calls::register;
    pub use super::image::{id, image};
}

/// What the macros' expansions name.
#[doc(hidden)]
pub mod __private {
    pub use core::any::type_name;
    pub use core::option::Option::{self, None, Some};

    pub use super::access::access;
    pub use super::key::{Declared, Key, Text};
}
