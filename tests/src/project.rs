//! Projects that are built at test time.
//!
//! A [`Project`] says how one fixture is built: its features, its profile, its flags. Each project
//! is built by a cargo invocation of its own, since host and module must not know of each other.
//!
//! They share one target folder all the same. What they have in common (tokio, say, where features
//! and profile are the same) is compiled once, and linked into each image: a host and a module have
//! their own copies of it, as they have when a stranger built the module. cargo tells builds that
//! differ apart by a hash in the names of their files, but the name of the final file has none: the
//! next build of the same fixture with other features would overwrite it. So [`Project::built`]
//! keeps the final file in a folder whose name stands for everything that the project says.
//!
//! A test that is about *different* target folders gives one of the projects its own
//! ([`Project::apart`]).

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_tls_slots::cargo;

use crate::building::{Building, Preparing, SHARED, once_per_run};
use crate::chosen::Chosen;
use crate::forks::{Lock, Place};
use crate::process::{self, Ended};
use crate::sanitizer;
use crate::sources::{SEED, Tokio, copy_fixtures, fixtures, other_release, scratch, seed_lock};

/// The longest that one cargo invocation may take.
const BUILD: Duration = Duration::from_secs(900);

/// Settings for dependencies, which save time and room and which no test looks at: a backtrace has
/// the names of functions without debug information, and `object` only reads the files of modules.
const DEPENDENCIES: [&str; 3] = [
    "profile.dev.package.\"*\".debug=false",
    "profile.release.package.\"*\".debug=false",
    "profile.release.package.object.opt-level=0",
];

/// One way to build a fixture.
#[derive(Clone, Debug)]
pub struct Project {
    tokio: Tokio,
    fixture: String,
    features: String,
    default_features: bool,
    release: bool,
    config: Vec<String>,
    last: Vec<String>,
    env: Vec<(String, String)>,
    place: Option<Place>,
    forks_inside: bool,
    chosen: Option<&'static Chosen>,
    apart: Option<&'static str>,
    triple: Option<&'static str>,
}

impl Project {
    /// The fixture of that folder, with the fork and default features, in the dev profile.
    pub fn new(fixture: &str) -> Self {
        Self {
            tokio: Tokio::Fork,
            fixture: fixture.to_owned(),
            features: String::new(),
            default_features: true,
            release: false,
            config: Vec::new(),
            last: Vec::new(),
            env: Vec::new(),
            place: None,
            forks_inside: false,
            chosen: None,
            apart: None,
            triple: None,
        }
    }

    /// With that tokio.
    pub fn tokio(mut self, tokio: Tokio) -> Self {
        self.tokio = tokio;
        self
    }

    /// With these features, commas or spaces between.
    pub fn features(mut self, features: &str) -> Self {
        self.features = features.to_owned();
        self
    }

    /// Without its default features.
    pub fn no_default_features(mut self) -> Self {
        self.default_features = false;
        self
    }

    /// In the release profile, or not.
    pub fn release(mut self, release: bool) -> Self {
        self.release = release;
        self
    }

    /// With this setting: `--config` of cargo.
    pub fn config(mut self, setting: &str) -> Self {
        self.config.push(setting.to_owned());
        self
    }

    /// With this argument for the last rustc, that of the fixture itself: `--` of `cargo rustc`.
    pub fn rustc(mut self, argument: &str) -> Self {
        self.last.push(argument.to_owned());
        self
    }

    /// With this variable in cargo's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With sources and forks of that place.
    pub fn at(mut self, place: Place) -> Self {
        assert_eq!(self.tokio, Tokio::Fork, "a place is about its forks");
        self.place = Some(place);
        self
    }

    /// With forks of its own in a folder of its own, as by `fork --out forks` in the project.
    pub fn forks_inside(mut self) -> Self {
        self.forks_inside = true;
        self
    }

    /// With these releases instead of those of the fixtures' lock file, if there are any.
    pub fn chosen(mut self, chosen: Option<&'static Chosen>) -> Self {
        self.chosen = chosen;
        self
    }

    /// In the target folder of that name, and not in the one that most projects share. Builds in
    /// two target folders may be made at the same time, as may builds in two profiles.
    pub fn apart(mut self, folder: &'static str) -> Self {
        self.apart = Some(folder);
        self
    }

    /// For a target that is named: `--target`.
    pub fn target(mut self, triple: &'static str) -> Self {
        self.triple = Some(triple);
        self
    }

    /// The copies of all fixtures.
    fn sources(&self) -> PathBuf {
        if let Some(chosen) = self.chosen {
            return chosen.sources(self.tokio);
        }
        let place = self.place.map(|place| place.folder);
        scratch()
            .join(place.unwrap_or(self.tokio.folder()))
            .join("src")
    }

    /// The name of the target folder, without a mark of the sanitizer.
    fn target_name(&self) -> &'static str {
        self.apart.unwrap_or(SHARED)
    }

    /// The target folder.
    fn target_folder(&self) -> PathBuf {
        let name = self.target_name();
        scratch().join(match sanitizer::chosen() {
            Some(sanitizer) => format!("{name}-{}", sanitizer.name()),
            None => name.to_owned(),
        })
    }

    /// Where cargo puts the final file of that name. The next build of a project that makes a file
    /// of the same name overwrites it.
    pub fn artifact(&self, file: &str) -> PathBuf {
        let mut folder = self.target_folder();
        let triple = self
            .triple
            .or(sanitizer::chosen().map(|_| sanitizer::TARGET));
        folder.extend(triple);
        folder
            .join(if self.release { "release" } else { "debug" })
            .join(file)
    }

    /// Runs cargo on it, with the patches as a user would give them. `arguments` begin with the
    /// subcommand.
    pub fn cargo(&self, _: &Building, arguments: &[&str]) -> Ended {
        let preparing = Preparing::begin();
        match self.chosen {
            None => {
                let edit = self.place.and_then(|place| place.edit);
                copy_fixtures(&self.sources(), self.tokio, &|path, text| match edit {
                    Some(edit) => edit(&Path::new("fixtures").join(path), &text),
                    None => text,
                });
            }
            Some(chosen) => chosen.copy(self.tokio),
        }
        let folder = self.sources().join(&self.fixture);
        let lock = Lock::of(&self.fixture);
        match (self.place, self.chosen) {
            (None, None) => seed_lock(&folder, lock.read().as_bytes()),
            (Some(place), _) => seed_lock(&folder, &place.lock(lock)),
            (None, Some(chosen)) => seed_lock(&folder, chosen.lock(&preparing).as_bytes()),
        }
        let (subcommand, arguments) = arguments.split_first().expect("a cargo command");
        let mut command = cargo();
        command.current_dir(&folder).arg(subcommand);
        if self.tokio == Tokio::Fork {
            // After the subcommand: `cargo --config … clippy` does not hand them on.
            let patches = match (self.place, self.chosen) {
                _ if self.forks_inside => lock
                    .fork_to(&folder.join("forks"), &folder.join(SEED), &[])
                    .cargo_config_args(),
                (None, None) => lock.forked(&preparing).cargo_config_args(),
                (Some(place), _) => place.forked(&preparing, lock).cargo_config_args(),
                (None, Some(chosen)) => chosen.forked(&preparing).cargo_config_args(),
            };
            if let Some(place) = self.place {
                command.args(place.vendor(&preparing, &folder, &patches));
            }
            command.args(patches);
        }
        drop(preparing);
        let settings = DEPENDENCIES.iter().copied();
        let settings = settings.filter(|_| sanitizer::chosen().is_none());
        for setting in settings.chain(self.config.iter().map(String::as_str)) {
            command.args(["--config", setting]);
        }
        if other_release().is_some_and(is_before_task_ids) {
            command.args(["--config", "build.rustflags=[\"--cfg\",\"tokio_unstable\"]"]);
        }
        if !self.features.is_empty() {
            command.args(["--features", &self.features]);
        }
        if !self.default_features {
            command.arg("--no-default-features");
        }
        if self.release {
            command.arg("--release");
        }
        command.args(self.triple.iter().flat_map(|triple| ["--target", triple]));
        command
            .args(arguments)
            .env("CARGO_TARGET_DIR", self.target_folder())
            .env("CARGO_INCREMENTAL", "0")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(sanitizer) = sanitizer::chosen() {
            sanitizer.build(&mut command);
        }
        process::run(&mut command, BUILD)
    }

    /// Builds the fixture, once per run, and gives its program or its shared library, under a path
    /// that no other build overwrites.
    #[track_caller]
    pub fn built(&self) -> PathBuf {
        let file = self.file();
        let name = format!("{}-{:016x}", self.fixture.replace('/', "-"), self.digest());
        let kept = scratch().join("built").join(&name).join(&file);
        once_per_run(&name, self.target_name(), self.release, |building| {
            let mut arguments = vec![if self.last.is_empty() {
                "build"
            } else {
                "rustc"
            }];
            if !self.last.is_empty() {
                arguments.push("--");
                arguments.extend(self.last.iter().map(String::as_str));
            }
            self.cargo(building, &arguments).assert_success();
            keep(&self.artifact(&file), &kept);
        });
        kept
    }

    /// The name of the final file: that of the package, as a program or as a shared library.
    fn file(&self) -> String {
        let path = fixtures().join(&self.fixture).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a fixture has a Cargo.toml");
        let name = text.lines().find_map(|line| line.strip_prefix("name = "));
        let name = name.expect("a package has a name").trim_matches('"');
        match text.contains("crate-type = [\"cdylib\"") {
            true => format!("lib{}.so", name.replace('-', "_")),
            false => name.to_owned(),
        }
    }

    /// A number for all that the project says, and for the sanitizer.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // A function's address in a place is another one in each process.
        let place = self.place.map(|place| place.folder);
        // What cargo makes of chosen releases is known after the first build only.
        let chosen = self.chosen.map(|chosen| chosen.sources(self.tokio));
        let rest = Self {
            place: None,
            chosen: None,
            ..self.clone()
        };
        format!("{rest:?} {place:?} {chosen:?} {:?}", sanitizer::chosen()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Whether a release of tokio has `task::id`, which the scenarios use, under `tokio_unstable` only.
fn is_before_task_ids(release: &str) -> bool {
    ["1.38.", "1.39.", "1.40."]
        .iter()
        .any(|minor| release.starts_with(minor))
}

/// Keeps a built file under another path. Nothing writes into a file that was built, so a second
/// name is enough. It takes the place of an older one by a rename, as that one may be running.
fn keep(built: &Path, kept: &Path) {
    let folder = kept.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("a folder of ours");
    let new = folder.join("new");
    let _ = fs::remove_file(&new);
    fs::hard_link(built, &new).expect("a folder of ours");
    fs::rename(&new, kept).expect("a folder of ours");
    // Where both were names of one file, the rename has left the first one.
    let _ = fs::remove_file(&new);
}

/// Cargo, without what the test's own cargo told this process.
fn cargo() -> Command {
    let mut command = match sanitizer::chosen() {
        Some(_) => sanitizer::cargo(),
        None => Command::new(cargo::program()),
    };
    cargo::isolate(&mut command);
    command
}
