//! Mach-O: macOS and iOS. **Type-checked, not run**: there is no such machine here.
//!
//! The linker defines `section$start$SEGMENT$SECTION` and `section$end$…` symbols (ld64, "-alias
//! and boundary symbols"; the leading `\x01` keeps LLVM from adding an underscore). The host's
//! functions stay undefined in a module; `tls_slots_build::module()` passes `-U` for each of them
//! so that the linker leaves them to `dlopen`.

use crate::abi::{Answer, Buffer, Image, Key};
#[cfg(feature = "std")]
use crate::abi::{Call, Exception, Std, Take};

unsafe extern "C" {
    #[link_name = "\x01section$start$__DATA$__tls_slots_k_v1"]
    static KEYS_START: Key;
    #[link_name = "\x01section$end$__DATA$__tls_slots_k_v1"]
    static KEYS_STOP: Key;
    #[link_name = "\x01section$start$__DATA$__tls_slots_m_v1"]
    static MANIFEST_START: u8;
    #[link_name = "\x01section$end$__DATA$__tls_slots_m_v1"]
    static MANIFEST_STOP: u8;
}

unsafe extern "C" {
    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// The image must be loaded and its section hold nothing but keys.
    #[link_name = "tls_slots_register_v1"]
    pub fn register(image: *const Image);

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// No other code of the image may run any more.
    #[link_name = "tls_slots_unregister_v1"]
    pub fn unregister(image: *const Image);

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// `key` must be a key of a loaded image, `buffer` writable.
    #[link_name = "tls_slots_explain_v1"]
    pub fn explain(key: *const Key, buffer: *mut Buffer) -> usize;
}

unsafe extern "C-unwind" {
    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// `key` must be a thread-local of a loaded image, `buffer` writable.
    #[link_name = "tls_slots_get_v1"]
    pub fn get(key: *const Key, has_value: bool, buffer: *mut Buffer) -> Answer;

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// As [`get`].
    #[link_name = "tls_slots_reserve_v1"]
    pub fn reserve(key: *const Key, buffer: *mut Buffer) -> Answer;
}

unsafe extern "C" {
    /// The calling thread's table.
    #[link_name = "tls_slots_value_v1"]
    pub(crate) safe fn table() -> *mut u8;
}

unsafe extern "C" {
    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// As there.
    #[link_name = "tls_slots_alloc_v1"]
    pub(crate) fn alloc(image: *const Key, size: usize, align: usize) -> *mut u8;

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// As there.
    #[link_name = "tls_slots_dealloc_v1"]
    pub(crate) fn dealloc(image: *const Key, block: *mut u8, size: usize, align: usize);

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// As there.
    #[link_name = "tls_slots_alloc_zeroed_v1"]
    pub(crate) fn alloc_zeroed(image: *const Key, size: usize, align: usize) -> *mut u8;

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// As there.
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
    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// Both must be those of the calling image, which is loaded.
    #[link_name = "tls_slots_adopt_v1"]
    pub(crate) fn adopt(image: *const Image, std: *const Std) -> *const ();

    /// See `elf.rs`.
    ///
    /// # Safety
    ///
    /// The exception must be live.
    #[link_name = "tls_slots_owner_v1"]
    pub(crate) fn owner(exception: *const Exception) -> Option<Take>;
}

#[cfg(feature = "std")]
unsafe extern "C-unwind" {
    /// See `elf.rs`.
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

/// Bounds of this image's manifest.
pub(crate) fn manifest() -> (*const u8, *const u8) {
    (&raw const MANIFEST_START, &raw const MANIFEST_STOP)
}

/// Keeps the section in images that declare no key.
#[used]
#[unsafe(link_section = "__DATA,__tls_slots_k_v1,regular,no_dead_strip")]
static NO_KEYS: [Key; 0] = [];

/// dyld runs an image's initialisers in the order of the link line, crate by crate.
#[used]
#[unsafe(link_section = "__DATA,__mod_init_func")]
static ENTER: extern "C" fn() = super::enter;

/// dyld runs terminators when an image is unloaded, last initialised first.
#[used]
#[unsafe(link_section = "__DATA,__mod_term_func")]
static LEAVE: extern "C" fn() = super::leave;

/// `image_std::adopt` calls `enter` itself, in case it comes first.
#[cfg(feature = "std")]
#[used]
#[unsafe(link_section = "__DATA,__mod_init_func")]
static ADOPT: extern "C" fn() = crate::image_std::adopt;
