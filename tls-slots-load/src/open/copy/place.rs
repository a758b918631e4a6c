//! What can be opened, and what a way of copying is given.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::content::Content;

/// Something that can be opened.
pub(crate) struct Place {
    /// What to give to `dlopen`.
    pub(crate) open_as: PathBuf,
    /// Stays open while the module is loaded: the system and std look for symbols in that file when
    /// a backtrace is made.
    pub(crate) keep: Option<File>,
    /// Not needed any more once it is open.
    pub(crate) until_open: Option<Box<dyn Send + Sync>>,
}

/// What a way of copying is given.
pub(crate) struct Original<'a> {
    #[cfg_attr(windows, allow(dead_code))] // for systems that copy
    pub(crate) content: &'a Content,
    #[allow(dead_code)] // Linux has its name from elsewhere
    pub(crate) real: &'a Path,
    #[cfg_attr(unix, allow(dead_code))] // for systems that hold it
    pub(crate) file: &'a File,
}

/// The name of a copy, where it has one.
#[cfg_attr(not(unix), allow(dead_code))] // for systems that copy
pub(crate) fn name(real: &Path) -> &OsStr {
    real.file_name().unwrap_or_else(|| OsStr::new("module"))
}

/// A way to make something that can be opened.
pub(super) type Way = fn(&Original<'_>) -> io::Result<Place>;
