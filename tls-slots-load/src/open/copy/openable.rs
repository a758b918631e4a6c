//! [`Openable`]: something that the system can open, and what is needed to make one.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::content::Content;

/// Something that the system can open.
pub(crate) struct Openable {
    /// What to give to `dlopen`.
    pub(crate) path: PathBuf,
    /// The file behind the path, if it must stay open while the module is loaded. The system and
    /// std read symbols from it when they make a backtrace.
    pub(crate) kept_open: Option<File>,
    /// What may be dropped once the module is loaded.
    pub(crate) until_open: Option<Box<dyn Send + Sync>>,
}

/// What a copy is made of.
pub(crate) struct Original<'a> {
    #[cfg_attr(windows, allow(dead_code))] // for systems that copy
    pub(crate) content: &'a Content,
    #[allow(dead_code)] // Linux has the name of the copy from `Content::read`
    pub(crate) real: &'a Path,
    #[cfg_attr(unix, allow(dead_code))] // for systems that keep the file itself open
    pub(crate) file: &'a File,
}

/// A way to make an [`Openable`].
pub(super) type Way = fn(&Original<'_>) -> io::Result<Openable>;

/// The name of a copy, where it has one.
#[cfg_attr(not(unix), allow(dead_code))] // for systems that copy
pub(crate) fn copy_name(real: &Path) -> &OsStr {
    real.file_name().unwrap_or_else(|| OsStr::new("module"))
}
