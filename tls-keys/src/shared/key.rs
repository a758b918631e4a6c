//! The descriptor of a key, and of an image: what an image shows to the host's registry.
//!
//! The problem: two images that were built apart must agree on a binary interface, and the host's
//! half (`tls-slots`) must never be linked into a module. So the types stand here, in the crate
//! that everybody links.
//!
//! Each image has its [`Key`]s in a section of its own. The life of a key:
//!
//! | state | `definition` | thread-local: `slot` | process-wide: `address` |
//! | --- | --- | --- | --- |
//! | unresolved (not yet registered, or refused) | null | 0, the slot that is always null | null |
//! | shared (the host has the same key) | the host's | the host's slot | the host's static |
//! | private (the host has no such key) | this image's | a slot of its own | this image's static |
//!
//! A key leaves the state "unresolved" once, in the image's constructor, before other code of the
//! image runs. It returns to that state when the image is unloaded.
//!
//! Some keys are in a state between: their value may keep something of an image that uses it
//! (`plain.rs`), and only an image that has used it is to stay for that. Such a key has its
//! definition, and no slot and no address. So the first use comes the cold way, which notes the use
//! and gives the key both.

use super::sync::{AtomicPtr, AtomicUsize, Ordering};

/// A string of another image: address and length, UTF-8.
///
/// `&str` would do as well between images of one compiler, but the fields of [`Key`] are read
/// *before* the compiler is known to be the same.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    start: *const u8,
    len: usize,
}

// SAFETY: a `Text` is only made from a `&'static str`, which is immutable and may be read from
// any thread.
unsafe impl Send for Text {}
// SAFETY: a `Text` is only made from a `&'static str`, which is immutable.
unsafe impl Sync for Text {}

impl Text {
    /// The same text, with a layout that does not depend on the compiler.
    pub const fn new(text: &'static str) -> Self {
        Self {
            start: text.as_ptr(),
            len: text.len(),
        }
    }

    /// The text.
    ///
    /// # Safety
    ///
    /// The image that made this `Text` must stay loaded for `'a`.
    pub unsafe fn as_str<'a>(self) -> &'a str {
        // SAFETY: `new`, the only constructor, took address and length from a `&'static str`, so
        // they are valid, and UTF-8, while that image is loaded, which the caller promises.
        unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(self.start, self.len)) }
    }
}

/// What kind of state a key stands for.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One value per thread, made on first use.
    ThreadLocal = 1,
    /// One value in the process: a `static`.
    Process = 2,
}

/// Where a key was declared. Together with the [`Kind`] this is the key's identity.
#[repr(C)]
pub struct Declared {
    /// The package (`CARGO_PKG_NAME`) that declares the key.
    pub package: Text,
    /// Its version (`CARGO_PKG_VERSION`).
    pub version: Text,
    /// The static's own name.
    pub name: Text,
    /// The source file, for messages only: the text may hold a path of the building machine.
    pub file: Text,
    /// Line of the declaration.
    pub line: u32,
    /// Column of the declaration.
    pub column: u32,
    /// The value's type as it was written, for messages only.
    pub type_text: Text,
    /// Whether the value may keep something of an image that uses the key, and nobody takes that
    /// out when the image goes. If so, the first use is noted, see [`Key::is_used`].
    pub may_keep: bool,
    /// The full path of the declaration, functions included: `core::any::type_name` of a type that
    /// is declared beside the value.
    ///
    /// `module_path!` would not do, as it stops at the Rust module. Two statics of one name, in two
    /// functions that one macro call produced, would look the same.
    pub scope: extern "C" fn() -> Text,
}

/// Writes an initial value to the given storage, see [`Key::init`].
pub type Init = unsafe extern "C-unwind" fn(*mut u8);
/// Drops the value at the given address, see [`Key::drop`].
pub type DropInPlace = unsafe extern "C-unwind" fn(*mut u8);

/// The descriptor of one key in one image.
///
/// The macros put each key into the section `tls_slots_keys_v1`. The image's constructor hands the
/// section's bounds to the registry, which reads the section as a slice. Nothing else may be in
/// that section.
#[repr(C)]
pub struct Key {
    /// Thread-locals: byte offset of the key's slot in the thread's table. The slot at 0 is always
    /// null.
    ///
    /// Invariant: less than `TABLE_SLOTS * size_of::<*mut u8>()` and a multiple of the pointer's
    /// size. Written only by the registry.
    slot: AtomicUsize,
    /// Process-wide statics: the address of the one instance; null while unresolved. Written only
    /// by the registry.
    address: AtomicPtr<u8>,
    /// The key's definition; null while unresolved. Written only by the registry, which alone knows
    /// the type behind it.
    definition: AtomicPtr<u8>,
    /// Process-wide statics: this image's own instance. Thread-locals: null.
    own: *const u8,
    /// Thread-locals: writes a first value.
    init: Option<Init>,
    /// Thread-locals whose type needs it: drops a value in place.
    drop: Option<DropInPlace>,
    size: usize,
    align: usize,
    kind: Kind,
    /// Where the key leads, for the first use of a key that may keep something. A thread-local's
    /// slot is an address here. Written only by the registry.
    leads_to: AtomicPtr<u8>,
    declared: Declared,
}

// SAFETY: everything but the four atomics is immutable. `own` is the address of a `Sync` static,
// as `Key::process` demands. Only `ProcessLocal` turns that address into a reference.
unsafe impl Sync for Key {}

impl Key {
    /// A descriptor of a thread-local of type `T`. For the macros.
    #[doc(hidden)]
    pub const fn thread_local<T>(declared: Declared, init: Init) -> Self {
        Self {
            slot: AtomicUsize::new(0),
            address: AtomicPtr::new(core::ptr::null_mut()),
            definition: AtomicPtr::new(core::ptr::null_mut()),
            own: core::ptr::null(),
            init: Some(init),
            drop: if core::mem::needs_drop::<T>() {
                Some(drop_in_place::<T>)
            } else {
                None
            },
            size: size_of::<T>(),
            align: align_of::<T>(),
            kind: Kind::ThreadLocal,
            leads_to: AtomicPtr::new(core::ptr::null_mut()),
            declared,
        }
    }

    /// A descriptor of a process-wide static of type `T` whose instance in this image is `own`.
    pub(crate) const fn process<T: Sync>(declared: Declared, own: &'static T) -> Self {
        Self {
            slot: AtomicUsize::new(0),
            address: AtomicPtr::new(core::ptr::null_mut()),
            definition: AtomicPtr::new(core::ptr::null_mut()),
            own: core::ptr::from_ref(own).cast(),
            init: None,
            drop: None,
            size: size_of::<T>(),
            align: align_of::<T>(),
            kind: Kind::Process,
            leads_to: AtomicPtr::new(core::ptr::null_mut()),
            declared,
        }
    }

    /// Whether this is no key, but zeroes that a linker put between two objects (PE only).
    ///
    /// # Safety
    ///
    /// `this` must lie in the section of keys of a loaded image.
    pub unsafe fn is_padding(this: *const Self) -> bool {
        // SAFETY: readable by the caller's promise. Any bits are valid for a raw pointer, and every
        // real key has a name.
        unsafe { (&raw const (*this).declared.name.start).read().is_null() }
    }

    /// What kind of key this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the key was declared.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Size of the value.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Alignment of the value.
    pub fn align(&self) -> usize {
        self.align
    }

    /// Thread-locals: the function of this image that writes a first value.
    ///
    /// Its argument is valid, uninitialised storage for the value. The function may unwind.
    pub fn init(&self) -> Option<Init> {
        self.init
    }

    /// Thread-locals whose type needs it: the function of this image that drops the value at the
    /// given address.
    pub fn drop(&self) -> Option<DropInPlace> {
        self.drop
    }

    /// Process-wide statics: this image's own instance.
    pub fn own(&self) -> *const u8 {
        self.own
    }

    /// Thread-locals: the byte offset in the table; 0 when the key has no slot.
    #[inline(always)]
    pub fn slot(&self) -> usize {
        // Relaxed: an image's code runs after its constructor, and a stale 0 would only lead to
        // the cold path. The pointer in the slot is this thread's own: there is nothing to acquire.
        self.slot.load(Ordering::Relaxed)
    }

    /// Process-wide statics: the address of the one instance; null while unresolved, and before the
    /// first use of a key that [may keep](Declared::may_keep) something.
    #[inline(always)]
    pub fn address(&self) -> *mut u8 {
        // Relaxed: the instance is a static, initialised before any code could resolve a key to it.
        self.address.load(Ordering::Relaxed)
    }

    /// The key's definition; null while unresolved.
    pub fn definition(&self) -> *mut u8 {
        self.definition.load(Ordering::Acquire)
    }

    /// Resolves the key.
    ///
    /// # Safety
    ///
    /// For the registry only, under its lock. Until [`unresolve`](Self::unresolve):
    ///
    /// - `definition` must be the definition of this key;
    /// - `slot`, for a thread-local, must be an offset inside the table. On every thread the
    ///   pointer in that slot must be null, or point to a live value of the key's type;
    /// - `address`, for a process-wide static, must be the address of an instance of its type.
    pub unsafe fn resolve(&self, definition: *mut u8, slot: usize, address: *mut u8) {
        if self.declared.may_keep {
            let leads_to = match self.kind {
                Kind::ThreadLocal => core::ptr::without_provenance_mut(slot),
                Kind::Process => address,
            };
            self.leads_to.store(leads_to, Ordering::Relaxed);
        } else {
            self.slot.store(slot, Ordering::Relaxed);
            self.address.store(address, Ordering::Relaxed);
        }
        self.definition.store(definition, Ordering::Release);
    }

    /// Code of this image is about to use the key, for the first time as far as the key knows.
    pub(crate) fn begin_use(&self) {
        let definition = self.definition();
        if !self.declared.may_keep || definition.is_null() {
            return;
        }
        let leads_to = self.leads_to.load(Ordering::Relaxed);
        match self.kind {
            Kind::ThreadLocal => {
                // Not null: that the key is used. The slot may be 0.
                self.address.store(definition, Ordering::Relaxed);
                self.slot.store(leads_to.addr(), Ordering::Relaxed);
            }
            Kind::Process => self.address.store(leads_to, Ordering::Relaxed),
        }
    }

    /// Whether code of this image has used the key, if the value [may keep](Declared::may_keep)
    /// something. Who asks must have seen the end of whatever has used it.
    pub fn is_used(&self) -> bool {
        self.declared.may_keep && !self.address.load(Ordering::Relaxed).is_null()
    }

    /// Makes the key unresolved again, when its image is unloaded.
    pub fn unresolve(&self) {
        self.definition
            .store(core::ptr::null_mut(), Ordering::Release);
        self.address.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.leads_to
            .store(core::ptr::null_mut(), Ordering::Relaxed);
        self.slot.store(0, Ordering::Relaxed);
    }
}

/// Drops the `T` at `value`.
///
/// # Safety
///
/// As [`core::ptr::drop_in_place`].
unsafe extern "C-unwind" fn drop_in_place<T>(value: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::drop_in_place(value.cast::<T>()) }
}

/// An image, as its constructor presents it to the registry.
#[repr(C)]
pub struct Image {
    /// Size of [`Key`]. A registry whose keys have another layout refuses before it reads a key.
    pub key_size: usize,
    /// First key of the image's section.
    pub keys_start: *const Key,
    /// One past the last key.
    pub keys_end: *const Key,
    /// First byte of the image's manifest, see `record/`.
    pub manifest_start: *const u8,
    /// One past the last byte.
    pub manifest_end: *const u8,
    /// The image's allocator, for the host to try. Takes size and alignment, which must be those of
    /// a valid layout.
    pub alloc: unsafe extern "C" fn(usize, usize) -> *mut u8,
    /// Its counterpart. Takes block, size and alignment.
    pub dealloc: unsafe extern "C" fn(*mut u8, usize, usize),
    /// Where the host's loader writes the offset of the image's row in a thread's block of
    /// counters.
    pub row: *const AtomicUsize,
    /// The address of a function of `core`. It is in the image itself, or in the shared library
    /// that the image takes std from (`-C prefer-dynamic`).
    pub core: *const (),
}

// SAFETY: immutable. The pointers are the bounds of a section of `Sync` keys, the bounds of a
// section of bytes, and the addresses of an atomic and of a function.
unsafe impl Sync for Image {}
