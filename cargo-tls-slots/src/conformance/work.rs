//! The work folder: the trees of files that the modes build.
//!
//! ```text
//! WORK/1.54.1/
//!   upstream/tokio/      the registry's files
//!   forks/               what `cargo tls-slots fork` writes, as any project would use it
//!   off/                 the forks, for upstream's own tests
//!   self-hosted/         the forks, where tokio itself links tls-slots
//!   module/ macros/ host/   the projects of mode `module`
//!   target…/ logs/
//! ```
//!
//! A file is written only if it differs, so that a second run compiles nothing. The registry's own
//! folder is read, never written.
//!
//! # One tokio
//!
//! Each tree that is tested gets upstream's own lock file, so that all modes use the same releases
//! of everything else. The lock file that upstream publishes pins the release *before* for
//! tokio-test and tokio-stream (seen with tokio 1.54.1), which would silently bring a second tokio
//! into the tests. So tokio is patched to the tree itself, and [`lock`] changes the lock file until
//! it holds one tokio.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;

use super::error::Error;
use crate::cargo;
use crate::fork;
use crate::upstream::list;
use crate::upstream::lockfile::Lock;

/// The text of a file.
///
/// # Errors
///
/// [`Error::Read`], which names the file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read(path.to_owned(), source))
}

/// Writes a file, and its folder, if the file does not hold `text` already.
///
/// # Errors
///
/// [`Error::Write`], which names the file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    write_bytes(path, text.as_bytes()).map_err(|source| Error::Write(path.to_owned(), source))
}

/// Writes a file, and its folder, if the file does not hold `bytes` already. cargo looks at a
/// file's time, so a file that is as it was must not be touched.
fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

/// Every file below `folder`, by its path inside of the folder, sorted.
///
/// # Errors
///
/// [`Error::Read`], which names the folder.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    fn collect(root: &Path, inside: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(root.join(inside))? {
            let entry = entry?;
            let path = inside.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => collect(root, &path, found)?,
                false => found.push(path),
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    collect(folder, Path::new(""), &mut found)
        .map_err(|source| Error::Read(folder.to_owned(), source))?;
    found.sort();
    Ok(found)
}

/// Makes `to` a copy of `from`. `edit` gets the path and the text of each file, and returns another
/// text for those that it changes.
///
/// Files of `to` that `from` does not have are removed. Lock files are not part of a copy: `to` has
/// its own.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::Write`], with the file.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    edit: impl Fn(&Path, &str) -> Option<String>,
) -> Result<(), Error> {
    let is_lock = |path: &Path| path.ends_with("Cargo.lock");
    let mut kept = BTreeSet::new();
    for path in files(from)? {
        // Files with a dot in front are cargo's or the fork's, about the folder they are in.
        let hidden = path
            .iter()
            .any(|part| part.to_string_lossy().starts_with('.'));
        if hidden || is_lock(&path) {
            continue;
        }
        let source = from.join(&path);
        let bytes = fs::read(&source).map_err(|error| Error::Read(source, error))?;
        let edited = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| edit(&path, text));
        let bytes = edited.map_or(bytes, String::into_bytes);
        let target = to.join(&path);
        write_bytes(&target, &bytes).map_err(|error| Error::Write(target, error))?;
        kept.insert(path);
    }
    for path in files(to)? {
        if !kept.contains(&path) && !is_lock(&path) {
            let path = to.join(path);
            fs::remove_file(&path).map_err(|error| Error::Write(path, error))?;
        }
    }
    Ok(())
}

/// As [`copy`], of a package whose own tests are to be run.
///
/// The copy becomes a workspace of its own. Each of `patches` is a crate, and the path that the
/// copy is to take the crate from.
///
/// # Errors
///
/// Those of [`copy`].
pub(crate) fn copy_to_test(
    from: &Path,
    to: &Path,
    patches: &[(&str, &str)],
    edit: impl Fn(&Path, &str) -> Option<String>,
) -> Result<(), Error> {
    copy(from, to, |path, text| {
        let edited = edit(path, text);
        if path != Path::new("Cargo.toml") {
            return edited;
        }
        let mut text = edited.unwrap_or_else(|| text.to_owned());
        // A fork is a workspace of its own already.
        if !text.lines().any(|line| line.trim() == "[workspace]") {
            text += "\n[workspace]\n";
        }
        text += "\n[patch.crates-io]\n";
        for (name, path) in patches {
            text += &format!("{name} = {{ path = \"{path}\" }}\n");
        }
        Some(text)
    })
}

/// Gives the project in `folder` the lock file `published`, and sees to it that the only tokio in
/// it is `version`.
///
/// Without a published lock file, cargo makes one.
///
/// # Errors
///
/// [`Error::Lock`] if cargo fails, and [`Error::Tokios`] if the lock file still holds another
/// number of tokios than one.
pub(super) fn lock(
    folder: &Path,
    published: &Path,
    version: &Version,
    offline: bool,
) -> Result<(), Error> {
    let lock = folder.join("Cargo.lock");
    if !lock.is_file() && published.is_file() {
        write(&lock, &read(published)?)?;
    }
    let update = |args: &[&str]| -> Result<(), Error> {
        let mut command = cargo::command(folder);
        command.args(args);
        if offline {
            command.arg("--offline");
        }
        let output = command.output().map_err(Error::Start)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Error::Lock(
                folder.to_owned(),
                String::from_utf8_lossy(&output.stderr)
                    .trim_end()
                    .to_owned(),
            )),
        }
    };
    let tokios = || -> Result<Vec<Version>, Error> {
        let packages = Lock::read(&lock).map_err(fork::Error::from)?.packages;
        let tokios = packages.into_iter().filter(|one| one.name == "tokio");
        Ok(tokios.map(|one| one.version).collect())
    };
    if !lock.is_file() {
        update(&["generate-lockfile"])?;
    }
    let wanted = version.to_string();
    for other in tokios()?.iter().filter(|one| *one != version) {
        let precise = |package: &str, version: &str| {
            update(&[
                "update",
                "--quiet",
                "--package",
                package,
                "--precise",
                version,
            ])
        };
        // The newest release of a crate that the tests use may ask for a newer tokio.
        while let Err(error) = precise(&format!("tokio@{other}"), &wanted) {
            let Some((name, newer)) = demanding(&error) else {
                return Err(error);
            };
            let any = Version::new(0, 0, 0);
            let Some(older) = list::newest(&name, &any, Some(&newer), folder, offline)? else {
                return Err(error);
            };
            precise(&format!("{name}@{newer}"), &older.version.to_string())?;
        }
    }
    match tokios()?.as_slice() {
        [one] if one == version => Ok(()),
        several => Err(Error::Tokios(folder.to_owned(), several.len())),
    }
}

/// The package that asks for a release that is not there, in cargo's words.
fn demanding(error: &Error) -> Option<(String, Version)> {
    let Error::Lock(_, says) = error else {
        return None;
    };
    let (_, rest) = says.split_once("required by package `")?;
    let (name, rest) = rest.split_once(" v")?;
    let version = rest.split(['`', ' ']).next()?;
    Some((name.to_owned(), version.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_who_asks_for_too_new_a_release() {
        let says = "error: failed to select a version for the requirement `tokio = \"^1.51.0\"`\n\
                    candidate versions found which didn't match: 1.49.0\n\
                    required by package `tokio-util v0.7.20`\n    ... which satisfies";
        let error = |says: &str| Error::Lock(PathBuf::new(), says.to_owned());
        let found = demanding(&error(says));
        assert_eq!(
            found,
            Some(("tokio-util".to_owned(), Version::new(0, 7, 20)))
        );
        assert_eq!(demanding(&error("error: no such command")), None);
    }

    #[test]
    fn a_copy_is_a_mirror_but_for_lock_files() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        write(&from.join("Cargo.toml"), "[package]\n").unwrap();
        write(&from.join("src/lib.rs"), "a").unwrap();
        write(&from.join("Cargo.lock"), "theirs").unwrap();
        write(&from.join(".stamp"), "").unwrap();
        write(&to.join("src/old.rs"), "").unwrap();
        write(&to.join("Cargo.lock"), "ours").unwrap();
        let edit = |path: &Path, text: &str| path.ends_with("lib.rs").then(|| text.repeat(2));
        copy_to_test(&from, &to, &[("a", "."), ("b", "../b")], edit).unwrap();
        let names: Vec<_> = files(&to).unwrap();
        assert_eq!(
            names,
            ["Cargo.lock", "Cargo.toml", "src/lib.rs"].map(PathBuf::from)
        );
        assert_eq!(read(&to.join("src/lib.rs")).unwrap(), "aa");
        assert_eq!(read(&to.join("Cargo.lock")).unwrap(), "ours");
        let cargo_toml = read(&to.join("Cargo.toml")).unwrap();
        assert!(cargo_toml.contains("[workspace]"), "{cargo_toml}");
        assert!(
            cargo_toml.contains("b = { path = \"../b\" }"),
            "{cargo_toml}"
        );
        // A workspace already: only the patch is added.
        write(&from.join("Cargo.toml"), "[workspace]\n[package]\n").unwrap();
        copy_to_test(&from, &to, &[], |_, _| None).unwrap();
        let cargo_toml = read(&to.join("Cargo.toml")).unwrap();
        assert_eq!(cargo_toml.matches("[workspace]").count(), 1, "{cargo_toml}");
    }
}
