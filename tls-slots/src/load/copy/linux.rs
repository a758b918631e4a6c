//! Linux: sealed memory, or a file without a name, opened through `/proc`.
//!
//! A memory file's seals make every later write fail, this process's own included. It is made
//! non-executable (`MFD_NOEXEC_SEAL`), which forbids to start it as a program but not to map its code: so
//! it works with `vm.memfd_noexec` at any level. Where memory files are forbidden, as by a filter of
//! system calls, the copy is a file in the temporary folder that never had a name.
//!
//! The path names the process by its number, not `self`: a debugger, which reads it from this process's
//! list of images, finds the file under it.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::{ptr, slice};

use super::{Content, Original, Place, Way};
use crate::load::open;

pub(super) const WAYS: &[Way] = &[sealed_memory, unnamed_file];

/// A file in memory that nobody can write to any more, and a view of it.
pub(in crate::load) struct Sealed {
    file: File,
    /// Null for an empty file.
    start: *const u8,
    length: usize,
}

// SAFETY: the view is of a sealed file: its bytes and its size never change.
unsafe impl Send for Sealed {}
// SAFETY: as above.
unsafe impl Sync for Sealed {}

impl Sealed {
    /// Copies so many bytes of a file.
    pub(super) fn new(original: &File, length: u64, name: &OsStr) -> io::Result<Self> {
        // Since Linux 6.3. Not in all versions of libc.
        const MFD_NOEXEC_SEAL: libc::c_uint = 8;
        // The name is for `/proc/PID/maps` only. It has at most 249 bytes.
        let name = name.as_bytes();
        let name = CString::new(&name[..name.len().min(249)])?;
        let create = |flags| {
            // SAFETY: a C string and flags.
            unsafe { libc::memfd_create(name.as_ptr(), flags) }
        };
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        let mut descriptor = create(flags | MFD_NOEXEC_SEAL);
        if descriptor < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
            descriptor = create(flags);
        }
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made, and is nobody else's.
        let mut file = unsafe { File::from_raw_fd(descriptor) };
        // No more than it had: what is copied is what counts, whoever may still write to the original.
        io::copy(&mut original.take(length), &mut file)?;
        let seals =
            libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
        // SAFETY: our descriptor; the call takes an integer.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let length = usize::try_from(file.metadata()?.len())
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if length == 0 {
            let start = ptr::null();
            return Ok(Self {
                file,
                start,
                length,
            });
        }
        // SAFETY: a new mapping, of a file that we have open.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = start.cast_const().cast();
        Ok(Self {
            file,
            start,
            length,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: mapped by `new` until this is dropped; the seals keep the bytes as they are, and the
        // file as long as it is.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if self.length != 0 {
            // SAFETY: the mapping of `new`, which nobody borrows any more. It cannot fail for a whole
            // mapping.
            unsafe { libc::munmap(self.start.cast_mut().cast(), self.length) };
        }
    }
}

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
        if !open::is_open(&path) {
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
