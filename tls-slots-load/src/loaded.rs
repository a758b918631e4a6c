//! The image behind a [`Module`](crate::Module), and the list of all images that are loaded.
//!
//! The problem: two loads of one file should give one image. The system decides that by the path,
//! and a copy has another path each time. So this list decides it, by the file's path and content.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libloading::Library;
use tls_keys::abi::Key;
use tls_slots::loader::lock;

use crate::alive::companions::{self, Companion, Companions};
use crate::alive::counters::{self, Row};
use crate::open::copy::openable::Openable;
use crate::open::file::{self, ReadFile, Stamp};
use crate::open::format::Headers;
use crate::open::image::OpenImage;
use crate::open::source::Source;

/// Where an image is, and how its use is counted.
pub(crate) struct Image {
    /// The address of its first key, which identifies it in the registry. It is only compared.
    start: usize,
    /// All of its memory, from its lowest to its highest address.
    pub(crate) memory: Range<usize>,
    /// Its row in the threads' blocks of counters. The host's if it has none; it is then kept
    /// mapped.
    pub(crate) row: Row,
    /// What is known to keep it mapped for ever, a sentence each.
    pub(crate) kept_mapped_by: Vec<String>,
}

impl Image {
    pub(crate) fn start(&self) -> *const Key {
        self.start as *const Key
    }
}

/// A module, and the libraries that go along with it.
#[derive(Clone)]
pub(crate) struct Group {
    /// The address of the module's first key, as in [`Image`].
    pub(crate) start: usize,
    /// Where the module lies, and then each of the libraries.
    pub(crate) ranges: Vec<Range<usize>>,
}

impl Group {
    /// A module that goes along with another one. Its libraries are among the other one's.
    pub(crate) fn of(module: &Companion) -> Self {
        Self {
            start: module.start.addr(),
            ranges: vec![module.memory.clone()],
        }
    }

    /// What identifies the module in the registry.
    pub(crate) fn start(&self) -> *const Key {
        self.start as *const Key
    }
}

/// An image that was loaded.
pub(crate) struct Loaded {
    /// The path of its file, as the caller named it.
    pub(crate) path: PathBuf,
    /// The names of its entries, sorted.
    pub(crate) entries: Vec<String>,
    pub(crate) image: Image,
    /// `None` when it is closed. Invariant: it is not `None` while there is a `Module`, except
    /// inside of `unload/`.
    pub(crate) library: Mutex<Option<Library>>,
    /// What it was opened from.
    pub(crate) opened_from: Openable,
    /// The state of the file when it was checked, if it was not copied.
    stamp: Option<Stamp>,
    /// Packages that keep nothing of it, by the promise of whoever has loaded it.
    pub(crate) trusted: Mutex<BTreeSet<String>>,
    /// The list that it is in as long as `load` may give it again.
    pub(crate) images: Images,
    /// How many `Module`s there are.
    pub(crate) modules: AtomicUsize,
    /// Whether calls are refused. Sequentially consistent, see `unload/gate.rs`.
    pub(crate) closed: AtomicBool,
    /// Why calls are refused. Invariant: `closed` is true if there is a gate, or if it stays
    /// closed.
    pub(crate) gate: Mutex<GateState>,
}

/// Why an image refuses calls.
#[derive(Default)]
pub(crate) struct GateState {
    /// How many gates there are (`unload/gate.rs`).
    pub(crate) gates: usize,
    /// Some of its thread-locals are gone, so it refuses calls from now on.
    pub(crate) stays_closed: bool,
}

impl Loaded {
    /// An image that was just opened. The caller puts it in this list.
    pub(crate) fn new(open: OpenImage, headers: Headers, images: Images) -> Self {
        companions::hold(&open.memory);
        let mut kept_mapped_by = headers.kept_mapped_by;
        let row = counters::row_of(open.start);
        if row.is_none() {
            // Without a row nothing of it is counted, so it must stay.
            kept_mapped_by.push(
                "tasks and calls that cannot be counted, as the image came before this host's \
                 loader was there"
                    .to_owned(),
            );
        }
        Self {
            path: open.file.path,
            entries: headers.entries,
            image: Image {
                start: open.start.addr(),
                memory: open.memory,
                row: row.unwrap_or_else(Row::of_host),
                kept_mapped_by,
            },
            library: Mutex::new(Some(open.library)),
            opened_from: open.opened_from,
            stamp: open.stamp,
            trusted: Mutex::default(),
            images,
            modules: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            gate: Mutex::default(),
        }
    }

    /// Adds to the packages that are trusted.
    pub(crate) fn trust(&self, packages: &BTreeSet<String>) {
        lock(&self.trusted).extend(packages.iter().cloned());
    }

    /// How many `Module`s there are.
    pub(crate) fn modules(&self) -> usize {
        // Acquire: pairs with the release in the drop of a `Module`.
        self.modules.load(Ordering::Acquire)
    }

    /// The images that go when this one is closed.
    pub(crate) fn companions(&self) -> Companions {
        companions::of(&self.image.memory)
    }

    /// This image and its libraries.
    pub(crate) fn group(&self, companions: &Companions) -> Group {
        let own = std::iter::once(&self.image.memory);
        Group {
            start: self.image.start,
            ranges: own.chain(&companions.libraries).cloned().collect(),
        }
    }

    /// Where all images lie that go when this one is closed, with this one.
    pub(crate) fn all_ranges(&self, companions: &Companions) -> Vec<Range<usize>> {
        let modules = companions.modules.iter();
        let modules = modules.map(|module| module.memory.clone());
        let own = self.group(companions).ranges.into_iter();
        own.chain(modules).collect()
    }

    /// The address that a symbol stands for, as a pointer or a function pointer.
    ///
    /// # Errors
    ///
    /// There is no such symbol, or the library is closed.
    ///
    /// # Safety
    ///
    /// As [`Library::get`]. The result must not be used after the library is closed.
    pub(crate) unsafe fn get<T: Copy>(&self, name: &str) -> Result<T, libloading::Error> {
        let library = lock(&self.library);
        let library = library
            .as_ref()
            .ok_or(libloading::Error::IncompatibleSize)?;
        // SAFETY: the caller promises that `T` is the symbol's type.
        Ok(*unsafe { library.get::<T>(name)? })
    }

    /// Whether this image was loaded from that file with the content that it has now.
    pub(crate) fn is_of(&self, read: &ReadFile) -> bool {
        match (&self.stamp, &self.opened_from.kept_open) {
            (Some(stamp), _) => Stamp::of(&read.file).is_ok_and(|now| now == *stamp),
            (None, Some(copy)) => file::has_content(copy, &read.content),
            (None, None) => false,
        }
    }
}

/// The images of one file.
pub(crate) type Images = Arc<Mutex<Vec<Arc<Loaded>>>>;

/// All images, by the path of the file without links and by where the code was loaded from.
///
/// The outer lock is held only for a look-up. An inner lock is held while the file is loaded, so
/// two threads that load one file get one image.
static LOADED: Mutex<BTreeMap<(PathBuf, Source), Images>> = Mutex::new(BTreeMap::new());

/// The images of a file. `real` is its path without links.
pub(crate) fn images_of(real: &Path, source: Source) -> Images {
    let mut loaded = lock(&LOADED);
    Arc::clone(loaded.entry((real.to_owned(), source)).or_default())
}

/// Forgets a list if it is empty and nobody is about to load that file.
pub(crate) fn forget_list(list: &Images) {
    lock(&LOADED).retain(|_, known| {
        // Two references are known: that of this map, and that of the image that is gone.
        let is_in_use = || Arc::strong_count(known) > 2 || !lock(known).is_empty();
        !Arc::ptr_eq(known, list) || is_in_use()
    });
}
