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

use crate::abi::Key;

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

/// What this image is known by: the address where its keys begin, keys or none.
#[inline]
pub fn id() -> *const Key {
    &raw const KEYS_START
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
static PRESENT_STD: extern "C" fn() = crate::image_std::present_std;
