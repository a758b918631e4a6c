//! The loader: opens a module and gives typed access to what it exports.
//!
//! The problem: `dlopen` and `dlsym` know neither types nor panics, and a host that gets a signature
//! wrong has undefined behaviour. A [`Module`] gives *entries*: functions that the module marked with
//! `#[tokio::module]`, whose symbol is a static that tells the signature. A call whose function
//! panics gives an [`EntryPanic`].
//!
//! Modules stay loaded until the process ends: nobody can know here whether tasks, wakers or values of a
//! module are still about.

use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use libloading::Library;
use tls_keys::entry::{self, CallAsync, CallSync, EntryFuture, EntryKind, Misfit};
use tls_keys::names::ENTRY_PREFIX;

pub use tls_keys::entry::{EntryPanic, Signature};

/// Why a module could not be loaded, or an entry not be given.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// `dlopen` failed: not found, not a shared object, or it needs a symbol that nobody has.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: libloading::Error,
    },
    /// The file was opened, but does not fit this host; the reason names both sides and what to do.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The module exports no entry of that name.
    NoEntry {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// What the system said.
        source: libloading::Error,
    },
    /// The entry is an `async fn` and a `fn` was asked for, or the other way round.
    Kind {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// Whether the entry is an `async fn`.
        is_async: bool,
    },
    /// The entry has another signature.
    Signature {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The signature that the host asked for.
        host: &'static str,
        /// The signature that the module has.
        module: String,
    },
    /// The entry's types have the same names but another layout.
    Layout {
        /// The module's file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The signature.
        signature: &'static str,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => write!(f, "cannot open module {}", path.display()),
            Self::Refused { path, reason } => {
                write!(
                    f,
                    "module {} does not fit this host: {reason}",
                    path.display()
                )
            }
            Self::NoEntry { path, name, .. } => write!(
                f,
                "module {} exports no entry `{name}`; mark the function `#[tokio::module]`",
                path.display()
            ),
            Self::Kind {
                path,
                name,
                is_async,
            } => {
                let (is, use_) = if *is_async {
                    ("an `async fn`", "Module::entry")
                } else {
                    ("a `fn`", "Module::function")
                };
                write!(
                    f,
                    "entry `{name}` of module {} is {is}; ask for it with `{use_}`",
                    path.display()
                )
            }
            Self::Signature {
                path,
                name,
                host,
                module,
            } => write!(
                f,
                "the host asks for entry `{name}` as `{host}`, module {} has it as `{module}`; make \
                 the two agree",
                path.display()
            ),
            Self::Layout {
                path,
                name,
                signature,
            } => write!(
                f,
                "entry `{name}` of module {} is `{signature}` as the host expects, but a type in it has \
                 another size there; build both with the same versions and features of the crates \
                 that define these types",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::NoEntry { source, .. } => Some(source),
            _ => None,
        }
    }
}

struct Inner {
    path: PathBuf,
    /// Never closed, see the module's documentation.
    library: ManuallyDrop<Library>,
}

/// A loaded module.
///
/// Cheap to clone. The module stays loaded until the process ends, also when this is dropped.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Module {
    /// Opens a module, with all its symbols bound at once and none of them visible to others.
    ///
    /// Corresponds to `dlopen(path, RTLD_NOW | RTLD_LOCAL)`.
    ///
    /// # Errors
    ///
    /// [`LoadError::Open`] when the system cannot open it, among others because the program is no
    /// host ("undefined symbol: tls_slots_…"). [`LoadError::Refused`] when it does not fit this
    /// host.
    ///
    /// # Safety
    ///
    /// Loading runs the file's constructors: it must be a module that is meant for this host, built by
    /// the same compiler, with the same versions and features of the crates whose values cross the
    /// boundary, and without undefined behaviour of its own. Not all of this is checked.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// // SAFETY: built from this repository, by the same compiler and for this host.
    /// let module = unsafe { tls_slots::Module::load("./libmarkdown.so")? };
    /// let render = module.entry::<fn(String) -> Result<String, String>>("render")?;
    /// let html = render.call(("# Title".to_owned(),)).await??;
    /// # Ok(()) }
    /// ```
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        // A bare file name would make `dlopen` search the system's folders.
        let path = if path.parent() == Some(Path::new("")) {
            Path::new(".").join(path)
        } else {
            path.to_owned()
        };
        // SAFETY: the caller's promise.
        let library = match unsafe { open(path.as_os_str()) } {
            Ok(library) => ManuallyDrop::new(library),
            Err(source) => return Err(LoadError::Open { path, source }),
        };
        if let Some(reason) = refused(&path) {
            return Err(LoadError::Refused { path, reason });
        }
        Ok(Self {
            inner: Arc::new(Inner { path, library }),
        })
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

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
        // SAFETY: the module is loaded for good, and by `load`'s contract of the same compiler.
        match unsafe { entry.as_async::<S>() } {
            Ok(call) => Ok(Entry {
                call,
                module: self.clone(),
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
                module: self.clone(),
            }),
            Err(misfit) => Err(self.misfit::<S>(name, misfit)),
        }
    }

    fn find(&self, name: &str) -> Result<&'static entry::Entry, LoadError> {
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: a symbol with this prefix is a static `Entry`, which is what the prefix is
        // reserved for; the library is never closed.
        match unsafe {
            self.inner
                .library
                .get::<*const entry::Entry>(symbol.as_str())
        } {
            // SAFETY: as above.
            Ok(symbol) => Ok(unsafe { &**symbol }),
            Err(source) => Err(LoadError::NoEntry {
                path: self.inner.path.clone(),
                name: name.to_owned(),
                source,
            }),
        }
    }

    fn misfit<S: Signature>(&self, name: &str, misfit: Misfit) -> LoadError {
        let path = self.inner.path.clone();
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
}

/// Why the image of that file was refused, if it was.
fn refused(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    crate::images().into_iter().find_map(|image| {
        let file = Path::new(image.file.as_deref()?).canonicalize().ok()?;
        if file == path { image.refused } else { None }
    })
}

/// # Safety
///
/// As [`Module::load`].
#[cfg(unix)]
unsafe fn open(path: &OsStr) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// # Safety
///
/// As [`Module::load`].
#[cfg(not(unix))]
unsafe fn open(path: &OsStr) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's promise.
    unsafe { Library::new(path) }
}

/// An `async` entry of a module. Keeps the module loaded.
pub struct Entry<S: Signature> {
    call: CallAsync<S>,
    module: Module,
}

impl<S: Signature> Entry<S> {
    /// Calls the entry: a future that the module's code runs, on whatever runtime polls it.
    ///
    /// The arguments come as a tuple, `()` for none and `(a,)` for one.
    ///
    /// # Errors
    ///
    /// The future gives [`EntryPanic`] when the function panics.
    pub fn call(&self, args: S::Args) -> Call<S::Output> {
        Call {
            future: (self.call)(args),
            _module: self.module.clone(),
        }
    }
}

impl<S: Signature> Clone for Entry<S> {
    fn clone(&self) -> Self {
        Self {
            call: self.call,
            module: self.module.clone(),
        }
    }
}

impl<S: Signature> fmt::Debug for Entry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("signature", &std::any::type_name::<S>())
            .field("module", &self.module)
            .finish()
    }
}

/// A synchronous entry of a module. Keeps the module loaded.
pub struct Function<S: Signature> {
    call: CallSync<S>,
    module: Module,
}

impl<S: Signature> Function<S> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// [`EntryPanic`] when it panics.
    pub fn call(&self, args: S::Args) -> Result<S::Output, EntryPanic> {
        (self.call)(args)
    }
}

impl<S: Signature> Clone for Function<S> {
    fn clone(&self) -> Self {
        Self {
            call: self.call,
            module: self.module.clone(),
        }
    }
}

impl<S: Signature> fmt::Debug for Function<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("signature", &std::any::type_name::<S>())
            .field("module", &self.module)
            .finish()
    }
}

/// A running call of an [`Entry`].
#[must_use = "futures do nothing unless polled"]
pub struct Call<R> {
    /// Before the module, so that it is dropped first.
    future: EntryFuture<R>,
    _module: Module,
}

impl<R> Future for Call<R> {
    type Output = Result<R, EntryPanic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
