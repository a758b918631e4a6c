//! Whether an image fits the host, as far as its manifest tells.
//!
//! A loader such as `tls-slots-load` reads the manifest from the file, before `dlopen`. An image
//! that came in another way is looked at here, from its constructor, by the same comparison and
//! with the same words. The host's own manifest is read once.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::OnceLock;

use tls_slots_manifest::{
    Allowed, Description, Manifest, ParseError, StdCopy, asks_for_private_state, compare,
};

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
    static OWN: OnceLock<Result<Description, ParseError>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        // SAFETY: this executable is loaded, and its section holds nothing but bytes.
        unsafe { describe(&host::image()) }
    });
    own.as_ref().map_err(Clone::clone)
}

thread_local! {
    /// What the loader lets pass that is opening an image on this thread, and has compared the
    /// image's file; `None` for an image that comes past a loader. The constructors of the image run
    /// on the thread that opens it.
    static ALLOWED: RefCell<Option<Allowed>> = const { RefCell::new(None) };
}

/// Opens an image that may differ from the host in what is allowed. For the images that `open`
/// opens, on this thread.
pub fn with_allowed<R>(allowed: &Allowed, open: impl FnOnce() -> R) -> R {
    /// Puts back what was allowed before, also where `open` unwinds.
    struct Before(Option<Allowed>);

    impl Drop for Before {
        fn drop(&mut self) {
            replace(self.0.take());
        }
    }

    /// Returns what was allowed before. A thread whose thread-locals are gone allows nothing.
    fn replace(allowed: Option<Allowed>) -> Option<Allowed> {
        let before = ALLOWED.try_with(|it| it.replace(allowed));
        before.unwrap_or_default()
    }

    let _before = Before(replace(Some(allowed.clone())));
    open()
}

/// Whether an image fits this host, as far as memory tells.
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
    let mut module = unsafe { describe(image) }.map_err(|error| {
        format!(
            "the module's manifest cannot be read ({error}); build the module again, with the host's \
             version of tls-keys"
        )
    })?;
    let allowed = ALLOWED.try_with(|allowed| allowed.borrow().clone());
    let fits = match allowed.ok().flatten() {
        Some(allowed) => compare(host, &module, &allowed),
        None => {
            let host = with_files(host, &mut module, image);
            compare(&host, &module, &Allowed::default())
        }
    };
    fits.map_err(|mismatch| mismatch.to_string())
}

/// Adds what the files tell, where a loader is linked that can read them. Returns the host.
fn with_files<'a>(
    host: &'a Description,
    module: &mut Description,
    image: &Image,
) -> Cow<'a, Description> {
    let mut host = Cow::Borrowed(host);
    if let Some(observer) = observers::all().next() {
        let path = file::opened_as(image.keys_start.cast());
        module.private = path
            .map(|path| (observer.private_state)(Some(&path)))
            .unwrap_or_default();
        if asks_for_private_state(&host.manifest, &module.manifest) {
            host.to_mut().private = (observer.private_state)(None);
        }
    }
    host
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
    description.std = std_copy(image);
    Ok(description)
}

/// Which copy of std an image's code uses.
fn std_copy(image: &Image) -> StdCopy {
    let core = image.core.cast();
    if file::are_together(core, image.keys_start.cast()) {
        return StdCopy::Own;
    }
    let file = file::opened_as(core).unwrap_or_default();
    StdCopy::Shared {
        file: file.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}
