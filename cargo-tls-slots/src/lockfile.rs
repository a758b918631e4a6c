//! Reading lock files: which release of a crate a project has chosen.

use std::fs;
use std::path::Path;

use semver::Version;
use serde::Deserialize;

use crate::fork::Error;

/// One package of a lock file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LockedPackage {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) checksum: Option<String>,
}

impl LockedPackage {
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Lock {
            #[serde(default)]
            package: Vec<LockedPackage>,
        }
        Ok(toml::from_str::<Lock>(text)?.package)
    }

    pub(crate) fn read(path: &Path) -> Result<Vec<Self>, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::ReadLock(path.to_owned(), source))?;
        Self::parse(&text).map_err(|source| Error::ParseLock(path.to_owned(), source))
    }
}
