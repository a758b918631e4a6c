//! One crate's folder: its stamp, and writing it so that an interrupted run can be repaired.
//!
//! A new folder is written beside its place and renamed. One that is there is brought up to date
//! file by file, because cargo goes by the files' times: what did not change must not be written.
//! The stamp says `incomplete` for as long as that takes, and lists all files that may be there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Error, Outcome, STAMP};
use crate::embedded;
use crate::engine::Tree;
use crate::progress::Progress;

/// What a crate's folder says about itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Stamp {
    #[serde(rename = "crate")]
    pub(super) name: String,
    pub(super) version: Version,
    /// Upstream's checksum; our own crates have none.
    pub(super) checksum: Option<String>,
    /// A digest of what the command that made it carries.
    inputs: String,
    /// `complete`, or `incomplete` while files are being written.
    state: String,
    /// Versions that dependencies are pinned to; empty for one that could not be found.
    #[serde(default)]
    pub(super) pins: BTreeMap<String, String>,
    /// The SHA-256 of every file we wrote.
    files: BTreeMap<String, String>,
}

const COMPLETE: &str = "complete";
const INCOMPLETE: &str = "incomplete";

impl Stamp {
    /// The stamp of a crate that is finished.
    pub(super) fn new(
        name: &str,
        version: Version,
        checksum: Option<String>,
        pins: BTreeMap<String, String>,
        tree: &Tree,
    ) -> Self {
        Stamp {
            name: name.to_owned(),
            version,
            checksum,
            inputs: embedded::digest(),
            state: COMPLETE.to_owned(),
            pins,
            files: tree
                .iter()
                .map(|(path, bytes)| (path.clone(), embedded::sha256(bytes)))
                .collect(),
        }
    }

    /// Whether this command finished the folder, and nobody has changed it since.
    pub(super) fn holds(&self, folder: &Path) -> bool {
        self.inputs == embedded::digest()
            && self.state == COMPLETE
            && self.files.iter().all(|(path, digest)| {
                fs::read(folder.join(path)).is_ok_and(|bytes| embedded::sha256(&bytes) == *digest)
            })
    }

    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(STAMP)).ok()?;
        toml::from_str(&text).ok()
    }

    fn render(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# Made by `cargo tls-slots fork`, which also changes it: do not edit this folder.\n{body}"
        )
    }
}

/// Whether the folder may be written to.
pub(super) fn check_ours(folder: &Path) -> Result<(), Error> {
    if folder.join(STAMP).is_file() {
        return Ok(());
    }
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::NotOurs(folder.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file of that name, or a folder that cannot be read.
        Err(_) => Err(Error::NotOurs(folder.to_owned())),
    }
}

/// Keeps a second run out of the fork folder until this one ends, however it ends.
pub(super) fn lock(out: &Path, progress: &Progress) -> Result<fs::File, Error> {
    let path = out.join(".tls-slots-fork.lock");
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| Error::Write(path.clone(), source))?;
    let deadline = Instant::now() + Duration::from_secs(600);
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::Error(source)) => return Err(Error::Write(path, source)),
            Err(fs::TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(Error::Busy(out.to_owned()));
            }
            Err(fs::TryLockError::WouldBlock) => {
                if !told {
                    progress.step("waiting for another `cargo tls-slots` in the same folder");
                    told = true;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Writes one crate's folder.
pub(super) fn write(out: &Path, name: &str, tree: &Tree, stamp: Stamp) -> Result<Outcome, Error> {
    let folder = out.join(name);
    // Asked again, now that no other run can be at it.
    check_ours(&folder)?;
    let beside = out.join(format!(".tls-slots-new-{name}"));
    remove_leftover(&beside)?;
    if folder.join(STAMP).is_file() {
        return update(&folder, tree, stamp);
    }

    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write(path, source)
    };
    fs::create_dir(&beside).map_err(failed(&beside))?;
    // The stamp first: a folder that is left over is known as ours.
    fs::write(
        beside.join(STAMP),
        Stamp {
            state: INCOMPLETE.to_owned(),
            ..stamp.clone()
        }
        .render(),
    )
    .map_err(failed(&beside))?;
    for (path, bytes) in tree {
        let path = beside.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, bytes).map_err(failed(&path))?;
    }
    replace_file(&beside.join(STAMP), stamp.render().as_bytes()).map_err(failed(&beside))?;
    // An empty folder in its place, which `check_ours` allows.
    match fs::remove_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Write(folder, error));
        }
        _ => {}
    }
    fs::rename(&beside, &folder).map_err(failed(&folder))?;
    Ok(Outcome::Written)
}

fn remove_leftover(folder: &Path) -> Result<(), Error> {
    let empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if folder.join(STAMP).is_file() || empty {
        fs::remove_dir_all(folder).map_err(|source| Error::Write(folder.to_owned(), source))?;
    } else if folder.exists() {
        return Err(Error::NotOurs(folder.to_owned()));
    }
    Ok(())
}

/// Brings a folder of ours up to date. Files that are right already are not touched, so cargo
/// does not build them again.
fn update(folder: &Path, tree: &Tree, stamp: Stamp) -> Result<Outcome, Error> {
    let before = Stamp::read(folder);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write(path, source)
    };
    let changed: Vec<(&String, &Vec<u8>)> = tree
        .iter()
        .filter(|(path, bytes)| !fs::read(folder.join(path)).is_ok_and(|old| old == **bytes))
        .collect();
    // Only what we wrote ourselves is ever removed.
    let mut stale: Vec<String> = Vec::new();
    if let Some(before) = &before {
        stale.extend(
            before
                .files
                .keys()
                .filter(|path| !tree.contains_key(*path) && stays_inside(path))
                .filter(|path| folder.join(path).is_file())
                .cloned(),
        );
    }
    // While files change, the stamp lists the old ones and the new ones.
    let mut during = stamp.clone();
    during.state = INCOMPLETE.to_owned();
    for path in &stale {
        during.files.insert(path.clone(), String::new());
    }
    replace_file(&folder.join(STAMP), during.render().as_bytes()).map_err(failed(folder))?;
    for (path, bytes) in &changed {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        replace_file(&path, bytes).map_err(failed(&path))?;
    }
    for path in &stale {
        let path = folder.join(path);
        fs::remove_file(&path).map_err(failed(&path))?;
    }
    replace_file(&folder.join(STAMP), stamp.render().as_bytes()).map_err(failed(folder))?;
    match changed.len() + stale.len() {
        0 => Ok(Outcome::UpToDate),
        count => Ok(Outcome::Updated(count)),
    }
}

/// Whether a path of a stamp, which anybody can edit, names a file in its own folder.
fn stays_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Replaces a file as a whole: a reader sees the old one or the new one.
pub(super) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".tls-slots-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    // A temporary file is private; what it replaces, or a file made the usual way, is not.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = match fs::metadata(path) {
            Ok(old) => old.permissions(),
            Err(_) => fs::Permissions::from_mode(0o644),
        };
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    fn stamp(tree: &Tree) -> Stamp {
        Stamp::new("a", Version::new(1, 0, 0), None, BTreeMap::new(), tree)
    }

    fn write_a(out: &Path, tree: &Tree) -> Result<Outcome, Error> {
        write(out, "a", tree, stamp(tree))
    }

    #[test]
    fn only_files_that_differ_are_written() {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("a");
        let first = tree(&[("src/a.rs", "a"), ("src/b.rs", "b"), ("gone.rs", "x")]);
        assert_eq!(write_a(out.path(), &first).unwrap(), Outcome::Written);
        fs::create_dir(folder.join("target")).unwrap();
        fs::write(folder.join("Cargo.lock"), "theirs").unwrap();
        let time = |path: &str| fs::metadata(folder.join(path)).unwrap().modified().unwrap();
        let (a, b) = (time("src/a.rs"), time("src/b.rs"));
        assert_eq!(write_a(out.path(), &first).unwrap(), Outcome::UpToDate);

        let second = tree(&[("src/a.rs", "a"), ("src/b.rs", "new"), ("src/c.rs", "c")]);
        assert_eq!(write_a(out.path(), &second).unwrap(), Outcome::Updated(3));
        assert_eq!(time("src/a.rs"), a);
        assert_ne!(time("src/b.rs"), b);
        assert!(!folder.join("gone.rs").exists());
        // What is not ours stays.
        assert!(folder.join("target").is_dir());
        assert_eq!(
            fs::read_to_string(folder.join("Cargo.lock")).unwrap(),
            "theirs"
        );
    }

    #[test]
    fn an_interrupted_run_is_repaired() {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("a");
        let files = tree(&[("src/a.rs", "a"), ("src/b.rs", "b")]);
        // Before the rename: only the folder beside it is there, half full.
        let beside = out.path().join(".tls-slots-new-a");
        fs::create_dir(&beside).unwrap();
        let mut half = stamp(&files);
        half.state = INCOMPLETE.to_owned();
        fs::write(beside.join(STAMP), half.render()).unwrap();
        fs::write(beside.join("junk"), "junk").unwrap();
        assert_eq!(write_a(out.path(), &files).unwrap(), Outcome::Written);
        assert!(!beside.exists() && !folder.join("junk").exists());

        // In the middle of an update: one file is old, one is gone.
        fs::write(folder.join(STAMP), half.render()).unwrap();
        fs::write(folder.join("src/a.rs"), "old").unwrap();
        fs::remove_file(folder.join("src/b.rs")).unwrap();
        let done = || Stamp::read(&folder).is_some_and(|stamp| stamp.holds(&folder));
        assert!(!done());
        assert_eq!(write_a(out.path(), &files).unwrap(), Outcome::Updated(2));
        assert!(done());

        // A stamp that is cut off counts as incomplete.
        fs::write(folder.join(STAMP), "crate = ").unwrap();
        assert!(!done());
        assert_eq!(write_a(out.path(), &files).unwrap(), Outcome::UpToDate);
        assert!(done());
        // So does a file that somebody changed.
        fs::write(folder.join("src/a.rs"), "changed").unwrap();
        assert!(!done());
    }

    #[test]
    fn a_folder_that_is_not_ours_is_not_touched() {
        let out = tempfile::tempdir().unwrap();
        let files = tree(&[("src/a.rs", "a")]);
        let folder = out.path().join("a");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("mine.txt"), "mine").unwrap();
        assert!(matches!(
            write_a(out.path(), &files),
            Err(Error::NotOurs(_))
        ));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_file(folder.join("mine.txt")).unwrap();
        assert_eq!(write_a(out.path(), &files).unwrap(), Outcome::Written);

        let file = out.path().join("b");
        fs::write(&file, "a file").unwrap();
        assert!(matches!(check_ours(&file), Err(Error::NotOurs(_))));
    }

    #[test]
    fn a_stamp_cannot_name_files_elsewhere() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("victim"), "x").unwrap();
        let files = tree(&[("src/a.rs", "a")]);
        write_a(out.path(), &files).unwrap();
        let mut evil = stamp(&files);
        evil.files.insert("../victim".to_owned(), String::new());
        fs::write(out.path().join("a").join(STAMP), evil.render()).unwrap();
        write_a(out.path(), &files).unwrap();
        assert!(out.path().join("victim").exists());
    }
}
