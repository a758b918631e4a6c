//! One crate's folder: writes it so that an interrupted run can be repaired.
//!
//! A new folder is written beside its place and renamed. One that is there is brought up to date
//! file by file, because cargo goes by the files' times: what did not change must not be written.
//! The stamp says `incomplete` for as long as that takes, and lists all files that may be there.
//!
//! | interrupted | what is left | the next run |
//! | --- | --- | --- |
//! | before the rename | `.tls-slots-new-NAME`, with a stamp | removes it and starts again |
//! | during an update | old and new files, a stamp that says `incomplete` | finishes the update |
//! | while one file is replaced | a temporary file beside it | leaves the temporary file |
//!
//! Nothing is ever removed that a stamp of ours does not list: a `target/` or a `Cargo.lock` in the
//! folder is the user's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::Error;
use super::forked::Outcome;
use super::stamp::{STAMP, Stamp};
use crate::progress::Progress;
use crate::replace_file::replace_file;
use crate::source::tree::Tree;

/// How long a run waits for another one in the same folder.
const PATIENCE: Duration = Duration::from_secs(600);

/// Sees to it that a folder may be written to: it is a fork of ours, empty, or not there.
///
/// # Errors
///
/// [`Error::NotOurs`].
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

/// Keeps a second run out of the fork folder until the file is dropped, also by a crash.
///
/// # Errors
///
/// [`Error::Busy`] if another run keeps this one out for ten minutes, [`Error::Write`].
pub(super) fn lock(out: &Path, progress: &Progress) -> Result<fs::File, Error> {
    let path = out.join(".tls-slots-fork.lock");
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::writing(&path))?;
    let deadline = Instant::now() + PATIENCE;
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

/// Writes one crate's folder below `out`.
///
/// # Errors
///
/// [`Error::NotOurs`] or [`Error::Write`].
pub(super) fn write(out: &Path, name: &str, tree: &Tree, stamp: &Stamp) -> Result<Outcome, Error> {
    let folder = out.join(name);
    // Asked again, now that no other run can be at it.
    check_ours(&folder)?;
    let beside = out.join(format!(".tls-slots-new-{name}"));
    remove_leftover(&beside)?;
    if folder.join(STAMP).is_file() {
        return update(&folder, tree, stamp);
    }
    fs::create_dir(&beside).map_err(Error::writing(&beside))?;
    // The stamp first, and in one step: a folder that is left over is known as ours.
    let incomplete = stamp.incomplete().render();
    fs::write(beside.join(STAMP), incomplete).map_err(Error::writing(&beside))?;
    for (path, bytes) in tree {
        let path = beside.join(path);
        make_parent(&path)?;
        fs::write(&path, bytes).map_err(Error::writing(&path))?;
    }
    write_stamp(&beside, stamp)?;
    // An empty folder in its place, which `check_ours` allows.
    match fs::remove_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Write(folder, error));
        }
        _ => {}
    }
    fs::rename(&beside, &folder).map_err(Error::writing(&folder))?;
    Ok(Outcome::Written)
}

/// Removes what an interrupted run has left beside a folder's place. Something else of that name is
/// an error.
fn remove_leftover(folder: &Path) -> Result<(), Error> {
    if !folder.exists() {
        return Ok(());
    }
    check_ours(folder)?;
    fs::remove_dir_all(folder).map_err(Error::writing(folder))
}

/// Brings a folder of ours up to date. Files that are right already are not touched, so cargo
/// does not build them again.
///
/// In this order, so that the stamp is never wrong about what is there: the stamp says `incomplete`
/// and lists old and new files, files are written, files are removed, the stamp says `complete`.
fn update(folder: &Path, tree: &Tree, stamp: &Stamp) -> Result<Outcome, Error> {
    let changed: Vec<(&String, &Vec<u8>)> = tree
        .iter()
        .filter(|(path, bytes)| !fs::read(folder.join(path)).is_ok_and(|old| old == **bytes))
        .collect();
    // Only what we wrote ourselves is ever removed.
    let before = Stamp::read(folder).map_or(BTreeMap::new(), |before| before.files);
    let stale: Vec<&String> = before
        .keys()
        .filter(|path| !tree.contains_key(*path) && stays_inside(path))
        .filter(|path| folder.join(path).is_file())
        .collect();
    // While files change, the stamp lists the old ones and the new ones.
    let mut during = stamp.incomplete();
    for path in &stale {
        during.files.insert((*path).clone(), String::new());
    }
    write_stamp(folder, &during)?;
    for (path, bytes) in &changed {
        let path = folder.join(path);
        make_parent(&path)?;
        replace_file(&path, bytes).map_err(Error::writing(&path))?;
    }
    for path in &stale {
        let path = folder.join(path);
        fs::remove_file(&path).map_err(Error::writing(&path))?;
    }
    write_stamp(folder, stamp)?;
    match changed.len() + stale.len() {
        0 => Ok(Outcome::UpToDate),
        count => Ok(Outcome::Updated(count)),
    }
}

/// Replaces a folder's stamp.
fn write_stamp(folder: &Path, stamp: &Stamp) -> Result<(), Error> {
    replace_file(&folder.join(STAMP), stamp.render().as_bytes()).map_err(Error::writing(folder))
}

/// Makes the folder that a file is in, if it is not there.
fn make_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(Error::writing(folder)),
        None => Ok(()),
    }
}

/// Whether a path of a stamp, which anybody can edit, names a file in its own folder.
fn stays_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    fn stamp(tree: &Tree) -> Stamp {
        Stamp::new("a", Version::new(1, 0, 0), tree)
    }

    fn write_a(out: &Path, tree: &Tree) -> Result<Outcome, Error> {
        write(out, "a", tree, &stamp(tree))
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
        let half = stamp(&files).incomplete();
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
