//! What happens when an image comes, and when it goes.
//!
//! | when | what |
//! | --- | --- |
//! | an image's constructor runs | it is compared with the host; then all its keys resolve, or none |
//! | | observers are told, if it was accepted |
//! | an image's destructor runs | observers are told; its values go, what it left in shared crates is taken out, its keys are unresolved; observers are told again |

use super::identity::{Identified, identified, keys};
use super::images::{self, Registered, Registry, is_exiting, registry};
use crate::keys::abi::{Image, Key};
use crate::keys::host;
use crate::observers::{self, AcceptedImage};
use crate::sync::MutexGuard;
use crate::values::definition::{Definition, DefinitionBox};
use crate::values::{sweep, thread};
use crate::{exit, fit, image, unload_hooks};

/// Whether the two images fit together, as far as they say so themselves.
///
/// # Errors
///
/// A sentence that names both sides.
///
/// # Safety
///
/// Both must be loaded, and the module say where its allocator is.
unsafe fn compare(host: &Image, module: &Image) -> Result<(), String> {
    // Before anything else of it is read.
    if module.key_size != host.key_size {
        return Err(format!(
            "the host's tls-keys has descriptors of {} bytes, the module's of {}; build both with \
             the same version of tls-keys",
            host.key_size, module.key_size
        ));
    }
    // SAFETY: the caller's promise.
    unsafe { fit::manifest::fits(module)? };
    // SAFETY: the caller's promise.
    unsafe { fit::allocator::fit(module) }
}

impl Registry {
    /// Registers the image whose code this is, once.
    fn register_host(&mut self, image: &Image, file: Option<String>) {
        if self.images.iter().any(|known| known.is_host) {
            return;
        }
        exit::at_process_exit(images::exiting);
        // SAFETY: the image is this executable, which is loaded for good; for the strings, too.
        let keys = unsafe { identified(image) };
        let mut definitions = Vec::with_capacity(keys.len());
        for Identified {
            identity,
            key,
            unique,
        } in keys
        {
            let owned = self.define(key);
            // SAFETY: the host's image is never removed from `images`, so its definitions live on.
            let definition: &'static Definition = unsafe { owned.get() };
            if unique {
                self.host.insert(identity, definition);
            }
            // SAFETY: under the lock; a new definition of this key, its slot, its own instance.
            unsafe { resolve(key, definition) }
            definitions.push(owned);
        }
        self.images.push(Registered {
            image: AcceptedImage::of(image),
            file,
            is_host: true,
            refused: None,
            definitions,
        });
    }

    /// Resolves the keys of a module. Gives the definitions that the module owns.
    ///
    /// # Errors
    ///
    /// A sentence about a key of the host's that has another size or alignment in the module. No
    /// key is resolved then.
    ///
    /// # Safety
    ///
    /// The image must be loaded, and fit by [`compare`].
    unsafe fn resolve_module(&mut self, image: &Image) -> Result<Vec<DefinitionBox>, String> {
        // SAFETY: the caller's promise; the strings are dropped before this returns.
        let keys = unsafe { identified(image) };
        // Everything is looked at before anything is resolved: an image is refused whole.
        let shared: Vec<Option<&Definition>> = keys
            .iter()
            .map(|key| self.host_definition(key))
            .collect::<Result<_, _>>()?;
        let mut definitions = Vec::new();
        for (Identified { key, .. }, shared) in keys.iter().zip(shared) {
            match shared {
                // SAFETY: under the lock; the same key of the host, of the same size and alignment.
                Some(definition) => unsafe { resolve(key, definition) },
                None => {
                    let owned = self.define(key);
                    // SAFETY: under the lock; a new definition of this key, its slot, its own
                    // instance, freed when the image is unregistered.
                    unsafe { resolve(key, owned.get()) }
                    definitions.push(owned);
                }
            }
        }
        Ok(definitions)
    }

    /// The host's definition for a module's key, if the host has the same key.
    fn host_definition(
        &self,
        Identified {
            identity,
            key,
            unique,
        }: &Identified<'_>,
    ) -> Result<Option<&'static Definition>, String> {
        let Some(definition) = unique.then(|| self.host.get(identity).copied()).flatten() else {
            return Ok(None);
        };
        // SAFETY: the host's key is a static of the executable.
        let host = unsafe { &*definition.key };
        if (host.size(), host.align()) == (key.size(), key.align()) {
            return Ok(Some(definition));
        }
        Err(format!(
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
        ))
    }
}

/// Resolves a key to a definition.
///
/// # Safety
///
/// Under the registry's lock. The definition must be of the same identity, size and alignment, and
/// live until the key is unresolved.
unsafe fn resolve(key: &Key, definition: &Definition) {
    // SAFETY: a definition's key is in a loaded image.
    let own = unsafe { (*definition.key).own() };
    // SAFETY: the caller's promise. A definition's slot is inside the table and its owner's alone,
    // and `own` is the instance of the owner's key.
    unsafe {
        key.resolve(
            std::ptr::from_ref(definition).cast_mut().cast(),
            definition.slot,
            own.cast_mut(),
        );
    }
}

/// Resolves a module's declaration of `shared`, a thread-local of the host's, to `other` instead.
/// `other` gets its definition here, the first time.
///
/// # Safety
///
/// The module must be loaded. Both keys must be of one type, and it must not matter which of them
/// the module uses while this runs.
pub unsafe fn resolve_to_another(module: AcceptedImage, shared: &Key, other: &'static Key) {
    let mut registry = registry();
    if other.definition().is_null() {
        let owned = registry.define(other);
        // SAFETY: under the lock; a new definition of this key. Nothing frees it.
        unsafe { resolve(other, owned.get()) }
    }
    // SAFETY: the bounds of the section of a loaded image, by the caller's promise.
    for key in unsafe { keys(module.start, module.end) } {
        if key.definition() == shared.definition() {
            // SAFETY: under the lock. The caller promises that `other` is of the same type, and its
            // definition is never freed.
            unsafe { key.resolve(other.definition(), other.slot(), std::ptr::null_mut()) }
        }
    }
}

/// The registry, locked, after the image whose code this is has been registered.
pub(crate) fn registry_with_host() -> MutexGuard<'static, Registry> {
    let host = host::image();
    // Before the lock: the system's loader holds a lock of its own while constructors run.
    let file = image::file::of(host.keys_start.cast());
    let mut registry = registry();
    registry.register_host(&host, file);
    registry
}

/// Takes an image's keys.
///
/// # Safety
///
/// The image must be loaded, and its section hold nothing but keys of the stated size.
pub(crate) unsafe fn register(image: &Image) {
    let file = image::file::of(image.keys_start.cast());
    let is_known = |registry: &Registry| registry.image(image.keys_start).is_some();
    if is_known(&registry_with_host()) {
        // The host itself, for one. Now its keys resolve.
        unload_hooks::tell_host();
        return;
    }
    // What the image says of itself comes first. To try its allocator runs its code. Neither is
    // done under our lock. SAFETY: the image is loaded, and says where its allocator is.
    let result = unsafe { compare(&host::image(), image) };
    let mut registry = registry();
    if is_known(&registry) {
        return;
    }
    let result = result.and_then(|()| {
        // SAFETY: the caller's promise, and they fit.
        unsafe { registry.resolve_module(image) }
    });
    let (definitions, refused) = match result {
        Ok(definitions) => (definitions, None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    let is_accepted = refused.is_none();
    registry.images.push(Registered {
        image: AcceptedImage::of(image),
        file,
        is_host: false,
        refused,
        definitions,
    });
    drop(registry);
    if is_accepted {
        for observer in observers::all() {
            // SAFETY: the image is loaded, by the caller's promise, and was accepted.
            unsafe { (observer.image_came)(AcceptedImage::of(image)) }
        }
    }
}

/// Forgets an image.
///
/// # Safety
///
/// The image must still be loaded. None of its code may run any more, except for destructors on the
/// calling thread, which run here.
pub(crate) unsafe fn unregister(image: &Image) {
    if is_exiting() {
        return;
    }
    let accepted = AcceptedImage::of(image);
    let is_accepted = images::is_accepted_module(image.keys_start);
    if is_accepted {
        for observer in observers::all() {
            // SAFETY: the caller's promise.
            unsafe { (observer.image_leaves)(accepted) }
        }
    }
    let gone = {
        let mut registry = registry();
        let is_this = |known: &Registered| {
            std::ptr::eq(known.image.start, image.keys_start) && !known.is_host
        };
        let Some(at) = registry.images.iter().position(is_this) else {
            return;
        };
        registry.images.swap_remove(at)
    };
    // SAFETY: the caller's promise; the image is not listed any more, so this happens once.
    unsafe { take_away(gone) }
    if is_accepted {
        for observer in observers::all() {
            // SAFETY: the caller's promise.
            unsafe { (observer.image_left)(accepted) }
        }
    }
}

/// Takes away all that an image has, which is not listed any more.
///
/// # Safety
///
/// As [`unregister`], and to be called once for an image.
unsafe fn take_away(gone: Registered) {
    // Values first, while their keys still resolve: a destructor may use another key.
    let definitions: Vec<&Definition> = gone
        .definitions
        .iter()
        // SAFETY: freed at the end of this function.
        .map(|owned| unsafe { owned.get() })
        .collect();
    sweep::forget(&definitions);
    // Destructors of values may have left something behind, too.
    // SAFETY: the caller's promise.
    unsafe { unload_hooks::take_out(gone.image.start) }

    if gone.refused.is_none() {
        // SAFETY: the image is still loaded.
        for key in unsafe { keys(gone.image.start, gone.image.end) } {
            key.unresolve();
        }
    }
    if thread::slots_can_be_reused() {
        let mut registry = registry();
        for definition in &definitions {
            registry.free_indices.push(definition.index);
            if definition.slot != 0 {
                registry.free_slots.push(definition.slot);
            }
        }
    }
    for owned in gone.definitions {
        // SAFETY: taken from the registry, no key resolves to it, no thread has a value of it, and
        // by the caller's promise no code of the image is on its way to either.
        unsafe { owned.free() }
    }
}
