//! Where things are, and how folders are copied.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// This package's folder.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    folder().join("..")
}

/// What becomes of a file that is copied, by its path inside of the folder and its bytes: the bytes
/// of the copy, or `None` for a file that is left out.
pub(crate) type Edit<'a> = dyn Fn(&Path, Vec<u8>) -> io::Result<Option<Vec<u8>>> + 'a;

/// Copies a folder, but for target folders.
///
/// A file that is there already and holds the same is left alone: cargo looks at its time.
///
/// # Errors
///
/// The first file or folder that cannot be read or written.
pub(crate) fn copy(from: &Path, to: &Path, edit: &Edit<'_>) -> io::Result<()> {
    copy_inside(from, to, Path::new(""), edit)
}

fn copy_inside(from: &Path, to: &Path, inside: &Path, edit: &Edit<'_>) -> io::Result<()> {
    for entry in fs::read_dir(from.join(inside))? {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                copy_inside(from, to, &path, edit)?;
            }
            continue;
        }
        let Some(content) = edit(&path, fs::read(from.join(&path))?)? else {
            continue;
        };
        let copied = to.join(&path);
        if let Some(folder) = copied.parent() {
            fs::create_dir_all(folder)?;
        }
        if !fs::read(&copied).is_ok_and(|old| old == content) {
            fs::write(&copied, content)?;
        }
    }
    Ok(())
}
