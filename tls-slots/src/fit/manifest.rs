//! Whether an image fits the host, as far as its manifest tells.
//!
//! A loader such as `tls-slots-load` reads the manifest from the file, before `dlopen`. An image
//! that came in another way is looked at here, from its constructor, by the same comparison and
//! with the same words. The host's own manifest is read once.

use std::cell::RefCell;
use std::sync::OnceLock;

use tls_slots_manifest::{Allowed, Manifest, ParseError, compare};

use crate::keys::abi::Image;
use crate::keys::host;

/// The manifest of this program, the host.
///
/// # Errors
///
/// [`ParseError`] where the program's manifest was damaged after it was linked.
///
/// # Examples
///
/// ```
/// let manifest = tls_slots::manifest()?;
/// assert!(manifest.compiler.rustc.starts_with("rustc "));
/// # Ok::<(), tls_slots::ParseError>(())
/// ```
pub fn manifest() -> Result<&'static Manifest, ParseError> {
    static OWN: OnceLock<Result<Manifest, ParseError>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        // SAFETY: this executable is loaded, and its section holds nothing but bytes.
        unsafe { read(&host::image()) }
    });
    own.as_ref().map_err(Clone::clone)
}

thread_local! {
    /// What the loader that is opening an image on this thread lets pass. The constructors of the
    /// image run on the thread that opens it.
    static ALLOWED: RefCell<Allowed> = RefCell::default();
}

/// Opens an image that may differ from the host in what is allowed. For the images that `open`
/// opens, on this thread.
pub fn with_allowed<R>(allowed: &Allowed, open: impl FnOnce() -> R) -> R {
    /// Puts back what was allowed before, also where `open` unwinds.
    struct Before(Allowed);

    impl Drop for Before {
        fn drop(&mut self) {
            replace(std::mem::take(&mut self.0));
        }
    }

    /// Returns what was allowed before. A thread whose thread-locals are gone allows nothing.
    fn replace(allowed: Allowed) -> Allowed {
        let before = ALLOWED.try_with(|it| it.replace(allowed));
        before.unwrap_or_default()
    }

    let _before = Before(replace(allowed.clone()));
    open()
}

/// Whether an image's manifest fits this host's.
///
/// # Errors
///
/// The mismatch as text, or which of the two manifests cannot be read.
///
/// # Safety
///
/// The image must be loaded.
pub(crate) unsafe fn fits(image: &Image) -> Result<(), String> {
    let host = manifest().map_err(|error| {
        format!("the host's manifest cannot be read ({error}); build the host again")
    })?;
    // SAFETY: the caller's promise.
    let module = unsafe { read(image) }.map_err(|error| {
        format!(
            "the module's manifest cannot be read ({error}); build the module again, with the host's \
             version of tls-keys"
        )
    })?;
    let allowed = ALLOWED.try_with(|allowed| allowed.borrow().clone());
    let allowed = allowed.unwrap_or_default();
    let fits = compare(&host.clone().into(), &module.into(), &allowed);
    fits.map_err(|mismatch| mismatch.to_string())
}

/// # Safety
///
/// The image must be loaded.
unsafe fn read(image: &Image) -> Result<Manifest, ParseError> {
    let len = (image.manifest_end as usize).saturating_sub(image.manifest_start as usize);
    // SAFETY: the bounds of a section of a loaded image, of immutable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(image.manifest_start, len) };
    Manifest::parse(bytes)
}
