//! Failures of cargo, sorted by what the user can do about them.
//!
//! cargo has no codes for its errors, so its words are looked at. Words that are not known here are
//! shown as they are.
//!
//! | cargo's words | with `--offline` | else |
//! | --- | --- | --- |
//! | `failed to select a version`, `no matching package` | `Offline` | `Unknown` |
//! | `is yanked` | `Yanked` | `Yanked` |
//! | `download`, `Could not resolve`, `Timeout` and the like | `Network` | `Network` |
//! | others | `Failed` | `Failed` |

use std::io;

/// Why a release could not be had.
///
/// The source of most variants holds cargo's own words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The project that asks for the release could not be written.
    #[error("cannot write a temporary project")]
    Project(#[source] io::Error),
    /// cargo could not be started.
    #[error("cannot start cargo; is it in PATH?")]
    Start(#[source] io::Error),
    /// The registry has no such release.
    #[error("the registry has no {0}; name a release that exists, as in `tokio@1.54.1`")]
    Unknown(String, #[source] Cargo),
    /// The release was yanked, and no lock file holds it.
    #[error(
        "{0} was yanked; name another release, or use --lockfile with a Cargo.lock that holds it"
    )]
    Yanked(String, #[source] Cargo),
    /// The release is not on this machine, and `--offline` was given.
    #[error("cannot find {0} on this machine; run once without --offline, or vendor it")]
    Offline(String, #[source] Cargo),
    /// The registry could not be reached.
    #[error("cannot download {0}; check the network, or use --offline if it was downloaded before")]
    Network(String, #[source] Cargo),
    /// cargo failed for another reason.
    #[error("cargo could not get {0}")]
    Failed(String, #[source] Cargo),
    /// cargo's answer was not understood.
    #[error("cannot read what cargo says about {0}")]
    Metadata(String, #[source] cargo_metadata::Error),
    /// The lock file that cargo wrote was not understood.
    #[error("cannot read the lock file that cargo wrote for {0}")]
    Lock(String),
    /// The user's cargo configuration replaces the crate.
    #[error(
        "{0} does not come from a registry: the cargo configuration of this folder patches it; \
         run `cargo tls-slots fork` where it does not"
    )]
    Patched(String),
}

/// What cargo wrote to standard error.
#[derive(Debug, thiserror::Error)]
#[error("cargo says:\n{0}")]
pub struct Cargo(String);

/// Sorts a failure to get `label`, by what cargo `says`. Other words than those that are looked for
/// make it [`UpstreamError::Failed`].
pub(super) fn failure(label: String, says: String, offline: bool) -> UpstreamError {
    let has = |words: &[&str]| words.iter().any(|word| says.contains(word));
    let source = Cargo(says.clone());
    if offline
        && has(&[
            "offline",
            "failed to select a version",
            "no matching package",
            "unable to update",
        ])
    {
        UpstreamError::Offline(label, source)
    } else if has(&["is yanked"]) {
        UpstreamError::Yanked(label, source)
    } else if has(&[
        "failed to select a version for the requirement",
        "no matching package",
        "could not be found in registry index",
    ]) {
        UpstreamError::Unknown(label, source)
    } else if has(&[
        "download",
        "network",
        "Could not resolve",
        "Couldn't connect",
        "failed to query",
        "failed to fetch",
        "Timeout",
        "spurious",
    ]) {
        UpstreamError::Network(label, source)
    } else {
        UpstreamError::Failed(label, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(says: &str, offline: bool) -> String {
        failure("tokio 1.54.99".to_owned(), says.to_owned(), offline).to_string()
    }

    #[test]
    fn failures_say_what_to_do() {
        let unknown =
            "error: failed to select a version for the requirement `tokio = \"=1.54.99\"`";
        assert!(sort(unknown, false).contains("the registry has no tokio 1.54.99"));
        assert!(sort(unknown, true).contains("run once without --offline"));
        assert!(sort("version 1.54.99 is yanked", false).contains("was yanked"));
        assert!(sort("Could not resolve host: x", false).contains("check the network"));
        assert!(sort("something else", false).contains("cargo could not get"));
    }
}
