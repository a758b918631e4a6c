//! Linux: sealed memory, or a file without a name, opened through `/proc`.
//!
//! The seals of a memory file make every later write fail, even by this process. The file is made
//! non-executable (`MFD_NOEXEC_SEAL`). That forbids to start it as a program, but not to map its
//! code, so it works with `vm.memfd_noexec` at any level. Where memory files are forbidden, for
//! instance by a filter of system calls, the copy is a file in the temporary folder that never had
//! a name.
//!
//! `dlopen` gets the path `/proc/PID/fd/N`. The path has the process's number, and not `self`: a
//! debugger reads it from this process's list of images, and must find this process's file there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::content::Content;
use super::openable::{Openable, Original, Way};
use crate::open::system;

pub(super) const WAYS: &[Way] = &[sealed_memory, unnamed_file];

fn sealed_memory(original: &Original<'_>) -> io::Result<Openable> {
    match original.content {
        Content::Sealed(sealed) => openable(sealed.file.try_clone()?),
        Content::Read(_, Some(why)) => Err(io::Error::new(why.kind(), why.to_string())),
        Content::Read(_, None) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn unnamed_file(original: &Original<'_>) -> io::Result<Openable> {
    let mut file = OpenOptions::new()
        .write(true)
        .read(true)
        .mode(0o400)
        .custom_flags(libc::O_TMPFILE | libc::O_EXCL)
        .open(std::env::temp_dir())?;
    file.write_all(original.content)?;
    // Opened again for reading. From here on nobody has it open for writing.
    let writable = openable(file)?;
    openable(File::open(&writable.path)?)
}

pub(super) fn by_descriptor(file: &File) -> io::Result<Openable> {
    openable(file.try_clone()?)
}

/// Gives a descriptor's file a path by which no image is loaded.
///
/// The number of a closed descriptor is used again. For a path that the dynamic linker knows, it
/// gives the image that it knows, even one that should have been unmapped and was not. So such a
/// number is skipped.
fn openable(file: File) -> io::Result<Openable> {
    let mut file = file;
    let mut taken = Vec::new();
    let path = loop {
        let path = path(&file)?;
        if !system::is_open(&path) {
            break path;
        }
        let next = file.try_clone()?;
        taken.push(std::mem::replace(&mut file, next));
    };
    Ok(Openable {
        path,
        kept_open: Some(file),
        until_open: None,
    })
}

/// The path that `/proc` has for a descriptor of this process.
fn path(file: &File) -> io::Result<PathBuf> {
    let wanted = file.metadata()?;
    // `/proc` may belong to another namespace, in which our number is another process's.
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
