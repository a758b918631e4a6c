//! What the registry tells people and tests: [`images`], and [`reset_thread`].

use crate::image::file;
use crate::keys::abi::{Key, Kind};
use crate::keys::host;
use crate::registry::identity::{Identity, keys};
use crate::registry::images::{Registered, Registry};
use crate::registry::register::registry_with_host;
use crate::stds;
use crate::values::definition::Definition;
use crate::values::sweep;

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
    /// The first thread id of its std, if no other image has that std's ids. See
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
    /// Whether it resolves to the host's instance. True in the host itself, except for a key whose
    /// identity is ambiguous there.
    pub shared: bool,
}

/// All images that have registered, the host first.
///
/// For diagnostics and tests. Takes the registry's lock.
///
/// The list is empty in a library that contains this crate by mistake and was loaded by a host: the
/// images are that host's.
///
/// # Examples
///
/// ```
/// let images = tls_slots::images();
/// assert!(images[0].is_host);
/// ```
pub fn images() -> Vec<ImageInfo> {
    // Were this registry to resolve the image's keys, which another has resolved, they would have
    // two owners.
    if !file::is_here(host::register as *const u8) {
        return Vec::new();
    }
    let registry = registry_with_host();
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
            stds::modules::first_thread_id(image.image.start)
        },
        keys: match image.refused {
            Some(_) => Vec::new(),
            // SAFETY: registered, so still loaded, as unregistering takes the lock.
            None => unsafe { keys(image.image.start, image.image.end) }
                .map(|key| key_info(key, registry))
                .collect(),
        },
    }
}

/// Drops the calling thread's values of the chosen thread-locals, last initialised first. The next
/// access makes a new value. Returns how many values were dropped.
///
/// `wanted` chooses. It gets each thread-local together with the image that owns the value: the
/// host for a shared key, a module for a private key. So a test can start anew with the state of a
/// crate, and a host can take back what a module has made on this thread. Statics are not reset,
/// since other threads may refer to them. Values of other threads are not reset, since a destructor
/// belongs to its thread.
///
/// While the destructors run, a key whose value is gone is destroyed, as at the thread's end.
///
/// On a thread that has used no key, and where [`images`] is empty, nothing happens and the result
/// is 0.
///
/// # Safety
///
/// - No code on this thread may have a reference to one of these values: no `with` of such a key
///   may be running further up the stack. For the keys of somebody else's crate, such as tokio
///   inside of a runtime, you cannot know that.
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
    if !file::is_here(host::register as *const u8) {
        return 0;
    }
    // The caller's code runs without the lock.
    let mut owned: Vec<(ImageInfo, Vec<(usize, KeyInfo)>)> = Vec::new();
    {
        let registry = registry_with_host();
        for image in &registry.images {
            let definitions = image.definitions.iter().map(|owned| {
                // SAFETY: under the lock, so its image is registered and the definition not freed.
                let definition = unsafe { owned.get() };
                // SAFETY: a definition's key is in a loaded image.
                let key = unsafe { &*definition.key };
                (definition.index, key_info(key, &registry))
            });
            let thread_locals = definitions.filter(|(_, key)| key.kind == Kind::ThreadLocal);
            owned.push((image_info(image, &registry), thread_locals.collect()));
        }
    }
    let indices: Vec<usize> = owned
        .iter()
        .flat_map(|(image, keys)| keys.iter().map(move |(index, key)| (image, *index, key)))
        .filter(|(image, _, key)| wanted(image, key))
        .map(|(_, index, _)| index)
        .collect();
    // SAFETY: the caller promises that nothing on this thread refers to these values.
    unsafe { sweep::reset(&indices) }
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
    // SAFETY: the image is registered, so it is loaded.
    let definition = unsafe { Definition::of(key) };
    let is_host_s = |one: &Definition| registry.host.values().any(|host| std::ptr::eq(one, *host));
    KeyInfo {
        package: identity.package.to_owned(),
        version: identity.version.to_owned(),
        path: identity.path().to_owned(),
        name: identity.name.to_owned(),
        file: file.to_owned(),
        line: declared.line,
        column: declared.column,
        type_text: type_text.to_owned(),
        kind: identity.kind,
        size: key.size(),
        align: key.align(),
        // What is another image's is the host's.
        shared: definition.is_some_and(|one| !std::ptr::eq(one.key, key) || is_host_s(one)),
    }
}
