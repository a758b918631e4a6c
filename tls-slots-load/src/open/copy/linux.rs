//! Linux: sealed memory, or a file without a name, opened through `/proc`.
//!
//! A memory file's seals make every later write fail, this process's own included. It is made
//! non-executable (`MFD_NOEXEC_SEAL`), which forbids to start it as a program but not to map its code: so
//! it works with `vm.memfd_noexec` at any level. Where memory files are forbidden, as by a filter of
//! system calls, the copy is a file in the temporary folder that never had a name.
//!
//! The path names the process by its number, not `self`: a debugger, which reads it from this process's
//! list of images, finds the file under it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::content::Content;
use super::place::{Original, Place, Way};
use crate::open::system;

pub(super) const WAYS: &[Way] = &[sealed_memory, unnamed_file];

fn sealed_memory(original: &Original<'_>) -> io::Result<Place> {
    match original.content {
        Content::Sealed(sealed) => place(sealed.file.try_clone()?),
        Content::Read(_, Some(why)) => Err(io::Error::new(why.kind(), why.to_string())),
        Content::Read(_, None) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn unnamed_file(original: &Original<'_>) -> io::Result<Place> {
    let mut file = OpenOptions::new()
        .write(true)
        .read(true)
        .mode(0o400)
        .custom_flags(libc::O_TMPFILE | libc::O_EXCL)
        .open(std::env::temp_dir())?;
    file.write_all(original.content)?;
    // From here on nobody has it open for writing.
    let place = place(file)?;
    let reopened = File::open(&place.open_as)?;
    self::place(reopened)
}

pub(super) fn by_descriptor(file: &File) -> io::Result<Place> {
    place(file.try_clone()?)
}

/// A descriptor as a path that no image has been opened by.
fn place(file: File) -> io::Result<Place> {
    let mut file = file;
    // Numbers of closed descriptors are used again, and the dynamic linker takes a path that it knows
    // for the image that it knows, even if that should have been unloaded and was not. Such a number
    // is left out.
    let mut taken = Vec::new();
    let open_as = loop {
        let path = path(&file)?;
        if !system::is_open(&path) {
            break path;
        }
        let next = file.try_clone()?;
        taken.push(std::mem::replace(&mut file, next));
    };
    Ok(Place {
        open_as,
        keep: Some(file),
        until_open: None,
    })
}

/// The name that `/proc` has for a descriptor of ours.
fn path(file: &File) -> io::Result<PathBuf> {
    let wanted = file.metadata()?;
    // `/proc` may be that of another namespace, where our number is another process's.
    for process in [std::process::id().to_string(), "self".to_owned()] {
        let path = PathBuf::from(format!("/proc/{process}/fd/{}", file.as_raw_fd()));
        if let Ok(found) = path.metadata()
            && (found.dev(), found.ino()) == (wanted.dev(), wanted.ino())
        {
            return Ok(path);
        }
    }
    Err(io::Error::other(
        "/proc does not show this process's descriptors; mount it",
    ))
}
