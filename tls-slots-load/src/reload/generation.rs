//! [`Generation`]: one build of a module. And what a reload shares: which generation is the newest.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use super::cell::Cell;
use crate::entry::CallError;
use crate::module::Module;

/// The error of the host's function that binds a build.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// A future that unloads an old build.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One build of a module that is loaded, with what the host has bound of it.
///
/// The build is not unloaded while anybody holds this.
pub struct Generation<T> {
    pub(super) number: u64,
    pub(super) loaded: SystemTime,
    pub(super) value: T,
    /// After the value in this order of fields, so that it is dropped last.
    pub(super) module: Module,
}

impl<T> Generation<T> {
    /// 1 for the first build that was loaded, and one more for each after it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When the build was loaded.
    pub fn loaded(&self) -> SystemTime {
        self.loaded
    }

    /// What `bind` has returned for this build.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The module. It is not unloaded while anybody holds a clone of it.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Gives the module, if nobody else holds this generation. A host needs it to unload the last
    /// build.
    ///
    /// # Errors
    ///
    /// Somebody else holds the generation, which comes back.
    pub fn into_module(self: Arc<Self>) -> Result<Module, Arc<Self>> {
        let (value, module) = self.parts()?;
        drop(value);
        Ok(module)
    }

    /// Takes the generation apart.
    ///
    /// # Errors
    ///
    /// Somebody else holds the generation, which comes back.
    pub(super) fn parts(self: Arc<Self>) -> Result<(T, Module), Arc<Self>> {
        let Self { value, module, .. } = Arc::try_unwrap(self)?;
        Ok((value, module))
    }
}

impl<T> fmt::Debug for Generation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .field("loaded", &self.loaded)
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

/// What a reload's handle, entries and thread share.
pub(super) struct Shared<T> {
    /// Empty once the reload was stopped.
    pub(super) newest: Cell<Generation<T>>,
    pub(super) path: PathBuf,
}

impl<T> Shared<T> {
    /// The error of a call after the reload was stopped.
    pub(super) fn closed(&self) -> CallError {
        CallError::Closed {
            path: self.path.clone(),
        }
    }
}
