//! The host's functions, as an image calls them.
//!
//! The problem: a module must reach functions of the executable that loads it, and each object
//! format has its own way. The functions are listed here once, with the symbol behind each. The
//! macro `host_functions!` makes them callable, in one of two ways:
//!
//! | file | formats | a function of the host is |
//! | --- | --- | --- |
//! | `linked.rs` | ELF, Mach-O | an undefined symbol, which `dlopen` binds to the executable's |
//! | `looked_up.rs` | PE | looked up in the executable by its name, on its first call |
//!
//! This crate only declares these functions. `tls-slots` defines them, and no cargo feature can
//! turn a module into a host.
//!
//! The `else` of a function is what it does in a program that is no host. Only `looked_up.rs` uses
//! it: in the other formats such a program cannot be linked, or cannot open the module.

#[cfg(any(tls_keys_elf, tls_keys_macho))]
mod linked;
#[cfg(any(tls_keys_elf, tls_keys_macho))]
pub(crate) use linked::host_functions;

#[cfg(tls_keys_pe)]
mod looked_up;
#[cfg(tls_keys_pe)]
pub(crate) use looked_up::{HostFunction, host_functions};

use super::answer::{Answer, Buffer};
use super::counted::Counted;
use super::key::{Image, Key, Text};
use super::runtime::Runtime;
use crate::unload_hook::OnUnload;

// Keys and their values.
host_functions! {
    /// Resolves the keys of an image. Does nothing for an image that is registered.
    ///
    /// # Safety
    ///
    /// The image must be loaded, and its section must hold nothing but keys.
    pub unsafe extern "C" fn register(image: *const Image) = "tls_slots_register_v1", else {};

    /// Forgets an image.
    ///
    /// # Safety
    ///
    /// No other code of the image may run any more.
    pub(crate) unsafe extern "C" fn unregister(image: *const Image) =
        "tls_slots_unregister_v1", else {};

    /// Writes into `buffer` why `key` is unresolved. Returns the length of the message.
    ///
    /// # Safety
    ///
    /// `key` must be a key of a loaded image, and `buffer` must be writable.
    pub(crate) unsafe extern "C" fn explain(key: *const Key, buffer: *mut Buffer) -> usize =
        "tls_slots_explain_v1", else {
            // SAFETY: the caller's promise.
            unsafe { looked_up::no_host(buffer) }
        };

    /// The calling thread's value of a thread-local. Where the key is shared and there is no value,
    /// the host makes it, unless `has_value` says that the caller brings one.
    ///
    /// # Safety
    ///
    /// `key` must be a thread-local of a loaded image, and `buffer` must be writable.
    pub(crate) unsafe extern "C-unwind" fn get(
        key: *const Key,
        has_value: bool,
        buffer: *mut Buffer
    ) -> Answer = "tls_slots_get_v1", else {
        // SAFETY: the caller's promise.
        unsafe { looked_up::unresolved(buffer) }
    };

    /// Storage for a value of the calling thread, or the value that is there already.
    ///
    /// The storage counts as a live value when this returns: the caller must write to it before
    /// anything else.
    ///
    /// # Safety
    ///
    /// `key` must be a thread-local of a loaded image, and `buffer` must be writable.
    pub(crate) unsafe extern "C-unwind" fn reserve(
        key: *const Key,
        buffer: *mut Buffer
    ) -> Answer = "tls_slots_reserve_v1", else {
        // SAFETY: the caller's promise.
        unsafe { looked_up::unresolved(buffer) }
    };
}

// Memory. Without a host there is none: the program ends with the message of a failed allocation.
host_functions! {
    /// Memory from the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::alloc`](core::alloc::GlobalAlloc::alloc). Size and alignment must be those
    /// of a layout. `image` must be the [`id`](super::image::id) of the calling image.
    pub(crate) unsafe extern "C" fn alloc(
        image: *const Key,
        size: usize,
        align: usize
    ) -> *mut u8 = "tls_slots_alloc_v1", else { core::ptr::null_mut() };

    /// Gives memory back to the host's allocator.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::dealloc`](core::alloc::GlobalAlloc::dealloc), and as [`alloc`].
    pub(crate) unsafe extern "C" fn dealloc(
        image: *const Key,
        block: *mut u8,
        size: usize,
        align: usize
    ) = "tls_slots_dealloc_v1", else {};

    /// Memory from the host's allocator, filled with zeroes.
    ///
    /// # Safety
    ///
    /// As [`alloc`].
    pub(crate) unsafe extern "C" fn alloc_zeroed(
        image: *const Key,
        size: usize,
        align: usize
    ) -> *mut u8 = "tls_slots_alloc_zeroed_v1", else { core::ptr::null_mut() };

    /// Gives memory of the host's allocator another size.
    ///
    /// # Safety
    ///
    /// As [`GlobalAlloc::realloc`](core::alloc::GlobalAlloc::realloc), and as [`alloc`].
    pub(crate) unsafe extern "C" fn realloc(
        image: *const Key,
        block: *mut u8,
        size: usize,
        align: usize,
        new_size: usize
    ) -> *mut u8 = "tls_slots_realloc_v1", else { core::ptr::null_mut() };
}

// Unloading.
host_functions! {
    /// Counts for a thread that is ending, and so has no block of counters any more: see
    /// `counters.rs`.
    ///
    /// # Safety
    ///
    /// `key` must be a key of blocks of counters, in a loaded image or of the host's. The host's
    /// loader must have given the row at that offset in these blocks to an image.
    pub(crate) unsafe extern "C" fn count(
        key: *const Key,
        offset: usize,
        what: Counted,
        ended: bool
    ) = "tls_slots_count_v1", else {};

    /// A named hold on an image begins or ends.
    ///
    /// # Safety
    ///
    /// `image` must be the [`id`](super::image::id) of a loaded image, and `name` a text of that
    /// image.
    pub(crate) unsafe extern "C" fn hold(image: *const Key, name: Text, begins: bool) =
        "tls_slots_hold_v1", else {};

    /// The calling thread gives up what it has of modules that are being unloaded.
    ///
    /// # Safety
    ///
    /// Any code must be allowed to run here, as destructors of thread-locals do.
    pub(crate) unsafe extern "C-unwind" fn quiescent_state() =
        "tls_slots_quiescent_state_v1", else {};

    /// Takes a runtime. The host and the modules that it has accepted are of one compiler, so they
    /// agree on the layout of a trait object.
    ///
    /// # Safety
    ///
    /// `runtime` must come from `Box::into_raw`, in the host's own code.
    pub(crate) unsafe extern "C" fn add_runtime(runtime: *mut dyn Runtime) =
        "tls_slots_runtime_v1", else {};

    /// Notes what a shared crate does when an image is unloaded. Noting the same hook again has no
    /// effect. Only the host, which has made the hook, reads it.
    ///
    /// # Safety
    ///
    /// `image` must be the [`id`](super::image::id) of the calling image, and `hook` a static of
    /// the host.
    pub(crate) unsafe extern "C" fn on_unload(image: *const Key, hook: *const OnUnload) =
        "tls_slots_on_unload_v1", else {};
}
