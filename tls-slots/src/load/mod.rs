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
//! static that tells the signature (`call.rs`). A call whose function panics gives an [`EntryPanic`].
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
//! A module stays loaded until it is unloaded ([`Module::unload`], `unload.rs`), also when all [`Module`]s are
//! dropped.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libloading::Library;
use sha2::{Digest as _, Sha256};
use tls_keys::abi::Key;
use tls_keys::entry::{self, EntryKind, Misfit};
use tls_keys::names::ENTRY_PREFIX;
use tls_slots_manifest::{FileError, Manifest};

use crate::sync::lock;
use crate::{image_file, image_memory, registry};
use copy::{Original, Place};
use inspect::{Seen, Unfit};
use unload::Closed;

mod call;
mod copy;
mod elf;
mod error;
mod file;
mod host;
mod inspect;
mod open;
mod options;
mod pinned;
mod quiesce;
#[cfg(feature = "reload")]
mod reload;
mod unload;
mod usage;

pub use call::{Call, CallError, Entry, Function};
pub use error::{HostProblem, LoadError};
pub use options::{LoadOptions, Source};
#[cfg(feature = "reload")]
pub use reload::{
    Generation, Reload, ReloadEntry, ReloadError, ReloadEvent, ReloadFunction, ReloadOptions,
};
pub use tls_keys::entry::{EntryPanic, Signature};
pub use unload::{Unload, UnloadError, UnloadProblem};
pub use usage::{ThreadUse, Usage};

/// Where an image is, and how its use is counted.
struct Image {
    /// What identifies it, as in the registry: an address in it, which is only compared.
    start: usize,
    /// All of its memory.
    memory: Range<usize>,
    /// Its row of the threads' counters.
    row: usize,
    /// What is known to keep it mapped for good.
    pins: Vec<String>,
}

impl Image {
    fn start(&self) -> *const Key {
        self.start as *const Key
    }
}

/// An image that was loaded.
struct Inner {
    /// As the caller named it.
    path: PathBuf,
    /// The names of its entries, sorted.
    entries: Vec<String>,
    image: Image,
    /// `None` when it is closed. Invariant: it is not while there is a [`Module`], but in `unload.rs`.
    library: Mutex<Option<Library>>,
    /// What it was opened from.
    place: Place,
    /// The file when it was checked, where it was not copied.
    stamp: Option<file::Stamp>,
    /// The list that it is in, for as long as `load` may give it again.
    images: Images,
    /// How many [`Module`]s there are.
    modules: AtomicUsize,
    /// Whether calls are refused.
    closed: AtomicBool,
    /// Who has closed it. Invariant: `closed` is true while it says so.
    gate: Mutex<Closed>,
}

/// A loaded module.
///
/// Cheap to clone. The module stays loaded when all of these are dropped: see [`unload`](Self::unload).
pub struct Module {
    inner: Arc<Inner>,
}

impl Module {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.modules.fetch_add(1, Ordering::Relaxed);
        Self {
            inner: Arc::clone(inner),
        }
    }
}

impl Clone for Module {
    fn clone(&self) -> Self {
        Self::new(&self.inner)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Release: what was done with what is borrowed from it comes before.
        self.inner.modules.fetch_sub(1, Ordering::Release);
    }
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
        // SAFETY: the caller's promise; the library is not closed while a `Module` of it exists, which the
        // result borrows.
        match unsafe { self.inner.get::<T>(name) } {
            Ok(value) => Ok(Symbol {
                value,
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

    /// The entry of that name. The reference is good while this module is loaded.
    fn find(&self, name: &str) -> Result<&'static entry::Entry, LoadError> {
        let missing = || LoadError::NoEntry {
            path: self.inner.path.clone(),
            name: name.to_owned(),
            entries: self.inner.entries.clone(),
        };
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: a symbol with this prefix is a static `Entry`, which is what the prefix is
        // reserved for.
        let symbol = unsafe { self.inner.get::<*const entry::Entry>(&symbol) };
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

/// Forgets a list that is empty, unless somebody is about to load that file.
fn forget_list(list: &Images) {
    lock(&LOADED).retain(|_, known| {
        // This map has one, and the image that is gone.
        let is_in_use = || Arc::strong_count(known) > 2 || !lock(known).is_empty();
        !Arc::ptr_eq(known, list) || is_in_use()
    });
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

    let list = {
        let mut loaded = lock(&LOADED);
        Arc::clone(
            loaded
                .entry((opened.real.clone(), options.source))
                .or_default(),
        )
    };
    let mut images = lock(&list);
    let earlier = images
        .iter()
        .find(|image| !options.new_instance && image.is_of(&opened));
    if let Some(inner) = earlier {
        return Ok(Module::new(inner));
    }
    // SAFETY: the caller's promise.
    let inner = unsafe { open_checked(options.source, opened, seen, Arc::clone(&list))? };
    let inner = Arc::new(inner);
    images.push(Arc::clone(&inner));
    Ok(Module::new(&inner))
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
    images: Images,
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
    let start = match registered(&path, &place) {
        Ok(start) => start,
        Err(error) => {
            // It stays open, and with it what it was opened from: its constructors have run, and
            // nobody knows what they left behind.
            std::mem::forget((library, place));
            return Err(error);
        }
    };
    let memory = image_memory::of(start).map_or(0..0, |memory| memory.all);
    Ok(Inner {
        path,
        entries: seen.entries,
        image: Image {
            start: start as usize,
            memory,
            row: registry::row_of(start.cast()),
            pins: seen.pins,
        },
        library: Mutex::new(Some(library)),
        place,
        stamp,
        images,
        modules: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
        gate: Mutex::default(),
    })
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

/// Whether the registry took what was just opened; gives an address in it.
fn registered(path: &Path, place: &Place) -> Result<*const u8, LoadError> {
    let mut found = std::ptr::null();
    // The last one first: the system searches all images for an address, so asking about each of them here
    // would make the time of a load grow with the square of their number.
    for (start, refused) in registry::images_by_address().into_iter().rev() {
        let same =
            image_file::opened_as(start).is_some_and(|opened| Path::new(&opened) == place.open_as);
        if !same {
            continue;
        }
        found = start;
        if let Some(reason) = refused {
            return Err(LoadError::Refused {
                path: path.to_owned(),
                reason,
            });
        }
        break;
    }
    // Where the system does not tell files of addresses, what was not refused is taken to be fine.
    if found.is_null() && cfg!(unix) {
        return Err(LoadError::NotRegistered {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

impl Inner {
    /// How many [`Module`]s there are.
    fn modules(&self) -> usize {
        // Acquire: with the release in their drop.
        self.modules.load(Ordering::Acquire)
    }

    /// What a symbol stands for, as a pointer or function pointer.
    ///
    /// # Safety
    ///
    /// As [`Library::get`]; the result must not be used when the library is closed.
    unsafe fn get<T: Copy>(&self, name: &str) -> Result<T, libloading::Error> {
        let library = lock(&self.library);
        let library = library
            .as_ref()
            .ok_or(libloading::Error::IncompatibleSize)?;
        // SAFETY: the caller's promise.
        Ok(*unsafe { library.get::<T>(name)? })
    }

    /// Whether this is an image of that file, as it is now.
    fn is_of(&self, opened: &file::Opened) -> bool {
        match (&self.stamp, &self.place.keep) {
            (Some(stamp), _) => file::Stamp::of(&opened.file).is_ok_and(|now| now == *stamp),
            (None, Some(copy)) => file::has_content(copy, &opened.content),
            (None, None) => false,
        }
    }
}
