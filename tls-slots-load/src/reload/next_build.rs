//! The next build: loads what the file is now, and binds its entries.
//!
//! The problem: most changes that are noticed are not a new build. One change is noticed several
//! times, and a file is noticed while it is written. Loading runs a module's constructors, so these
//! cases must be told apart before anything is loaded. The last check before the loading,
//! [`LoadOptions::verify`](crate::LoadOptions::verify), is the place: it has the bytes. It stops
//! the load with [`NotLoaded`], which comes back as the source of [`LoadError::Rejected`].

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tls_keys::panic::{catch_unwind, discard_panic};
use tls_slots::loader::panic_message;

use super::event::ReloadError;
use super::file::{Stamp, stamp};
use super::generation::{Cause, Generation};
use crate::load::{LoadOptions, Verify};
use crate::module::Module;
use crate::open::error::LoadError;
use crate::open::file;

/// The host's function that looks up what it needs of a build.
pub(super) type Bind<T> = Box<dyn Fn(&Module) -> Result<T, Cause> + Send>;

/// What the loading of a build came to, where that is no error.
pub(super) enum NextBuild {
    Loaded(Module),
    /// The file is the build that runs already, or the one that was refused last.
    SameContent,
    /// The file was written to while it was read.
    BeingWritten,
}

/// Why nothing was loaded. Only [`load`] sees it.
#[derive(Debug)]
enum NotLoaded {
    SameContent,
    BeingWritten,
}

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameContent => "this build runs already",
            Self::BeingWritten => "the file is being written",
        })
    }
}

impl std::error::Error for NotLoaded {}

/// What the content of the file is compared with.
pub(super) struct Known<T> {
    /// The file's state before it was read.
    pub(super) state: Option<Stamp>,
    pub(super) newest: Option<Arc<Generation<T>>>,
    /// The content that `bind` refused last.
    pub(super) refused: Option<File>,
    /// The host's own check.
    pub(super) verify: Option<Arc<Verify>>,
}

/// Loads what the file is now, unless it is known already or is being written.
///
/// # Errors
///
/// As [`LoadOptions::load`].
///
/// # Safety
///
/// As [`ReloadOptions::watch`](super::ReloadOptions::watch).
pub(super) unsafe fn load<T: Send + Sync + 'static>(
    options: &mut LoadOptions,
    path: &Path,
    known: Known<T>,
) -> Result<NextBuild, LoadError> {
    let state = known.state;
    let own_path = path.to_owned();
    // After all other checks, and before anything of the file is mapped.
    options.verify = Some(Box::new(move |bytes| {
        if stamp(&own_path) != state {
            return Err(NotLoaded::BeingWritten.into());
        }
        let newest = known.newest.as_ref();
        let copy = newest.and_then(|newest| newest.module.loaded.opened_from.kept_open.as_ref());
        let mut copies = copy.into_iter().chain(&known.refused);
        if copies.any(|copy| file::has_content(copy, bytes)) {
            return Err(NotLoaded::SameContent.into());
        }
        known.verify.iter().try_for_each(|verify| verify(bytes))
    }));
    // SAFETY: the caller promises what `LoadOptions::load` asks for, for every file at this path.
    let loaded = unsafe { options.load(path) };
    // The check holds the newest generation, which must not stay loaded by that.
    options.verify = None;
    match loaded {
        Ok(module) => Ok(NextBuild::Loaded(module)),
        Err(LoadError::Rejected { path, source }) => match source.downcast_ref() {
            Some(NotLoaded::SameContent) => Ok(NextBuild::SameContent),
            Some(NotLoaded::BeingWritten) => Ok(NextBuild::BeingWritten),
            None => Err(LoadError::Rejected { path, source }),
        },
        // Half a file is no module. But a file that does not change any more is what it is.
        Err(_) if stamp(path) != state => Ok(NextBuild::BeingWritten),
        Err(error) => Err(error),
    }
}

/// Has the host bind a module's entries.
///
/// # Errors
///
/// The host refused the module, or its function panicked. The module comes back with the error.
pub(super) fn bind_entries<T>(
    bind: &Bind<T>,
    path: &Path,
    number: u64,
    module: Module,
) -> Result<Generation<T>, (ReloadError, Module)> {
    let value = catch_unwind(AssertUnwindSafe(|| bind(&module)));
    let path = path.to_owned();
    let error = match value {
        Ok(Ok(value)) => {
            return Ok(Generation {
                number,
                loaded: SystemTime::now(),
                value,
                module,
            });
        }
        Ok(Err(source)) => ReloadError::Bind { path, source },
        Err(payload) => ReloadError::BindPanicked {
            path,
            message: taken_message(payload),
        },
    };
    Err((error, module))
}

/// The host's own check, whose panics are errors: they must not end the reloading thread.
pub(super) fn without_panics(verify: Box<Verify>) -> Arc<Verify> {
    Arc::new(move |bytes| {
        catch_unwind(AssertUnwindSafe(|| verify(bytes))).unwrap_or_else(|payload| {
            Err(format!("it panicked: {}", taken_message(payload)).into())
        })
    })
}

/// The text of a panic. The payload is dropped, and its destructor may panic in turn.
pub(super) fn taken_message(payload: Box<dyn Any + Send>) -> String {
    let message = panic_message(&*payload);
    discard_panic(|| drop(payload));
    message
}
