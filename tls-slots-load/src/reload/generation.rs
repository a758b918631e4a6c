//! One build of a module, and which one is the newest.

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

/// What a host's check of a new build fails with.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Something to be run to its end.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One build of a module, loaded, with what the host bound of it.
///
/// The build is not unloaded while anybody holds this.
pub struct Generation<T> {
    pub(super) number: u64,
    pub(super) loaded: SystemTime,
    pub(super) value: T,
    /// After the value, so that it is dropped last.
    pub(super) module: Module,
}

impl<T> Generation<T> {
    /// 1 for the first build that was loaded, and one more for each after it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was loaded.
    pub fn loaded(&self) -> SystemTime {
        self.loaded
    }

    /// What `bind` has returned for it.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The module. A clone of it keeps it from being unloaded.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module, once nobody else holds this generation: to unload it at the end.
    ///
    /// # Errors
    ///
    /// Gives the generation back if somebody else holds it.
    pub fn into_module(self: Arc<Self>) -> Result<Module, Arc<Self>> {
        let (value, module) = self.parts()?;
        drop(value);
        Ok(module)
    }

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

/// What [`Reload`], its entries and its thread share.
pub(super) struct Shared<T> {
    /// None once the reload was stopped.
    pub(super) newest: Cell<Generation<T>>,
    pub(super) path: PathBuf,
}

impl<T> Shared<T> {
    /// What a call after the end gives.
    pub(super) fn closed(&self) -> CallError {
        CallError::Closed {
            path: self.path.clone(),
        }
    }
}
