//! Calls of a module's entries, each of which is counted, and refused when the module is being unloaded.
//!
//! The problem: a call must not begin in a module that is about to be unmapped, and a module must not be
//! unmapped while a call runs, or while the future of one is still to be dropped. So a call is counted first, and
//! begins only if the gate is open then; who unloads closes the gate first, and counts then. One of the
//! two sees the other.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::{Context, Poll};

use tls_keys::counters::{self, Counted};
use tls_keys::entry::{
    self, CallAsync, CallSync, EntryFuture, EntryKind, EntryPanic, Misfit, Signature,
};
use tls_keys::names::ENTRY_PREFIX;

use crate::alive::counters::offset;
use crate::loaded::Loaded;
use crate::module::Module;
use crate::open::error::LoadError;

/// The entry that [`Module::unload`] calls.
const SHUTDOWN: &str = "shutdown";

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The function panicked.
    Panicked(EntryPanic),
    /// The module is being unloaded, or is unloaded; the call did not begin.
    Closed {
        /// The module's file.
        path: PathBuf,
    },
}

impl CallError {
    /// The panic's message, or that the module is closed.
    pub fn message(&self) -> &str {
        match self {
            Self::Panicked(panic) => panic.message(),
            Self::Closed { .. } => "the module is being unloaded",
        }
    }

    /// The panic, if that is why.
    pub fn panic(&self) -> Option<&EntryPanic> {
        match self {
            Self::Panicked(panic) => Some(panic),
            Self::Closed { .. } => None,
        }
    }

    /// Whether the call did not begin, as the module is being unloaded.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => panic.fmt(f),
            Self::Closed { path } => write!(
                f,
                "{} takes no calls any more, as this host unloads it; load it again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Panicked(panic) => panic.source(),
            Self::Closed { .. } => None,
        }
    }
}

impl From<EntryPanic> for CallError {
    fn from(panic: EntryPanic) -> Self {
        Self::Panicked(panic)
    }
}

/// A call that is counted, from before it begins until all of it is dropped.
struct InProgress {
    loaded: Arc<Loaded>,
}

impl InProgress {
    /// Counts a call, whether the gate is open or not.
    fn begin(loaded: &Arc<Loaded>) -> Self {
        // SAFETY: the offset of a row that the registry has given to this image.
        unsafe { counters::begin_at(offset(loaded.image.row), Counted::Call) }
        Self {
            loaded: Arc::clone(loaded),
        }
    }

    /// Counts a call if the gate is open.
    fn begin_if_open(loaded: &Arc<Loaded>) -> Result<Self, CallError> {
        let call = Self::begin(loaded);
        // Counted first, then looked; see `Gate::close`.
        fence(Ordering::SeqCst);
        match loaded.closed.load(Ordering::SeqCst) {
            false => Ok(call),
            true => Err(CallError::Closed {
                path: loaded.path.clone(),
            }),
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe { counters::end_at(offset(self.loaded.image.row), Counted::Call) }
    }
}

impl Module {
    /// An entry that the module declares as `#[tokio::module] pub async fn`.
    ///
    /// `S` is the function's type without `async`: for `async fn render(page: String) -> Html` it is
    /// `fn(String) -> Html`.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoEntry`], [`LoadError::Kind`], [`LoadError::Signature`], [`LoadError::Layout`].
    pub fn entry<S: Signature>(&self, name: &str) -> Result<Entry<S>, LoadError> {
        let entry = self.find(name)?;
        // SAFETY: the module is loaded, and by `load`'s contract of the same compiler.
        match unsafe { entry.as_async::<S>() } {
            Ok(call) => Ok(Entry {
                call,
                loaded: Arc::clone(&self.loaded),
            }),
            Err(misfit) => Err(self.misfit::<S>(name, misfit)),
        }
    }

    /// An entry that the module declares as `#[tokio::module] pub fn`.
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry).
    pub fn function<S: Signature>(&self, name: &str) -> Result<Function<S>, LoadError> {
        let entry = self.find(name)?;
        // SAFETY: as in `entry`.
        match unsafe { entry.as_sync::<S>() } {
            Ok(call) => Ok(Function {
                call,
                loaded: Arc::clone(&self.loaded),
            }),
            Err(misfit) => Err(self.misfit::<S>(name, misfit)),
        }
    }

    /// The entry of that name. The reference is good while this module is loaded.
    fn find(&self, name: &str) -> Result<&'static entry::Entry, LoadError> {
        let missing = || LoadError::NoEntry {
            path: self.loaded.path.clone(),
            name: name.to_owned(),
            entries: self.loaded.entries.clone(),
        };
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: a symbol with this prefix is a static `Entry`, which is what the prefix is
        // reserved for.
        let symbol = unsafe { self.loaded.get::<*const entry::Entry>(&symbol) };
        let symbol = symbol.map_err(|_| missing())?;
        // SAFETY: as above.
        unsafe { symbol.as_ref() }.ok_or_else(missing)
    }

    fn misfit<S: Signature>(&self, name: &str, misfit: Misfit) -> LoadError {
        let path = self.loaded.path.clone();
        let name = name.to_owned();
        match misfit {
            Misfit::Kind(kind) => LoadError::Kind {
                path,
                name,
                is_async: kind == EntryKind::Async,
            },
            Misfit::Signature(module) => LoadError::Signature {
                path,
                name,
                host: std::any::type_name::<S>(),
                module: module.to_owned(),
            },
            Misfit::Layout => LoadError::Layout {
                path,
                name,
                signature: std::any::type_name::<S>(),
            },
        }
    }

    /// A call of the module's entry `shutdown`, if it has one without arguments and result. Not for others
    /// than `unload`, which has closed the gate.
    pub(crate) fn shutdown(&self) -> Option<Call<()>> {
        let name = self.entries().find(|name| *name == SHUTDOWN)?;
        if let Ok(entry) = self.entry::<fn()>(name) {
            return Some(entry.call_counted((), Ok(InProgress::begin(&self.loaded))));
        }
        let function = self.function::<fn()>(name).ok()?;
        let _call = InProgress::begin(&self.loaded);
        // What a module's shutdown has to say is its own affair.
        let _ = (function.call)(());
        None
    }
}

/// An `async` entry of a module.
///
/// It does not keep the module from being unloaded: calls are refused then.
pub struct Entry<S: Signature> {
    call: CallAsync<S>,
    loaded: Arc<Loaded>,
}

impl<S: Signature> Entry<S> {
    /// Calls the entry: a future that the module's code runs, on whatever runtime polls it.
    ///
    /// The arguments come as a tuple, `()` for none and `(a,)` for one.
    ///
    /// # Errors
    ///
    /// The future gives [`CallError::Panicked`] when the function panics, and [`CallError::Closed`] if
    /// the module was being unloaded when this was called.
    pub fn call(&self, args: S::Args) -> Call<S::Output> {
        self.call_counted(args, InProgress::begin_if_open(&self.loaded))
    }

    fn call_counted(
        &self,
        args: S::Args,
        counted: Result<InProgress, CallError>,
    ) -> Call<S::Output> {
        match counted {
            Ok(in_progress) => Call {
                state: State::Running {
                    future: (self.call)(args),
                    _in_progress: in_progress,
                },
            },
            Err(error) => Call {
                state: State::Refused(Some(error)),
            },
        }
    }
}

impl<S: Signature> Clone for Entry<S> {
    fn clone(&self) -> Self {
        Self {
            call: self.call,
            loaded: Arc::clone(&self.loaded),
        }
    }
}

impl<S: Signature> fmt::Debug for Entry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("signature", &std::any::type_name::<S>())
            .field("path", &self.loaded.path)
            .finish()
    }
}

/// A synchronous entry of a module.
///
/// It does not keep the module from being unloaded: calls are refused then.
pub struct Function<S: Signature> {
    call: CallSync<S>,
    loaded: Arc<Loaded>,
}

impl<S: Signature> Function<S> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// [`CallError::Panicked`] when it panics, [`CallError::Closed`] if the module is being unloaded.
    pub fn call(&self, args: S::Args) -> Result<S::Output, CallError> {
        self.begin()?.call(args)
    }

    /// Counts a call, which is still to be made.
    pub(crate) fn begin(&self) -> Result<Begun<S>, CallError> {
        Ok(Begun {
            call: self.call,
            _in_progress: InProgress::begin_if_open(&self.loaded)?,
        })
    }
}

/// A call of a [`Function`] that is counted and not made yet.
pub(crate) struct Begun<S: Signature> {
    call: CallSync<S>,
    _in_progress: InProgress,
}

impl<S: Signature> Begun<S> {
    pub(crate) fn call(self, args: S::Args) -> Result<S::Output, CallError> {
        (self.call)(args).map_err(CallError::Panicked)
    }
}

impl<S: Signature> Clone for Function<S> {
    fn clone(&self) -> Self {
        Self {
            call: self.call,
            loaded: Arc::clone(&self.loaded),
        }
    }
}

impl<S: Signature> fmt::Debug for Function<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("signature", &std::any::type_name::<S>())
            .field("path", &self.loaded.path)
            .finish()
    }
}

/// A running call of an [`Entry`]. The module is not unloaded while it exists.
#[must_use = "futures do nothing unless polled"]
pub struct Call<R> {
    state: State<R>,
}

enum State<R> {
    Running {
        /// Before the count, so that it is dropped first.
        future: EntryFuture<R>,
        _in_progress: InProgress,
    },
    /// `None` once that was said.
    Refused(Option<CallError>),
}

impl<R> Call<R> {
    /// A call that did not begin.
    #[cfg(feature = "reload")]
    pub(crate) fn refused(error: CallError) -> Self {
        Self {
            state: State::Refused(Some(error)),
        }
    }
}

impl<R> Future for Call<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Running { future, .. } => future
                .as_mut()
                .poll(cx)
                .map(|result| result.map_err(CallError::Panicked)),
            State::Refused(error) => {
                Poll::Ready(Err(error.take().expect("a call was polled after its end")))
            }
        }
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
