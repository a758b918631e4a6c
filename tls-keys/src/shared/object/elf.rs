//! ELF: Linux, Android and the BSDs.
//!
//! A section whose name is a C identifier gets `__start_` and `__stop_` symbols from the linker
//! (GNU ld manual, "Orphan Sections"). These symbols are hidden, so each image sees its own. rustc
//! passes `-z nostart-stop-gc` to linkers that would otherwise drop such sections, and keeps the
//! `#[used]` statics of every linked crate.

use super::super::key::Key;

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

/// Bounds of this image's keys.
#[inline]
pub(crate) fn keys() -> (*const Key, *const Key) {
    (&raw const KEYS_START, &raw const KEYS_STOP)
}

/// Bounds of this image's manifest. The section is never missing: `record/` puts the compiler's
/// record into it.
pub(crate) fn manifest() -> (*const u8, *const u8) {
    (&raw const MANIFEST_START, &raw const MANIFEST_STOP)
}

/// Keeps the section of keys, and with it the linker's two symbols, in images that declare no key.
#[used]
#[unsafe(link_section = "tls_slots_keys_v1")]
static NO_KEYS: [Key; 0] = [];

/// Puts a static into the section of keys.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_keys_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "tls_slots_keys_v1")]
        $($item)*
    };
}

/// Puts a static into the section of the manifest's records.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "tls_slots_manifest_v1")]
        $($item)*
    };
}

/// Has a function of type `extern "C" fn()` run when the image is loaded or unloaded.
macro_rules! run_at {
    // Before any other constructor of the image. Lower priorities run first. std's own constructor
    // has 99 (`.init_array.00099`, library/std/src/sys/args/unix.rs), and only stores `argv`.
    (load: $function:path) => {
        #[used]
        #[unsafe(link_section = ".init_array.00098")]
        static LOAD: extern "C" fn() = $function;
    };
    // After that one, and before the image's ordinary constructors.
    (load_second: $function:path) => {
        #[used]
        #[unsafe(link_section = ".init_array.00099")]
        static LOAD_SECOND: extern "C" fn() = $function;
    };
    // After every other destructor of the image: `.fini_array` runs backwards.
    (unload: $function:path) => {
        #[used]
        #[unsafe(link_section = ".fini_array.00098")]
        static UNLOAD: extern "C" fn() = $function;
    };
}
pub(crate) use {__in_keys_section, __in_manifest_section, run_at};
