//! Ways to hand to `dlopen` the very bytes that were checked.
//!
//! The problem: `dlopen` takes a path, and whoever may write to the path's file or folders can change
//! what is there after it was checked.
//!
//! | file | system | a copy is | run here |
//! | --- | --- | --- | --- |
//! | `linux.rs` | Linux, Android | sealed memory, opened by its descriptor; or else an unnamed file in the temporary folder | yes |
//! | `folder.rs` | other unix | a file in a folder of its own, mode 0700, removed when it is open | **not run** |
//! | `held.rs` | Windows | none: the file is held open, so that nobody can change it | **not run** |
//!
//! Each file gives `WAYS`, a list of functions that are tried in turn, and `by_descriptor`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod folder;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
use folder as system;

#[cfg(not(unix))]
mod held;
#[cfg(not(unix))]
use held as system;

/// Something that can be opened.
pub(super) struct Place {
    /// What to give to `dlopen`.
    pub(super) open_as: PathBuf,
    /// Stays open while the module is loaded: the system and std look for symbols in that file when
    /// a backtrace is made.
    pub(super) keep: Option<File>,
    /// Not needed any more once it is open.
    pub(super) until_open: Option<Box<dyn Send + Sync>>,
}

/// What was read of a file: these bytes are checked, and these are loaded.
pub(super) enum Content {
    /// A copy that nobody can change, and that can be opened.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Sealed(linux::Sealed),
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
    pub(super) fn read(file: &File, length: u64, name: &OsStr, copy: bool) -> io::Result<Self> {
        let mut why = None;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if copy {
            use std::io::Seek;
            match linux::Sealed::new(file, length, name) {
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

/// What a way of copying is given.
pub(super) struct Original<'a> {
    #[cfg_attr(windows, allow(dead_code))] // for systems that copy
    pub(super) content: &'a Content,
    #[allow(dead_code)] // Linux has its name from elsewhere
    pub(super) real: &'a Path,
    #[cfg_attr(unix, allow(dead_code))] // for systems that hold it
    pub(super) file: &'a File,
}

/// The name of a copy, where it has one.
#[cfg_attr(not(unix), allow(dead_code))] // for systems that copy
pub(super) fn name(real: &Path) -> &OsStr {
    real.file_name().unwrap_or_else(|| OsStr::new("module"))
}

type Way = fn(&Original<'_>) -> io::Result<Place>;

/// The ways of this system, the best one first.
pub(super) const WAYS: &[Way] = system::WAYS;

/// The file behind a descriptor, whatever its path has come to mean.
pub(super) fn by_descriptor(file: &File) -> io::Result<Place> {
    system::by_descriptor(file)
}
