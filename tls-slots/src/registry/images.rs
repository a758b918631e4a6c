//! The images of this process, their keys, and who owns which definition.

use std::collections::BTreeMap;

use super::identity::Identity;
use crate::image::file;
use crate::keys::abi::{Key, Kind};
use crate::keys::host;
use crate::keys::names::TABLE_SLOTS;
use crate::observers::AcceptedImage;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, lock, statics};
use crate::values::definition::{Definition, DefinitionBox};
use crate::values::sweep::{self, OfThread};

/// An image that has presented itself.
pub(crate) struct Registered {
    /// Its section, which identifies it, and its row of counters.
    pub(crate) image: AcceptedImage,
    /// Looked up before the registry's lock is taken: the system's loader holds a lock of its own
    /// while constructors run, and they take ours.
    pub(crate) file: Option<String>,
    pub(crate) is_host: bool,
    pub(crate) refused: Option<String>,
    /// The definitions that this image owns.
    pub(crate) definitions: Vec<DefinitionBox>,
}

// SAFETY: `image` has the bounds of a section of `Sync` keys of a loaded image, and the address of
// an atomic in it.
unsafe impl Send for Registered {}

impl Registered {
    /// Whether it is a module, and its keys were resolved.
    fn is_accepted_module(&self) -> bool {
        !self.is_host && self.refused.is_none()
    }
}

/// All that the registry knows.
pub(crate) struct Registry {
    pub(crate) images: Vec<Registered>,
    /// The host's keys, without those whose identity is ambiguous.
    ///
    /// Invariant: the definitions are owned by the host's entry in `images`, which is never
    /// removed.
    pub(crate) host: BTreeMap<Identity<'static>, &'static Definition>,
    /// Indices of definitions that are gone.
    pub(super) free_indices: Vec<usize>,
    next_index: usize,
    /// Slots of definitions that are gone.
    pub(super) free_slots: Vec<usize>,
    next_slot: usize,
}

statics! {
    /// The one registry of the process. Lock order: the system loader's, this one, the list of
    /// threads, a thread's values. No code of a user runs under it, except for a key's `scope`,
    /// which returns a constant.
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        images: Vec::new(),
        host: BTreeMap::new(),
        free_indices: Vec::new(),
        next_index: 0,
        free_slots: Vec::new(),
        next_slot: 1,
    });

    /// Set in `exit`: the dynamic linker finalises modules while other threads may still run their
    /// code, so nothing is taken away any more.
    static EXITING: AtomicBool = AtomicBool::new(false);
}

/// The process is exiting.
pub(super) extern "C" fn exiting() {
    EXITING.store(true, Ordering::SeqCst);
}

/// Whether the process is exiting. Then what is finalised is still in use.
pub fn is_exiting() -> bool {
    EXITING.load(Ordering::SeqCst)
}

/// The registry, locked.
pub(crate) fn registry() -> MutexGuard<'static, Registry> {
    lock(&REGISTRY)
}

impl Registry {
    /// A definition for a key, with an index and a slot of its own.
    pub(super) fn define(&mut self, key: &Key) -> DefinitionBox {
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
        DefinitionBox::new(Definition::new(key, index, slot))
    }

    pub(super) fn image(&self, start: *const Key) -> Option<&Registered> {
        self.images.iter().find(|known| known.image.start == start)
    }
}

/// Whether the image with that first key is a module that was accepted.
pub fn is_accepted_module(start: *const Key) -> bool {
    let registry = registry();
    let image = registry.image(start);
    image.is_some_and(Registered::is_accepted_module)
}

/// All modules that were accepted and are loaded.
pub fn accepted_modules() -> Vec<AcceptedImage> {
    let registry = registry();
    let images = registry.images.iter();
    let accepted = images.filter(|known| known.is_accepted_module());
    accepted.map(|known| known.image).collect()
}

/// Every image that has registered, in the order of registration: an address in it, and why it was
/// refused, if it was.
pub fn by_address() -> Vec<(*const u8, Option<String>)> {
    let registry = registry();
    let images = registry.images.iter();
    let each = |known: &Registered| (known.image.start.cast(), known.refused.clone());
    images.map(each).collect()
}

/// The indices of the thread-locals that a module owns: its private keys.
pub fn private_thread_locals(start: *const Key) -> Vec<usize> {
    let registry = registry();
    let definitions = registry.image(start).into_iter();
    definitions
        .flat_map(|image| &image.definitions)
        .filter_map(|owned| {
            // SAFETY: under the lock, so its image is registered and the definition not freed.
            let definition = unsafe { owned.get() };
            definition.init.is_some().then_some(definition.index)
        })
        .collect()
}

/// Why a key is unresolved.
pub(crate) fn explain(key: *const Key) -> String {
    let refused = {
        let registry = registry();
        let mut images = registry.images.iter();
        let image = images.find(|known| known.image.start <= key && key < known.image.end);
        image.and_then(|image| image.refused.clone())
    };
    // The system is asked for files, whose loader's lock comes before the registry's.
    refused.unwrap_or_else(|| unregistered(key.cast()))
}

/// Why the image of a key is not registered. A constructor in `tls-keys` registers the image that
/// it is in.
fn unregistered(key: *const u8) -> String {
    let of_keys: *const u8 = host::image().keys_start.cast();
    let [key_file, keys_file] = [key, of_keys].map(|address| file::of(address).unwrap_or_default());
    let why = match file::are_together(key, of_keys) || !file::is_here(key) {
        true => "it is being loaded or unloaded, or tls-keys is not in it but in a Rust `dylib`",
        false => "tls-keys is not in it but in a Rust `dylib`",
    };
    format!(
        "{key_file} is not registered: {why} that it links (the host's is in {keys_file}); give the \
         package of such a library `crate-type = [\"rlib\"]`"
    )
}

/// The storage of one value, see [`each_value`].
pub struct Storage<'a> {
    /// The package that declares the key.
    pub package: &'a str,
    /// The package's version.
    pub version: &'a str,
    /// The key's path.
    pub path: &'a str,
    /// Thread-local or process-wide.
    pub kind: Kind,
    /// The thread whose value it is, for a thread-local.
    pub thread: Option<OfThread>,
    /// The value's address.
    pub at: *const u8,
    /// The value's size in bytes.
    pub size: usize,
}

/// Shows the storage of every value that is not owned by an image in `but`: the statics, and the
/// thread-locals of all threads.
///
/// `look` runs under the registry's lock and all those after it, so the storage is not freed
/// meanwhile. Other threads may still write to it.
pub fn each_value(but: &std::ops::Range<usize>, mut look: impl FnMut(Storage<'_>)) {
    let registry = registry();
    let mut thread_locals = BTreeMap::new();
    for image in &registry.images {
        if but.contains(&image.image.start.addr()) {
            continue;
        }
        for owned in &image.definitions {
            // SAFETY: under the lock, so its image is registered and the definition not freed.
            let definition = unsafe { owned.get() };
            // SAFETY: a definition's key is in a loaded image.
            let key = unsafe { &*definition.key };
            // SAFETY: the image is loaded; the texts are not used after the lock.
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
                    thread_locals.insert(definition.index, storage);
                }
            }
        }
    }
    sweep::each_value(|thread, index, at| {
        if let Some(storage) = thread_locals.get(&index) {
            look(Storage {
                thread: Some(thread),
                at,
                ..*storage
            });
        }
    });
}
