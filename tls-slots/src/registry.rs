//! The registry: which images there are, and what each of their keys resolves to.
//!
//! The host is the authority. Its own keys are registered first, whichever image comes first; a
//! module's key is then *shared* if the host has the same one, and *private* to the module otherwise.
//! Two keys are the same if [`Identity`] is equal. If an image has two keys of one identity (a crate
//! linked twice, as in the unit tests of a crate that is also a dependency of its own dependencies),
//! neither is shared with anybody: guessing which is meant could mix two types.
//!
//! An image that does not fit is *refused*: its keys stay unresolved, and their use panics with the
//! reason. What is compared is the manifest of each (`manifest.rs`), and then size and alignment of every key
//! that both sides have, as a manifest does not tell all keys apart.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use crate::keys::abi::{self, Image, Key, Kind};
use crate::keys::host;
use crate::keys::names::TABLE_SLOTS;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, Witness, statics};
use crate::thread;
use crate::usage::{self, Alive, Rows};
use crate::{adopt, allocator, exit, image_file, manifest, on_unload};

/// What makes two keys the same.
///
/// The file is not part of it: the same crate has another path on another machine. Size and
/// alignment are compared separately, so that a difference is an error and not a second key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Identity<'a> {
    kind: Kind,
    package: &'a str,
    version: &'a str,
    scope: &'a str,
    name: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Identity<'a> {
    /// # Safety
    ///
    /// The key's image must stay loaded for `'a`, and be of this compiler.
    unsafe fn of(key: &Key) -> Self {
        let declared = key.declared();
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                kind: key.kind(),
                package: declared.package.as_str(),
                version: declared.version.as_str(),
                scope: (declared.scope)().as_str(),
                name: declared.name.as_str(),
                line: declared.line,
                column: declared.column,
            }
        }
    }
}

impl<'a> Identity<'a> {
    /// The path as a person would write it: the scope without what the macros add to it.
    fn path(&self) -> &'a str {
        let path = self.scope.strip_suffix("::Here").unwrap_or(self.scope);
        match self.kind {
            Kind::ThreadLocal => path.strip_suffix("::KEY").unwrap_or(path),
            Kind::Process => path,
        }
    }
}

/// What the registry knows of a key that some image owns.
pub(crate) struct Record {
    /// Position in a thread's entries. Invariant: unique among all live records.
    pub(crate) index: usize,
    /// Thread-locals: byte offset in the table, 0 beyond it.
    pub(crate) slot: usize,
    /// Of a value. Invariant: not of size zero.
    pub(crate) layout: Layout,
    /// The owner's destructor.
    pub(crate) drop: Option<abi::DropInPlace>,
    /// The owner's initialiser.
    pub(crate) init: Option<abi::Init>,
    /// The owner's key. Invariant: its image is loaded while the record lives.
    pub(crate) key: *const Key,
    witness: Witness,
}

// SAFETY: immutable, and `key` points to a `Sync` static of a loaded image.
unsafe impl Send for Record {}
// SAFETY: as above.
unsafe impl Sync for Record {}

/// A record on the heap, at an address that keys and threads hold. Freed by [`Owned::free`] only.
#[derive(Clone, Copy)]
struct Owned(NonNull<Record>);

// SAFETY: a pointer to a `Sync` record.
unsafe impl Send for Owned {}

impl Owned {
    fn new(record: Record) -> Self {
        Self(NonNull::from(Box::leak(Box::new(record))))
    }

    /// # Safety
    ///
    /// The record must not be freed during `'a`.
    unsafe fn get<'a>(self) -> &'a Record {
        // SAFETY: allocated by `new`, and not freed by the caller's promise.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    ///
    /// To be called once, when nobody refers to the record any more.
    unsafe fn free(self) {
        // SAFETY: allocated by `new`; the caller promises the rest.
        let record = unsafe { Box::from_raw(self.0.as_ptr()) };
        record.witness.free();
    }
}

/// An image that has presented itself.
struct Registered {
    /// Bounds of its section: what identifies it.
    start: *const Key,
    end: *const Key,
    /// Looked up before the registry's lock is taken: the system's loader has a lock of its own,
    /// which it holds while constructors run, and they take ours.
    file: Option<String>,
    is_host: bool,
    refused: Option<String>,
    /// Its row of the threads' counters: the host's, if it was refused.
    row: usize,
    /// Records that this image owns.
    records: Vec<Owned>,
}

// SAFETY: the pointers are the bounds of a section of `Sync` keys of a loaded image.
unsafe impl Send for Registered {}

struct Registry {
    images: Vec<Registered>,
    /// The host's keys, those of ambiguous identity left out.
    ///
    /// Invariant: the records are owned by the host's entry in `images`, which is never removed.
    host: BTreeMap<Identity<'static>, &'static Record>,
    /// Indices of unloaded records.
    free_indices: Vec<usize>,
    next_index: usize,
    /// Slots of unloaded records.
    free_slots: Vec<usize>,
    next_slot: usize,
    /// Of the threads' counters.
    rows: Rows,
}

statics! {
    /// The one registry of the process. Lock order: the system loader's, this, the list of threads,
    /// a thread's values. No code of a user runs under it, but for a key's `scope`, which returns a
    /// constant.
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        images: Vec::new(),
        host: BTreeMap::new(),
        free_indices: Vec::new(),
        next_index: 0,
        free_slots: Vec::new(),
        next_slot: 1,
        rows: Rows::new(),
    });

    /// Set in `exit`: the dynamic linker finalises modules while other threads may still run their
    /// code, so nothing is taken away any more.
    static EXITING: AtomicBool = AtomicBool::new(false);
}

extern "C" fn exiting() {
    EXITING.store(true, Ordering::SeqCst);
}

/// Whether the process is exiting, so that what is finalised is still in use.
pub(crate) fn is_exiting() -> bool {
    EXITING.load(Ordering::SeqCst)
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The keys of a section.
///
/// # Safety
///
/// The bounds must be those of the section of a loaded image with this layout of keys.
unsafe fn keys<'a>(start: *const Key, end: *const Key) -> impl Iterator<Item = &'a Key> {
    let count = (end as usize).saturating_sub(start as usize) / size_of::<Key>();
    (0..count).filter_map(move |at| {
        // SAFETY: inside the section.
        let key = unsafe { start.add(at) };
        // SAFETY: as above; what is no padding is a key.
        unsafe { (!Key::is_padding(key)).then(|| &*key) }
    })
}

/// A key, and what the registry compares it by.
struct Identified<'a> {
    identity: Identity<'a>,
    key: &'a Key,
    /// Whether no other key of the image has this identity.
    unique: bool,
}

/// The keys of an image with their identities.
///
/// # Safety
///
/// The image must stay loaded for `'a`, and be of this compiler and this layout of keys.
unsafe fn identified<'a>(image: &Image) -> Vec<Identified<'a>> {
    // SAFETY: the caller's promise.
    let mut all: Vec<_> = unsafe { keys(image.keys_start, image.keys_end) }
        .map(|key| Identified {
            // SAFETY: as above.
            identity: unsafe { Identity::of(key) },
            key,
            unique: true,
        })
        .collect();
    let mut times = BTreeMap::new();
    for one in &all {
        *times.entry(one.identity).or_insert(0_usize) += 1;
    }
    for one in &mut all {
        one.unique = times[&one.identity] == 1;
    }
    all
}

/// Whether the two images fit together, as far as they say so themselves.
///
/// # Safety
///
/// Both must be loaded.
unsafe fn fits(host: &Image, module: &Image) -> Result<(), String> {
    // Before anything else of it is read.
    if module.key_size != host.key_size {
        return Err(format!(
            "the host's tls-keys has descriptors of {} bytes, the module's of {}; build both with \
             the same version of tls-keys",
            host.key_size, module.key_size
        ));
    }
    // SAFETY: the caller's promise.
    unsafe { manifest::fits(module) }
}

impl Registry {
    fn new_record(&mut self, key: &Key) -> Owned {
        let index = self.free_indices.pop().unwrap_or_else(|| {
            self.next_index += 1;
            self.next_index - 1
        });
        let slot = match key.kind() {
            Kind::Process => 0,
            Kind::ThreadLocal => self.free_slots.pop().unwrap_or_else(|| {
                if self.next_slot < TABLE_SLOTS {
                    self.next_slot += 1;
                    (self.next_slot - 1) * size_of::<*mut u8>()
                } else {
                    0
                }
            }),
        };
        Owned::new(Record {
            index,
            slot,
            layout: Layout::from_size_align(key.size().max(1), key.align())
                .expect("a type's size and alignment make a layout"),
            drop: key.drop(),
            init: key.init(),
            key,
            witness: Witness::new(),
        })
    }

    /// Registers the image whose code this is. Idempotent.
    fn register_host(&mut self, image: &Image, file: Option<String>) {
        if self.images.iter().any(|known| known.is_host) {
            return;
        }
        exit::at_process_exit(exiting);
        // SAFETY: the image is this executable, which is loaded for good; for the strings, too.
        let keys = unsafe { identified(image) };
        let mut records = Vec::with_capacity(keys.len());
        for Identified {
            identity,
            key,
            unique,
        } in keys
        {
            let owned = self.new_record(key);
            // SAFETY: the host's image is never removed from `images`, so its records live on.
            let record: &'static Record = unsafe { owned.get() };
            if unique {
                self.host.insert(identity, record);
            }
            // SAFETY: under the lock; a new record of this key, its slot, its own instance.
            unsafe { resolve(key, record) }
            records.push(owned);
        }
        self.images.push(Registered {
            start: image.keys_start,
            end: image.keys_end,
            file,
            is_host: true,
            refused: None,
            row: 0,
            records,
        });
    }

    /// Resolves the keys of a module, or says why not.
    ///
    /// # Safety
    ///
    /// The image must be loaded, and fit, by [`fits`].
    unsafe fn resolve_module(&mut self, image: &Image) -> Result<Vec<Owned>, String> {
        // SAFETY: the caller's promise; the strings are dropped before this returns.
        let keys = unsafe { identified(image) };
        // Everything is looked at before anything is resolved: an image is refused whole.
        let mut found = Vec::with_capacity(keys.len());
        for Identified {
            identity,
            key,
            unique,
        } in &keys
        {
            let shared = unique.then(|| self.host.get(identity).copied()).flatten();
            if let Some(record) = shared {
                // SAFETY: the host's key is a static of the executable.
                let host = unsafe { &*record.key };
                if (host.size(), host.align()) != (key.size(), key.align()) {
                    return Err(format!(
                        "`{}` of {} {} has size {} and alignment {} in the host, {} and {} in the \
                         module; build both with the same features of that crate, the same cfgs and \
                         the same versions of its dependencies",
                        identity.path(),
                        identity.package,
                        identity.version,
                        host.size(),
                        host.align(),
                        key.size(),
                        key.align(),
                    ));
                }
            }
            found.push(shared);
        }
        let mut records = Vec::new();
        for (Identified { key, .. }, shared) in keys.iter().zip(found) {
            match shared {
                // SAFETY: under the lock; the same key of the host, of the same size and alignment.
                Some(record) => unsafe { resolve(key, record) },
                None => {
                    let owned = self.new_record(key);
                    // SAFETY: under the lock; a new record of this key, its slot, its own instance,
                    // freed when the image is unregistered.
                    unsafe { resolve(key, owned.get()) }
                    records.push(owned);
                }
            }
        }
        Ok(records)
    }
}

/// Resolves a key to a record.
///
/// # Safety
///
/// Under the registry's lock; `record` must be of the same identity, size and alignment, and live
/// until the key is unresolved.
unsafe fn resolve(key: &Key, record: &Record) {
    // SAFETY: a record's key is in a loaded image.
    let own = unsafe { (*record.key).own() };
    // SAFETY: the caller's promise; a record's slot is inside the table and its owner's alone, and
    // `own` is the instance of the owner's key.
    unsafe {
        key.resolve(
            std::ptr::from_ref(record).cast_mut().cast(),
            record.slot,
            own.cast_mut(),
        );
    }
}

/// Takes an image's keys.
///
/// # Safety
///
/// The image must be loaded, and its section hold nothing but keys of the stated size.
pub(crate) unsafe fn register(image: &Image) {
    let host = host::image();
    let host_file = image_file::of(host.keys_start.cast());
    let file = image_file::of(image.keys_start.cast());
    let is_known = |registry: &mut Registry| {
        registry.register_host(&host, host_file.clone());
        let mut known = registry.images.iter();
        known.any(|known| std::ptr::eq(known.start, image.keys_start))
    };
    if is_known(&mut registry()) {
        // The host itself, for one. Now its keys resolve.
        on_unload::tell_host();
        return;
    }
    // What the image says of itself comes first; trying its allocator runs its code. Neither under our
    // lock.
    // SAFETY: the image is loaded, and says where its allocator is.
    let result = unsafe { fits(&host, image).and_then(|()| allocator::fit(image)) };
    let mut registry = registry();
    if is_known(&mut registry) {
        return;
    }
    let result = result.and_then(|()| {
        // SAFETY: the caller's promise, and they fit.
        unsafe { registry.resolve_module(image) }
    });
    let (records, row, refused) = match result {
        Ok(records) => (records, registry.rows.take(), None),
        Err(reason) => (Vec::new(), 0, Some(reason)),
    };
    // SAFETY: the image is loaded, and says where it keeps the offset of its row.
    unsafe { (*image.row).store(usage::offset(row), Ordering::Relaxed) };
    registry.images.push(Registered {
        start: image.keys_start,
        end: image.keys_end,
        file,
        is_host: false,
        refused,
        row,
        records,
    });
}

/// Forgets an image.
///
/// # Safety
///
/// The image must still be loaded, and none of its code run any more, but for destructors of its
/// private values on the calling thread, which run here.
pub(crate) unsafe fn unregister(image: &Image) {
    if is_exiting() {
        return;
    }
    let mut registry = registry();
    let Some(at) = registry
        .images
        .iter()
        .position(|known| std::ptr::eq(known.start, image.keys_start) && !known.is_host)
    else {
        return;
    };
    let gone = registry.images.swap_remove(at);
    drop(registry);

    // Values first, while their keys still resolve: a destructor may use another key.
    // SAFETY: freed below.
    let records: Vec<&Record> = gone
        .records
        .iter()
        .map(|owned| unsafe { owned.get() })
        .collect();
    thread::forget(&records);
    // Destructors of values may have left something behind, too.
    // SAFETY: the caller's promise.
    unsafe { on_unload::forget(gone.start) }

    if gone.refused.is_none() {
        // SAFETY: the image is still loaded.
        for key in unsafe { keys(gone.start, gone.end) } {
            key.unresolve();
        }
        // SAFETY: as above.
        unsafe { (*image.row).store(0, Ordering::Relaxed) };
        usage::forget(gone.start);
        // With something alive, the next image of this row would have it.
        if usage::alive(gone.row) == Alive::default() {
            self::registry().rows.give_back(gone.row);
        }
    }
    if thread::slots_can_be_reused() {
        let mut registry = self::registry();
        for record in &records {
            registry.free_indices.push(record.index);
            if record.slot != 0 {
                registry.free_slots.push(record.slot);
            }
        }
    }
    for owned in gone.records {
        // SAFETY: taken from the registry, no key resolves to it, no thread has a value of it, and
        // by the caller's promise no code of the image is on its way to either.
        unsafe { owned.free() }
    }
}

/// The record of a resolved key.
///
/// # Safety
///
/// The key's image must be loaded.
pub(crate) unsafe fn record<'a>(key: &Key) -> Option<&'a Record> {
    // SAFETY: null, or a record that lives until the key's image is unregistered.
    let record = unsafe { key.definition().cast::<Record>().as_ref() };
    if let Some(record) = record {
        record.witness.read();
    }
    record
}

/// Whether the image whose section starts there is a module that was accepted.
pub(crate) fn is_accepted_module(start: *const Key) -> bool {
    registry()
        .images
        .iter()
        .any(|image| image.start == start && !image.is_host && image.refused.is_none())
}

/// An image's row of the threads' counters.
#[cfg(feature = "load")]
pub(crate) fn row_of(start: *const Key) -> usize {
    let registry = registry();
    let image = registry.images.iter().find(|image| image.start == start);
    image.map_or(0, |image| image.row)
}

/// The indices of the thread-locals that a module owns: its private keys.
pub(crate) fn private_thread_locals(start: *const Key) -> Vec<usize> {
    let registry = registry();
    let image = registry.images.iter().find(|image| image.start == start);
    let records = image.into_iter().flat_map(|image| &image.records);
    records
        .filter_map(|owned| {
            // SAFETY: under the lock, so its image is registered and the record not freed.
            let record = unsafe { owned.get() };
            record.init.is_some().then_some(record.index)
        })
        .collect()
}

/// Why a key is unresolved.
pub(crate) fn explain(key: *const Key) -> String {
    let registry = registry();
    let image = registry
        .images
        .iter()
        .find(|image| image.start <= key && key < image.end);
    match image.and_then(|image| image.refused.as_deref()) {
        Some(reason) => reason.to_owned(),
        None => "its image is not registered: it is being loaded or unloaded".to_owned(),
    }
}

/// An image of this process that has keys or was refused, see [`images`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The file, where the system tells.
    pub file: Option<String>,
    /// Whether it is the host.
    pub is_host: bool,
    /// Why it was refused, if it was. It then has no keys here.
    pub refused: Option<String>,
    /// Its keys.
    pub keys: Vec<KeyInfo>,
    /// The first thread id of its std, where no other image has these ids, see
    /// [`thread_ids`](crate::thread_ids).
    pub first_thread_id: Option<u64>,
}

/// A key of an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The package that declares it.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// Full path: modules, functions, name.
    pub path: String,
    /// The static's name.
    pub name: String,
    /// Source file, as the compiler that built the image saw it.
    pub file: String,
    /// Line of the declaration.
    pub line: u32,
    /// Column of the declaration.
    pub column: u32,
    /// The type as written.
    pub type_text: String,
    /// Thread-local or process-wide.
    pub kind: Kind,
    /// Size of the value.
    pub size: usize,
    /// Alignment of the value.
    pub align: usize,
    /// Whether it resolves to the host's: always true in the host itself, but for keys whose identity is
    /// ambiguous there.
    pub shared: bool,
}

/// All images that have registered, the host first.
///
/// For diagnostics and tests; takes the registry's lock. Empty in a library that contains this crate by
/// mistake and was loaded by a host: the images are that host's.
///
/// # Examples
///
/// ```
/// let images = tls_slots::images();
/// assert!(images[0].is_host);
/// ```
pub fn images() -> Vec<ImageInfo> {
    // Were this registry to resolve the image's keys, which another has resolved, they would have two
    // owners.
    if !image_file::is_here(abi::register as *const u8) {
        return Vec::new();
    }
    let host = host::image();
    let host_file = image_file::of(host.keys_start.cast());
    let mut registry = registry();
    registry.register_host(&host, host_file);
    let mut images: Vec<_> = registry
        .images
        .iter()
        .map(|image| image_info(image, &registry))
        .collect();
    images.sort_by_key(|image| !image.is_host);
    images
}

fn image_info(image: &Registered, registry: &Registry) -> ImageInfo {
    ImageInfo {
        file: image.file.clone(),
        is_host: image.is_host,
        refused: image.refused.clone(),
        first_thread_id: if image.is_host {
            Some(1)
        } else {
            adopt::first_thread_id(image.start)
        },
        keys: match image.refused {
            Some(_) => Vec::new(),
            // SAFETY: registered, so still loaded, as unregistering takes the lock.
            None => unsafe { keys(image.start, image.end) }
                .map(|key| key_info(key, registry))
                .collect(),
        },
    }
}

/// Drops the calling thread's values of the thread-locals for which `wanted` says so, last initialised
/// first. The next access makes a new value. Returns how many values were dropped.
///
/// `wanted` gets each thread-local with the image that owns its value: the host for shared keys, a module
/// for its private ones. So a test starts anew with the state of a crate, whoever has used it, and a host
/// takes back what a module has made on this thread. Statics are not reset: other threads may refer to
/// them. Nor are the values of other threads, as a destructor belongs to its thread.
///
/// While the destructors run, a key whose value is gone is destroyed, as at the thread's end.
///
/// Empty of effect where [`images`] is empty, and on a thread that has used no key.
///
/// # Safety
///
/// - No code on this thread may have a reference to one of these values: no `with` of such a key may be
///   running further up. For keys of a crate that is not your own, such as tokio inside of a runtime, you
///   cannot know.
/// - No module may be unloaded until this returns.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
///
/// tls_keys::thread_local!(static DEPTH: Cell<u32> = const { Cell::new(1) });
///
/// DEPTH.set(5);
/// // SAFETY: nothing refers to the value, and there are no modules.
/// let dropped = unsafe { tls_slots::reset_thread(|_, key| key.name == "DEPTH") };
/// assert_eq!((dropped, DEPTH.get()), (1, 1));
/// ```
pub unsafe fn reset_thread(mut wanted: impl FnMut(&ImageInfo, &KeyInfo) -> bool) -> usize {
    if !image_file::is_here(abi::register as *const u8) {
        return 0;
    }
    // The caller's code runs without the lock.
    let mut owned: Vec<(ImageInfo, Vec<(usize, KeyInfo)>)> = Vec::new();
    {
        let host = host::image();
        let host_file = image_file::of(host.keys_start.cast());
        let mut registry = registry();
        registry.register_host(&host, host_file);
        for image in &registry.images {
            let records = image.records.iter().map(|owned| {
                // SAFETY: under the lock, so its image is registered and the record not freed.
                let record = unsafe { owned.get() };
                // SAFETY: a record's key is in a loaded image.
                let key = unsafe { &*record.key };
                (record.index, key_info(key, &registry))
            });
            let thread_locals = records.filter(|(_, key)| key.kind == Kind::ThreadLocal);
            owned.push((image_info(image, &registry), thread_locals.collect()));
        }
    }
    let indices: Vec<usize> = owned
        .iter()
        .flat_map(|(image, keys)| keys.iter().map(move |(index, key)| (image, *index, key)))
        .filter(|(image, _, key)| wanted(image, key))
        .map(|(_, index, _)| index)
        .collect();
    thread::reset(&indices)
}

/// Every image that has registered: an address in it, and why it was refused, if it was.
#[cfg(feature = "load")]
pub(crate) fn images_by_address() -> Vec<(*const u8, Option<String>)> {
    let registry = registry();
    registry
        .images
        .iter()
        .map(|image| (image.start.cast(), image.refused.clone()))
        .collect()
}

/// The storage of one value, see [`each_value`].
pub(crate) struct Storage<'a> {
    pub(crate) package: &'a str,
    pub(crate) version: &'a str,
    pub(crate) path: &'a str,
    pub(crate) kind: Kind,
    /// Of a thread-local.
    pub(crate) thread: Option<thread::OfThread>,
    pub(crate) at: *const u8,
    pub(crate) size: usize,
}

/// Shows the storage of every value that is not owned by an image in `but`: the statics, and the
/// thread-locals of all threads.
///
/// `look` runs under the registry's lock and all those after it, so the storage is not freed meanwhile.
/// Other threads may write to it all the same.
pub(crate) fn each_value(but: &std::ops::Range<usize>, mut look: impl FnMut(Storage<'_>)) {
    let registry = registry();
    let mut thread_locals = BTreeMap::new();
    for image in &registry.images {
        if but.contains(&image.start.addr()) {
            continue;
        }
        for owned in &image.records {
            // SAFETY: under the lock, so its image is registered and the record not freed.
            let record = unsafe { owned.get() };
            // SAFETY: a record's key is in a loaded image.
            let key = unsafe { &*record.key };
            // SAFETY: as above; the texts are not used after the lock.
            let identity = unsafe { Identity::of(key) };
            let storage = Storage {
                package: identity.package,
                version: identity.version,
                path: identity.path(),
                kind: identity.kind,
                thread: None,
                at: key.own(),
                size: key.size(),
            };
            match identity.kind {
                Kind::Process => look(storage),
                Kind::ThreadLocal => {
                    thread_locals.insert(record.index, storage);
                }
            }
        }
    }
    thread::each_value(|thread, index, at| {
        if let Some(storage) = thread_locals.get(&index) {
            look(Storage {
                thread: Some(thread),
                at,
                ..*storage
            });
        }
    });
}

fn key_info(key: &Key, registry: &Registry) -> KeyInfo {
    let declared = key.declared();
    // SAFETY: called for registered images that were not refused, under the lock.
    let (identity, type_text, file) = unsafe {
        (
            Identity::of(key),
            declared.type_text.as_str(),
            declared.file.as_str(),
        )
    };
    // SAFETY: as above.
    let record = unsafe { record(key) };
    let host = registry.host.get(&identity);
    KeyInfo {
        package: identity.package.to_owned(),
        version: identity.version.to_owned(),
        path: identity.path().to_owned(),
        name: identity.name.to_owned(),
        file: file.to_owned(),
        line: identity.line,
        column: identity.column,
        type_text: type_text.to_owned(),
        kind: identity.kind,
        size: key.size(),
        align: key.align(),
        shared: matches!((record, host), (Some(record), Some(host)) if std::ptr::eq(record, *host)),
    }
}
