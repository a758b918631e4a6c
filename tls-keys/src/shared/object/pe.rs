//! PE: Windows. **Type-checked, not run**: there is no such machine here.
//!
//! The linker sorts what stands behind `$` in a section's name, so keys in `.tlskey$m` lie between
//! the markers in `.tlskey$a` and `.tlskey$z` (PE format, "Grouped Sections"). Between objects it
//! may pad with zeroes. The registry skips an all-zero key, and the manifest's reader skips zeroes
//! between records.

use super::super::key::Key;

#[used]
#[unsafe(link_section = ".tlskey$a")]
static FIRST: [Key; 0] = [];

#[used]
#[unsafe(link_section = ".tlskey$z")]
static LAST: [Key; 0] = [];

/// Bounds of this image's keys.
#[inline]
pub(crate) fn keys() -> (*const Key, *const Key) {
    (FIRST.as_ptr(), LAST.as_ptr())
}

#[used]
#[unsafe(link_section = ".tlsman$a")]
static MANIFEST_FIRST: [u8; 0] = [];

#[used]
#[unsafe(link_section = ".tlsman$z")]
static MANIFEST_LAST: [u8; 0] = [];

/// Bounds of this image's manifest.
pub(crate) fn manifest() -> (*const u8, *const u8) {
    (MANIFEST_FIRST.as_ptr(), MANIFEST_LAST.as_ptr())
}

/// Puts a static into the section of keys.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_keys_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = ".tlskey$m")]
        $($item)*
    };
}

/// Puts a static into the section of the manifest's records.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = ".tlsman$m")]
        $($item)*
    };
}

/// Has a function of type `extern "C" fn()` run when the image is loaded or unloaded.
macro_rules! run_at {
    // The C runtime calls these in the order of their sections' names.
    (load: $function:path) => {
        #[used]
        #[unsafe(link_section = ".CRT$XCB")]
        static LOAD: extern "C" fn() = $function;
    };
    (load_second: $function:path) => {
        #[used]
        #[unsafe(link_section = ".CRT$XCC")]
        static LOAD_SECOND: extern "C" fn() = $function;
    };
    (unload: $function:path) => {
        #[used]
        #[unsafe(link_section = ".CRT$XPY")]
        static UNLOAD: extern "C" fn() = $function;
    };
}
pub(crate) use {__in_keys_section, __in_manifest_section, run_at};
