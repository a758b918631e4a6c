//! Calls of a module's entries. Each call is counted, and refused if the module is being unloaded.
//!
//! The problem: a call must not begin in a module that is about to be unmapped. And a module must
//! not be unmapped while a call runs, or while somebody still has the future of a call. So a call
//! first counts itself, and then begins only if the gate is open. Whoever unloads first closes the
//! gate, and then reads the counts (`unload/gate.rs`). One of the two sees the other.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::{Context, Poll};

use tls_keys::counters::Counted;
use tls_keys::entry::{
    self, CallAsync, CallSync, EntryFuture, EntryKind, EntryPanic, Misfit, Signature,
};
use tls_keys::names::ENTRY_PREFIX;

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
    /// The module is being unloaded, or is unloaded. The call did not begin.
    Closed {
        /// The module's file.
        path: PathBuf,
    },
}

impl CallError {
    /// The message of the panic, or a text that says that the module is being unloaded.
    pub fn message(&self) -> &str {
        match self {
            Self::Panicked(panic) => panic.message(),
            Self::Closed { .. } => "the module is being unloaded",
        }
    }

    /// The panic, if there was one.
    pub fn panic(&self) -> Option<&EntryPanic> {
        match self {
            Self::Panicked(panic) => Some(panic),
            Self::Closed { .. } => None,
        }
    }

    /// Whether the call did not begin, because the module is being unloaded or is unloaded.
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

/// While this lives, a call of the module is counted. It lives until all of the call is dropped.
struct InProgress {
    loaded: Arc<Loaded>,
}

impl InProgress {
    /// Counts a call, whether the gate is open or not.
    fn begin(loaded: &Arc<Loaded>) -> Self {
        // SAFETY: the call ends once, when `self` is dropped.
        unsafe { loaded.image.row.begin(Counted::Call) }
        Self {
            loaded: Arc::clone(loaded),
        }
    }

    /// Counts a call if the gate is open.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`].
    fn begin_if_open(loaded: &Arc<Loaded>) -> Result<Self, CallError> {
        let call = Self::begin(loaded);
        // The call counts itself before it looks at the gate, see `Gate::close`.
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
        // SAFETY: `begin` has counted the call for this image, and nothing of it is left.
        unsafe { self.loaded.image.row.end(Counted::Call) }
    }
}

impl Module {
    /// An entry that the module declares as `#[tokio::module] pub async fn`.
    ///
    /// `S` is the function's type without `async`. For `async fn render(page: String) -> Html` it
    /// is `fn(String) -> Html`.
    ///
    /// # Errors
    ///
    /// - [`LoadError::NoEntry`]: the module has no entry of this name.
    /// - [`LoadError::Kind`]: the entry is no `async fn`.
    /// - [`LoadError::Signature`]: the entry has another type.
    /// - [`LoadError::Layout`]: a type in the signature has another size or alignment in the
    ///   module.
    /// - [`LoadError::Types`]: a type in the signature may be another one in the module.
    pub fn entry<S: Signature>(&self, name: &str) -> Result<Entry<S>, LoadError> {
        let entry = self.find(name)?;
        // SAFETY: the module is loaded, and its manifest says that the same compiler built it.
        let call = unsafe { entry.as_async::<S>() };
        let call = call.map_err(|misfit| self.misfit::<S>(name, misfit))?;
        self.check_types::<S>(name, entry)?;
        Ok(Entry {
            call,
            loaded: Arc::clone(&self.loaded),
        })
    }

    /// An entry that the module declares as `#[tokio::module] pub fn`.
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry). [`LoadError::Kind`] means here that the entry is an `async fn`.
    pub fn function<S: Signature>(&self, name: &str) -> Result<Function<S>, LoadError> {
        let entry = self.find(name)?;
        // SAFETY: the module is loaded, and its manifest says that the same compiler built it.
        let call = unsafe { entry.as_sync::<S>() };
        let call = call.map_err(|misfit| self.misfit::<S>(name, misfit))?;
        self.check_types::<S>(name, entry)?;
        Ok(Function {
            call,
            loaded: Arc::clone(&self.loaded),
        })
    }

    /// The entry of that name. The reference is valid while this module is loaded.
    fn find(&self, name: &str) -> Result<&'static entry::Entry, LoadError> {
        let missing = || LoadError::NoEntry {
            path: self.loaded.path.clone(),
            name: name.to_owned(),
            entries: self.loaded.entries.clone(),
        };
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: the prefix is reserved for statics of the type `Entry`, and a static's symbol
        // stands for its address. The callers of this copy what they need while the module is
        // loaded.
        let symbol = unsafe { self.loaded.get::<*const entry::Entry>(&symbol) };
        let symbol = symbol.map_err(|_| missing())?;
        // SAFETY: `symbol` is null or the address of a static `Entry` of the module, which is
        // loaded.
        unsafe { symbol.as_ref() }.ok_or_else(missing)
    }

    /// Whether both sides mean the same by the names of a signature's types.
    ///
    /// Names, sizes and alignments are equal by now. A feature of the crate that declares a type
    /// may have changed what is in it all the same.
    ///
    /// # Errors
    ///
    /// [`LoadError::Types`].
    fn check_types<S: Signature>(
        &self,
        name: &str,
        entry: &'static entry::Entry,
    ) -> Result<(), LoadError> {
        let signature = std::any::type_name::<S>();
        // SAFETY: the module is loaded, and its manifest says that the same compiler built it.
        let same_ids = unsafe { entry.has_same_types::<S>() };
        if same_ids && self.agreed.ids_count {
            return Ok(());
        }
        let is_std = |name: &&str| ["std", "core", "alloc"].contains(name);
        let mut others = crates_of(signature).filter(|name| !is_std(name)).peekable();
        // Of std alone the ids are equal. If not, somebody has given a crate the name of one of
        // std's.
        let unknown = match others.peek() {
            None if same_ids => None,
            None => crates_of(signature).next(),
            Some(_) => others.find(|name| !self.agreed.crates.contains(*name)),
        };
        match unknown {
            None => Ok(()),
            Some(package) => Err(LoadError::Types {
                path: self.loaded.path.clone(),
                name: name.to_owned(),
                signature,
                package: package.to_owned(),
            }),
        }
    }

    /// The error for an entry that is not what the host asked for.
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

    /// Begins a call of the module's entry `shutdown`, if it has one without arguments and result.
    ///
    /// Only for `unload`, which has closed the gate before.
    pub(crate) fn shutdown(&self) -> Shutdown {
        let Some(name) = self.entries().find(|name| *name == SHUTDOWN) else {
            return Shutdown::None;
        };
        let in_progress = InProgress::begin(&self.loaded);
        if let Ok(entry) = self.entry::<fn()>(name) {
            return Shutdown::Async(entry.call_counted((), Ok(in_progress)));
        }
        match self.function::<fn()>(name) {
            Ok(function) => Shutdown::Sync(CountedCall {
                call: function.call,
                _in_progress: in_progress,
            }),
            Err(_) => Shutdown::None,
        }
    }
}

/// The module's entry `shutdown`.
pub(crate) enum Shutdown {
    /// There is none that could be called.
    None,
    /// An `async fn`, to be polled.
    Async(Call<()>),
    /// A `fn`, to be called.
    Sync(CountedCall<fn()>),
}

/// The crates that the paths in a type's name begin with.
fn crates_of(type_name: &str) -> impl Iterator<Item = &str> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = type_name.split(move |c| !is_path(c));
    // A type that is declared in a closure or a method has more such parts, without a name.
    let crates = paths.filter_map(|path| Some(path.split_once("::")?.0));
    crates.filter(|name| !name.is_empty())
}

/// An `async` entry of a module.
///
/// A module can be unloaded while somebody has this. Calls are refused then.
pub struct Entry<S: Signature> {
    call: CallAsync<S>,
    loaded: Arc<Loaded>,
}

impl<S: Signature> Entry<S> {
    /// Calls the entry. Any runtime may poll the future.
    ///
    /// The arguments come as a tuple: `()` for none, `(a,)` for one.
    ///
    /// # Errors
    ///
    /// The future gives [`CallError::Panicked`] if the function panics, and [`CallError::Closed`]
    /// if the module was being unloaded when this was called.
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
/// A module can be unloaded while somebody has this. Calls are refused then.
pub struct Function<S: Signature> {
    call: CallSync<S>,
    loaded: Arc<Loaded>,
}

impl<S: Signature> Function<S> {
    /// Calls the function.
    ///
    /// The arguments come as a tuple: `()` for none, `(a,)` for one.
    ///
    /// # Errors
    ///
    /// [`CallError::Panicked`] if the function panics, and [`CallError::Closed`] if the module is
    /// being unloaded.
    pub fn call(&self, args: S::Args) -> Result<S::Output, CallError> {
        self.begin()?.call(args)
    }

    /// Counts a call that is made later.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`].
    pub(crate) fn begin(&self) -> Result<CountedCall<S>, CallError> {
        Ok(CountedCall {
            call: self.call,
            _in_progress: InProgress::begin_if_open(&self.loaded)?,
        })
    }
}

/// A call of a [`Function`] that is counted, and not made yet.
pub(crate) struct CountedCall<S: Signature> {
    call: CallSync<S>,
    _in_progress: InProgress,
}

impl<S: Signature> CountedCall<S> {
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

/// A call of an [`Entry`]: a future. The module is not unloaded while this exists.
///
/// # Panics
///
/// The future panics if it is polled after it has ended.
#[must_use = "futures do nothing unless polled"]
pub struct Call<R> {
    state: State<R>,
}

enum State<R> {
    Running {
        /// Before the count in this order of fields, so that it is dropped first.
        future: EntryFuture<R>,
        _in_progress: InProgress,
    },
    /// The call did not begin. `None` once the error was given.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_a_signature() {
        let all = |name| crates_of(name).collect::<Vec<_>>();
        assert_eq!(
            all(
                "fn(&[serde_json::value::Value; 2], (u8, core::option::Option<a::B<c_d::E>>)) -> dyn f::G + core::marker::Send"
            ),
            ["serde_json", "core", "a", "c_d", "f", "core"]
        );
        assert!(all("fn(u8, &'static str) -> ()").is_empty());
        assert_eq!(
            all("fn(a::f::{{closure}}::T, a::<impl b::S>::m::T)"),
            ["a", "a", "b"]
        );
    }
}
