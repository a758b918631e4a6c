//! From checked bytes to an image that the registry knows.
//!
//! The problem: opening a module runs its constructors, and these register the module by
//! themselves. `dlopen` succeeds even if the registry has refused it, or if the module registered
//! with another host. So the registry is asked afterwards what it knows of the new image. A module
//! that was refused stays open: its constructors have run, and nobody knows what they left behind.

use std::ops::Range;
use std::path::Path;

use libloading::Library;
use tls_keys::abi::Key;
use tls_slots::loader;
use tls_slots_manifest::Allowed;

use super::copy;
use super::copy::openable::{Openable, Original};
use super::error::{HostProblem, LoadError};
use super::file::{ReadFile, Stamp};
use super::own;
use super::source::Source;
use super::system;

/// An image that was opened, and that the registry has accepted.
pub(crate) struct OpenImage {
    /// The file that was checked.
    pub(crate) file: ReadFile,
    pub(crate) library: Library,
    /// What it was opened from.
    pub(crate) opened_from: Openable,
    /// The file when it was checked, where it was not copied.
    pub(crate) stamp: Option<Stamp>,
    /// Its first key, which identifies it in the registry.
    pub(crate) start: *const Key,
    /// All of its memory.
    pub(crate) memory: Range<usize>,
}

/// Opens a file that was checked.
///
/// # Errors
///
/// [`LoadError::Read`], `Copy`, `Replaced`, `Open`, `Host`, `Refused` or `NotRegistered`.
///
/// # Safety
///
/// As [`LoadOptions::load`](crate::LoadOptions::load).
pub(crate) unsafe fn open(
    source: Source,
    file: ReadFile,
    allowed: &Allowed,
) -> Result<OpenImage, LoadError> {
    let stamp = Stamp::of(&file.file).map_err(|source| LoadError::Read {
        path: file.path.clone(),
        source,
    })?;
    // SAFETY: the caller promises the same.
    let (library, opened_from) = unsafe {
        match source {
            Source::Copy => open_copy(&file, allowed),
            Source::Descriptor | Source::Path => open_original(source, &file, allowed),
        }
    }?;
    let start = match registered(&file.path, &opened_from) {
        Ok(start) => start,
        Err(error) => {
            // The image stays open (see the top of this file), and so does what it was opened from.
            std::mem::forget((library, opened_from));
            return Err(error);
        }
    };
    let memory = loader::memory::of(start).map_or(0..0, |memory| memory.all);
    Ok(OpenImage {
        file,
        library,
        opened_from,
        stamp: (source != Source::Copy).then_some(stamp),
        start: start.cast(),
        memory,
    })
}

/// Opens a private copy. The ways of this system are tried in turn, because a copy may be
/// impossible to make or to map.
///
/// # Safety
///
/// As [`open`].
unsafe fn open_copy(file: &ReadFile, allowed: &Allowed) -> Result<(Library, Openable), LoadError> {
    let original = Original {
        content: &file.content,
        real: &file.real,
        file: &file.file,
    };
    let mut last = None;
    for way in copy::WAYS {
        let openable = match way(&original) {
            Ok(openable) => openable,
            Err(source) => {
                last.get_or_insert_with(|| not_copied(file, source));
                continue;
            }
        };
        // SAFETY: the caller's promise is about the bytes that were checked, and these are opened.
        match unsafe { open_as(openable, &file.path, allowed) } {
            Err(LoadError::Open { path, source }) if system::could_not_map(&source) => {
                last = Some(LoadError::Open { path, source });
            }
            result => return result,
        }
    }
    Err(last.expect("every system has a way"))
}

/// Opens the file itself, by its descriptor or by its path.
///
/// # Safety
///
/// As [`open`].
unsafe fn open_original(
    source: Source,
    file: &ReadFile,
    allowed: &Allowed,
) -> Result<(Library, Openable), LoadError> {
    let openable = match source {
        Source::Descriptor => {
            copy::by_descriptor(&file.file).map_err(|source| not_copied(file, source))?
        }
        _ => Openable {
            path: file.real.clone(),
            kept_open: None,
            until_open: None,
        },
    };
    // The system would give the image that it has, whatever the file contains now.
    if system::is_open(&openable.path) {
        return Err(LoadError::Replaced {
            path: file.path.clone(),
        });
    }
    // SAFETY: the caller promises the same.
    unsafe { open_as(openable, &file.path, allowed) }
}

fn not_copied(file: &ReadFile, source: std::io::Error) -> LoadError {
    LoadError::Copy {
        path: file.path.clone(),
        source,
    }
}

/// Opens an image. The registry and the reports will call it by the path of the module.
///
/// # Safety
///
/// As [`open`].
unsafe fn open_as(
    mut openable: Openable,
    path: &Path,
    allowed: &Allowed,
) -> Result<(Library, Openable), LoadError> {
    let opened = openable.path.to_string_lossy().into_owned();
    loader::file::note_copy(opened.clone(), path.to_string_lossy().into_owned());
    // SAFETY: the caller promises the same.
    let open = || unsafe { system::open(&openable.path) };
    match own::with_allowed(opened.clone(), allowed, open) {
        Ok(library) => {
            openable.until_open = None;
            Ok((library, openable))
        }
        Err(source) => {
            loader::file::forget_copy(&opened);
            let path = path.to_owned();
            Err(match system::missing_host_symbol(&source, &openable.path) {
                Some(symbol) => LoadError::Host {
                    problem: HostProblem::NotExported { symbol },
                },
                None => LoadError::Open { path, source },
            })
        }
    }
}

/// Asks the registry about the image that was just opened. Gives an address in the image.
///
/// # Errors
///
/// The registry has refused the image, or does not know it.
fn registered(path: &Path, opened_from: &Openable) -> Result<*const u8, LoadError> {
    let mut found = std::ptr::null();
    // The last one first. The system searches all images for an address, so if each load asked
    // about all images, the time would grow with the square of their number.
    for (start, refused) in loader::by_address().into_iter().rev() {
        let same = loader::file::opened_as(start)
            .is_some_and(|opened| Path::new(&opened) == opened_from.path);
        if !same {
            continue;
        }
        found = start;
        if let Some(reason) = refused {
            return Err(LoadError::Refused {
                path: path.to_owned(),
                reason,
            });
        }
        break;
    }
    // Where the system cannot tell which file an address is in, an image that was not refused
    // counts as accepted.
    if found.is_null() && cfg!(unix) {
        return Err(LoadError::NotRegistered {
            path: path.to_owned(),
        });
    }
    Ok(found)
}
