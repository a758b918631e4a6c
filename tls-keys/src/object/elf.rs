//! ELF: Linux, Android and the BSDs.
//!
//! A section whose name is a C identifier gets `__start_` and `__stop_` symbols from the linker
//! (GNU ld manual, "Orphan Sections"). They are hidden, so each image sees its own. rustc passes
//! `-z nostart-stop-gc` to linkers that would otherwise drop such sections, and keeps `#[used]`
//! statics of every linked crate.
//!
//! The host's functions are undefined symbols of a module, which is a linker's default for shared
//! objects. `dlopen` binds them to the executable's, or refuses the module by name: there is no
//! initialisation that could be forgotten.

use crate::abi::{Answer, Buffer, Image, Key};
#[cfg(feature = "std")]
use crate::abi::{Call, Exception, Std, Take};

unsafe extern "C" {
    #[link_name = "__start_tls_slots_keys_v1"]
    static KEYS_START: Key;
    #[link_name = "__stop_tls_slots_keys_v1"]
    static KEYS_STOP: Key;
    #[link_name = "__start_tls_slots_manifest_v1"]
    static MANIFEST_START: u8;
    #[link_name = "__stop_tls_slots_manifest_v1"]
    static MANIFEST_STOP: u8;
}

unsafe extern "C" {
    /// Resolves the keys of an image.
    ///
    /// # Safety
    ///
    /// The image must be loaded and its section hold nothing but keys.
    #[link_name = "tls_slots_register_v1"]
    pub fn register(image: *const Image);

    /// Forgets an image.
    ///
    /// # Safety
    ///
    /// No other code of the image may run any more.
    #[link_name = "tls_slots_unregister_v1"]
    pub fn unregister(image: *const Image);

    /// Why `key` is unresolved, into `buffer`; returns the length.
    ///
    /// # Safety
    ///
    /// `key` must be a key of a loaded image, `buffer` writable.
    #[link_name = "tls_slots_explain_v1"]
    pub fn explain(key: *const Key, buffer: *mut Buffer) -> usize;
}

unsafe extern "C-unwind" {
    /// The calling thread's value of a thread-local, made by the host where the key is shared
    /// (unless `has_value` says that the caller brings one).
    ///
    /// # Safety
    ///
    /// `key` must be a thread-local of a loaded image, `buffer` writable.
    #[link_name = "tls_slots_get_v1"]
    pub fn get(key: *const Key, has_value: bool, buffer: *mut Buffer) -> Answer;

    /// Storage for a value of the calling thread, counted as live when this returns: the
    /// caller must write to it before anything else. If there is a live value already, that one.
    ///
    /// # Safety
    ///
    /// As [`get`].
    #[link_name = "tls_slots_reserve_v1"]
    pub fn reserve(key: *const Key, buffer: *mut Buffer) -> Answer;
}

unsafe extern "C" {
    /// The calling thread's table, on targets without inline access.
    #[link_name = "tls_slots_value_v1"]
    #[allow(dead_code)]
    pub(crate) safe fn table() -> *mut u8;
}

unsafe extern "C" {
    /// Memory from the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::alloc`](core::alloc::GlobalAlloc::alloc); size and alignment must be a
    /// layout, `image` the [`id`] of the image that this is called from.
    #[link_name = "tls_slots_alloc_v1"]
    pub(crate) fn alloc(image: *const Key, size: usize, align: usize) -> *mut u8;

    /// Gives memory back to the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::dealloc`](core::alloc::GlobalAlloc::dealloc), and as [`alloc`].
    #[link_name = "tls_slots_dealloc_v1"]
    pub(crate) fn dealloc(image: *const Key, block: *mut u8, size: usize, align: usize);

    /// Zeroed memory from the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`alloc`].
    #[link_name = "tls_slots_alloc_zeroed_v1"]
    pub(crate) fn alloc_zeroed(image: *const Key, size: usize, align: usize) -> *mut u8;

    /// Another size for memory of the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::realloc`](core::alloc::GlobalAlloc::realloc), and as [`alloc`].
    #[link_name = "tls_slots_realloc_v1"]
    pub(crate) fn realloc(
        image: *const Key,
        block: *mut u8,
        size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8;
}

/// What this image is known by: the address where its keys begin, keys or none.
#[inline]
pub fn id() -> *const Key {
    &raw const KEYS_START
}

// The types that Rust lays out are of the same compiler on both sides, or not looked at; see `Take`.
#[allow(improper_ctypes)]
#[cfg(feature = "std")]
unsafe extern "C" {
    /// Presents the std of an accepted module; gives a `Report`, or null to everybody else.
    ///
    /// # Safety
    ///
    /// Both must be those of the calling image, which is loaded.
    #[link_name = "tls_slots_adopt_v1"]
    pub(crate) fn adopt(image: *const Image, std: *const Std) -> *const ();

    /// Which image has raised an exception: its function to take it, or `None` where the host does not
    /// know the image.
    ///
    /// # Safety
    ///
    /// The exception must be live.
    #[link_name = "tls_slots_owner_v1"]
    pub(crate) fn owner(exception: *const Exception) -> Option<Take>;
}

#[cfg(feature = "std")]
unsafe extern "C-unwind" {
    /// Calls a function; gives null, or the Rust exception that it raised, whichever image's.
    ///
    /// # Safety
    ///
    /// Calls `call` with `data`: that must be sound.
    #[link_name = "tls_slots_try_v1"]
    pub(crate) fn try_call(call: Call, data: *mut u8) -> *mut Exception;
}

/// Bounds of this image's keys.
pub(crate) fn keys() -> (*const Key, *const Key) {
    (&raw const KEYS_START, &raw const KEYS_STOP)
}

/// Bounds of this image's manifest. `record.rs` puts the compiler's record into it, so it is there.
pub(crate) fn manifest() -> (*const u8, *const u8) {
    (&raw const MANIFEST_START, &raw const MANIFEST_STOP)
}

/// Keeps the section, and with it the linker's two symbols, in images that declare no key.
#[used]
#[unsafe(link_section = "tls_slots_keys_v1")]
static NO_KEYS: [Key; 0] = [];

/// Runs before any other constructor of the image: lower priorities run first, and std's own is
/// 99 (`.init_array.00099`, library/std/src/sys/args/unix.rs), which only stores `argv`.
#[used]
#[unsafe(link_section = ".init_array.00098")]
static ENTER: extern "C" fn() = super::enter;

/// Runs after every other destructor of the image: `.fini_array` runs backwards.
#[used]
#[unsafe(link_section = ".fini_array.00098")]
static LEAVE: extern "C" fn() = super::leave;

/// Runs after `ENTER` and before the image's ordinary constructors.
#[cfg(feature = "std")]
#[used]
#[unsafe(link_section = ".init_array.00099")]
static ADOPT: extern "C" fn() = crate::image_std::adopt;
