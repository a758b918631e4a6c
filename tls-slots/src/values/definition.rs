//! A *definition*: what a key resolves to.
//!
//! `tls-keys` declares a key in each image that uses it, as an `extern` declaration does. One image
//! owns the state behind the key. For each key that an image owns, the registry makes a definition.
//! All declarations of a shared key resolve to the host's definition, as symbols resolve to the
//! executable's.
//!
//! | | index | slot | value |
//! | --- | --- | --- | --- |
//! | thread-local, within the table | a place among a thread's entries | an offset in the thread's table | one per thread |
//! | thread-local, beyond the table | likewise | 0 | one per thread |
//! | process-wide | a place that no thread uses | 0 | the owner's static |

use std::alloc::Layout;
use std::ptr::NonNull;

use crate::keys::abi::{self, Key};
use crate::sync::LifetimeCheck;

/// See the file's head.
pub(crate) struct Definition {
    /// Position in a thread's entries. Invariant: unique among all live definitions.
    pub(crate) index: usize,
    /// Thread-locals: byte offset in the table, 0 beyond it.
    pub(crate) slot: usize,
    /// Of a value. Invariant: not of size zero.
    pub(crate) layout: Layout,
    /// The owner's destructor.
    pub(crate) drop: Option<abi::DropInPlace>,
    /// The owner's initialiser.
    pub(crate) init: Option<abi::Init>,
    /// The owner's key. Invariant: its image is loaded while the definition lives.
    pub(crate) key: *const Key,
    lifetime: LifetimeCheck,
}

// SAFETY: immutable, and `key` points to a `Sync` static of a loaded image.
unsafe impl Send for Definition {}
// SAFETY: as for `Send`.
unsafe impl Sync for Definition {}

impl Definition {
    /// The definition of a key, with an index and a slot that no other live definition has.
    pub(crate) fn new(key: &Key, index: usize, slot: usize) -> Self {
        Self {
            index,
            slot,
            layout: Layout::from_size_align(key.size().max(1), key.align())
                .expect("a type's size and alignment make a layout"),
            drop: key.drop(),
            init: key.init(),
            key,
            lifetime: LifetimeCheck::new(),
        }
    }

    /// The definition that a key resolves to.
    ///
    /// # Safety
    ///
    /// The key's image must be loaded.
    pub(crate) unsafe fn of<'a>(key: &Key) -> Option<&'a Self> {
        // SAFETY: null, or a definition that lives until the key's image is unregistered.
        let definition = unsafe { key.definition().cast::<Self>().as_ref() };
        if let Some(definition) = definition {
            definition.lifetime.read();
        }
        definition
    }
}

/// A definition on the heap, at an address that keys and threads hold. [`free`](Self::free) alone
/// frees it.
#[derive(Clone, Copy)]
pub(crate) struct DefinitionBox(NonNull<Definition>);

// SAFETY: a pointer to a `Sync` definition.
unsafe impl Send for DefinitionBox {}

impl DefinitionBox {
    pub(crate) fn new(definition: Definition) -> Self {
        Self(NonNull::from(Box::leak(Box::new(definition))))
    }

    /// # Safety
    ///
    /// The definition must not be freed during `'a`.
    pub(crate) unsafe fn get<'a>(self) -> &'a Definition {
        // SAFETY: allocated by `new`, and not freed by the caller's promise.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    ///
    /// To be called once, when nobody refers to the definition any more.
    pub(crate) unsafe fn free(self) {
        // SAFETY: allocated by `new`; the caller promises the rest.
        let definition = unsafe { Box::from_raw(self.0.as_ptr()) };
        definition.lifetime.free();
    }
}
