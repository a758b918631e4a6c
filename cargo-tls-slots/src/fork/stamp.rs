//! The stamp: the file by which a crate's folder says that it is ours, and what it holds.
//!
//! ```toml
//! crate = "tokio"
//! version = "1.2.3"
//! checksum = "…"              # of upstream's archive
//! inputs = "…"                # a digest of what the command carried
//! state = "complete"
//!
//! [along]
//! tokio-macros = "2.0.1"      # which lies beside it, in the folder of that release
//!
//! [pins]
//! mio = "1.0.4"
//!
//! [files]
//! "Cargo.toml" = "…"          # the SHA-256 of each file that is ours
//! "src/lib.rs" = "…"
//! ```
//!
//! A run that finds a stamp which fits, and files which are as the stamp says, has nothing to do:
//! it needs neither cargo nor the network. Anybody can edit a stamp, so its paths are not trusted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::source::tree::Tree;
use crate::{digest, embedded};

/// The file that marks a folder as ours.
pub const STAMP: &str = ".tls-slots-fork.toml";

/// What a crate's folder says about itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Stamp {
    /// The crate.
    #[serde(rename = "crate")]
    pub(super) name: String,
    /// Its release.
    pub(super) version: Version,
    /// Upstream's checksum. Our own crates have none.
    pub(super) checksum: Option<String>,
    /// A digest of what the command carried that made it.
    inputs: String,
    /// Whether files were being written when this was.
    state: State,
    /// The crates that were forked along with it, and which it names by their folders.
    #[serde(default)]
    pub(super) along: BTreeMap<String, Version>,
    /// Versions that dependencies are pinned to; empty for one that could not be found.
    #[serde(default)]
    pub(super) pins: BTreeMap<String, String>,
    /// The SHA-256 of every file that is ours; empty for one that is about to go.
    pub(super) files: BTreeMap<String, String>,
}

/// Whether a folder is as its stamp says.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Complete,
    /// A run is writing files, or was interrupted while it did.
    Incomplete,
}

impl Stamp {
    /// The stamp of a crate whose folder holds `tree`.
    pub(super) fn new(name: &str, version: Version, tree: &Tree) -> Self {
        Stamp {
            name: name.to_owned(),
            version,
            checksum: None,
            inputs: embedded::digest().to_owned(),
            state: State::Complete,
            along: BTreeMap::new(),
            pins: BTreeMap::new(),
            files: tree
                .iter()
                .map(|(path, bytes)| (path.clone(), digest::of_bytes(bytes)))
                .collect(),
        }
    }

    /// The stamp of the same crate while its files are being written. A run that finds it does not
    /// believe the digests.
    pub(super) fn incomplete(&self) -> Self {
        Stamp {
            state: State::Incomplete,
            ..self.clone()
        }
    }

    /// Whether a run of this command finished the folder. Another command carries other recipes.
    pub(super) fn is_of_this_command(&self) -> bool {
        self.inputs == embedded::digest() && self.state == State::Complete
    }

    /// Whether this command finished the folder, and nobody has changed it since.
    pub(super) fn holds(&self, folder: &Path) -> bool {
        self.is_of_this_command()
            && self.files.iter().all(|(path, digest)| {
                fs::read(folder.join(path)).is_ok_and(|bytes| digest::of_bytes(&bytes) == *digest)
            })
    }

    /// The stamp of a folder. `None` if there is none, or one that cannot be read: such a folder is
    /// written again.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(STAMP)).ok()?;
        toml::from_str(&text).ok()
    }

    /// The file's text.
    pub(super) fn render(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# Made by `cargo tls-slots fork`, which also changes it: do not edit this folder.\n{body}"
        )
    }
}

/// One digest of a fork's files, if the folder is as this command has made it.
#[cfg(feature = "command")]
pub(crate) fn digest_of(folder: &Path) -> Option<String> {
    let stamp = Stamp::read(folder).filter(|stamp| stamp.holds(folder))?;
    let files = stamp.files.iter();
    let files = files.map(|(path, digest)| (path.as_str(), digest.as_bytes()));
    Some(digest::of_files(files))
}
