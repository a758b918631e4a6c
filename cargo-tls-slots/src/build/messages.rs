//! Reads what cargo says: its messages on standard output, and its status lines on standard error.
//!
//! cargo's messages are stable JSON (`--message-format`, see "External tools" in the Cargo book).
//! They name each artifact's files, which nobody else knows for sure: a `Cargo.toml` may name its
//! targets, and the configuration may move the target folder. They also name the source of each
//! package, and so tell whether a patch was used.
//!
//! Status lines are for people, and cargo promises nothing about them. A line that is taken for a
//! warning by mistake is shown when the build ends, and nothing else depends on it.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ChildStdout;

use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Message, PackageId, TargetKind};

use super::options::{Artifact, ArtifactKind};
use crate::project::read::Project;

/// What cargo's messages tell about a build.
#[derive(Default)]
pub(super) struct Told {
    /// The programs and libraries of the project itself.
    pub(super) artifacts: Vec<Artifact>,
    /// The release of tokio 1 that came from a registry, if one was used: it is not the fork.
    pub(super) unpatched: Option<semver::Version>,
}

impl Told {
    /// Reads the messages of a build of `project`, until cargo closes its output.
    ///
    /// # Errors
    ///
    /// If the output cannot be read, or a message is not of cargo's format.
    pub(super) fn read(project: &Project, stdout: Option<ChildStdout>) -> io::Result<Self> {
        let members: BTreeMap<_, _> = project
            .metadata
            .packages
            .iter()
            .map(|package| (&package.id, package.name.to_string()))
            .collect();
        let mut told = Self::default();
        for message in stdout
            .map(BufReader::new)
            .into_iter()
            .flat_map(Message::parse_stream)
        {
            if let Message::CompilerArtifact(artifact) = message? {
                told.note(project, &members, &artifact);
            }
        }
        Ok(told)
    }

    /// Notes one artifact. `members` are the packages of the project's workspace; what other
    /// packages make is no result, and says only which tokio was used.
    fn note(
        &mut self,
        project: &Project,
        members: &BTreeMap<&PackageId, String>,
        artifact: &cargo_metadata::Artifact,
    ) {
        if self.unpatched.is_none() {
            self.unpatched = registry_tokio(&artifact.package_id.repr);
        }
        let Some(package) = members.get(&artifact.package_id) else {
            return;
        };
        let is_library =
            |path: &&Utf8PathBuf| matches!(path.extension(), Some("so" | "dylib" | "dll"));
        let (kind, path) = match &artifact.executable {
            Some(path) => (ArtifactKind::Executable, Some(path)),
            None if artifact.target.kind.contains(&TargetKind::CDyLib) => (
                ArtifactKind::Cdylib,
                artifact.filenames.iter().find(is_library),
            ),
            None => return,
        };
        self.artifacts.extend(path.map(|path| Artifact {
            cargo_toml: project.cargo_toml.clone(),
            package: package.clone(),
            target: artifact.target.name.clone(),
            kind,
            path: AsRef::<Path>::as_ref(path).to_owned(),
            fresh: artifact.fresh,
        }));
    }
}

/// The version of tokio 1 in a package id such as `registry+https://…#tokio@1.54.1`.
fn registry_tokio(id: &str) -> Option<semver::Version> {
    let (source, package) = id.rsplit_once('#')?;
    let version: semver::Version = package.strip_prefix("tokio@")?.parse().ok()?;
    (version.major == 1 && !source.starts_with("path+")).then_some(version)
}

/// A line of cargo's that only says how far cargo is, such as `   Compiling tokio v1.54.1`,
/// without the spaces before it. `None` for every other line, such as a warning.
pub(super) fn status(line: &str) -> Option<&str> {
    const WORDS: [&str; 16] = [
        "Adding",
        "Blocking",
        "Building",
        "Checking",
        "Compiling",
        "Dirty",
        "Downgrading",
        "Downloaded",
        "Downloading",
        "Finished",
        "Fresh",
        "Locking",
        "Removing",
        "Running",
        "Updating",
        "Upgrading",
    ];
    let text = line.trim_start();
    let word = text.split_whitespace().next()?;
    (text.len() < line.len() && WORDS.contains(&word)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_tokio_is_known_by_its_id() {
        let tokio = |id| registry_tokio(id).map(|version| version.to_string());
        assert_eq!(
            tokio("registry+https://x/y#tokio@1.54.1").as_deref(),
            Some("1.54.1")
        );
        assert_eq!(tokio("registry+https://x/y#tokio@0.2.25"), None);
        assert_eq!(tokio("registry+https://x/y#tokio-util@1.0.0"), None);
        assert_eq!(tokio("path+file:///forks/tokio#1.54.1"), None);
    }

    #[test]
    fn only_cargos_own_lines_are_steps() {
        assert_eq!(status("   Compiling a v1.0.0"), Some("Compiling a v1.0.0"));
        assert_eq!(
            status("    Finished `dev` profile"),
            Some("Finished `dev` profile")
        );
        assert_eq!(status("warning: unused"), None);
        assert_eq!(status("Compiling is what it says"), None);
        assert_eq!(status("   = note: x"), None);
        assert_eq!(status(""), None);
    }
}
