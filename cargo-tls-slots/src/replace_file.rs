//! Replaces a file as a whole.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Gives the file at `path` these contents: whoever reads it sees the old file or the new one.
///
/// # Errors
///
/// If the folder cannot be written to. The old file is then as it was.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".tls-slots-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    // A temporary file is private; what it replaces, or a file made the usual way, is not.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = match fs::metadata(path) {
            Ok(old) => old.permissions(),
            Err(_) => fs::Permissions::from_mode(0o644),
        };
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path)?;
    Ok(())
}
