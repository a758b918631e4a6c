//! The loader: opens a module and gives typed access to what it exports.
//!
//! The problem: `dlopen` takes whatever a path leads to, and ends the process where the file is damaged or
//! was built for something else; `dlsym` knows no types, and a host that gets a signature wrong has
//! undefined behaviour. So a file is looked at before it is opened, step by step, and each step that
//! fails is an error of its own:
//!
//! | step | file | errors |
//! | --- | --- | --- |
//! | is this program a host? | `host.rs` | [`LoadError::Host`] |
//! | open the file once, read it once | `file.rs` | `NotFound`, `Read`, `NotAFile`, `Writable` |
//! | its digest, if one is pinned | here | `Digest` |
//! | what kind of file it is; its headers | `inspect.rs`, `elf.rs` | `NotShared`, `Architecture`, `Corrupt`, `ContainsHost` |
//! | its manifest against the host's | here | `NoManifest`, `Manifest`, `Abi`, `Mismatch` |
//! | the host's own check | here | `Rejected` |
//! | open what was checked | `copy/`, `open.rs` | `Copy`, `Replaced`, `Open`, `Host` |
//! | did the registry take it? | here | `Refused`, `NotRegistered` |
//!
//! A [`Module`] gives *entries*: functions that the module marked with `#[tokio::module]`, whose symbol is a
//! static that tells the signature. A call whose function panics gives an [`EntryPanic`].
//!
//! # One file, one image
//!
//! A file that is loaded twice is one image, as with `dlopen`: the second [`Module`] is a clone of the
//! first one. *The same file* is the same path, links followed, with the same content. A file whose
//! content has changed since is another build, and gets an image of its own beside the old one, where
//! `dlopen` would give the old one. So does a copy under another name, and
//! [`LoadOptions::new_instance`]. Shared keys are the host's in all of them; private keys and plain statics
//! are one set per image.
//!
//! Modules stay loaded until the process ends: nobody can know here whether tasks, wakers or values of a
//! module are still about.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use libloading::Library;
use sha2::{Digest as _, Sha256};
use tls_keys::entry::{self, CallAsync, CallSync, EntryFuture, EntryKind, Misfit};
use tls_keys::names::ENTRY_PREFIX;
use tls_slots_manifest::{FileError, Manifest};

use crate::{image_file, registry};
use copy::{Original, Place};
use inspect::{Seen, Unfit};

mod copy;
mod elf;
mod error;
mod file;
mod host;
mod inspect;
mod open;
mod options;

pub use error::{HostProblem, LoadError};
pub use options::{LoadOptions, Source};
pub use tls_keys::entry::{EntryPanic, Signature};

/// An image that was loaded.
struct Inner {
    /// As the caller named it.
    path: PathBuf,
    /// The names of its entries, sorted.
    entries: Vec<String>,
    /// Never closed, see the module's documentation.
    library: ManuallyDrop<Library>,
    /// What it was opened from.
    place: Place,
    /// The file when it was checked, where it was not copied.
    stamp: Option<file::Stamp>,
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
    /// Checks a module's file, loads it, and confirms that it registered with this host.
    ///
    /// What is loaded is what was checked: the file is read once, and the code comes from a private copy
    /// of these bytes ([`Source`] has other ways). All symbols of the module are bound at once, and none is
    /// visible to others, as with `dlopen(path, RTLD_NOW | RTLD_LOCAL)`; a bare file name is a file in the
    /// current folder. Loading a file that is loaded already gives the same image.
    ///
    /// # Errors
    ///
    /// A variant of [`LoadError`] for each step. Up to [`LoadError::Copy`], nothing of the module has run.
    ///
    /// # Safety
    ///
    /// Loading runs code: the module's constructors and those of the libraries that it needs. The caller
    /// promises that
    ///
    /// - the file means no harm and has no undefined behaviour of its own: a damaged header is an
    ///   error, other damage and malice are not noticed (see [`LoadOptions::sha256`]);
    /// - types that cross the boundary and belong to crates that the manifests do not list are
    ///   the same on both sides. Forked crates and what they depend on are compared, arguments and
    ///   results of entries by name, size and alignment; a field that changed its meaning but not its size
    ///   is not noticed;
    /// - memory that crosses the boundary is freed by the allocator that it came from, where the manifests do
    ///   not tell it;
    /// - the module's constructors load no modules.
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
        // SAFETY: the caller's promise.
        unsafe { LoadOptions::new().load(path) }
    }

    /// The file it was loaded from, as it was named when it was first loaded.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The names of its entries, sorted.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.entries.iter().map(String::as_str)
    }

    /// A symbol that the module exports, such as a `#[unsafe(no_mangle)] pub fn`: an address as a `T`, most
    /// often a function pointer.
    ///
    /// Prefer [`entry`](Self::entry) and [`function`](Self::function), which know the type and catch panics.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoSymbol`].
    ///
    /// # Safety
    ///
    /// `T` must be the type of a pointer to what the symbol stands for. A function must not let a panic out:
    /// this process would abort.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: &tls_slots::Module) -> Result<(), tls_slots::LoadError> {
    /// // SAFETY: that is its type, and it does not panic.
    /// let version = unsafe { module.symbol::<extern "C" fn() -> u32>("markdown_version")? };
    /// assert_eq!(version(), 3);
    /// # Ok(()) }
    /// ```
    pub unsafe fn symbol<T: Copy>(&self, name: &str) -> Result<Symbol<'_, T>, LoadError> {
        const {
            assert!(
                size_of::<T>() == size_of::<*mut c_void>(),
                "a symbol is an address: `T` is the type of a pointer or a function pointer"
            );
        }
        // SAFETY: the caller's promise; the library is never closed.
        match unsafe { self.inner.library.get::<T>(name) } {
            Ok(symbol) => Ok(Symbol {
                value: *symbol,
                module: PhantomData,
            }),
            Err(source) => Err(LoadError::NoSymbol {
                path: self.inner.path.clone(),
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// A static that the module exports (`#[unsafe(no_mangle)] pub static`).
    ///
    /// # Errors
    ///
    /// [`LoadError::NoSymbol`].
    ///
    /// # Safety
    ///
    /// `T` must be the static's type, and the static not `mut`.
    pub unsafe fn variable<T: Sync>(&self, name: &str) -> Result<&T, LoadError> {
        // SAFETY: a static's symbol stands for its address.
        let symbol = unsafe { self.symbol::<*const T>(name)? };
        // SAFETY: the caller promises that a `T` is there; statics live as long as the module.
        Ok(unsafe { &**symbol })
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
        let missing = || LoadError::NoEntry {
            path: self.inner.path.clone(),
            name: name.to_owned(),
            entries: self.inner.entries.clone(),
        };
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: a symbol with this prefix is a static `Entry`, which is what the prefix is
        // reserved for; the library is never closed.
        let symbol = unsafe { self.inner.library.get::<*const entry::Entry>(&*symbol) };
        let symbol = symbol.map_err(|_| missing())?;
        // SAFETY: as above.
        unsafe { symbol.as_ref() }.ok_or_else(missing)
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

/// A symbol of a module, see [`Module::symbol`]. Borrowed from the module.
#[derive(Clone, Copy)]
pub struct Symbol<'a, T> {
    value: T,
    module: PhantomData<&'a Module>,
}

impl<T> Deref for Symbol<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Symbol<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Symbol").field(&self.value).finish()
    }
}

/// The images of one file.
type Images = Arc<Mutex<Vec<Arc<Inner>>>>;

/// All that was loaded, by the file's path without links and the way of loading.
///
/// The outer lock is held for a look-up only, an inner one while its file is loaded: so that two threads
/// that load one file get one image.
static LOADED: Mutex<BTreeMap<(PathBuf, Source), Images>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does all that [`LoadOptions::load`] promises.
///
/// # Safety
///
/// As [`LoadOptions::load`].
unsafe fn load(options: &LoadOptions, path: &Path) -> Result<Module, LoadError> {
    host::check().map_err(|problem| LoadError::Host { problem })?;
    let opened = file::open(path, options.private, options.source == Source::Copy)?;
    if let Some(pinned) = options.sha256 {
        let found: [u8; 32] = Sha256::digest(&*opened.content).into();
        if found != pinned {
            return Err(LoadError::Digest {
                path: opened.path,
                pinned,
                found,
            });
        }
    }
    let seen = check(path, &opened.content)?;
    if let Some(verify) = &options.verify {
        verify(&opened.content).map_err(|source| LoadError::Rejected {
            path: path.to_owned(),
            source,
        })?;
    }

    let images = {
        let mut loaded = lock(&LOADED);
        Arc::clone(
            loaded
                .entry((opened.real.clone(), options.source))
                .or_default(),
        )
    };
    let mut images = lock(&images);
    let earlier = images
        .iter()
        .find(|image| !options.new_instance && image.is_of(&opened));
    if let Some(inner) = earlier {
        return Ok(Module {
            inner: Arc::clone(inner),
        });
    }
    // SAFETY: the caller's promise.
    let inner = Arc::new(unsafe { open_checked(options.source, opened, seen)? });
    images.push(Arc::clone(&inner));
    Ok(Module { inner })
}

/// Everything that is to be known of the bytes before they are loaded.
fn check(path: &Path, bytes: &[u8]) -> Result<Seen, LoadError> {
    let path = path.to_owned();
    let seen = match inspect::inspect(bytes) {
        Ok(seen) => seen,
        Err(Unfit::NotShared(what)) => return Err(LoadError::NotShared { path, what }),
        Err(Unfit::Architecture(module)) => {
            return Err(LoadError::Architecture {
                path,
                host: inspect::own_name(),
                module,
            });
        }
        Err(Unfit::Corrupt(reason)) => return Err(LoadError::Corrupt { path, reason }),
    };
    if let Some(symbol) = seen.host_symbol() {
        return Err(LoadError::ContainsHost {
            path,
            symbol: symbol.to_owned(),
        });
    }
    let host = crate::manifest().map_err(|source| LoadError::Host {
        problem: HostProblem::Manifest { source },
    })?;
    let module = match Manifest::from_object(bytes) {
        Ok(module) => module,
        Err(FileError::NoManifest) => return Err(LoadError::NoManifest { path }),
        Err(FileError::OtherAbi { found }) => {
            return Err(LoadError::Abi {
                path,
                module: found,
            });
        }
        Err(FileError::Manifest(source)) => return Err(LoadError::Manifest { path, source }),
        Err(other) => {
            return Err(LoadError::Corrupt {
                path,
                reason: other.to_string(),
            });
        }
    };
    match tls_slots_manifest::compare(host, &module) {
        Ok(()) => Ok(seen),
        Err(source) => Err(LoadError::Mismatch { path, source }),
    }
}

/// Opens a file that was checked.
///
/// # Safety
///
/// As [`LoadOptions::load`].
unsafe fn open_checked(
    source: Source,
    opened: file::Opened,
    seen: Seen,
) -> Result<Inner, LoadError> {
    let path = opened.path.clone();
    let original = Original {
        content: &opened.content,
        real: &opened.real,
        file: &opened.file,
    };
    let stamp = file::Stamp::of(&opened.file).map_err(|source| LoadError::Read {
        path: path.clone(),
        source,
    })?;
    let copy = |source| LoadError::Copy {
        path: path.clone(),
        source,
    };
    let (library, place, stamp) = match source {
        Source::Copy => {
            let mut last = None;
            let mut result = None;
            // Each way in turn: a copy may be impossible to make, or to map.
            for way in copy::WAYS {
                let place = match way(&original) {
                    Ok(place) => place,
                    Err(error) => {
                        last.get_or_insert_with(|| copy(error));
                        continue;
                    }
                };
                // SAFETY: the caller's promise; these are the bytes that were checked.
                match unsafe { open_as(place, &path) } {
                    Ok((library, place)) => {
                        result = Some((library, place, None));
                        break;
                    }
                    Err(error) => {
                        let next = matches!(&error, LoadError::Open { source, .. }
                            if open::could_not_map(source));
                        if !next {
                            return Err(error);
                        }
                        last = Some(error);
                    }
                }
            }
            match (result, last) {
                (Some(result), _) => result,
                (None, Some(error)) => return Err(error),
                (None, None) => unreachable!("every system has a way"),
            }
        }
        Source::Descriptor | Source::Path => {
            let place = match source {
                Source::Descriptor => copy::by_descriptor(&opened.file).map_err(copy)?,
                _ => Place {
                    open_as: opened.real.clone(),
                    keep: None,
                    until_open: None,
                },
            };
            // The system would give the image that it has, of whatever content.
            if open::is_open(&place.open_as) {
                return Err(LoadError::Replaced { path });
            }
            // SAFETY: the caller's promise.
            let (library, place) = unsafe { open_as(place, &path)? };
            (library, place, Some(stamp))
        }
    };
    let inner = Inner {
        path,
        entries: seen.entries,
        library: ManuallyDrop::new(library),
        place,
        stamp,
    };
    match registered(&inner.path, &inner.place) {
        Ok(()) => Ok(inner),
        Err(error) => {
            // It stays open, and with it what it was opened from: its constructors have run, and
            // nobody knows what they left behind.
            std::mem::forget(inner);
            Err(error)
        }
    }
}

/// Opens a place, which the registry is to know by the path of the module.
///
/// # Safety
///
/// As [`LoadOptions::load`].
unsafe fn open_as(mut place: Place, path: &Path) -> Result<(Library, Place), LoadError> {
    let opened = place.open_as.to_string_lossy().into_owned();
    image_file::copied(opened.clone(), path.to_string_lossy().into_owned());
    // SAFETY: the caller's promise.
    match unsafe { open::open(&place.open_as) } {
        Ok(library) => {
            place.until_open = None;
            Ok((library, place))
        }
        Err(source) => {
            image_file::not_copied(&opened);
            let path = path.to_owned();
            Err(match open::missing_host_symbol(&source, &place.open_as) {
                Some(symbol) => LoadError::Host {
                    problem: HostProblem::NotExported { symbol },
                },
                None => LoadError::Open { path, source },
            })
        }
    }
}

/// Whether the registry took what was just opened.
fn registered(path: &Path, place: &Place) -> Result<(), LoadError> {
    let mut found = false;
    // The last one first: the system searches all images for an address, so asking about each of them here
    // would make the time of a load grow with the square of their number.
    for (start, refused) in registry::images_by_address().into_iter().rev() {
        let same =
            image_file::opened_as(start).is_some_and(|opened| Path::new(&opened) == place.open_as);
        if !same {
            continue;
        }
        found = true;
        if let Some(reason) = refused {
            return Err(LoadError::Refused {
                path: path.to_owned(),
                reason,
            });
        }
        break;
    }
    // Where the system does not tell files of addresses, what was not refused is taken to be fine.
    if !found && cfg!(unix) {
        return Err(LoadError::NotRegistered {
            path: path.to_owned(),
        });
    }
    Ok(())
}

impl Inner {
    /// Whether this is an image of that file, as it is now.
    fn is_of(&self, opened: &file::Opened) -> bool {
        match (&self.stamp, &self.place.keep) {
            (Some(stamp), _) => file::Stamp::of(&opened.file).is_ok_and(|now| now == *stamp),
            (None, Some(copy)) => file::has_content(copy, &opened.content),
            (None, None) => false,
        }
    }
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
