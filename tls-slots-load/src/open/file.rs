//! A module's file: opened once, and read once.
//!
//! The problem: between a look at a path and the opening of that path, another file can take its
//! place. So the path is resolved and opened once. Everything else is asked of that descriptor, and
//! the bytes are read once. Later these bytes are loaded (see `copy/`), and not what is at the path
//! by then.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::copy::content::Content;
use super::copy::openable;
use super::error::LoadError;

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

/// Opens a file and reads it.
///
/// With `private`, refuses a file that somebody else may change or replace. With `copied`, the
/// content is read into a copy that can be opened, if the system has such copies.
///
/// # Errors
///
/// [`LoadError::NotFound`], `Read`, `NotAFile` or `Writable`.
pub(crate) fn read(path: &Path, private: bool, copied: bool) -> Result<ReadFile, LoadError> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                LoadError::NotFound { path, source }
            }
            _ => LoadError::Read { path, source },
        }
    };
    let real = path.canonicalize().map_err(failed)?;
    if private {
        check_ancestors(path, &real)?;
    }
    let file = options().open(&real).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile {
            path: path.to_owned(),
            what: what(&metadata),
        });
    }
    if private {
        check_not_writable(path, &real, &metadata)?;
    }
    let content =
        Content::read(&file, metadata.len(), openable::copy_name(&real), copied).map_err(failed)?;
    Ok(ReadFile {
        path: path.to_owned(),
        real,
        file,
        content,
    })
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
    modified: Option<std::time::SystemTime>,
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
