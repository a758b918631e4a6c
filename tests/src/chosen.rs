//! Other releases for the scenarios about crates: those that `TLS_SLOTS_CRATES` names.
//!
//! The problem: the fixtures are built with the releases of `crates.lock`, and a recipe fits many
//! more. Each of them could be shared by half.
//!
//! The way: the variable names releases, blanks between, such as `foldhash@0.1.3 log@0.4.20`. The
//! fixtures' copies require exactly these, and cargo finds the rest, as new as these allow. (With
//! `crates.lock` it would keep what it has, such as a moka that wants a newer crossbeam.) Then the
//! same scenarios run. `cargo tls-slots releases --boundary`
//! sets the variable for the oldest, a middle and the newest release of each crate.
//!
//! A crate that no fixture names is used through another one, and some releases have another
//! interface. `USES` says what the fixtures use then.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, OnceLock};

use cargo_tls_slots::cargo;
use cargo_tls_slots::fork::Forked;
use semver::{Version, VersionReq};

use crate::building::Preparing;
use crate::forks::Lock;
use crate::process;
use crate::sources::{Tokio, copy_fixtures, scratch, seed_lock};

/// The longest that cargo may take to find the rest of the releases.
const RESOLVE: std::time::Duration = std::time::Duration::from_secs(120);

/// What the fixtures use to have releases of a crate.
struct Use {
    name: &'static str,
    /// The releases.
    range: &'static str,
    /// Other crates, with the requirements that they then get.
    others: &'static [(&'static str, &'static str)],
    /// A feature of `crates-iface` for what is different there; empty if nothing is.
    feature: &'static str,
}

const fn used(
    name: &'static str,
    range: &'static str,
    others: &'static [(&'static str, &'static str)],
) -> Use {
    Use {
        name,
        range,
        others,
        feature: "",
    }
}

/// What is used for releases that are not those of `crates.lock`.
const USES: &[Use] = &[
    // No hashbrown uses the first two.
    Use {
        feature: "foldhash_itself",
        ..used("foldhash", "<0.1.2", &[])
    },
    Use {
        feature: "foldhash_required",
        ..used("foldhash", ">=0.1.2, <0.2", &[("hashbrown", "0.15")])
    },
    Use {
        feature: "foldhash_required",
        ..used("foldhash", ">=0.2", &[])
    },
    used("parking_lot_core", "^0.8", &[("parking_lot", "0.11")]),
    used("parking_lot_core", ">=0.9, <0.9.11", &[("dashmap", "5")]),
    used("parking_lot_core", "^0.10", &[("parking_lot", "0.13")]),
];

/// Releases that take the place of those of `crates.lock`.
#[derive(Debug)]
pub struct Chosen {
    /// The crates, with the requirement for each.
    required: Vec<(String, String)>,
    /// The features of `crates-iface`.
    features: Vec<&'static str>,
    /// The folder of the copies, below [`scratch`].
    folder: PathBuf,
    /// The lock file that cargo has made of it.
    lock: OnceLock<String>,
}

impl Chosen {
    /// The releases that the variable names; `None` if it is not set.
    ///
    /// # Panics
    ///
    /// If the variable holds something else.
    pub fn of_environment() -> Option<&'static Self> {
        static CHOSEN: LazyLock<Option<Chosen>> = LazyLock::new(|| {
            let text = std::env::var("TLS_SLOTS_CRATES").ok()?;
            Some(Chosen::parse(&text))
        });
        CHOSEN.as_ref()
    }

    fn parse(text: &str) -> Self {
        let mut required = Vec::new();
        let mut features = Vec::new();
        for release in text.split_whitespace() {
            let (name, version) = release.split_once('@').expect("NAME@VERSION");
            let exact: Version = version.parse().expect("a version");
            required.push((name.to_owned(), format!("={version}")));
            for one in USES.iter().filter(|one| one.name == name) {
                if !VersionReq::parse(one.range)
                    .expect("a range")
                    .matches(&exact)
                {
                    continue;
                }
                let others = one.others.iter();
                required.extend(others.map(|(name, range)| (name.to_string(), range.to_string())));
                features.extend(Some(one.feature).filter(|feature| !feature.is_empty()));
            }
        }
        let mut hasher = DefaultHasher::new();
        required.hash(&mut hasher);
        Self {
            folder: PathBuf::from(format!("crates-{:016x}", hasher.finish())),
            required,
            features,
            lock: OnceLock::new(),
        }
    }

    /// The folder of the copies of all fixtures.
    pub(crate) fn sources(&self, tokio: Tokio) -> PathBuf {
        scratch()
            .join(&self.folder)
            .join(tokio.folder())
            .join("src")
    }

    /// Makes the copies of the fixtures.
    pub(crate) fn copy(&self, tokio: Tokio) {
        copy_fixtures(
            &self.sources(tokio),
            tokio,
            &|path, text| match path.ends_with("Cargo.toml") {
                true => self.edit(path, text),
                false => text,
            },
        );
    }

    /// A `Cargo.toml` of the fixtures with the requirements of these releases. `path` starts at
    /// the fixtures' folder.
    fn edit(&self, path: &Path, text: String) -> String {
        let of_crates = ["crates_host", "crates_iface", "crates_module"];
        if !of_crates.iter().any(|folder| path.starts_with(folder)) {
            return text;
        }
        let mut edited = String::new();
        let mut named = vec![false; self.required.len()];
        for line in text.lines() {
            let key = line.split(" = ").next().unwrap_or_default();
            let of = self.required.iter().position(|(name, _)| name == key);
            match (of, line.split_once("version = \"")) {
                (Some(at), Some((before, after))) => {
                    let after = after.split_once('"').expect("a text ends").1;
                    edited += &format!("{before}version = \"{}\"{after}", self.required[at].1);
                }
                (Some(at), None) => edited += &format!("{key} = \"{}\"", self.required[at].1),
                (None, _) => edited += line,
            }
            edited.push('\n');
            if let Some(at) = of {
                named[at] = true;
            }
        }
        let rest = self.required.iter().zip(named).filter(|(_, named)| !named);
        let rest: String = rest
            .map(|((name, version), _)| {
                format!("{name} = {{ version = \"{version}\", default-features = false }}\n")
            })
            .collect();
        if !path.starts_with("crates_iface") {
            return edited;
        }
        let features = format!("[features]\ndefault = {:?}\n", self.features);
        edited
            .replace("[features]\n", &features)
            .replace("[dependencies]\n", &format!("[dependencies]\n{rest}"))
    }

    /// The lock file that cargo makes of these releases.
    ///
    /// # Panics
    ///
    /// If there is no such lock file.
    pub(crate) fn lock(&self, _: &Preparing) -> &str {
        self.lock.get_or_init(|| {
            self.copy(Tokio::Registry);
            let project = self.sources(Tokio::Registry).join("crates_host");
            // What an earlier run has found may not allow what is required now.
            let _ = fs::remove_file(project.join(".seed"));
            seed_lock(&project, b"version = 4\n");
            let mut command = Command::new(cargo::program());
            cargo::isolate(&mut command);
            command
                .current_dir(&project)
                .args(["metadata", "--format-version", "1"]);
            process::run(&mut command, RESOLVE).assert_success();
            let lock =
                fs::read_to_string(project.join("Cargo.lock")).expect("cargo has written it");
            for (name, version) in &self.required {
                if let Some(version) = version.strip_prefix('=') {
                    let head = format!("name = \"{name}\"\nversion = \"{version}\"\n");
                    assert!(
                        lock.contains(&head),
                        "{name} {version} is not in the lock file"
                    );
                }
            }
            lock
        })
    }

    /// The forks of these releases.
    pub(crate) fn forked(&self, preparing: &Preparing) -> Forked {
        let place = scratch().join(&self.folder);
        let file = place.join("Cargo.lock");
        crate::sources::write(&file, self.lock(preparing).as_bytes());
        Lock::Crates.fork_to(&place.join("forks"), &file, &[])
    }
}
