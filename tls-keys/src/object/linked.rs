//! The host's functions as undefined symbols, for the formats whose modules may leave some: ELF and
//! Mach-O.
//!
//! What each of them does is said here; `pe.rs` has functions of the same signatures that look the host's
//! up. `tls-slots` defines them, most of them in its `export.rs`.

use crate::abi::{Answer, Buffer, Image, Key, Text};
#[cfg(feature = "std")]
use crate::abi::{Call, Exception, Outcome, Std, Take, Word};
use crate::counters::Counted;
use crate::on_unload::OnUnload;
use crate::quiescence::Runtime;

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

// The types that Rust lays out are of the same compiler on both sides, or not looked at; see `Take`.
#[allow(improper_ctypes)]
#[cfg(feature = "std")]
unsafe extern "C" {
    /// Presents the std of an accepted module; gives a `Report`, or null to everybody else.
    ///
    /// # Safety
    ///
    /// Both must be those of the calling image, which is loaded.
    #[link_name = "tls_slots_present_std_v1"]
    pub(crate) fn present_std(image: *const Image, std: *const Std) -> *const ();

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
    /// Calls a function; gives what it gives, or the Rust exception that it raised, whichever image's.
    ///
    /// # Safety
    ///
    /// Calls `call` with `data`: that must be sound.
    #[link_name = "tls_slots_try_v1"]
    pub(crate) fn try_call(data: Word, call: Call) -> Outcome;
}

unsafe extern "C" {
    /// Counts what the calling thread cannot count any more, as it is ending: see `counters.rs`.
    ///
    /// # Safety
    ///
    /// The offset must be one that the registry has given out.
    #[link_name = "tls_slots_count_v1"]
    pub(crate) fn count(offset: usize, what: Counted, ended: bool);

    /// Something named begins or ends to hold an image.
    ///
    /// # Safety
    ///
    /// `image` must be the [`id`](super::id) of a loaded image, `name` a text of its own.
    #[link_name = "tls_slots_hold_v1"]
    pub(crate) fn hold(image: *const Key, name: Text, begins: bool);
}

unsafe extern "C-unwind" {
    /// The calling thread gives up what it has of modules that are being unloaded.
    ///
    /// # Safety
    ///
    /// Destructors of thread-locals run: any code may.
    #[link_name = "tls_slots_quiescent_state_v1"]
    pub(crate) fn quiescent_state();
}

// A trait object of this compiler, which host and accepted modules share.
#[allow(improper_ctypes)]
unsafe extern "C" {
    /// Takes a runtime.
    ///
    /// # Safety
    ///
    /// A box of the host's own.
    #[link_name = "tls_slots_runtime_v1"]
    pub(crate) fn add_runtime(runtime: *mut dyn Runtime);
}

// The type that Rust lays out is read by the image that made it, the host.
#[allow(improper_ctypes)]
unsafe extern "C" {
    /// Notes what the host does about an image when it is unloaded. Once is enough, more do no harm.
    ///
    /// # Safety
    ///
    /// `image` must be the [`id`](super::id) of the image that this is called from, `hook` a static of the
    /// host.
    #[link_name = "tls_slots_on_unload_v1"]
    pub(crate) fn on_unload(image: *const Key, hook: *const OnUnload);
}
