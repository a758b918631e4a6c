//! What is known of a host or module.

use std::path::PathBuf;

use tls_slots_manifest::{Description, Key, Manifest, StdCopy};

/// A host or module, as its file describes it.
///
/// The manifest is what the image's compiler and build scripts wrote into it. The other fields are
/// read from the file's own headers.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file's path, as it was given.
    pub path: PathBuf,
    /// The file's format: `ELF`, `Mach-O` or `PE`.
    pub format: &'static str,
    /// The processor that the file's header names, such as `x86_64`.
    pub architecture: String,
    /// Whether the file exports the functions that modules need: whether it can be a host.
    pub exports_host: bool,
    /// What the image says about itself.
    pub manifest: Manifest,
    /// Which copy of std its code uses.
    pub std: StdCopy,
}

impl Image {
    /// All that is known of it for the comparison.
    pub(crate) fn description(&self) -> Description {
        let mut description = Description::from(self.manifest.clone());
        description.std = self.std.clone();
        description
    }

    /// The keys, sorted by crate, path and place. The linker's order means nothing.
    pub(super) fn keys(&self) -> Vec<&Key> {
        let mut keys: Vec<&Key> = self.manifest.keys.iter().collect();
        keys.sort_by_key(|key| {
            (
                &key.package,
                &key.version,
                &key.path,
                &key.name,
                key.line,
                key.column,
            )
        });
        keys
    }
}

/// A hash as sixteen hexadecimal digits. A number of JSON need not hold 64 bits.
pub(super) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
