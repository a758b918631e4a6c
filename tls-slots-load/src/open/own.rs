//! What this host is, for the comparison with a module.
//!
//! The problem: most of it is in memory. But which crates the host links *without* a fork is in its
//! file only, and the file of a host may be large. So the file is read when a module has a fork that
//! the host has not, and then once.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use tls_slots::loader;
use tls_slots_manifest::{Description, ParseError, PrivateState, asks_for_private_state};

/// This host, with all that the comparison with that module looks at.
///
/// # Errors
///
/// The host's own manifest cannot be read.
pub(super) fn description(module: &Description) -> Result<&'static Description, ParseError> {
    static WHOLE: OnceLock<Description> = OnceLock::new();
    let own = loader::description()?;
    if !asks_for_private_state(&own.manifest, &module.manifest) {
        return Ok(own);
    }
    Ok(WHOLE.get_or_init(|| {
        let mut whole = own.clone();
        whole.private = private_state(None);
        whole
    }))
}

/// The state of crates that a file has for itself; without a path, the file of this program. A file
/// that cannot be read tells nothing.
pub(crate) fn private_state(path: Option<&str>) -> PrivateState {
    let file = match path {
        Some(path) => File::open(path),
        None => own_file(),
    };
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
