//! Sealed memory: a file in memory whose content nobody can change any more (memfd_create(2)).
//!
//! The problem: a copy in a folder can be changed by whoever may write to the folder, and a copy in
//! ordinary memory cannot be opened. A memory file has a descriptor that can be opened, and its
//! seals forbid every change.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::{ptr, slice};

/// A file in memory that nobody can write to any more, and a mapping of it.
pub(crate) struct Sealed {
    pub(super) file: File,
    /// Invariant: the start of a mapping of all of `file`, which is this value's own. Null for an
    /// empty file.
    start: *const u8,
    length: usize,
}

// SAFETY: the mapping belongs to this value, and any thread may unmap it.
unsafe impl Send for Sealed {}
// SAFETY: the mapping is only read, and its file is sealed, so the bytes never change.
unsafe impl Sync for Sealed {}

impl Sealed {
    /// Copies `length` bytes of a file. `name` is shown in `/proc/PID/maps`.
    ///
    /// # Errors
    ///
    /// Memory files are forbidden, the original cannot be read, or there is not enough memory.
    pub(super) fn new(original: &File, length: u64, name: &OsStr) -> io::Result<Self> {
        // Since Linux 6.3. Not in all versions of libc.
        const MFD_NOEXEC_SEAL: libc::c_uint = 8;
        // A name has at most 249 bytes.
        let name = name.as_bytes();
        let name = CString::new(&name[..name.len().min(249)])?;
        let create = |flags| {
            // SAFETY: `name` is a C string that lives during the call. The flags are the
            // function's.
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
        // SAFETY: the descriptor was just made, so it is open and belongs to nobody else.
        let mut file = unsafe { File::from_raw_fd(descriptor) };
        // No more than the original had. Somebody may still write to it, but the copy is what
        // counts.
        io::copy(&mut original.take(length), &mut file)?;
        let seals =
            libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
        // SAFETY: the descriptor is open, and this command takes an integer.
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
        // SAFETY: the kernel chooses the address of the new mapping, so it replaces no other. The
        // file is open.
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

    /// The content.
    pub(super) fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: by the invariant of `start`, `length` bytes are mapped there until this is
        // dropped. The seals forbid every change of the bytes and of the file's length.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if self.length != 0 {
            // SAFETY: by the invariant of `start`, this is a whole mapping of our own. Nobody
            // borrows it any more. For a whole mapping the call does not fail.
            unsafe { libc::munmap(self.start.cast_mut().cast(), self.length) };
        }
    }
}
