//! What a loader above this crate needs of it. For `tls-slots-load` only: no stable interface.
//!
//! | what | names |
//! | --- | --- |
//! | to be told of images and threads | [`Observer`], [`observe`] |
//! | images: file, memory, which ones there are, their keys | [`file`], [`memory`], `program_headers`, [`by_address`], [`accepted_modules`], [`is_accepted_module`], [`is_exiting`], [`keys`] |
//! | what keys resolve to | [`resolve_to_another`] |
//! | values of keys | [`index_of`], [`with_values`], [`to_be_dropped`], [`reset`], [`each_value`], [`private_thread_locals`] |
//! | hooks of shared crates | [`unload_hooks`], [`all_unload_hooks`] |
//! | what the host is, for a comparison | [`description`] |
//! | threads, locks | [`ThreadId`], [`thread_name`], [`arm_end`], [`lock`], [`read`], [`write`] |

use crate::keys::abi::Key;
use crate::observers;
use crate::values::definition::Definition;

pub use crate::exit::{ThreadId, thread_name};
pub use crate::fit::manifest::description;
#[cfg(tls_slots_program_headers)]
pub use crate::image::program_headers;
pub use crate::image::{file, memory};
pub use crate::observers::{AcceptedImage, Next, Observer, ValueOf};
pub use crate::registry::identity::keys;
pub use crate::registry::images::{
    Storage, accepted_modules, by_address, each_value, is_accepted_module, is_exiting,
    private_thread_locals,
};
pub use crate::registry::register::resolve_to_another;
pub use crate::sync::{lock, read, write};
pub use crate::unload_hooks::{all as all_unload_hooks, of as unload_hooks};
pub use crate::values::sweep::{OfThread, reset, to_be_dropped, with_values};
pub use crate::values::thread::{arm_end, panic_message};

/// Adds an observer, and tells it of the modules that are loaded already. Does nothing for an
/// observer that was added before.
///
/// # Safety
///
/// No module may be unloaded until this returns.
pub unsafe fn observe(observer: &'static Observer) {
    if !observers::add(observer) {
        return;
    }
    for image in accepted_modules() {
        // SAFETY: the registry has accepted the image, and it stays loaded by the caller's promise.
        unsafe { (observer.image_came)(image) }
    }
}

/// The index of a key's definition, by which a thread's values are found. `None` before the key's
/// image has registered.
///
/// # Safety
///
/// The key's image must be loaded.
pub unsafe fn index_of(key: &Key) -> Option<usize> {
    // SAFETY: the caller's promise.
    let definition = unsafe { Definition::of(key) };
    definition.map(|definition| definition.index)
}
