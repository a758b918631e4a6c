//! What crosses between a module and its host: plain `#[repr(C)]` data and `extern` functions.
//!
//! The problem: two images that were built apart must agree on a binary interface, and the host
//! side (`tls-slots`) must never be linked into a module. So the types stand here, in the crate
//! that everybody links, and the functions are only *declared* here, as `extern` symbols that the
//! host defines. No cargo feature can turn a module into a host.
//!
//! A [`Key`] is a descriptor that each image has in a section of its own. Its life:
//!
//! | state | `definition` | thread-local: `slot` | process-wide: `address` |
//! | --- | --- | --- | --- |
//! | unresolved (before registration, or refused) | null | 0, the slot that is always null | null |
//! | shared (the host has the same key) | host's definition | host's slot | host's static |
//! | private (the host has no such key) | a definition of this image | a slot of its own | this image's static |
//!
//! It goes from unresolved to one of the others once, in the image's constructor, before other
//! code of the image runs, and back when the image is unloaded.

use alloc::boxed::Box;
use core::any::Any;
use core::mem::MaybeUninit;

use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

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
// SAFETY: as above.
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

/// Where a key was declared; together with [`Kind`] this is its identity.
#[repr(C)]
pub struct Declared {
    /// The package (`CARGO_PKG_NAME`) that declares the key.
    pub package: Text,
    /// Its version (`CARGO_PKG_VERSION`).
    pub version: Text,
    /// The static's own name.
    pub name: Text,
    /// The source file, for messages only: it may hold a path of the building machine.
    pub file: Text,
    /// Line of the declaration.
    pub line: u32,
    /// Column of the declaration.
    pub column: u32,
    /// The value's type as it was written, for messages only.
    pub type_text: Text,
    /// The full path of the declaration, functions included, as `core::any::type_name` of a type
    /// declared beside the value gives it.
    ///
    /// `module_path!` stops at the module: two statics of one name, in two functions that one macro
    /// call produced, would look the same.
    pub scope: extern "C" fn() -> Text,
}

/// A writer of an initial value, see [`Key::init`].
pub type Init = unsafe extern "C-unwind" fn(*mut u8);
/// A destructor of a value in place, see [`Key::drop`].
pub type DropInPlace = unsafe extern "C-unwind" fn(*mut u8);

/// The descriptor of one key in one image.
///
/// The macros put each into the section `tls_slots_keys_v1`; the section's bounds are what the
/// image's constructor hands to the registry, which reads it as a slice. Nothing else may be in
/// that section.
#[repr(C)]
pub struct Key {
    /// Thread-locals: byte offset of the key's slot in the thread's table; 0 is the slot that
    /// is always null.
    ///
    /// Invariant: less than `TABLE_SLOTS * size_of::<*mut u8>()` and a multiple of the pointer's
    /// size. Written only by the registry.
    slot: AtomicUsize,
    /// Process-wide statics: the address of the one instance; null while unresolved. Written only by
    /// the registry.
    address: AtomicPtr<u8>,
    /// The registry's definition of the key; null while unresolved. Written only by the registry.
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
    declared: Declared,
}

// SAFETY: everything but the three atomics is immutable; `own` is the address of a `Sync` static
// (`ProcessLocal::new` demands it), and is only turned into a reference by `ProcessLocal`.
unsafe impl Sync for Key {}

impl Key {
    /// A descriptor of a thread-local of type `T`.
    pub(crate) const fn thread_local<T>(declared: Declared, init: Init) -> Self {
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
            declared,
        }
    }

    /// Whether there is no key here, but zeroes that a linker put between two objects (PE only).
    ///
    /// # Safety
    ///
    /// `this` must be inside the section of keys of a loaded image.
    pub unsafe fn is_padding(this: *const Self) -> bool {
        // SAFETY: readable by the caller's promise; any bits are valid for a raw pointer, and every
        // real key has a name.
        unsafe { (&raw const (*this).declared.name.start).read().is_null() }
    }

    /// What kind of key this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it was declared.
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

    /// Thread-locals: the function of this image that writes a first value to the given, valid
    /// and uninitialised, storage. It may unwind.
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

    /// Thread-locals: the byte offset in the table, 0 when there is none.
    #[inline(always)]
    pub fn slot(&self) -> usize {
        // Relaxed: an image's code runs after its constructor, and a stale 0 would only lead to
        // the cold path. The value's pointer is this thread's own, there is nothing to acquire.
        self.slot.load(Ordering::Relaxed)
    }

    /// Process-wide statics: the address of the one instance; null while unresolved.
    #[inline(always)]
    pub fn address(&self) -> *mut u8 {
        // Relaxed: the instance is a static, initialised before any code could resolve a key to it.
        self.address.load(Ordering::Relaxed)
    }

    /// The registry's definition; null while unresolved.
    pub fn definition(&self) -> *mut u8 {
        self.definition.load(Ordering::Acquire)
    }

    /// Resolves the key.
    ///
    /// # Safety
    ///
    /// For the registry only, under its lock. `definition` must be the definition of this key; `slot`, for a
    /// thread-local, an offset inside the table whose non-null pointers on every thread point to a
    /// live value of the key's type; `address`, for a process-wide static, the address of an instance of its
    /// type. They must stay so until [`unresolve`](Self::unresolve).
    pub unsafe fn resolve(&self, definition: *mut u8, slot: usize, address: *mut u8) {
        self.slot.store(slot, Ordering::Relaxed);
        self.address.store(address, Ordering::Relaxed);
        self.definition.store(definition, Ordering::Release);
    }

    /// Makes the key unresolved again, when its image is unloaded.
    pub fn unresolve(&self) {
        self.definition
            .store(core::ptr::null_mut(), Ordering::Release);
        self.address.store(core::ptr::null_mut(), Ordering::Relaxed);
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

/// One image, as its constructor presents it to the registry.
#[repr(C)]
pub struct Image {
    /// Size of [`Key`], so that a registry of another layout can tell before it reads more.
    pub key_size: usize,
    /// First key of the image's section.
    pub keys_start: *const Key,
    /// One past the last key.
    pub keys_end: *const Key,
    /// First byte of the image's manifest, see `record.rs`.
    pub manifest_start: *const u8,
    /// One past the last byte.
    pub manifest_end: *const u8,
    /// The image's allocator, for the host to try: size and alignment, which must be a layout.
    pub alloc: unsafe extern "C" fn(usize, usize) -> *mut u8,
    /// Its counterpart: block, size and alignment.
    pub dealloc: unsafe extern "C" fn(*mut u8, usize, usize),
    /// Where the registry writes the offset of the image's row of [`Counters`](crate::counters::Counters).
    pub row: *const AtomicUsize,
}

// SAFETY: immutable; the pointers are the bounds of sections of `Sync` keys, and of bytes, and the address
// of an atomic.
unsafe impl Sync for Image {}

/// What the host answers about a thread-local.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `value` is the live value of this thread.
    Alive = 1,
    /// No value yet: the caller runs its own initialiser, then asks for storage.
    Initialise = 2,
    /// `value` is storage, counted as live from now on: the caller writes to it at once.
    Reserved = 3,
    /// The thread is exiting and the value is gone.
    Destroyed = 4,
    /// The host's initialiser panicked; the message is in the buffer.
    Panicked = 5,
    /// The key is unresolved; the reason is in the buffer.
    Unresolved = 6,
}

/// Answer of [`get`] and [`reserve`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// What is the matter.
    pub status: Status,
    /// The value or its storage, where `status` says so, else null.
    pub value: *mut u8,
    /// The length of the message that the caller's buffer has been given.
    pub message: usize,
}

/// Takes a message of the host.
///
/// The caller keeps it, by a function of its own image, so that nothing has to be freed by the other side's
/// allocator, even if the caller goes on by unwinding. A few words, as it is on the stack of the first
/// access that a thread makes: room for the text itself would cost each thread a page that it has not
/// touched before, which takes the kernel ten times as long as all the rest.
#[repr(C)]
pub struct Buffer {
    /// Copies so many bytes into a block of the buffer's own image.
    put: unsafe extern "C" fn(&mut Self, *const u8, usize),
    /// Invariant: null, or a boxed slice of `len` bytes from the allocator of `put`'s image.
    text: *mut u8,
    len: usize,
}

impl Buffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self {
            put: Self::put,
            text: core::ptr::null_mut(),
            len: 0,
        }
    }

    /// # Safety
    ///
    /// There must be `len` bytes at `bytes`, and the buffer be one of this image's.
    unsafe extern "C" fn put(&mut self, bytes: *const u8, len: usize) {
        self.clear();
        // SAFETY: the caller's promise.
        let text: Box<[u8]> = unsafe { core::slice::from_raw_parts(bytes, len) }.into();
        self.text = Box::into_raw(text).cast();
        self.len = len;
    }

    fn clear(&mut self) {
        let text = core::mem::replace(&mut self.text, core::ptr::null_mut());
        if !text.is_null() {
            // SAFETY: the field's invariant; it is gone from there. This runs in `put`'s image: `put` is
            // called through the field, and a buffer is dropped by who made it.
            drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(text, self.len)) });
        }
    }

    /// Has the caller's image copy a message; returns its length.
    pub fn write(&mut self, message: &str) -> usize {
        let put = self.put;
        // SAFETY: the bytes of a text, and the function that this very buffer brings.
        unsafe { put(self, message.as_ptr(), message.len()) }
        message.len()
    }

    /// The first `len` bytes as text.
    pub fn read(&self, len: usize) -> &str {
        if self.text.is_null() {
            return "";
        }
        // SAFETY: so many bytes, by the field's invariant.
        let bytes = unsafe { core::slice::from_raw_parts(self.text, len.min(self.len)) };
        core::str::from_utf8(bytes).unwrap_or("(unreadable message)")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic on its way: what the unwinder calls an `_Unwind_Exception`.
///
/// Itanium C++ ABI, "Exception Handling", section 1.2.1. The first two fields are the same for every
/// language; what follows belongs to the unwinder and to the image that raised it.
#[repr(C)]
pub struct Exception {
    /// Which language raised it; Rust's is `MOZ\0RUST`.
    pub class: u64,
    /// Frees it: a function of the image that raised it, which is how the image is found.
    pub cleanup: Option<unsafe extern "C" fn(i32, *mut Exception)>,
}

/// Takes an exception that the function's own image has raised and that was caught, and gives its
/// payload.
///
/// With Rust's own calling convention: the host knows these functions only of images that its own
/// compiler has built.
pub type Take = unsafe fn(*mut Exception) -> Box<dyn Any + Send>;

/// The std of an image, as its constructor presents it to the host (feature `std`).
#[repr(C)]
pub struct Std {
    /// Gives the calling thread an id of this std, the next one, unless it has one. Registers no
    /// destructor, allocates nothing.
    pub draw_thread_id: extern "C" fn(),
    /// Uses up that many thread ids of this std, by spawns that fail; gives how many.
    pub burn_thread_ids: extern "C" fn(u64) -> u64,
    /// Takes exceptions of this std.
    pub take: Take,
    /// Gives back what `present_std` has set up in this std. To be called once, last of all, when no other code of
    /// the image runs any more.
    pub leave: extern "C" fn(),
}

/// What goes through a register: a pointer, or any value that is not larger, or nothing.
pub type Word = MaybeUninit<*mut u8>;

/// What comes back from `try_call`, and from what it calls: two words, which the C ABIs of the targets
/// that have the host's frame return in two registers.
#[repr(C)]
pub struct Outcome {
    /// What the function wants to give back.
    pub word: Word,
    /// Null from the function; from `try_call` the exception that was stopped, if there was one.
    pub exception: *mut Exception,
}

/// What `try_call` calls.
pub type Call = unsafe extern "C-unwind" fn(Word) -> Outcome;

pub(crate) use crate::object::{add_runtime, count, hold, quiescent_state};
pub use crate::object::{explain, get, register, reserve, unregister};
#[cfg(feature = "std")]
pub(crate) use crate::object::{owner, present_std, try_call};
