//! Unix without `/proc`: a file in a folder that only this process's user may enter.
//!
//! The folder is removed once the file is open. The image stays, as a mapping does not need a name.
//! Not run by the authors.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::place::{Original, Place, Way};

pub(super) const WAYS: &[Way] = &[private_folder];

fn private_folder(original: &Original<'_>) -> io::Result<Place> {
    let folder = Folder::new()?;
    let path = folder.0.join(super::place::name(original.real));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&path)?;
    file.write_all(original.content)?;
    drop(file);
    Ok(Place {
        open_as: path,
        keep: None,
        until_open: Some(Box::new(folder)),
    })
}

/// There is no path that means a descriptor's file on all of these systems.
pub(super) fn by_descriptor(_: &File) -> io::Result<Place> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A folder of ours, removed with all that is in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |time| time.as_nanos());
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("tls-slots-{}-{now:x}-{count}", std::process::id());
            let path = std::env::temp_dir().join(OsStr::new(&name));
            match DirBuilder::new().mode(0o700).create(&path) {
                // Created, by us: the mode is ours and nobody could have been in it before.
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is a file in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
