//! The host's functions that concern an image's std. How they are called is told in
//! `shared/calls/mod.rs`.

use crate::shared::calls::host_functions;
use crate::shared::exception::{Call, Exception, Outcome, Std, Take, Word};
use crate::shared::key::Image;

host_functions! {
    /// Presents the std of an image. Returns a `Report` to an accepted module, and null to every
    /// other image.
    ///
    /// The host reads `std` only after it has found that both are of one compiler.
    ///
    /// # Safety
    ///
    /// Both must be those of the calling image, which must be loaded.
    pub(super) unsafe extern "C" fn present_std(
        image: *const Image,
        std: *const Std
    ) -> *const () = "tls_slots_present_std_v1", else { core::ptr::null() };

    /// Which image has raised an exception: the image's function that takes it, or `None` where the
    /// host does not know the image.
    ///
    /// The host knows such functions only of images of its own compiler, see [`Take`].
    ///
    /// # Safety
    ///
    /// The exception must be live.
    pub(super) unsafe extern "C" fn owner(exception: *const Exception) -> Option<Take> =
        "tls_slots_owner_v1", else { None };

    /// Calls a function. Returns what the function returns, or the Rust exception that it raised,
    /// whichever image's exception that is.
    ///
    /// # Safety
    ///
    /// It must be sound to call `call` with `data`.
    pub(super) unsafe extern "C-unwind" fn try_call(data: Word, call: Call) -> Outcome =
        "tls_slots_try_v1", else {
            // SAFETY: the caller's promise.
            unsafe { call(data) }
        };
}
