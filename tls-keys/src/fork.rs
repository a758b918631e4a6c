//! What the edits of forked crates need beside keys: a function that the host runs, and what stands in
//! for a `static mut`.
//!
//! It stands here, and not in each fork, for the crates that forbid unsafe code.

use core::cell::UnsafeCell;

/// What an edit makes of a `static mut`: keys are never `mut`.
#[doc(hidden)]
#[repr(transparent)]
pub struct StaticMut<T>(UnsafeCell<T>);

// SAFETY: none of our own: as with the `static mut` in its place, whoever reads or writes through
// the pointer must see to it that no other thread writes meanwhile, and upstream does so.
unsafe impl<T> Sync for StaticMut<T> {}

impl<T> StaticMut<T> {
    /// The first value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the value is.
    pub const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// At the start of a function: in a module, lets the host's copy of that function do the work.
///
/// For functions that leave code behind in shared state. The function's address is itself a
/// process-wide key, so it is the host's wherever the key is shared, and this image's own otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __on_host {
    ($name:ident: $signature:ty = $function:path; ($($argument:expr),* $(,)?)) => {
        $crate::process_local! {
            static $name: $signature = $function;
        }
        if !$crate::ProcessLocal::is_own(&$name) {
            let host = *$name;
            // SAFETY: the host's copy of the very function that this was called from, with
            // the very arguments that its caller vouched for, where it is an unsafe one.
            #[allow(unused_unsafe)]
            return unsafe { host($($argument),*) };
        }
    };
}

/// What this image gives to a crate that runs it later, on whichever thread: counted from [`begin`](Self::begin) until
/// the guard is dropped that it has when it is run.
///
/// The guard is the first local variable of the function that runs it, so that it is dropped last: what is
/// left of that function then are a few instructions without a call.
macro_rules! runs_later {
    ($(#[$attr:meta])* $name:ident: $counted:ident) => {
        $(#[$attr])*
        #[doc(hidden)]
        #[derive(Debug)]
        pub struct $name(());

        impl $name {
            /// It is given away.
            #[inline]
            pub fn begin() {
                #[cfg(feature = "shared")]
                crate::counters::begin(crate::counters::Counted::$counted);
            }

            /// It is being run, by code of the same image.
            #[inline]
            pub fn running() -> Self {
                Self(())
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                #[cfg(feature = "shared")]
                crate::counters::end(crate::counters::Counted::$counted);
            }
        }
    };
}

runs_later! {
    /// A function that frees what others may still read.
    Deferred: Deferred
}

runs_later! {
    /// A job of a pool that is not tokio's.
    Spawned: Task
}
