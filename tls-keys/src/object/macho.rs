//! Mach-O: macOS and iOS. **Type-checked, not run**: there is no such machine here.
//!
//! The linker defines `section$start$SEGMENT$SECTION` and `section$end$…` symbols (ld64, "-alias
//! and boundary symbols"; the leading `\x01` keeps LLVM from adding an underscore). The host's
//! functions stay undefined in a module; `tls_slots_build::module()` passes `-U` for each of them
//! so that the linker leaves them to `dlopen`.

use crate::abi::Key;

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

/// What this image is known by: the address where its keys begin, keys or none.
#[inline]
pub fn id() -> *const Key {
    &raw const KEYS_START
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

/// `image_std::present_std` calls `enter` itself, in case it comes first.
#[cfg(feature = "std")]
#[used]
#[unsafe(link_section = "__DATA,__mod_init_func")]
static PRESENT_STD: extern "C" fn() = crate::image_std::present_std;
