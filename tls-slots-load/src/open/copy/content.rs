//! What was read of a file: the bytes that are checked, and then loaded.
//!
//! The problem: if the check reads the file once and the copy reads it again, they may differ. So
//! the file is read once. On Linux it is read into the copy itself, and the check looks at the
//! copy.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Deref;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::sealed::Sealed;

/// What was read of a file.
pub(crate) enum Content {
    /// A copy that nobody can change, and that can be opened.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Sealed(Sealed),
    /// Bytes in this process's memory. With an error if a copy was tried and failed.
    #[cfg_attr(windows, allow(dead_code))] // no copy is made there
    Read(Vec<u8>, Option<io::Error>),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Sealed(sealed) => sealed.bytes(),
            Self::Read(bytes, _) => bytes,
        }
    }
}

impl Content {
    /// Reads `length` bytes of a file. With `copy`, into sealed memory of that name if the system
    /// has that.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there is not enough memory.
    pub(crate) fn read(file: &File, length: u64, name: &OsStr, copy: bool) -> io::Result<Self> {
        let mut why = None;
        // Somebody has looked at its header.
        (&mut &*file).rewind()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if copy {
            match Sealed::new(file, length, name) {
                Ok(sealed) => return Ok(Self::Sealed(sealed)),
                Err(error) => why = Some(error),
            }
            (&mut &*file).rewind()?;
        }
        let _ = (name, copy, &mut why);
        let mut bytes = Vec::new();
        let room = usize::try_from(length).unwrap_or(usize::MAX);
        bytes
            .try_reserve_exact(room)
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        // No more than the file had. Somebody may still write to it, but these bytes are what
        // counts.
        (&mut &*file).take(length).read_to_end(&mut bytes)?;
        Ok(Self::Read(bytes, why))
    }
}
