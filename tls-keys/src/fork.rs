//! What the edits of forked crates use beside keys: a function that the host runs, a stand-in for a
//! `static mut`, and the declaration of an unload hook.
//!
//! They stand here, and not in each fork, for the crates that forbid unsafe code. They work with
//! and without the feature `shared`.

use core::cell::UnsafeCell;

/// What an edit makes of a `static mut`: keys are never `mut`.
#[doc(hidden)]
#[repr(transparent)]
pub struct StaticMut<T>(UnsafeCell<T>);

// SAFETY: none of our own. As with the `static mut` in upstream's text, whoever reads or writes
// through the pointer must see to it that no other thread writes meanwhile, and upstream does so.
unsafe impl<T> Sync for StaticMut<T> {}

#[cfg(feature = "shared")]
impl<T: crate::shared::plain::Plain> crate::shared::plain::Plain for StaticMut<T> {}

impl<T> StaticMut<T> {
    /// The first value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The address of the value.
    pub const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// At the start of a function: in a module, lets the host's copy of that function do the work.
///
/// For functions that leave code behind in shared state. The function's address is itself a
/// process-wide key. So it is the address of the host's function wherever the key is shared, and of
/// this image's function otherwise.
#[doc(hidden)]
#[macro_export]
macro_rules! __on_host {
    ($name:ident: $signature:ty = $function:path; ($($argument:expr),* $(,)?)) => {
        $crate::process_local! {
            static $name: $signature = $function;
        }
        if !$crate::ProcessLocal::is_own(&$name) {
            let host = *$name;
            // SAFETY: `host` is the host's copy of the very function that this code is in. It gets
            // the very arguments that the caller has vouched for, where the function is unsafe.
            #[allow(unused_unsafe)]
            return unsafe { host($($argument),*) };
        }
    };
}

/// Declares what the host does when a module that runs this code is unloaded. The value is that of
/// [`ask`](crate::on_unload::ask).
#[doc(hidden)]
#[macro_export]
macro_rules! __on_unload {
    ($name:ident = $value:expr) => {{
        $crate::process_local! {
            static $name: $crate::on_unload::OnUnload = $value;
        }
        $crate::on_unload::ask(&$name)
    }};
}
