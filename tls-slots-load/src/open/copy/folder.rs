//! Unix without `/proc`: a copy in a folder that only this process's user may enter.
//!
//! The folder is removed once the file is open. The image stays, because a mapping needs no name.
//! **Not run by the authors.**

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::openable::{Openable, Original, Way};

pub(super) const WAYS: &[Way] = &[private_folder];

fn private_folder(original: &Original<'_>) -> io::Result<Openable> {
    let folder = Folder::new()?;
    let path = folder.0.join(super::openable::copy_name(original.real));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&path)?;
    file.write_all(original.content)?;
    drop(file);
    Ok(Openable {
        path,
        kept_open: None,
        until_open: Some(Box::new(folder)),
    })
}

/// There is no path that means a descriptor's file on all of these systems.
pub(super) fn by_descriptor(_: &File) -> io::Result<Openable> {
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
                // We have created it with this mode, so nobody else was ever in it.
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, a file is left behind in the temporary folder, and does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
