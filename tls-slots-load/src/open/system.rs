//! The system's loader: one thin function for each question.
//!
//! Only this file knows the words of the system's errors, and how to ask for an image without
//! loading it.

use std::path::Path;

use libloading::Library;

/// Opens an image. All its symbols are bound at once, and no other image sees them.
///
/// # Errors
///
/// What the system said.
///
/// # Safety
///
/// This runs the image's constructors, which must have no undefined behaviour.
#[cfg(unix)]
pub(crate) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller promises it for the image's constructors.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// Opens an image.
///
/// # Errors
///
/// What the system said.
///
/// # Safety
///
/// This runs the image's constructors, which must have no undefined behaviour.
#[cfg(not(unix))]
pub(crate) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the caller promises it for the image's constructors.
    unsafe { Library::new(path) }
}

/// Opens an image once more that is loaded already. `None` if it is not loaded.
#[cfg(unix)]
pub(crate) fn open_again(path: &Path) -> Option<Library> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: with `RTLD_NOLOAD` nothing is loaded, so no constructor runs.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | libc::RTLD_NOLOAD) };
    library.ok().map(Into::into)
}

/// Not needed, because nothing is closed on this system.
#[cfg(not(unix))]
pub(crate) fn open_again(_: &Path) -> Option<Library> {
    None
}

/// Whether an image of that path, or of that file, is loaded already.
///
/// False on systems where nobody can replace a file that is loaded.
pub(crate) fn is_open(path: &Path) -> bool {
    open_again(path).is_some()
}

/// Whether the system could not map the file, as in a folder from which nothing may be executed.
pub(crate) fn could_not_map(error: &libloading::Error) -> bool {
    // The words of glibc and of musl. There is no error code.
    let text = text_of(error);
    text.contains("failed to map segment") || text.contains("Operation not permitted")
}

/// The host's symbol that the system could not find, if that is the reason of the error.
pub(crate) fn missing_host_symbol(error: &libloading::Error, path: &Path) -> Option<String> {
    // The path is part of the message, and may contain the same words.
    let text = text_of(error).replace(&*path.to_string_lossy(), "");
    let start = text.find("tls_slots_")?;
    let rest = &text[start..];
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

/// What the system said. The text of libloading's error only names the call that failed.
fn text_of(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
