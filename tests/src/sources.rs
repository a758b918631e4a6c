//! The copies of the fixtures that are built.
//!
//! A fixture is a folder below `tests/fixtures`. It is not built where it stands, for two reasons:
//! the lock file differs between the fork and the tokio of the registry, and a test must leave the
//! source tree as it was. So all fixtures are copied below the target folder first. A line of a
//! `Cargo.toml` that ends in `# fork` names what only the fork has; a copy for the tokio of the
//! registry goes without these lines.
//!
//! Whatever is written here is written only if it differs, because cargo looks at the time of a
//! file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Which tokio a project gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tokio {
    /// The fork, by patches on the command line.
    Fork,
    /// Upstream's, from the registry.
    Registry,
}

impl Tokio {
    /// The folder of its copies.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Registry => "registry",
        }
    }
}

/// The release of tokio that stands in for the one of the fixtures' lock file, if the environment
/// names one: `TLS_SLOTS_TOKIO=1.43.4`. So the same scenarios run on older releases.
pub(crate) fn other_release() -> Option<&'static str> {
    static RELEASE: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("TLS_SLOTS_TOKIO").ok());
    RELEASE.as_deref()
}

/// `tests/fixtures` of this package.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The folder below the workspace's target folder that is ours.
pub fn scratch() -> &'static Path {
    static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().expect("a test has a path");
        // Cargo marks every target folder by this file.
        let target = test
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").is_file())
            .unwrap_or_else(|| panic!("{} is in no target folder", test.display()));
        let scratch = target.join(match other_release() {
            None => "fixtures".to_owned(),
            Some(release) => format!("fixtures-tokio-{release}"),
        });
        fs::create_dir_all(&scratch).expect("the target folder is ours");
        scratch
    });
    &SCRATCH
}

/// Writes a file, unless it has this content already.
pub(crate) fn write(path: &Path, content: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == content) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder of ours");
    fs::write(path, content).expect("a folder of ours");
}

/// What a copy has and its fixture has not.
const OF_THE_COPY: [&str; 4] = ["Cargo.lock", SEED, "forks", "target"];

/// The lock file as the project was given it, before cargo has changed that.
pub(crate) const SEED: &str = ".seed";

/// Makes a folder of copies be what `tests/fixtures` is now.
/// `edit` gets the path and the text of each text file, and returns its text in the copy.
pub(crate) fn copy_fixtures(to: &Path, tokio: Tokio, edit: &dyn Fn(&Path, String) -> String) {
    copy_folder(&fixtures(), to, tokio, edit);
}

fn copy_folder(from: &Path, to: &Path, tokio: Tokio, edit: &dyn Fn(&Path, String) -> String) {
    // A file that is gone from the fixture must not be built any more.
    for entry in fs::read_dir(to).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if from.join(&name).exists() || OF_THE_COPY.iter().any(|own| name == *own) {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.expect("a folder of ours");
    }
    for entry in fs::read_dir(from).expect("a fixture can be read") {
        let entry = entry.expect("a fixture can be read");
        let (path, name) = (entry.path(), entry.file_name());
        if OF_THE_COPY.iter().any(|own| name == *own) {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(name), tokio, edit);
            continue;
        }
        let content = fs::read(&path).expect("a fixture can be read");
        let content = match String::from_utf8(content) {
            Ok(mut text) => {
                if name == "Cargo.toml" && tokio == Tokio::Registry {
                    text = text
                        .lines()
                        .filter(|line| !line.ends_with("# fork"))
                        .map(|line| format!("{line}\n"))
                        .collect();
                }
                let below = path.strip_prefix(fixtures()).expect("it is in the folder");
                edit(below, text).into_bytes()
            }
            Err(error) => error.into_bytes(),
        };
        write(&to.join(name), &content);
    }
}

/// Gives a project a lock file: all projects resolve alike, since host and module must agree on mio
/// and its like. cargo may have added to the lock file since; that stays, until the seed changes.
pub(crate) fn seed_lock(project: &Path, seed: &[u8]) {
    let (lock, mark) = (project.join("Cargo.lock"), project.join(SEED));
    if !lock.is_file() || fs::read(&mark).ok().as_deref() != Some(seed) {
        write(&lock, seed);
        write(&mark, seed);
    }
}
