//! The system's loader: one thin function for each thing that is asked of it.

use std::path::Path;

use libloading::Library;

/// Opens an image, with all its symbols bound at once and none of them visible to others.
///
/// # Safety
///
/// Runs the image's constructors.
#[cfg(unix)]
pub(crate) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// # Safety
///
/// Runs the image's constructors.
#[cfg(not(unix))]
pub(crate) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's promise.
    unsafe { Library::new(path) }
}

/// Opens what is loaded already.
#[cfg(unix)]
pub(crate) fn again(path: &Path) -> Option<Library> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: loads nothing, so it runs nothing.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | libc::RTLD_NOLOAD) };
    library.ok().map(Into::into)
}

/// Not needed: nothing is closed on this system.
#[cfg(not(unix))]
pub(crate) fn again(_: &Path) -> Option<Library> {
    None
}

/// Whether an image of that path, or of that file, is loaded already: not asked for on systems where a file
/// that is loaded cannot be replaced.
pub(crate) fn is_open(path: &Path) -> bool {
    again(path).is_some()
}

/// Whether the system could not map the file, as with a folder of which nothing may be executed.
pub(crate) fn could_not_map(error: &libloading::Error) -> bool {
    // glibc's and musl's words; there is no code to tell by.
    let text = said(error);
    text.contains("failed to map segment") || text.contains("Operation not permitted")
}

/// The host's symbol that the system could not find, if that is why it could not open the file.
pub(crate) fn missing_host_symbol(error: &libloading::Error, path: &Path) -> Option<String> {
    // The path is part of the message, and may hold anything.
    let text = said(error).replace(&*path.to_string_lossy(), "");
    let start = text.find("tls_slots_")?;
    let rest = &text[start..];
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

/// What the system said: libloading's own text is about the call.
pub(crate) fn said(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
