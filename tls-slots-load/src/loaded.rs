//! An image that was loaded, and the list of those that [`load`](crate::LoadOptions::load) may give again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libloading::Library;
use tls_keys::abi::Key;
use tls_slots::loader::lock;

use crate::alive::counters;
use crate::open::copy::place::Place;
use crate::open::file::{self, ReadFile, Stamp};
use crate::open::format::Description;
use crate::open::image::OpenImage;
use crate::open::source::Source;

/// Where an image is, and how its use is counted.
pub(crate) struct Image {
    /// What identifies it, as in the registry: an address in it, which is only compared.
    start: usize,
    /// All of its memory.
    pub(crate) memory: Range<usize>,
    /// Its row of the threads' counters.
    pub(crate) row: usize,
    /// What is known to keep it mapped for good.
    pub(crate) kept_mapped_by: Vec<String>,
}

impl Image {
    pub(crate) fn start(&self) -> *const Key {
        self.start as *const Key
    }
}

/// An image that was loaded.
pub(crate) struct Loaded {
    /// As the caller named it.
    pub(crate) path: PathBuf,
    /// The names of its entries, sorted.
    pub(crate) entries: Vec<String>,
    pub(crate) image: Image,
    /// `None` when it is closed. Invariant: it is not `None` while there is a `Module`, except in `unload/`.
    pub(crate) library: Mutex<Option<Library>>,
    /// What it was opened from.
    pub(crate) place: Place,
    /// The file when it was checked, where it was not copied.
    stamp: Option<Stamp>,
    /// The list that it is in, as long as `load` may give it again.
    pub(crate) images: Images,
    /// How many `Module`s there are.
    pub(crate) modules: AtomicUsize,
    /// Whether calls are refused.
    pub(crate) closed: AtomicBool,
    /// Who has closed it. Invariant: `closed` is true while there is a gate or it stays closed.
    pub(crate) gate: Mutex<GateState>,
}

/// Who has closed an image.
#[derive(Default)]
pub(crate) struct GateState {
    /// How many gates there are (`unload/gate.rs`).
    pub(crate) gates: usize,
    /// Some of its thread-locals are gone: the image stays closed.
    pub(crate) stays_closed: bool,
}

impl Loaded {
    /// An image that was just opened, which is in that list.
    pub(crate) fn new(open: OpenImage, description: Description, images: Images) -> Self {
        Self {
            path: open.file.path,
            entries: description.entries,
            image: Image {
                start: open.start.addr(),
                memory: open.memory,
                row: counters::row_of(open.start),
                kept_mapped_by: description.kept_mapped_by,
            },
            library: Mutex::new(Some(open.library)),
            place: open.place,
            stamp: open.stamp,
            images,
            modules: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            gate: Mutex::default(),
        }
    }

    /// How many `Module`s there are.
    pub(crate) fn modules(&self) -> usize {
        // Acquire: with the release in their drop.
        self.modules.load(Ordering::Acquire)
    }

    /// What a symbol stands for, as a pointer or function pointer.
    ///
    /// # Safety
    ///
    /// As [`Library::get`]; the result must not be used when the library is closed.
    pub(crate) unsafe fn get<T: Copy>(&self, name: &str) -> Result<T, libloading::Error> {
        let library = lock(&self.library);
        let library = library
            .as_ref()
            .ok_or(libloading::Error::IncompatibleSize)?;
        // SAFETY: the caller's promise.
        Ok(*unsafe { library.get::<T>(name)? })
    }

    /// Whether this is an image of that file, as it is now.
    pub(crate) fn is_of(&self, read: &ReadFile) -> bool {
        match (&self.stamp, &self.place.keep) {
            (Some(stamp), _) => Stamp::of(&read.file).is_ok_and(|now| now == *stamp),
            (None, Some(copy)) => file::has_content(copy, &read.content),
            (None, None) => false,
        }
    }
}

/// The images of one file.
pub(crate) type Images = Arc<Mutex<Vec<Arc<Loaded>>>>;

/// All that was loaded, by the file's path without links and the way of loading.
///
/// The outer lock is held for a look-up only, an inner lock while its file is loaded. So two threads that
/// load one file get one image.
static LOADED: Mutex<BTreeMap<(PathBuf, Source), Images>> = Mutex::new(BTreeMap::new());

/// The images of a file, `real` being its path without links.
pub(crate) fn images_of(real: &Path, source: Source) -> Images {
    let mut loaded = lock(&LOADED);
    Arc::clone(loaded.entry((real.to_owned(), source)).or_default())
}

/// Forgets a list that is empty, unless somebody is about to load that file.
pub(crate) fn forget_list(list: &Images) {
    lock(&LOADED).retain(|_, known| {
        // This map has one, and the image that is gone.
        let is_in_use = || Arc::strong_count(known) > 2 || !lock(known).is_empty();
        !Arc::ptr_eq(known, list) || is_in_use()
    });
}
