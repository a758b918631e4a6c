//! What the edits of a fork call: state that a host shares with its modules.
//!
//! # The problem
//!
//! Each binary that links this crate has a copy of its thread-locals and statics, where upstream
//! thinks that there is one in the process.
//!
//! # How this fits
//!
//! | here | in a host or a module | in any other program |
//! | --- | --- | --- |
//! | [`thread_local!`], [`LocalKey`], [`AccessError`] | those of `tls_keys` | std's |
//! | [`process_local!`] | one instance, the host's | the `static` as it stands |
//! | [`on_host!`] | leaves the rest of a function to the host's copy of it | nothing |
//!
//! | [`StaticMut`] | what is inside of a `static mut` that is shared | likewise |
//!
//! The difference is the feature `shared` of `tls-keys`, see there; this crate has no feature of
//! its own for it, as nobody names it in a manifest.

#[allow(unused_imports)] // which are used varies
pub use tls_keys::{process_local, thread_local, AccessError, LocalKey};

/// At the start of a function: in a module, lets the host's copy of that function do the work.
///
/// For functions that leave code behind in shared state. The function's address is itself a
/// process-wide key, so it is the host's wherever the key is shared, and this image's own otherwise.
#[allow(unused_macros)]
macro_rules! on_host {
    ($name:ident: $signature:ty = $function:path; ($($argument:expr),* $(,)?)) => {
        $crate::external_tls::process_local! {
            static $name: $signature = $function;
        }
        if !::tls_keys::ProcessLocal::is_own(&$name) {
            let host = *$name;
            // SAFETY: the host's copy of the very function that this was called from, with
            // the very arguments that its caller vouched for, where it is an unsafe one.
            #[allow(unused_unsafe)]
            return unsafe { host($($argument),*) };
        }
    };
}
#[allow(unused_imports)]
pub(crate) use on_host;

/// What an edit makes of a `static mut`: keys are never `mut`.
#[allow(dead_code)]
#[repr(transparent)]
pub(crate) struct StaticMut<T>(core::cell::UnsafeCell<T>);

// SAFETY: none of our own: as with the `static mut` in its place, whoever reads or writes through
// the pointer must see to it that no other thread writes meanwhile, and upstream does so.
unsafe impl<T> Sync for StaticMut<T> {}

#[allow(dead_code)]
impl<T> StaticMut<T> {
    /// The first value.
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    /// Where the value is.
    pub(crate) const fn get(&self) -> *mut T {
        self.0.get()
    }
}
