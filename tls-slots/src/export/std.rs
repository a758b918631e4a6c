//! Exported for each image's own std: to present it, and to take its panics.

use std::ptr;

use crate::keys::abi::{Exception, Image, Std, Take};
use crate::stds::{hook, modules};

/// Gives a `Report` if the image is an accepted module, else null.
///
/// # Safety
///
/// Both must be those of the image whose constructor calls this.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_present_std_v1(image: *const Image, std: *const Std) -> *const () {
    // SAFETY: the caller's promise.
    match unsafe { modules::present(&*image, std) } {
        true => hook::module_came() as *const (),
        false => ptr::null(),
    }
}

/// # Safety
///
/// The exception must be live.
#[allow(improper_ctypes_definitions)] // see `Take`
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_owner_v1(exception: *const Exception) -> Option<Take> {
    // SAFETY: the caller's promise.
    unsafe { modules::owner(exception) }
}
