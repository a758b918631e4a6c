//! Puts a built file into another folder, so that a reader finds the old file or the new one.
//!
//! The file is copied under another name beside its place, and then renamed: POSIX's `rename`
//! replaces a file at one stroke. Both names are in one folder, and so on one file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The extension of a file that is not complete. Nobody loads a file of that name.
const UNFINISHED: &str = "unfinished";

/// Makes the folder, and removes the incomplete files of a process that was killed.
///
/// # Errors
///
/// If the folder cannot be made or read, or such a file cannot be removed.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Puts a copy of the file `from` into the place of `to`.
///
/// A reader that has opened the old file keeps it, as its inode lives on. That matters to a host
/// that has mapped the file: to write into the mapped file would change code that runs.
///
/// # Errors
///
/// If the file cannot be copied or renamed. Then `to` is as it was, and no incomplete file is left.
pub(super) fn publish(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = unfinished(to);
    // Two commands may publish into one folder, but not the same file.
    let _ = fs::remove_file(&unfinished);
    fs::copy(from, &unfinished)?;
    fs::rename(&unfinished, to).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })
}

/// `.libx.so.unfinished` for `libx.so`.
fn unfinished(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{UNFINISHED}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    #[test]
    fn a_reader_finds_one_file_or_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        fs::write(&first, vec![1; 1 << 20]).unwrap();
        fs::write(&second, vec![2; 3 << 19]).unwrap();
        let to = folder.path().join("out.so");
        publish(&first, &to).unwrap();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..50 {
                    publish(&second, &to).unwrap();
                    publish(&first, &to).unwrap();
                }
                ended.store(true, Ordering::Relaxed);
            });
            while !ended.load(Ordering::Relaxed) {
                let bytes = fs::read(&to).unwrap();
                let expected = [1 << 20, 3 << 19][usize::from(bytes[0]) - 1];
                assert_eq!(bytes.len(), expected);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]));
            }
        });
    }

    #[test]
    fn what_was_not_finished_goes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        prepare(&out).unwrap();
        let to = out.join("libx.so");
        fs::write(unfinished(&to), "half").unwrap();
        fs::write(&to, "old").unwrap();
        prepare(&out).unwrap();
        assert!(!unfinished(&to).exists() && to.exists());
        // A file that is not there leaves nothing behind.
        assert!(publish(&out.join("nothing"), &to).is_err());
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        assert_eq!(fs::read(&to).unwrap(), b"old");
    }
}
