//! From checked bytes to an image that is registered.

use std::ops::Range;
use std::path::Path;

use libloading::Library;
use tls_keys::abi::Key;
use tls_slots::loader;

use super::copy::place::{Original, Place};
use super::copy;
use super::error::{HostProblem, LoadError};
use super::file::{ReadFile, Stamp};
use super::source::Source;
use super::system;

/// An image that was opened, and that the registry has taken.
pub(crate) struct OpenImage {
    /// The file that was checked.
    pub(crate) file: ReadFile,
    pub(crate) library: Library,
    /// What it was opened from.
    pub(crate) place: Place,
    /// The file when it was checked, where it was not copied.
    pub(crate) stamp: Option<Stamp>,
    /// Its first key: what identifies it in the registry.
    pub(crate) start: *const Key,
    /// All of its memory.
    pub(crate) memory: Range<usize>,
}

/// Opens a file that was checked.
///
/// # Errors
///
/// [`LoadError::Read`], `Copy`, `Replaced`, `Open`, `Host`, `Refused`, `NotRegistered`.
///
/// # Safety
///
/// As [`LoadOptions::load`](crate::LoadOptions::load).
pub(crate) unsafe fn open(source: Source, file: ReadFile) -> Result<OpenImage, LoadError> {
    let stamp = Stamp::of(&file.file).map_err(|source| LoadError::Read {
        path: file.path.clone(),
        source,
    })?;
    // SAFETY: the caller's promise.
    let (library, place) = unsafe {
        match source {
            Source::Copy => open_copy(&file)?,
            Source::Descriptor | Source::Path => open_original(source, &file)?,
        }
    };
    let start = match registered(&file.path, &place) {
        Ok(start) => start,
        Err(error) => {
            // The image stays open, and so does what it was opened from: its constructors have run,
            // and nobody knows what they left behind.
            std::mem::forget((library, place));
            return Err(error);
        }
    };
    let memory = loader::memory::of(start).map_or(0..0, |memory| memory.all);
    Ok(OpenImage {
        file,
        library,
        place,
        stamp: (source != Source::Copy).then_some(stamp),
        start: start.cast(),
        memory,
    })
}

/// Opens a private copy. The ways of this system are tried in turn: a copy may be impossible to make,
/// or to map.
///
/// # Safety
///
/// As [`open`].
unsafe fn open_copy(file: &ReadFile) -> Result<(Library, Place), LoadError> {
    let original = Original {
        content: &file.content,
        real: &file.real,
        file: &file.file,
    };
    let mut last = None;
    for way in copy::WAYS {
        let place = match way(&original) {
            Ok(place) => place,
            Err(source) => {
                last.get_or_insert_with(|| not_copied(file, source));
                continue;
            }
        };
        // SAFETY: the caller's promise; these are the bytes that were checked.
        match unsafe { open_as(place, &file.path) } {
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
unsafe fn open_original(source: Source, file: &ReadFile) -> Result<(Library, Place), LoadError> {
    let place = match source {
        Source::Descriptor => {
            copy::by_descriptor(&file.file).map_err(|source| not_copied(file, source))?
        }
        _ => Place {
            open_as: file.real.clone(),
            keep: None,
            until_open: None,
        },
    };
    // The system would give the image that it has, of whatever content.
    if system::is_open(&place.open_as) {
        return Err(LoadError::Replaced {
            path: file.path.clone(),
        });
    }
    // SAFETY: the caller's promise.
    unsafe { open_as(place, &file.path) }
}

fn not_copied(file: &ReadFile, source: std::io::Error) -> LoadError {
    LoadError::Copy {
        path: file.path.clone(),
        source,
    }
}

/// Opens a place, which the registry is to know by the path of the module.
///
/// # Safety
///
/// As [`open`].
unsafe fn open_as(mut place: Place, path: &Path) -> Result<(Library, Place), LoadError> {
    let opened = place.open_as.to_string_lossy().into_owned();
    loader::file::note_copy(opened.clone(), path.to_string_lossy().into_owned());
    // SAFETY: the caller's promise.
    match unsafe { system::open(&place.open_as) } {
        Ok(library) => {
            place.until_open = None;
            Ok((library, place))
        }
        Err(source) => {
            loader::file::forget_copy(&opened);
            let path = path.to_owned();
            Err(match system::missing_host_symbol(&source, &place.open_as) {
                Some(symbol) => LoadError::Host {
                    problem: HostProblem::NotExported { symbol },
                },
                None => LoadError::Open { path, source },
            })
        }
    }
}

/// Whether the registry took what was just opened; gives an address in it.
fn registered(path: &Path, place: &Place) -> Result<*const u8, LoadError> {
    let mut found = std::ptr::null();
    // The last one first: the system searches all images for an address, so asking about each of them here
    // would make the time of a load grow with the square of their number.
    for (start, refused) in loader::by_address().into_iter().rev() {
        let same =
            loader::file::opened_as(start).is_some_and(|opened| Path::new(&opened) == place.open_as);
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
    // Where the system does not tell files of addresses, what was not refused is taken to be fine.
    if found.is_null() && cfg!(unix) {
        return Err(LoadError::NotRegistered {
            path: path.to_owned(),
        });
    }
    Ok(found)
}
