//! What this host is, for the comparison with a module.
//!
//! The problem: most of it is in memory. But which crates the host links *without* a fork is in its
//! file only, and the file of a host may be large. So the file is read when a module has a fork
//! that the host has not, and then once.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use tls_slots_manifest::{Allowed, Description, Mismatch, PrivateState, asks_for_private_state};

/// This host, with all that the comparison with that module looks at.
pub(super) fn with_state(host: &'static Description, module: &Description) -> &'static Description {
    static WHOLE: OnceLock<Description> = OnceLock::new();
    if !asks_for_private_state(&host.manifest, &module.manifest) {
        return host;
    }
    WHOLE.get_or_init(|| {
        let mut whole = host.clone();
        whole.private = private_state(own_file());
        whole
    })
}

/// Compares an image that was opened past the loader, by that path, with this host.
///
/// # Errors
///
/// What differs.
pub(crate) fn compare(
    host: &'static Description,
    mut module: Description,
    path: Option<String>,
) -> Result<(), Mismatch> {
    if asks_for_private_state(&module.manifest, &host.manifest) {
        module.private = path.map(File::open).map(private_state).unwrap_or_default();
    }
    let host = with_state(host, &module);
    tls_slots_manifest::compare(host, &module, &Allowed::default())
}

/// The state of crates that a file has for itself. A file that cannot be read tells nothing.
fn private_state(file: io::Result<File>) -> PrivateState {
    file.map(PrivateState::from_reader).unwrap_or_default()
}

/// The file of this program.
fn own_file() -> io::Result<File> {
    // On Linux this is the file that was started, also if another one lies at its path now.
    let path = match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe()?,
    };
    File::open(path)
}
