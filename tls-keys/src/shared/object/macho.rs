//! Mach-O: macOS and iOS. **Type-checked, not run**: there is no such machine here.
//!
//! The linker defines `section$start$SEGMENT$SECTION` and `section$end$…` symbols (ld64, "-alias
//! and boundary symbols"). The leading `\x01` keeps LLVM from adding an underscore.

use super::super::key::Key;

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

/// Bounds of this image's keys.
#[inline]
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

/// Puts a static into the section of keys.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_keys_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "__DATA,__tls_slots_k_v1,regular,no_dead_strip")]
        $($item)*
    };
}

/// Puts a static into the section of the manifest's records.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "__DATA,__tls_slots_m_v1,regular,no_dead_strip")]
        $($item)*
    };
}

/// Has a function of type `extern "C" fn()` run when the image is loaded or unloaded.
macro_rules! run_at {
    // dyld runs an image's initialisers in the order of the link line, crate by crate.
    (load: $function:path) => {
        #[used]
        #[unsafe(link_section = "__DATA,__mod_init_func")]
        static LOAD: extern "C" fn() = $function;
    };
    // Perhaps before that one: whoever uses this calls `image::enter` first.
    (load_second: $function:path) => {
        #[used]
        #[unsafe(link_section = "__DATA,__mod_init_func")]
        static LOAD_SECOND: extern "C" fn() = $function;
    };
    // dyld runs terminators when an image is unloaded, the last initialised first.
    (unload: $function:path) => {
        #[used]
        #[unsafe(link_section = "__DATA,__mod_term_func")]
        static UNLOAD: extern "C" fn() = $function;
    };
}
pub(crate) use {__in_keys_section, __in_manifest_section, run_at};
