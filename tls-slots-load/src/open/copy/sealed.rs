//! Sealed memory: a file in memory whose content nobody can change any more (`memfd_create`(2)).

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::{ptr, slice};

/// A file in memory that nobody can write to any more, and a view of it.
pub(crate) struct Sealed {
    pub(super) file: File,
    /// Null for an empty file.
    start: *const u8,
    length: usize,
}

// SAFETY: the view is of a sealed file: its bytes and its size never change.
unsafe impl Send for Sealed {}
// SAFETY: as for `Send`: the view never changes.
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
