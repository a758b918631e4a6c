//! One release of tokio: its fork, the trees of all modes, and a suite in one of them.
//!
//! [`Release::prepare`] forks the release once, as any project would. [`Release::run`] makes the
//! tree of a mode from it, gives the tree a lock file, and hands it to [`suites`], or to [`module`]
//! for the mode of that name.
//!
//! All modes test the same files. Upstream's tree is a copy of what the registry has. The trees of
//! the fork are copies of the fork, as a user gets it, but for one thing: in mode `self-hosted`
//! tokio itself links `tls-slots`, so that each test program is a host.

use std::path::{Path, PathBuf};

use semver::Version;

use super::builds::TARGET;
use super::error::Error;
use super::module::{self, Projects, Sources};
use super::options::{Context, Options};
use super::outcome::Tests;
use super::suite::{FEATURES, Mode, Suite};
use super::suites;
use super::work;
use crate::fork::{self, CrateSpec, ForkOptions, Forked};
use crate::upstream::lockfile::Lock;
use crate::upstream::release::{self, Wanted};

/// The patch that makes a tree of tokio the only tokio of its tests.
const ITSELF: [(&str, &str); 1] = [("tokio", ".")];

/// A release of tokio, and the folders of its trees.
pub(super) struct Release {
    version: Version,
    /// The folder below which the trees of this release are.
    work: PathBuf,
    /// The folder in which cargo keeps upstream's files.
    upstream: PathBuf,
    forked: Forked,
}

impl Release {
    /// Gets the release through cargo, and forks it into the folder `work`.
    ///
    /// # Errors
    ///
    /// [`Error::Upstream`] and [`Error::Fork`].
    pub(super) fn prepare(
        options: &Options,
        work: &Path,
        version: &Version,
    ) -> Result<Self, Error> {
        options.progress.step(&format!("preparing tokio {version}"));
        let upstream = registry_folder("tokio", version, options.offline)?;
        // All modes use the releases that upstream has tested with, where it says which.
        let published = upstream.join("Cargo.lock");
        let forked = fork::fork(&ForkOptions {
            lockfile: published.is_file().then_some(published),
            crates: vec![CrateSpec {
                name: "tokio".to_owned(),
                version: Some(version.clone()),
            }],
            offline: options.offline,
            ..ForkOptions::new(work.join("forks"))
        })?;
        Ok(Release {
            version: version.clone(),
            work: work.to_owned(),
            upstream,
            forked,
        })
    }

    /// Builds and runs a suite in a mode.
    ///
    /// # Errors
    ///
    /// Each variant of [`Error`] is a step that could not be done. A test that fails is no error.
    pub(super) fn run(&self, options: &Options, suite: Suite, mode: Mode) -> Result<Tests, Error> {
        let context = Context {
            jobs: options.jobs.max(1),
            offline: options.offline,
            progress: options.progress.clone(),
            logs: self.work.join("logs"),
        };
        if mode == Mode::Module {
            let sources = Sources {
                version: &self.version,
                upstream: &self.upstream,
                forked: &self.forked,
                files: &options.files,
            };
            let projects = Projects::write(&context, &self.work, &sources)?;
            return module::run(&context, &self.work, &projects);
        }
        let (folder, published) = self.folder(&context, suite, mode)?;
        work::lock(&folder, &published, &self.version, options.offline)?;
        let target = match suite {
            Suite::Unstable => "target-unstable",
            Suite::Loom => "target-loom",
            _ => TARGET,
        };
        let package = suites::Package {
            folder: &folder,
            features: &features(suite, mode),
            target: self.work.join(target),
            name: format!("{suite}-{mode}"),
        };
        suites::run(&context, suite, &package, &options.files)
    }

    /// The folder of the package whose tests are run, and the lock file that upstream published
    /// with it.
    fn folder(
        &self,
        context: &Context,
        suite: Suite,
        mode: Mode,
    ) -> Result<(PathBuf, PathBuf), Error> {
        let tokio = self.tree(mode)?;
        let Some((name, version)) = suite.companion() else {
            return Ok((tokio, self.upstream.join("Cargo.lock")));
        };
        let upstream = registry_folder(name, &version, context.offline)?;
        let folder = tokio.with_file_name(name);
        let patches = [("tokio", "../tokio"), (name, ".")];
        work::copy_to_test(&upstream, &folder, &patches, |_, _| None)?;
        Ok((folder, upstream.join("Cargo.lock")))
    }

    /// Makes the tree of a mode, and returns the folder of tokio in it.
    ///
    /// The tree has the crates of the fork side by side, as the fork's own folder has them, so that
    /// tokio's path dependencies on them hold in the copy, too.
    fn tree(&self, mode: Mode) -> Result<PathBuf, Error> {
        let tree = self.work.join(mode.to_string());
        let tokio = tree.join("tokio");
        if mode == Mode::Upstream {
            work::copy_to_test(&self.upstream, &tokio, &ITSELF, |_, _| None)?;
            return Ok(tokio);
        }
        for one in &self.forked.crates {
            match one.name.as_str() {
                "tokio" => {
                    work::copy_to_test(&one.dir, &tokio, &ITSELF, |path, text| match mode {
                        Mode::SelfHosted => self_host(path, text),
                        _ => None,
                    })?
                }
                _ => work::copy(&one.dir, &tree.join(one.folder()), |_, _| None)?,
            }
        }
        Ok(tokio)
    }
}

/// The folder in which cargo keeps a release.
fn registry_folder(name: &str, version: &Version, offline: bool) -> Result<PathBuf, Error> {
    let wanted = Wanted {
        name: name.to_owned(),
        version: Some(version.clone()),
        ..Wanted::default()
    };
    let got = release::get(&[wanted], &Lock::default(), Path::new("."), offline)?;
    if let Some((_, error)) = got.failed.into_iter().next() {
        return Err(error.into());
    }
    let found = got.found.into_iter().next();
    Ok(found.map(|(_, one)| one.folder).unwrap_or_default())
}

/// The features that the tests of a suite are built with in a mode, commas between.
///
/// They are upstream's own, and in mode `self-hosted` the fork's feature besides. A companion
/// package turns that on in tokio: it has no such feature itself.
fn features(suite: Suite, mode: Mode) -> String {
    let companion = suite.companion().is_some();
    let mut features = match suite {
        // Models have no clock to be paused.
        Suite::Loom => "full".to_owned(),
        _ if companion => "full".to_owned(),
        _ => FEATURES.to_owned(),
    };
    if mode == Mode::SelfHosted {
        features += match companion {
            true => ",tokio/external-tls",
            false => ",external-tls",
        };
    }
    features
}

/// Makes every program that links tokio a host: unit tests, integration tests and doctests alike.
///
/// A host says `use tls_slots as _;`. In this tree tokio says that for all of its 190 test files
/// and 800 examples, so none of them has to be changed.
fn self_host(path: &Path, text: &str) -> Option<String> {
    if path == Path::new("Cargo.toml") {
        Some(format!(
            "{text}\n[dependencies.tls-slots]\npath = \"../tls-slots\"\n"
        ))
    } else if path == Path::new("src/lib.rs") {
        Some(format!(
            "{text}\n#[cfg(feature = \"external-tls\")]\nuse tls_slots as _;\n"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_host_links_the_slots() {
        let cargo_toml = self_host(Path::new("Cargo.toml"), "[package]\n").unwrap();
        assert!(cargo_toml.contains("[dependencies.tls-slots]"));
        let root = self_host(Path::new("src/lib.rs"), "mod a;\n").unwrap();
        assert!(root.ends_with("use tls_slots as _;\n"));
        assert_eq!(self_host(Path::new("src/task/lib.rs"), ""), None);
    }

    #[test]
    fn features_are_those_of_suite_and_mode() {
        assert_eq!(features(Suite::Lib, Mode::Upstream), "full,test-util");
        assert_eq!(
            features(Suite::Integration, Mode::SelfHosted),
            "full,test-util,external-tls"
        );
        assert_eq!(features(Suite::Loom, Mode::SelfHosted), "full,external-tls");
        assert_eq!(
            features(Suite::Util, Mode::SelfHosted),
            "full,tokio/external-tls"
        );
    }
}
