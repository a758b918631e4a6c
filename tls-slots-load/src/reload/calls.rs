//! Calls that go to whichever build is the newest.

use std::fmt;
use std::sync::Arc;

use tls_keys::entry::Signature;

use super::generation::Shared;
use crate::entry::{Call, CallError, Entry, Function};

/// An `async` entry of the newest build, see [`Reload::entry`](super::Reload::entry). Cheap to clone.
pub struct ReloadEntry<T, S: Signature> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) select: fn(&T) -> &Entry<S>,
}

impl<T, S: Signature> ReloadEntry<T, S> {
    /// Calls the entry of the newest build, as [`Entry::call`] does. The call ends in the build that it began in.
    pub fn call(&self, args: S::Args) -> Call<S::Output> {
        // While this reads, the generation is not closed; when it has read, the call is counted.
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

/// A synchronous entry of the newest build, see [`Reload::function`](super::Reload::function). Cheap to clone.
pub struct ReloadFunction<T, S: Signature> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) select: fn(&T) -> &Function<S>,
}

impl<T, S: Signature> ReloadFunction<T, S> {
    /// Calls the function of the newest build.
    ///
    /// # Errors
    ///
    /// As [`Function::call`].
    pub fn call(&self, args: S::Args) -> Result<S::Output, CallError> {
        // Counted while this reads, and made afterwards: it may take its time, and a read must be short.
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
