//! A module's file: opened once, and read once.
//!
//! The problem: between a look at a path and the opening of that path, another file can take its
//! place. So the path is resolved and opened once. Everything else is asked of that descriptor, and
//! the bytes are read once. Later these bytes are loaded (see `copy/`), and not what is at the path
//! by then.
//!
//! The file itself can change while it is read. What was read may then be half of one build and
//! half of another, with headers that agree. So size and time of the file are compared before and
//! after the reading.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::copy::content::Content;
use super::copy::openable;
use super::error::LoadError;

/// A file that was opened.
pub(crate) struct OpenFile {
    /// As the caller named it, for messages.
    path: PathBuf,
    /// The absolute path, without links.
    real: PathBuf,
    pub(crate) file: File,
    /// Its size in bytes when it was opened.
    length: u64,
    /// When it was written to before it was opened, if the system tells that.
    modified: Option<SystemTime>,
}

/// A file that was opened and read.
pub(crate) struct ReadFile {
    /// As the caller named it, for messages.
    pub(crate) path: PathBuf,
    /// The absolute path, without links.
    pub(crate) real: PathBuf,
    /// The file, still open.
    pub(crate) file: File,
    /// All of its bytes.
    pub(crate) content: Content,
}

/// Opens a file.
///
/// With `private`, refuses a file that somebody else may change or replace. A file of more than
/// `most` bytes is refused.
///
/// # Errors
///
/// [`LoadError::NotFound`], `Read`, `NotAFile`, `Writable` or `TooLarge`.
pub(crate) fn open(path: &Path, private: bool, most: u64) -> Result<OpenFile, LoadError> {
    let failed = |source| reading(path, source);
    let real = path.canonicalize().map_err(failed)?;
    if private {
        check_ancestors(path, &real)?;
    }
    // Opening a pipe wakes its writer, and opening a device can do anything. So this looks first.
    // Another file may take the path in between, and therefore the descriptor is asked again.
    check_is_file(path, &fs::symlink_metadata(&real).map_err(failed)?)?;
    let file = options().open(&real).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_is_file(path, &metadata)?;
    if private {
        check_not_writable(path, &real, &metadata)?;
    }
    let length = metadata.len();
    if length > most {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            size: length,
            most,
        });
    }
    Ok(OpenFile {
        path: path.to_owned(),
        real,
        file,
        length,
        modified: metadata.modified().ok(),
    })
}

impl OpenFile {
    /// Reads the file. With `copied`, into a copy that can be opened, if the system has such
    /// copies.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] or `Changed`.
    pub(crate) fn read(self, copied: bool) -> Result<ReadFile, LoadError> {
        let failed = |source| reading(&self.path, source);
        let name = openable::copy_name(&self.real);
        let content = Content::read(&self.file, self.length, name, copied).map_err(failed)?;
        let now = self.file.metadata().map_err(failed)?;
        let is_as_it_was = (now.len(), now.modified().ok()) == (self.length, self.modified);
        if !is_as_it_was || content.len() as u64 != self.length {
            return Err(LoadError::Changed { path: self.path });
        }
        Ok(ReadFile {
            path: self.path,
            real: self.real,
            file: self.file,
            content,
        })
    }
}

/// The error of a call that opens or reads the file.
fn reading(path: &Path, source: io::Error) -> LoadError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            LoadError::NotFound { path, source }
        }
        _ => LoadError::Read { path, source },
    }
}

/// Refuses what is no regular file.
fn check_is_file(path: &Path, metadata: &Metadata) -> Result<(), LoadError> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(LoadError::NotAFile {
            path: path.to_owned(),
            what: what(metadata),
        }),
    }
}

/// How files are opened here: without a wait, which a pipe at that path would cause.
fn options() -> OpenOptions {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        const FILE_SHARE_READ: u32 = 1;
        // Nobody can write to the file, rename it or delete it while it is open.
        options.share_mode(FILE_SHARE_READ);
    }
    options
}

/// What is at the path instead of a file, for a message.
fn what(metadata: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if metadata.is_dir() {
        "a folder"
    } else {
        "no regular file"
    }
}

/// Refuses a file if somebody else may write to a folder above it.
///
/// This comes before the file is opened. So only root and this process's user can change the way to
/// the file between the check and the opening.
fn check_ancestors(path: &Path, real: &Path) -> Result<(), LoadError> {
    for folder in real.ancestors().skip(1) {
        let metadata = fs::symlink_metadata(folder).map_err(|source| LoadError::Read {
            path: folder.to_owned(),
            source,
        })?;
        check_not_writable(path, folder, &metadata)?;
    }
    Ok(())
}

/// Refuses a file or a folder if anybody but root and this process's user may write to it.
#[cfg(unix)]
fn check_not_writable(path: &Path, real: &Path, metadata: &Metadata) -> Result<(), LoadError> {
    use std::os::unix::fs::MetadataExt;
    const GROUP: u32 = 0o020;
    const ALL: u32 = 0o002;
    const STICKY: u32 = 0o1000;

    // SAFETY: the function takes nothing, always succeeds and gives a number.
    let user = unsafe { libc::geteuid() };
    let mode = metadata.mode();
    // In a sticky folder, such as `/tmp`, only the owner of an entry and the owner of the folder
    // can rename or remove the entry. Both owners are checked.
    let sticky = metadata.is_dir() && mode & STICKY != 0;
    let by = if metadata.uid() != 0 && metadata.uid() != user {
        format!("user {}, who owns it", metadata.uid())
    } else if mode & ALL != 0 && !sticky {
        "everybody".to_owned()
    } else if mode & GROUP != 0 && !sticky {
        format!("group {}", metadata.gid())
    } else {
        return Ok(());
    };
    Err(LoadError::Writable {
        path: path.to_owned(),
        writable: real.to_owned(),
        by,
    })
}

/// Refuses everything, because it is not known who may write on this system.
#[cfg(not(unix))]
fn check_not_writable(path: &Path, real: &Path, _: &Metadata) -> Result<(), LoadError> {
    Err(LoadError::Writable {
        path: path.to_owned(),
        writable: real.to_owned(),
        by: "anybody, as far as this system tells".to_owned(),
    })
}

/// What tells whether a file was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
}

impl Stamp {
    /// Of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        #[cfg(unix)]
        let (file, changed) = {
            use std::os::unix::fs::MetadataExt;
            let file = (metadata.dev(), metadata.ino());
            (file, (metadata.ctime(), metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (file, changed) = Default::default();
        Ok(Self {
            file,
            length: metadata.len(),
            modified: metadata.modified().ok(),
            changed,
        })
    }
}

/// Whether a file that nobody writes to has exactly these bytes.
#[cfg(unix)]
pub(crate) fn has_content(file: &File, bytes: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    if !file
        .metadata()
        .is_ok_and(|metadata| metadata.len() == bytes.len() as u64)
    {
        return false;
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut at = 0;
    for part in bytes.chunks(buffer.len()) {
        let read = &mut buffer[..part.len()];
        if file.read_exact_at(read, at).is_err() || read != part {
            return false;
        }
        at += part.len() as u64;
    }
    true
}

/// Whether a file that is held open has exactly these bytes.
#[cfg(not(unix))]
pub(crate) fn has_content(file: &File, bytes: &[u8]) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file;
    let mut content = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut content))
        .is_ok_and(|_| content == bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::{LoadError, OpenFile, open};

    const BYTES: &[u8] = b"0123456789";

    /// Opens a file, changes it, and reads it.
    fn read_after(change: impl FnOnce(&Path)) -> Result<Vec<u8>, LoadError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, BYTES).expect("a folder of ours");
        let file = open(&path, false, 10).expect("it has 10 bytes");
        change(&path);
        file.read(true).map(|read| read.content.to_vec())
    }

    /// As time passes between two steps of the clock by which the system marks files.
    fn later(path: &Path) {
        let file = fs::File::options().write(true).open(path).expect("ours");
        let later = SystemTime::now() + Duration::from_secs(1);
        file.set_modified(later).expect("ours");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        let resize = |length| {
            move |path: &Path| {
                let file = fs::File::options().write(true).open(path).expect("ours");
                file.set_len(length).expect("ours");
            }
        };
        let rewrite = |path: &Path| {
            fs::write(path, b"9876543210").expect("ours");
            later(path);
        };
        let changed = |read| matches!(read, Err(LoadError::Changed { .. }));
        assert!(changed(read_after(resize(3))), "it shrank");
        assert!(changed(read_after(resize(0))), "it was emptied");
        assert!(changed(read_after(resize(11))), "it grew");
        assert!(changed(read_after(rewrite)), "it was written again");
    }

    #[test]
    fn a_file_that_is_replaced_while_it_is_read_is_the_old_one() {
        let replace = |path: &Path| {
            let next = path.with_extension("next");
            fs::write(&next, b"9876543210").expect("a folder of ours");
            later(&next);
            fs::rename(next, path).expect("a folder of ours");
        };
        for change in [&replace as &dyn Fn(&Path), &|path| {
            fs::remove_file(path).expect("ours");
        }] {
            assert_eq!(read_after(change).expect("it is still open"), BYTES);
        }
    }

    #[test]
    fn a_file_of_more_bytes_is_not_opened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, BYTES).expect("a folder of ours");
        let open = |most| open(&path, false, most).map(|_: OpenFile| ());
        assert!(matches!(
            open(9),
            Err(LoadError::TooLarge {
                size: 10,
                most: 9,
                ..
            })
        ));
        assert!(open(10).is_ok());
    }
}
