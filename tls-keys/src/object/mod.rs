//! What an object format decides: where an image's keys lie, how code runs when the image is
//! loaded and unloaded, and how a module reaches its host's functions. One file per format.
//!
//! | file | keys | load / unload | host's functions | run here |
//! | --- | --- | --- | --- | --- |
//! | `elf.rs` | section, `__start_`/`__stop_` | `.init_array` / `.fini_array` | undefined symbols, bound by `dlopen` | yes |
//! | `macho.rs` | section, `section$start$` | `__mod_init_func` / `__mod_term_func` | undefined symbols, dynamic lookup | **not run** |
//! | `pe.rs` | section, sorted by suffix | `.CRT$XCB` / `.CRT$XPY` | `GetProcAddress` on the executable | **not run** |
//!
//! Each file gives `keys() -> (start, end)`, `manifest()` likewise, `id() -> start`, a constructor and destructor
//! that call
//! [`enter`] and [`leave`], and the functions `register`, `unregister`, `get`, `reserve`,
//! `explain`, `alloc`, `dealloc`, `alloc_zeroed`, `realloc`, `table`, `count`, `hold`, `quiescent_state`, `add_runtime` and `on_unload` with the signatures
//! that `linked.rs` shows. With feature `std` also a
//! constructor, after that of `enter`, that calls `image_std::present_std`, and the functions `present_std`,
//! `try_call` and `owner`.

#[cfg(tls_keys_elf)]
mod elf;
#[cfg(tls_keys_elf)]
use elf as format;

#[cfg(tls_keys_macho)]
mod macho;
#[cfg(tls_keys_macho)]
use macho as format;

#[cfg(any(tls_keys_elf, tls_keys_macho))]
mod linked;
#[cfg(any(tls_keys_elf, tls_keys_macho))]
use linked as host;

#[cfg(tls_keys_pe)]
mod pe;
#[cfg(tls_keys_pe)]
use pe as format;
#[cfg(tls_keys_pe)]
use pe as host;

#[cfg(not(any(tls_keys_elf, tls_keys_macho, tls_keys_pe)))]
compile_error!(
    "tls-keys knows ELF, Mach-O and PE targets only: write a file like src/object/elf.rs for this one"
);

pub use format::id;
#[allow(unused_imports)]
pub(crate) use host::table;
pub(crate) use host::{
    add_runtime, alloc, alloc_zeroed, count, dealloc, hold, on_unload, quiescent_state, realloc,
};
pub use host::{explain, get, register, reserve, unregister};
#[cfg(feature = "std")]
pub(crate) use host::{owner, present_std, try_call};

use crate::abi::{Image, Key};

/// This image's own description.
///
/// It is passed by value, not kept in a static: were the static's symbol exported, another image's
/// could take its place.
pub fn image() -> Image {
    let (keys_start, keys_end) = format::keys();
    let (manifest_start, manifest_end) = format::manifest();
    Image {
        key_size: size_of::<Key>(),
        keys_start,
        keys_end,
        manifest_start,
        manifest_end,
        alloc: crate::allocator::alloc,
        dealloc: crate::allocator::dealloc,
        row: crate::counters::row(),
    }
}

/// Presents this image to the host's registry. Does nothing when that was done before.
pub(crate) extern "C" fn enter() {
    // SAFETY: the image is this one: its section holds keys only, and it is loaded while its own
    // code runs.
    unsafe { register(&image()) }
}

/// Takes this image from the host's registry.
extern "C" fn leave() {
    // SAFETY: as in `enter`; the loader calls this last, when no other code of the image may run.
    unsafe { unregister(&image()) }
}
