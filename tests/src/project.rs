//! Projects that are built at test time.
//!
//! A fixture is a folder below `tests/fixtures`. It is copied below the target folder before it
//! is built, for two reasons: the lock file differs between the fork and the tokio of the
//! registry, and a test must leave the source tree as it was. Manifest lines that end in `# fork`
//! name what only the fork has; a copy for the tokio of the registry goes without them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use cargo_tls_slots::cargo;
use cargo_tls_slots::fork::{self, ForkOptions, Forked};
use cargo_tls_slots::with_causes;

use crate::process::{self, Ended};
use crate::sanitizer;

/// The longest that one cargo invocation may take.
const BUILD: Duration = Duration::from_secs(900);

/// Which tokio a project gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tokio {
    /// The fork, by patches on the command line.
    Fork,
    /// Upstream's, from the registry.
    Registry,
}

impl Tokio {
    /// The folder of its copies and target directories.
    fn folder(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Registry => "registry",
        }
    }
}

/// `tests/fixtures` of this package.
pub fn fixtures() -> PathBuf {
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
        let scratch = target.join("fixtures");
        fs::create_dir_all(&scratch).expect("the target folder is ours");
        scratch
    });
    &SCRATCH
}

/// Held while a project is copied or built: cargo would wait for its own locks in silence, and
/// two builds at a time are no faster.
pub struct Building(#[expect(dead_code, reason = "held for its lock")] File);

impl Building {
    /// Waits for the other test processes.
    pub fn begin() -> Self {
        let file = File::create(scratch().join("building")).expect("the target folder is ours");
        file.lock().expect("a file can be locked");
        Self(file)
    }
}

/// The fork, made once per run.
pub fn forked(_: &Building) -> &'static Forked {
    static FORKED: LazyLock<Forked> =
        LazyLock::new(|| fork_to(&scratch().join("forks"), &fixtures().join("Cargo.lock")));
    &FORKED
}

fn fork_to(out: &Path, lockfile: &Path) -> Forked {
    let mut options = ForkOptions::new(out);
    options.crates = vec!["tokio".parse().expect("a crate's name")];
    options.lockfile = Some(lockfile.to_owned());
    fork::fork(&options).unwrap_or_else(|error| panic!("the fork failed: {}", with_causes(&error)))
}

/// Another package in the lock file: name, version, and the registry's checksum.
pub type Locked = (&'static str, &'static str, &'static str);

/// Sources and forks of their own, as on another machine or of another day.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its folder, below the target folder's `fixtures`.
    pub folder: &'static str,
    /// What the lock file has in other versions. The forks are made from it, too.
    pub locked: &'static [Locked],
    /// Changes a file of the forks: its path below their folder, and its text.
    pub edit: Option<fn(&Path, &str) -> String>,
}

impl Place {
    /// The lock file: that one of the fixtures, but for what this place has in other versions.
    fn lock(&self, name: &str) -> Vec<u8> {
        let seed = fs::read_to_string(fixtures().join(name)).expect("the seed is there");
        let mut packages: Vec<String> = seed.split("\n\n").map(str::to_owned).collect();
        for (name, version, checksum) in self.locked {
            let head = format!("[[package]]\nname = \"{name}\"\n");
            let package = packages
                .iter_mut()
                .find(|package| package.starts_with(&head))
                .unwrap_or_else(|| panic!("{name} is not in the fixtures' lock file"));
            // What it depends on, cargo finds out.
            *package = format!(
                "{head}version = \"{version}\"\n\
                 source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                 checksum = \"{checksum}\""
            );
        }
        packages.join("\n\n").into_bytes()
    }

    /// Its forks. Cheap once they are there.
    fn forked(&self, _: &Building, of_crates: bool) -> Forked {
        let root = scratch().join(self.folder);
        let lock = root.join("Cargo.lock");
        write(&lock, &self.lock(lock_name(of_crates)));
        let fork_to = match of_crates {
            true => fork_crates_to,
            false => fork_to,
        };
        let Some(edit) = self.edit else {
            return fork_to(&root.join("forks"), &lock);
        };
        // A fork that was changed would be made anew each time.
        let mut forked = fork_to(&root.join("unedited"), &lock);
        let to = root.join("forks");
        edit_folder(&forked.dir, &to, Path::new(""), edit);
        for one in &mut forked.crates {
            one.dir = to.join(&one.name);
        }
        forked.dir = to;
        forked
    }
}

/// Copies the folder's files, edited.
fn edit_folder(from: &Path, to: &Path, below: &Path, edit: fn(&Path, &str) -> String) {
    for entry in fs::read_dir(from.join(below)).expect("a fork can be read") {
        let entry = entry.expect("a fork can be read");
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            edit_folder(from, to, &path, edit);
            continue;
        }
        let content = fs::read(entry.path()).expect("a fork can be read");
        match std::str::from_utf8(&content) {
            Ok(text) => write(&to.join(&path), edit(&path, text).as_bytes()),
            Err(_) => write(&to.join(&path), &content),
        }
    }
}

/// The forks of the crates' scenarios: every crate of their lock file that there is a recipe for.
pub fn forked_crates(_: &Building) -> &'static Forked {
    static FORKED: LazyLock<Forked> = LazyLock::new(|| {
        let lock = fixtures().join(lock_name(true));
        fork_crates_to(&scratch().join("forks-crates"), &lock)
    });
    &FORKED
}

fn fork_crates_to(out: &Path, lockfile: &Path) -> Forked {
    let mut options = ForkOptions::new(out);
    options.lockfile = Some(lockfile.to_owned());
    fork::fork(&options).unwrap_or_else(|error| panic!("the fork failed: {}", with_causes(&error)))
}

/// The lock file that the projects of `tests/fixtures` have: the crates' scenarios, and all others.
fn lock_name(of_crates: bool) -> &'static str {
    match of_crates {
        true => "crates.lock",
        false => "Cargo.lock",
    }
}

/// Writes a file unless it is as wanted: cargo looks at its time.
fn write(path: &Path, content: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == content) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder of ours");
    fs::write(path, content).expect("a folder of ours");
}

/// What a copy has and its fixture has not.
const OF_THE_COPY: [&str; 3] = ["Cargo.lock", ".seed", "target"];

fn copy_folder(from: &Path, to: &Path, tokio: Tokio) {
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
            copy_folder(&path, &to.join(name), tokio);
            continue;
        }
        let mut content = fs::read(&path).expect("a fixture can be read");
        if name == "Cargo.toml" && tokio == Tokio::Registry {
            let text = String::from_utf8(content).expect("a manifest is text");
            let kept: String = text
                .lines()
                .filter(|line| !line.ends_with("# fork"))
                .map(|line| format!("{line}\n"))
                .collect();
            content = kept.into_bytes();
        }
        write(&to.join(name), &content);
    }
}

/// A project to run cargo on.
#[derive(Clone, Debug)]
pub struct Project {
    tokio: Tokio,
    fixture: String,
    target: String,
    env: Vec<(String, String)>,
    place: Option<Place>,
}

impl Project {
    /// The fixture of that folder, with its own target directory.
    pub fn new(tokio: Tokio, fixture: &str) -> Self {
        Self {
            tokio,
            fixture: fixture.to_owned(),
            target: fixture.replace('/', "-"),
            env: Vec::new(),
            place: None,
        }
    }

    /// Another target directory than that of the same name.
    pub fn target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self
    }

    /// A variable for cargo.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sources and forks of that place, in the target directory that it would have anyway.
    pub fn at(mut self, place: Place) -> Self {
        assert_eq!(self.tokio, Tokio::Fork, "a place is about its forks");
        self.place = Some(place);
        self
    }

    /// The copies of all fixtures.
    fn sources(&self) -> PathBuf {
        let place = self.place.map(|place| place.folder);
        scratch()
            .join(place.unwrap_or(self.tokio.folder()))
            .join("src")
    }

    /// The copy that is built.
    pub fn folder(&self) -> PathBuf {
        self.sources().join(&self.fixture)
    }

    /// Its target directory.
    pub fn target_folder(&self) -> PathBuf {
        let targets = match sanitizer::chosen() {
            Some(sanitizer) => format!("target-{}", sanitizer.name()),
            None => "target".to_owned(),
        };
        scratch()
            .join(self.tokio.folder())
            .join(targets)
            .join(&self.target)
    }

    /// A built file of it, such as `release/host`.
    pub fn artifact(&self, path: &str) -> PathBuf {
        let folder = self.target_folder();
        match sanitizer::chosen() {
            Some(_) => folder.join(sanitizer::TARGET).join(path),
            None => folder.join(path),
        }
    }

    /// Runs cargo on it, with the patches as a user would give them.
    pub fn cargo(&self, building: &Building, arguments: &[&str]) -> Ended {
        copy_folder(&fixtures(), &self.sources(), self.tokio);
        let folder = self.folder();
        self.seed_lock(&folder);
        let (subcommand, arguments) = arguments.split_first().expect("a cargo command");
        let mut command = cargo();
        command.current_dir(&folder).arg(subcommand);
        if self.tokio == Tokio::Fork {
            // After the subcommand: `cargo --config … clippy` does not hand them on.
            let patches = match self.place {
                None if self.is_of_crates() => forked_crates(building).cargo_config_args(),
                None => forked(building).cargo_config_args(),
                Some(place) => place
                    .forked(building, self.is_of_crates())
                    .cargo_config_args(),
            };
            command.args(patches);
        }
        command
            .args(arguments)
            .env("CARGO_TARGET_DIR", self.target_folder());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(sanitizer) = sanitizer::chosen() {
            sanitizer.build(&mut command);
        }
        process::run(&mut command, BUILD)
    }

    /// Builds it; the test fails with cargo's words if that does.
    #[track_caller]
    pub fn build(&self, building: &Building, arguments: &[&str]) {
        self.cargo(building, arguments).assert_success();
    }

    /// Whether it is one of the crates' scenarios, which have forks and a lock file of their own.
    fn is_of_crates(&self) -> bool {
        self.fixture.starts_with("crates_")
    }

    /// All projects resolve alike: host and module must agree on mio and its like.
    fn seed_lock(&self, folder: &Path) {
        let name = lock_name(self.is_of_crates());
        let seed = match self.place {
            None => fs::read(fixtures().join(name)).expect("the seed is there"),
            Some(place) => place.lock(name),
        };
        let (lock, mark) = (folder.join("Cargo.lock"), folder.join(".seed"));
        if !lock.is_file() || fs::read(&mark).ok().as_ref() != Some(&seed) {
            write(&lock, &seed);
            write(&mark, &seed);
        }
    }
}

/// Cargo, without what the test's own cargo told this process.
pub fn cargo() -> Command {
    let mut command = match sanitizer::chosen() {
        Some(_) => sanitizer::cargo(),
        None => Command::new(cargo::program()),
    };
    cargo::isolate(&mut command);
    command
}

/// Does something once per test run, whichever process comes first.
///
/// Under `cargo test` a run is a process for this purpose, as cargo's own check costs little;
/// nextest names its runs.
pub fn once_per_run(name: &str, work: impl FnOnce(&Building)) {
    static DONE: LazyLock<Mutex<HashMap<String, bool>>> = LazyLock::new(Mutex::default);
    // Held during the work: the other threads of this process wait for it.
    let mut done = DONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match done.insert(name.to_owned(), false) {
        Some(true) => {
            done.insert(name.to_owned(), true);
            return;
        }
        Some(false) => panic!("{name} was not built: see the first test that failed"),
        None => {}
    }
    let building = Building::begin();
    let stamp = scratch().join(format!("{name}.run"));
    let run = std::env::var("NEXTEST_RUN_ID").ok();
    if run.is_none() || fs::read_to_string(&stamp).ok() != run {
        work(&building);
        if let Some(run) = run {
            fs::write(&stamp, run).expect("a folder of ours");
        }
    }
    done.insert(name.to_owned(), true);
}
