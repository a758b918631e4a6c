//! What a caller asks for.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use semver::Version;

use crate::progress::Progress;

/// The folder that forks go to when nothing else is said: beside the workspace's `Cargo.toml`, or
/// else in the current folder.
pub const DEFAULT_OUT: &str = "tls-slots-forks";

/// What to fork, and where to.
#[derive(Clone, Debug)]
pub struct ForkOptions {
    /// What to fork. Empty means all releases of the lock file that there are recipes for, or
    /// `tokio` where there is none.
    pub crates: Vec<CrateSpec>,
    /// Whether a crate that is left as published is an error, though nobody named it.
    pub strict: bool,
    /// The folder that the forks go to.
    pub out: PathBuf,
    /// The lock file whose versions are forked. Without it, that of the workspace around
    /// [`folder`](Self::folder) or [`manifest_path`](Self::manifest_path) is used, if it has
    /// the crate.
    pub lockfile: Option<PathBuf>,
    /// More lock files, for the releases that the first does not hold.
    pub more_lockfiles: Vec<PathBuf>,
    /// Versions that the forks' dependencies are moved to, whatever the lock file says.
    pub pins: Vec<Pin>,
    /// The `Cargo.toml` whose workspace's lock file is used, instead of that around `folder`. cargo
    /// has a flag of this name.
    pub manifest_path: Option<PathBuf>,
    /// Whether to do without the network.
    pub offline: bool,
    /// The folder whose cargo configuration holds; the current one, usually.
    pub folder: PathBuf,
    /// Whether the caller hands the patches to cargo by `--config`. Then a lock file holds forks
    /// that no line of a file leads to: what is no crate of the project's own is taken for one.
    pub by_config: bool,
    /// Where the patch lines go, if they are to be written.
    pub write: Option<Write>,
    /// Where the steps are shown.
    pub progress: Progress,
}

/// Where the patch lines go.
#[derive(Clone, Debug)]
pub struct Write {
    /// The `Cargo.toml` at the root of a workspace.
    pub cargo_toml: PathBuf,
    /// Whether a patch of the user's own gives way.
    pub force: bool,
}

impl ForkOptions {
    /// Forks tokio to `out`, silently, for a caller in the current folder that hands the patches
    /// to cargo.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        ForkOptions {
            crates: Vec::new(),
            strict: false,
            out: out.into(),
            lockfile: None,
            more_lockfiles: Vec::new(),
            pins: Vec::new(),
            manifest_path: None,
            offline: false,
            folder: PathBuf::from("."),
            by_config: true,
            write: None,
            progress: Progress::silent(),
        }
    }
}

/// A crate to fork: `NAME` or `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateSpec {
    /// The upstream crate.
    pub name: String,
    /// The release, if one was named.
    pub version: Option<Version>,
}

impl CrateSpec {
    /// A crate without a release.
    pub(super) fn named(name: impl Into<String>) -> Self {
        CrateSpec {
            name: name.into(),
            version: None,
        }
    }
}

impl FromStr for CrateSpec {
    type Err = String;

    /// Reads `NAME`, `NAME@1.2.3` or `NAME@=1.2.3`.
    ///
    /// # Errors
    ///
    /// One sentence, if the name has a character that no crate's name has, or the version is a
    /// range.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => {
                let exact = version.trim_start_matches('=');
                let parsed = exact.parse().map_err(|error| {
                    format!("`{version}` is no exact version such as 1.54.1 ({error})")
                })?;
                (name, Some(parsed))
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("`{name}` is no crate name"));
        }
        Ok(CrateSpec {
            name: name.to_owned(),
            version,
        })
    }
}

/// A version of a dependency, which the forks that depend on the package are pinned to:
/// `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The package.
    pub name: String,
    /// Its version.
    pub version: Version,
}

impl FromStr for Pin {
    type Err = String;

    /// Reads `NAME@1.2.3` or `NAME@=1.2.3`.
    ///
    /// # Errors
    ///
    /// One sentence: those of a [`CrateSpec`], or that there is no version.
    fn from_str(text: &str) -> Result<Self, String> {
        let CrateSpec { name, version } = text.parse()?;
        let version =
            version.ok_or_else(|| format!("`{text}` has no version; say {name}@1.2.3"))?;
        Ok(Pin { name, version })
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_with_or_without_a_version() {
        let spec = |text: &str| text.parse::<CrateSpec>();
        assert_eq!(spec("tokio").unwrap().version, None);
        let version = spec("tokio@1.54.1").unwrap().version;
        assert_eq!(version, Some(Version::new(1, 54, 1)));
        assert_eq!(spec("tokio@=1.54.1").unwrap().version, version);
        assert!(
            spec("tokio@1.54")
                .unwrap_err()
                .contains("no exact version such as 1.54.1")
        );
        assert!(spec("@1.0.0").is_err());
        assert!(spec("../tokio").unwrap_err().contains("no crate name"));
    }

    #[test]
    fn a_pin_has_a_version() {
        let pin: Pin = "bytes@1.12.0".parse().unwrap();
        assert_eq!(pin.to_string(), "bytes@1.12.0");
        assert!("bytes".parse::<Pin>().unwrap_err().contains("no version"));
    }
}
