//! What an object format decides: where an image's keys and its manifest lie, and how code runs
//! when the image is loaded and unloaded. One file per format.
//!
//! | file | keys | load / unload | run here |
//! | --- | --- | --- | --- |
//! | `elf.rs` | section, `__start_`/`__stop_` | `.init_array` / `.fini_array` | yes |
//! | `macho.rs` | section, `section$start$` | `__mod_init_func` / `__mod_term_func` | **not run** |
//! | `pe.rs` | section, sorted by suffix | `.CRT$XCB` / `.CRT$XPY` | **not run** |
//!
//! Each file has
//!
//! - `keys() -> (start, end)`: the bounds of this image's keys;
//! - `manifest() -> (start, end)`: the bounds of its manifest;
//! - the macros `__in_keys_section!` and `__in_manifest_section!`, which put a static there. They
//!   stand here because a `cfg` inside a macro's expansion would be evaluated in the crate that
//!   uses the macro;
//! - the macro `run_at!`, which has a function run when the image is loaded or unloaded.

#[cfg(tls_keys_elf)]
mod elf;
#[cfg(tls_keys_elf)]
use elf as format;

#[cfg(tls_keys_macho)]
mod macho;
#[cfg(tls_keys_macho)]
use macho as format;

#[cfg(tls_keys_pe)]
mod pe;
#[cfg(tls_keys_pe)]
use pe as format;

#[cfg(not(any(tls_keys_elf, tls_keys_macho, tls_keys_pe)))]
compile_error!(
    "tls-keys knows ELF, Mach-O and PE targets only: write a file like src/shared/object/elf.rs \
     for this one"
);

use super::key::Key;

pub(crate) use format::{__in_keys_section, __in_manifest_section, keys, manifest, run_at};

/// What this image is known by: the address where its keys begin, even if it has none.
#[inline]
pub fn id() -> *const Key {
    keys().0
}
