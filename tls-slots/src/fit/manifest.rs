//! Whether an image fits the host, as far as its manifest tells.
//!
//! A loader such as `tls-slots-load` reads the manifest from the file, before `dlopen`. An image
//! that came in another way is looked at here, from its constructor, by the same comparison and
//! with the same words. The host's own manifest is read once.

use std::sync::LazyLock;

use tls_slots_manifest::{Allowed, Description, Manifest, ParseError, StdCopy, compare};

use crate::image::file;
use crate::keys::abi::Image;
use crate::keys::host;
use crate::observers;

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
    description().map(|own| &own.manifest)
}

/// What this program, the host, is known to be from memory.
///
/// # Errors
///
/// As [`manifest`].
pub fn description() -> Result<&'static Description, ParseError> {
    static OWN: LazyLock<Result<Description, ParseError>> = LazyLock::new(|| {
        // SAFETY: this executable is loaded, and its section holds nothing but bytes.
        unsafe { describe(&host::image()) }
    });
    OWN.as_ref().map_err(Clone::clone)
}

/// Whether an image fits this host, as far as memory tells. A loader compares, if there is one: it
/// reads files, too, and knows what the host lets pass.
///
/// # Errors
///
/// The mismatch as text, or which of the two manifests cannot be read.
///
/// # Safety
///
/// The image must be loaded.
pub(crate) unsafe fn fits(image: &Image) -> Result<(), String> {
    let host = description().map_err(|error| {
        format!("the host's manifest cannot be read ({error}); build the host again")
    })?;
    // SAFETY: the caller's promise.
    let module = unsafe { describe(image) }.map_err(|error| {
        format!(
            "the module's manifest cannot be read ({error}); build the module again, with the host's \
             version of tls-keys"
        )
    })?;
    let fits = match observers::all().next() {
        Some(loader) => (loader.compare)(host, module, file::opened_as(image.keys_start.cast())),
        None => compare(host, &module, &Allowed::default()),
    };
    fits.map_err(|mismatch| mismatch.to_string())
}

/// What an image is known to be from memory.
///
/// # Safety
///
/// The image must be loaded.
unsafe fn describe(image: &Image) -> Result<Description, ParseError> {
    let len = (image.manifest_end as usize).saturating_sub(image.manifest_start as usize);
    // SAFETY: the bounds of a section of a loaded image, of immutable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(image.manifest_start, len) };
    let mut description = Description::from(Manifest::parse(bytes)?);
    let core = image.core.cast();
    if !file::are_together(core, image.keys_start.cast()) {
        let path = file::opened_as(core).unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        description.std = StdCopy::Shared { file };
    }
    Ok(description)
}
