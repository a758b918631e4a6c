//! Calls that go to the newest build.
//!
//! The problem: between reading which build is the newest and beginning the call, that build may be
//! replaced and unloaded. So the call is counted inside of the read (`cell.rs`): no build is given
//! up during a read, and a build with a counted call is not unloaded.

use std::fmt;
use std::sync::Arc;

use tls_keys::entry::Signature;

use super::generation::Shared;
use crate::entry::{Call, CallError, Entry, Function};

/// An `async` entry of the newest build, see [`Reload::entry`](super::Reload::entry). A clone is
/// cheap.
pub struct ReloadEntry<T, S: Signature> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) select: fn(&T) -> &Entry<S>,
}

impl<T, S: Signature> ReloadEntry<T, S> {
    /// Calls the entry of the newest build, as [`Entry::call`] does. A call ends in the build in
    /// which it began.
    ///
    /// # Errors
    ///
    /// The future gives what that of [`Entry::call`] gives; [`CallError::Closed`] only after
    /// [`Reload::stop`](super::Reload::stop).
    pub fn call(&self, args: S::Args) -> Call<S::Output> {
        // During the read nobody gives up the generation. After the read the call is counted.
        self.shared.newest.read(|newest| match newest {
            Some(newest) => (self.select)(&newest.value).call(args),
            None => Call::refused(self.shared.closed()),
        })
    }
}

impl<T, S: Signature> Clone for ReloadEntry<T, S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            select: self.select,
        }
    }
}

impl<T, S: Signature> fmt::Debug for ReloadEntry<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadEntry")
            .field("signature", &std::any::type_name::<S>())
            .finish_non_exhaustive()
    }
}

/// A synchronous entry of the newest build, see [`Reload::function`](super::Reload::function). A
/// clone is cheap.
pub struct ReloadFunction<T, S: Signature> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) select: fn(&T) -> &Function<S>,
}

impl<T, S: Signature> ReloadFunction<T, S> {
    /// Calls the function of the newest build.
    ///
    /// # Errors
    ///
    /// As [`Function::call`]; [`CallError::Closed`] only after
    /// [`Reload::stop`](super::Reload::stop).
    pub fn call(&self, args: S::Args) -> Result<S::Output, CallError> {
        // The call is counted during the read and made afterwards, because a read must be short.
        let begun = self.shared.newest.read(|newest| match newest {
            Some(newest) => (self.select)(&newest.value).begin(),
            None => Err(self.shared.closed()),
        })?;
        begun.call(args)
    }
}

impl<T, S: Signature> Clone for ReloadFunction<T, S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            select: self.select,
        }
    }
}

impl<T, S: Signature> fmt::Debug for ReloadFunction<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadFunction")
            .field("signature", &std::any::type_name::<S>())
            .finish_non_exhaustive()
    }
}
