//! What was read of a file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::sealed::Sealed;

/// What was read of a file: these bytes are checked, and these are loaded.
pub(crate) enum Content {
    /// A copy that nobody can change, and that can be opened.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Sealed(Sealed),
    /// In this process's memory, and why there is no copy, where one was tried.
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
    /// Reads so many bytes of a file; where it is to be copied, into the copy, if the system has such.
    pub(crate) fn read(file: &File, length: u64, name: &OsStr, copy: bool) -> io::Result<Self> {
        let mut why = None;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if copy {
            use std::io::Seek;
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
        // No more than it had: what is read is what counts, whoever may still write to it.
        (&mut &*file).take(length).read_to_end(&mut bytes)?;
        Ok(Self::Read(bytes, why))
    }
}
