//! The crate without the feature `shared`: keys of a program that is neither host nor module.
//!
//! Build scripts and procedural macros use the crates that a workspace patches, too. They have no
//! host, and nobody loads them beside another copy. So a key is what it was before the fork: a
//! `static`, or a thread-local of std.

extern crate std;

use core::fmt;
use core::ops::Deref;

pub use std::thread::{AccessError, LocalKey};
pub use std::thread_local;

/// A static of this program, with the interface of the shared one.
#[repr(transparent)]
pub struct ProcessLocal<T: Sync + 'static> {
    value: T,
}

impl<T: Sync + 'static> ProcessLocal<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn unshared(value: T) -> Self {
        Self { value }
    }

    /// Whether the one instance is the calling image's own: always.
    #[inline]
    pub fn is_own(_: &'static Self) -> bool {
        true
    }
}

impl<T: Sync + 'static> Deref for ProcessLocal<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Sync + fmt::Debug + 'static> fmt::Debug for ProcessLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Declares statics. Without the feature `shared` each is a static of this program only.
#[macro_export]
macro_rules! process_local {
    () => {};

    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $(#[$attr])*
        $vis static $name: $crate::ProcessLocal<$t> = $crate::ProcessLocal::unshared($init);
        $crate::process_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $(#[$attr])*
        $vis static $name: $crate::ProcessLocal<$t> = $crate::ProcessLocal::unshared($init);
    };
}

/// [`process_local!`](crate::process_local): here it does not matter who has forked the crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __process_local_by_rule {
    ($($declarations:tt)*) => {
        $crate::process_local! { $($declarations)* }
    };
}

/// [`thread_local!`](crate::thread_local): likewise.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local_by_rule {
    ($($declarations:tt)*) => {
        $crate::thread_local! { $($declarations)* }
    };
}

/// A token that holds nothing, as there is nothing to unload.
#[derive(Debug)]
#[must_use = "dropping it ends the hold"]
pub struct Hold(());

impl Hold {
    /// With the interface of the shared one.
    pub fn new(_: &'static str) -> Self {
        Self(())
    }
}

/// Guards that count nothing, as there is nothing to unload.
macro_rules! runs_later {
    ($($name:ident)*) => {
        $(
            /// With the interface of the shared one.
            #[doc(hidden)]
            #[derive(Debug)]
            pub struct $name(());

            impl $name {
                /// The thing is given away.
                ///
                /// # Safety
                ///
                /// None here. The shared one has a contract.
                #[inline]
                pub unsafe fn begin() {}

                /// The thing runs now.
                ///
                /// # Safety
                ///
                /// None here. The shared one has a contract.
                #[inline]
                pub unsafe fn running() -> Self {
                    Self(())
                }
            }
        )*
    };
}

runs_later!(Deferred Spawned);

/// Unload hooks, in a program from which nothing is unloaded.
#[doc(hidden)]
pub mod on_unload {
    pub use crate::unload_hook::{OnUnload, Span};

    /// Whether the state is another image's: never.
    pub fn ask(_: &'static super::ProcessLocal<OnUnload>) -> bool {
        false
    }

    /// Whether a thing is never unloaded: always.
    #[inline]
    pub fn is_lasting<T>(_: *const T) -> bool {
        true
    }
}

/// Nothing: without the feature `shared` a program keeps its own allocator.
#[macro_export]
macro_rules! host_allocator {
    () => {};
}

/// Nothing: such a program has no manifest.
#[doc(hidden)]
#[macro_export]
macro_rules! crate_record {
    ($($any:tt)*) => {};
}
