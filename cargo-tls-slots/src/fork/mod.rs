//! Makes forked crates in a folder.
//!
//! A fork folder holds, side by side, the forked upstream crates and our own:
//!
//! ```text
//! tls-slots-forks/
//!   tokio/         upstream + our files + the recipe's edits
//!   tokio-macros/  likewise
//!   tls-keys/      ours, from inside this command
//!   tls-slots/
//!   tls-slots-build/
//!   tls-slots-manifest/
//! ```
//!
//! Each crate's folder carries a stamp, `.tls-slots-fork.toml`. What it says decides what happens:
//!
//! | the folder                        | what `fork` does                                 |
//! | --------------------------------- | ------------------------------------------------ |
//! | is not there, or is empty         | writes beside it, then renames                   |
//! | has no stamp                      | refuses: it is not ours                          |
//! | stamp fits, files are as stamped  | nothing, and needs no network                    |
//! | stamp does not fit, or incomplete | rewrites the files that differ, and only those   |
//!
//! A run that is interrupted leaves a temporary folder or a stamp that says `incomplete`; the
//! next run clears the one and finishes the other. Files that are not ours in a folder that is
//! (a `target/`, a `Cargo.lock`) stay.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use semver::{Version, VersionReq};

use crate::any::Report;
use crate::engine::Problem;
use crate::lockfile::LockedPackage;
use crate::progress::Progress;
use crate::recipe::{Recipe, RecipeError};
use crate::upstream::{self, Upstream, UpstreamError, Wanted};
use crate::{cargo, manifest, record};

mod folder;
mod tree;

use folder::Stamp;

/// The file that marks a folder as ours.
pub const STAMP: &str = ".tls-slots-fork.toml";

/// The folder, in the current one, that forks go to when nothing else is said.
pub const DEFAULT_OUT: &str = "tls-slots-forks";

/// What is forked when there is nothing else to go by.
const TOKIO: &str = "tokio";

/// Those of our crates that only our others name: no project patches them.
const INNER: [&str; 1] = ["tls-slots-manifest"];

/// What to fork, and where to.
#[derive(Clone, Debug)]
pub struct ForkOptions {
    /// What to fork; empty means the crates of the lock file that there are recipes for, or `tokio`
    /// where there is none.
    pub crates: Vec<CrateSpec>,
    /// The folder that the forks go to.
    pub out: PathBuf,
    /// The lock file whose versions are forked. Without it, that of the workspace around
    /// [`folder`](Self::folder) or [`manifest_path`](Self::manifest_path) is used, if it has
    /// the crate.
    pub lockfile: Option<PathBuf>,
    /// More lock files, for the crates that the first does not hold.
    pub more_lockfiles: Vec<PathBuf>,
    /// The manifest whose workspace's lock file is used, instead of that around `folder`.
    pub manifest_path: Option<PathBuf>,
    /// Whether to do without the network.
    pub offline: bool,
    /// The folder whose cargo configuration holds; the current one, usually.
    pub folder: PathBuf,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl ForkOptions {
    /// Forks tokio to `out`, silently, as a command in the current folder would.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        ForkOptions {
            crates: Vec::new(),
            out: out.into(),
            lockfile: None,
            more_lockfiles: Vec::new(),
            manifest_path: None,
            offline: false,
            folder: PathBuf::from("."),
            progress: Progress::silent(),
        }
    }
}

/// A crate to fork: `NAME` or `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateSpec {
    /// The upstream crate.
    pub name: String,
    /// The release, if one was named.
    pub version: Option<Version>,
}

impl FromStr for CrateSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => {
                let exact = version.trim_start_matches('=');
                let parsed = exact.parse().map_err(|error| {
                    format!("`{version}` is no exact version such as 1.54.1 ({error})")
                })?;
                (name, Some(parsed))
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("`{name}` is no crate name"));
        }
        Ok(CrateSpec {
            name: name.to_owned(),
            version,
        })
    }
}

/// The forks that now exist.
#[derive(Clone, Debug)]
pub struct Forked {
    /// The fork folder, absolute.
    pub dir: PathBuf,
    /// Its crates.
    pub crates: Vec<ForkedCrate>,
}

/// One crate of a fork folder.
#[derive(Clone, Debug)]
pub struct ForkedCrate {
    /// The crate's name.
    pub name: String,
    /// Its version; for a forked crate, upstream's.
    pub version: Version,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Whether a project names it in `[patch.crates-io]`, or it only belongs to another.
    pub patched: bool,
    /// What had to be done.
    pub outcome: Outcome,
    /// Of a crate without a recipe: what became of its state.
    pub report: Option<Report>,
}

/// What a run did to one crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Written,
    /// So many of its files were changed, made or removed.
    Updated(usize),
    /// Nothing was written.
    UpToDate,
}

impl Forked {
    /// The lines for a manifest, with absolute paths.
    pub fn patch_lines(&self) -> String {
        let mut lines = String::from("[patch.crates-io]\n");
        for (name, path) in self.patches() {
            let path = toml::Value::String(manifest::slashes(&path));
            lines += &format!("{name} = {{ path = {path} }}\n");
        }
        lines
    }

    /// The arguments that give cargo the same patches for one run:
    /// `--config patch.crates-io.tokio.path="…"` and so on.
    ///
    /// cargo warns of a patch that a project does not use; [`build`](crate::build::build)
    /// leaves those out.
    pub fn cargo_config_args(&self) -> Vec<String> {
        self.config_args(|_| true)
    }

    /// As [`cargo_config_args`](Self::cargo_config_args), for some of the crates.
    pub(crate) fn config_args(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut args = Vec::new();
        for (name, path) in self.patches() {
            if wanted(&name) {
                let path = toml::Value::String(manifest::slashes(&path));
                args.push("--config".to_owned());
                args.push(format!("patch.crates-io.{name}.path={path}"));
            }
        }
        args
    }

    /// Puts the patches into a manifest, with paths relative to it.
    ///
    /// What else the manifest holds stays as it was; a manifest that has them is not written.
    /// Returns whether it was.
    ///
    /// # Errors
    ///
    /// [`Error::ReadManifest`], [`Error::EditManifest`] or [`Error::Write`].
    pub fn write_patches(&self, path: &Path) -> Result<bool, Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::ReadManifest(path.to_owned(), source))?;
        // The file itself, should the manifest be a link.
        let file = path
            .canonicalize()
            .map_err(|source| Error::ReadManifest(path.to_owned(), source))?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        let patched = manifest::patch(&text, folder, &self.patches())
            .map_err(|reason| Error::EditManifest(path.to_owned(), reason))?;
        if patched == text {
            return Ok(false);
        }
        folder::replace_file(&file, patched.as_bytes())
            .map_err(|source| Error::Write(path.to_owned(), source))?;
        Ok(true)
    }

    fn patches(&self) -> Vec<(String, PathBuf)> {
        self.crates
            .iter()
            .filter(|one| one.patched)
            .map(|one| (one.name.clone(), one.dir.clone()))
            .collect()
    }
}

/// Why a fork could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A crate without a recipe cannot be forked without one.
    #[error(
        "{name} {version} cannot be forked, and there is no recipe for it:{}",
        list(problems)
    )]
    Unforkable {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// Why.
        problems: Vec<Problem>,
    },
    /// The recipe is not meant for this release.
    #[error("{name} {version}{origin} is not supported; supported are: {supported}")]
    UnsupportedVersion {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// Where the version comes from.
        origin: String,
        /// The releases that the recipe is meant for.
        supported: String,
    },
    /// A lock file holds several releases that could be meant.
    #[error("{lockfile} holds {name} more than once; name one, as in `{name}@{version}`")]
    Ambiguous {
        /// The lock file.
        lockfile: PathBuf,
        /// The crate.
        name: String,
        /// One of the releases.
        version: Version,
    },
    /// A recipe file is wrong.
    #[error("this command carries a recipe that is wrong")]
    Recipe(#[from] RecipeError),
    /// A lock file cannot be read.
    #[error("cannot read the lock file {0}")]
    ReadLock(PathBuf, #[source] io::Error),
    /// A lock file is not one.
    #[error("{0} is no lock file")]
    ParseLock(PathBuf, #[source] toml::de::Error),
    /// The release cannot be had.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The release is not the one that was pinned or locked.
    #[error(
        "{release} has the checksum {found}, but {origin} says {wanted}: \
         this is not the release that the recipe was made for"
    )]
    Checksum {
        /// The crate and its version.
        release: String,
        /// What cargo got.
        found: String,
        /// What it should be.
        wanted: String,
        /// Who says so.
        origin: String,
    },
    /// The recipe does not fit the release.
    #[error(
        "the recipe patches/{name}.toml does not fit {name} {version}:{}",
        list(problems)
    )]
    Unfit {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// All that does not fit.
        problems: Vec<Problem>,
    },
    /// A folder is in the way.
    #[error(
        "{0} is not a fork of ours (it has no {STAMP}) and is not empty; \
         move it away, or choose another folder with --out"
    )]
    NotOurs(PathBuf),
    /// Another run has the folder.
    #[error("another `cargo tls-slots` has been working in {0} for ten minutes; end it first")]
    Busy(PathBuf),
    /// Something cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// Something cannot be written.
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    /// A manifest to be patched cannot be read.
    #[error("cannot read the manifest {0}")]
    ReadManifest(PathBuf, #[source] io::Error),
    /// A manifest cannot be edited.
    #[error("the manifest {0} {1}")]
    EditManifest(PathBuf, String),
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

/// A crate to be made.
struct Plan {
    name: String,
    /// Unknown for a crate that belongs to a release that is not pinned.
    version: Option<Version>,
    /// Where the version comes from, for messages.
    origin: String,
    /// The checksum that a lock file has for it.
    locked: Option<(String, PathBuf)>,
    /// None for our own crates.
    recipe: Option<Recipe>,
    patched: bool,
    /// The versions of its dependencies in the lock file, if that has this release.
    locked_dependencies: BTreeMap<String, Version>,
    /// Packages that the lock file has in one version.
    locked_others: BTreeMap<String, Version>,
}

impl Plan {
    /// The checksums that a release should have, and who says so.
    fn known_checksums(&self, version: &Version) -> Vec<(String, String)> {
        let pin = self.recipe.as_ref().and_then(|recipe| recipe.pin(version));
        let pinned = pin.map(|pin| (pin.checksum.clone(), "the recipe's pin".to_owned()));
        let locked = self
            .locked
            .as_ref()
            .map(|(checksum, path)| (checksum.clone(), path.display().to_string()));
        pinned.into_iter().chain(locked).collect()
    }
}

/// Makes the forks, or finds that they are there.
///
/// A release comes from cargo, with the configuration that holds in [`ForkOptions::folder`]. With
/// forks that are up to date neither cargo nor the network is used.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that failed. Nothing is written before all of the
/// releases are there and the recipes fit them.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::fork::{ForkOptions, fork};
///
/// let forked = fork(&ForkOptions::new("target/forks"))?;
/// std::process::Command::new("cargo")
///     .arg("build")
///     .args(forked.cargo_config_args())
///     .status()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fork(options: &ForkOptions) -> Result<Forked, Error> {
    let result = run(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

fn run(options: &ForkOptions) -> Result<Forked, Error> {
    let plans = plan(options)?;
    let out = std::path::absolute(&options.out)
        .map_err(|source| Error::Write(options.out.clone(), source))?;
    for plan in &plans {
        folder::check_ours(&out.join(&plan.name))?;
    }
    if let Some(crates) = plans
        .iter()
        .map(|plan| up_to_date(plan, &out))
        .collect::<Option<Vec<_>>>()
    {
        return finish(&out, crates);
    }

    // The releases.
    let wanted: Vec<Wanted> = plans
        .iter()
        .filter_map(|plan| {
            let recipe = plan.recipe.as_ref()?;
            Some(Wanted {
                name: plan.name.clone(),
                version: plan.version.clone(),
                along: !plan.patched,
                features: recipe.fetch_features.clone(),
                checksum: plan
                    .version
                    .as_ref()
                    .and_then(|version| plan.known_checksums(version).pop())
                    .map(|(checksum, _)| checksum),
            })
        })
        .collect();
    let names: Vec<String> = plans
        .iter()
        .filter(|plan| plan.recipe.is_some())
        .filter_map(|plan| match &plan.version {
            Some(version) => Some(format!("{} {version}", plan.name)),
            None => plan.patched.then(|| plan.name.clone()),
        })
        .collect();
    let names = names.join(" and ");
    options.progress.step(&format!("getting {names}"));
    let mut releases = upstream::get(&wanted, &options.folder, options.offline)?.into_iter();

    // The trees, all in memory: nothing is written before everything fits.
    options.progress.step(&format!("forking {names}"));
    let mut made = Vec::new();
    for plan in &plans {
        let (tree, version, upstreams) = match &plan.recipe {
            None => {
                let (tree, version) = tree::companion(&plan.name)?;
                (tree, version, None)
            }
            Some(recipe) => {
                let Some(release) = releases.next() else {
                    continue;
                };
                check_release(plan, recipe, &release)?;
                let pins = pins(plan, recipe, &release, &out, options)?;
                let tree = tree::forked(recipe, &release, &pins)?;
                (tree, release.version, Some((release.checksum, pins)))
            }
        };
        made.push((plan, tree, version, upstreams));
    }

    fs::create_dir_all(&out).map_err(|source| Error::Write(out.clone(), source))?;
    let _lock = folder::lock(&out, &options.progress)?;
    let mut crates = Vec::new();
    for (plan, tree, version, upstreams) in made {
        let (checksum, pins) = upstreams.unzip();
        let pins = pins.unwrap_or_default();
        let stamp = Stamp::new(&plan.name, version.clone(), checksum, pins, &tree);
        let outcome = folder::write(&out, &plan.name, &tree, stamp)?;
        crates.push(ForkedCrate {
            name: plan.name.clone(),
            version,
            dir: out.join(&plan.name),
            patched: plan.patched,
            outcome,
            report: Report::of(&out.join(&plan.name)),
        });
    }
    options.progress.done(&format!("forked {names}"));
    finish(&out, crates)
}

/// The versions that a crate's dependencies are pinned to: by package, empty where none is known.
///
/// cargo then enforces them, and what the crate says of them in its record is what was compiled. They come
/// from the first of these that has one:
///
/// 1. what the lock file says of this release;
/// 2. what an earlier run chose: a fork does not change because the registry has something new;
/// 3. a package that the lock file has for another reason, in a version that fits: cargo would take it;
/// 4. what cargo would choose today.
///
/// One that is in none of them (an optional dependency that was not vendored, say) stays open: nobody
/// can build with it now.
fn pins(
    plan: &Plan,
    recipe: &Recipe,
    release: &Upstream,
    out: &Path,
    options: &ForkOptions,
) -> Result<BTreeMap<String, String>, Error> {
    let path = release.folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|source| Error::Read(path, source))?;
    let upstream = toml::from_str(&text).unwrap_or_default();
    let Some(edit) = record::edit(recipe, &release.version, &upstream) else {
        return Ok(BTreeMap::new());
    };
    let earlier = Stamp::read(&out.join(&plan.name))
        .filter(|stamp| stamp.version == release.version)
        .map_or(BTreeMap::new(), |stamp| stamp.pins);
    let mut pins = BTreeMap::new();
    let mut open = BTreeMap::new();
    for (name, required) in record::requirements(&edit, &upstream) {
        let fits = |version: &&Version| {
            let required = VersionReq::parse(&required);
            required.is_ok_and(|required| required.matches(version))
        };
        let locked = plan.locked_dependencies.get(&name).map(Version::to_string);
        let earlier = earlier.get(&name).filter(|version| !version.is_empty());
        let other = plan.locked_others.get(&name).filter(fits);
        match locked
            .or(earlier.cloned())
            .or(other.map(Version::to_string))
        {
            Some(version) => pins.insert(name, version),
            None => open.insert(name, required),
        };
    }
    if !open.is_empty() {
        let mut chosen = upstream::resolve(&open, &options.folder, options.offline)?;
        for name in open.into_keys() {
            let version = chosen.remove(&name).map(|version| version.to_string());
            pins.insert(name, version.unwrap_or_default());
        }
    }
    Ok(pins)
}

fn finish(out: &Path, mut crates: Vec<ForkedCrate>) -> Result<Forked, Error> {
    // One spelling of a folder, whatever links lead to it: cargo tells packages apart by path.
    let dir = out
        .canonicalize()
        .map_err(|source| Error::Read(out.to_owned(), source))?;
    for one in &mut crates {
        one.dir = dir.join(&one.name);
    }
    Ok(Forked { dir, crates })
}

/// Decides what to fork in which version.
fn plan(options: &ForkOptions) -> Result<Vec<Plan>, Error> {
    let locked = locked_packages(options)?;
    let packages = locked.as_ref().map_or(&[][..], |(_, packages)| packages);
    let specs = match options.crates.is_empty() {
        true => all_of(packages)?,
        false => with_needed(options.crates.clone(), packages)?,
    };
    let recipes = specs
        .iter()
        .map(|spec| recipe(&spec.name))
        .collect::<Result<Vec<_>, _>>()?;
    // A crate that belongs to another one that is named has that one's choice of version.
    let belongs = |spec: &CrateSpec| {
        spec.version.is_none()
            && recipes
                .iter()
                .any(|recipe| recipe.with.contains(&spec.name))
    };
    let mut plans: Vec<Plan> = Vec::new();
    for (spec, recipe) in specs.iter().zip(&recipes) {
        if belongs(spec) {
            continue;
        }
        let recipe = recipe.clone();
        let found = match (&spec.version, &locked) {
            (None, Some(file)) => in_lock(spec, &recipe, file)?,
            _ => None,
        };
        let from_lock = found.is_some();
        let (version, origin, checksum) = match found {
            Some((version, origin, checksum)) => (Some(version), origin, checksum),
            None => {
                let version = spec.version.as_ref().or(recipe.default());
                (version.cloned(), String::new(), None)
            }
        };
        if let Some(version) = version.as_ref().filter(|it| !recipe.supports(it)) {
            return Err(unsupported(&recipe, version.clone(), origin));
        }
        let along: Vec<(String, Option<Version>)> = recipe
            .with
            .iter()
            .map(|name| {
                let pin = version.as_ref().and_then(|version| recipe.pin(version));
                let pinned = pin.and_then(|pin| pin.with.get(name));
                (name.clone(), pinned.cloned())
            })
            .collect();
        let mut companions = recipe.companions.clone();
        if companions.iter().any(|name| name == "tls-slots") {
            companions.extend(INNER.map(str::to_owned));
        }
        plans.retain(|plan| plan.name != spec.name);
        plans.push(Plan {
            name: spec.name.clone(),
            version,
            origin,
            locked: checksum,
            recipe: Some(recipe),
            patched: true,
            locked_dependencies: BTreeMap::new(),
            locked_others: BTreeMap::new(),
        });
        for (name, pinned) in along {
            if plans.iter().any(|plan| plan.name == name)
                || specs
                    .iter()
                    .any(|other| other.name == name && other.version.is_some())
            {
                continue;
            }
            let recipe = self::recipe(&name)?;
            // The lock file's, if this release is the lock file's too; otherwise what was tried
            // together.
            let spec = CrateSpec {
                name: name.clone(),
                version: None,
            };
            let along = match &locked {
                Some(file) if from_lock => in_lock(&spec, &recipe, file)?,
                _ => None,
            };
            let (version, origin, locked) = match along {
                Some((version, origin, checksum)) if recipe.supports(&version) => {
                    (Some(version), origin, checksum)
                }
                _ => (pinned, String::new(), None),
            };
            plans.push(Plan {
                name,
                version,
                origin,
                locked,
                recipe: Some(recipe),
                patched: false,
                locked_dependencies: BTreeMap::new(),
                locked_others: BTreeMap::new(),
            });
        }
        for name in companions {
            if !plans.iter().any(|plan| plan.name == name) {
                plans.push(Plan {
                    version: Some(tree::companion(&name)?.1),
                    patched: !INNER.contains(&name.as_str()),
                    name,
                    origin: String::new(),
                    locked: None,
                    recipe: None,
                    locked_dependencies: BTreeMap::new(),
                    locked_others: BTreeMap::new(),
                });
            }
        }
    }
    if let Some((_, packages)) = &locked {
        let mut others = BTreeMap::new();
        for package in packages {
            others
                .entry(package.name.clone())
                .and_modify(|version| *version = None)
                .or_insert(Some(package.version.clone()));
        }
        let others: BTreeMap<String, Version> = others
            .into_iter()
            .filter_map(|(name, version)| Some((name, version?)))
            .collect();
        for plan in plans.iter_mut().filter(|plan| plan.recipe.is_some()) {
            if let Some(version) = &plan.version {
                plan.locked_dependencies =
                    LockedPackage::dependencies_of(packages, &plan.name, version)
                        .unwrap_or_default();
                plan.locked_others = others.clone();
            }
        }
    }
    Ok(plans)
}

/// What is forked when nothing is named: the locked crates that there are recipes for, or tokio.
///
/// A crate of which only releases are locked that its recipe is not meant for is left out, but for
/// tokio: a program may well hold an old `log` that nothing of it shares.
fn all_of(packages: &[LockedPackage]) -> Result<Vec<CrateSpec>, Error> {
    let mut specs = Vec::new();
    let mut along = Vec::new();
    for name in Recipe::names() {
        let recipe = recipe(name)?;
        let locked = packages.iter().filter(|package| package.name == name);
        let (mut all, mut supported) = (0, 0);
        for package in locked {
            all += 1;
            supported += usize::from(recipe.supports(&package.version));
        }
        if supported > 0 || (all > 0 && name == TOKIO) {
            specs.push(CrateSpec {
                name: name.to_owned(),
                version: None,
            });
        }
        along.extend(recipe.with);
    }
    specs.retain(|spec| !along.contains(&spec.name));
    // As the folder is read from the top: tokio before the others.
    specs.sort_by_key(|spec| spec.name != TOKIO);
    if specs.is_empty() {
        specs.push(CrateSpec {
            name: TOKIO.to_owned(),
            version: None,
        });
    }
    Ok(specs)
}

/// The crates that are named, and those of the lock file that their state rests on.
fn with_needed(
    mut specs: Vec<CrateSpec>,
    packages: &[LockedPackage],
) -> Result<Vec<CrateSpec>, Error> {
    let mut at = 0;
    while at < specs.len() {
        if let Some(recipe) = Recipe::embedded(&specs[at].name) {
            for name in recipe?.needs {
                let locked = packages.iter().any(|package| package.name == name);
                if locked && specs.iter().all(|spec| spec.name != name) {
                    specs.push(CrateSpec {
                        name,
                        version: None,
                    });
                }
            }
        }
        at += 1;
    }
    Ok(specs)
}

/// The recipe for a crate; without one, all of its state is shared.
fn recipe(name: &str) -> Result<Recipe, Error> {
    Ok(match Recipe::embedded(name) {
        Some(recipe) => recipe?,
        None => Recipe::automatic(name),
    })
}

fn unsupported(recipe: &Recipe, version: Version, origin: String) -> Error {
    let supported: Vec<String> = recipe
        .supported
        .iter()
        .map(|range| {
            let pin = recipe.pins.iter().find(|pin| range.matches(&pin.version));
            let minor = range.to_string().trim_start_matches('~').to_owned();
            match pin {
                Some(pin) => format!("{minor} (tried with {})", pin.version),
                None => minor,
            }
        })
        .collect();
    Error::UnsupportedVersion {
        name: recipe.name.clone(),
        version,
        origin,
        supported: supported.join(", "),
    }
}

/// The packages of the lock file that is asked for or lies around, and its path.
fn locked_packages(options: &ForkOptions) -> Result<Option<(PathBuf, Vec<LockedPackage>)>, Error> {
    let path = match &options.lockfile {
        Some(path) => path.clone(),
        None => {
            let found =
                cargo::workspace_cargo_toml(&options.folder, options.manifest_path.as_deref())
                    .map(|manifest| manifest.with_file_name("Cargo.lock"))
                    .filter(|lock| lock.is_file());
            match found {
                Some(path) => path,
                None => return Ok(None),
            }
        }
    };
    let mut packages = LockedPackage::read(&path)?;
    for other in &options.more_lockfiles {
        let more = LockedPackage::read(other)?.into_iter();
        let known: Vec<String> = packages.iter().map(|one| one.name.clone()).collect();
        packages.extend(more.filter(|one| !known.contains(&one.name)));
    }
    Ok(Some((path, packages)))
}

/// A version, where it comes from, and the checksum of it there.
type Choice = (Version, String, Option<(String, PathBuf)>);

/// What a lock file holds of a crate.
fn in_lock(
    spec: &CrateSpec,
    recipe: &Recipe,
    (path, packages): &(PathBuf, Vec<LockedPackage>),
) -> Result<Option<Choice>, Error> {
    let mut all: Vec<&LockedPackage> = packages
        .iter()
        .filter(|package| package.name == spec.name)
        .collect();
    // An old major beside the one that is meant is common.
    if all.iter().any(|package| recipe.supports(&package.version)) {
        all.retain(|package| recipe.supports(&package.version));
    }
    match all[..] {
        [] => Ok(None),
        [package] => Ok(Some((
            package.version.clone(),
            format!(" (of {})", path.display()),
            // A crate that is patched to our fork already has none.
            package.checksum.clone().map(|sum| (sum, path.clone())),
        ))),
        [first, ..] => Err(Error::Ambiguous {
            lockfile: path.clone(),
            name: spec.name.clone(),
            version: first.version.clone(),
        }),
    }
}

/// The crate, if nothing has to be done for it.
fn up_to_date(plan: &Plan, out: &Path) -> Option<ForkedCrate> {
    let dir = out.join(&plan.name);
    let stamp = Stamp::read(&dir)?;
    let fits = stamp.name == plan.name
        && plan
            .version
            .as_ref()
            .is_none_or(|version| *version == stamp.version)
        && plan
            .locked
            .as_ref()
            .is_none_or(|(checksum, _)| stamp.checksum.as_ref() == Some(checksum))
        && stamp.pins.iter().all(|(name, pinned)| {
            let locked = plan.locked_dependencies.get(name);
            locked.is_none_or(|locked| locked.to_string() == *pinned)
        })
        && stamp.holds(&dir);
    fits.then(|| ForkedCrate {
        name: plan.name.clone(),
        version: stamp.version,
        patched: plan.patched,
        outcome: Outcome::UpToDate,
        report: Report::of(&dir),
        dir,
    })
}

fn check_release(plan: &Plan, recipe: &Recipe, release: &Upstream) -> Result<(), Error> {
    if !recipe.supports(&release.version) {
        return Err(unsupported(
            recipe,
            release.version.clone(),
            plan.origin.clone(),
        ));
    }
    for (wanted, origin) in plan.known_checksums(&release.version) {
        if wanted != release.checksum {
            return Err(Error::Checksum {
                release: format!("{} {}", release.name, release.version),
                found: release.checksum.clone(),
                wanted,
                origin,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<CrateSpec, String> {
        text.parse()
    }

    #[test]
    fn without_names_a_lock_file_says_what_is_forked() {
        let names = |lock: &[(&str, &str)]| -> Vec<String> {
            let packages: Vec<_> = lock
                .iter()
                .map(|(name, version)| LockedPackage {
                    name: (*name).to_owned(),
                    version: version.parse().unwrap(),
                    checksum: None,
                    dependencies: Vec::new(),
                })
                .collect();
            let specs = all_of(&packages).unwrap();
            specs.into_iter().map(|spec| spec.name).collect()
        };
        assert_eq!(names(&[]), ["tokio"]);
        assert_eq!(
            names(&[("log", "0.4.35"), ("serde", "1.0.0"), ("tokio", "1.54.1")]),
            ["tokio", "log"]
        );
        assert_eq!(names(&[("log", "0.4.35")]), ["log"]);
        // What belongs to another comes with it; a release that is not supported is no reason to
        // fail, unless it is of tokio.
        assert_eq!(names(&[("tokio-macros", "2.7.2")]), ["tokio"]);
        assert_eq!(names(&[("log", "0.3.9")]), ["tokio"]);
        assert_eq!(names(&[("tokio", "1.40.0")]), ["tokio"]);
    }

    #[test]
    fn what_a_crate_rests_on_is_forked_along() {
        let package = |name: &str| LockedPackage {
            name: name.to_owned(),
            version: Version::new(0, 9, 0),
            checksum: None,
            dependencies: Vec::new(),
        };
        let names = |lock: &[LockedPackage]| -> Vec<String> {
            let specs = vec!["rayon-core".parse().unwrap()];
            let specs = with_needed(specs, lock).unwrap();
            specs.into_iter().map(|spec| spec.name).collect()
        };
        assert_eq!(names(&[]), ["rayon-core"]);
        assert_eq!(
            names(&[package("crossbeam-epoch"), package("log")]),
            ["rayon-core", "crossbeam-epoch"]
        );
    }

    #[test]
    fn crates_are_named_with_or_without_a_version() {
        assert_eq!(spec("tokio").unwrap().version, None);
        let version = spec("tokio@1.54.1").unwrap().version;
        assert_eq!(version, Some(Version::new(1, 54, 1)));
        assert_eq!(spec("tokio@=1.54.1").unwrap().version, version);
        assert!(
            spec("tokio@1.54")
                .unwrap_err()
                .contains("no exact version such as 1.54.1")
        );
        assert!(spec("@1.0.0").is_err());
        assert!(spec("../tokio").unwrap_err().contains("no crate name"));
    }
}
