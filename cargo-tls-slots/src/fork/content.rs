//! What a crate's folder is to hold, made in memory.
//!
//! | step | recipe | rule |
//! | --- | --- | --- |
//! | upstream's files, as cargo unpacked them | yes | yes |
//! | edits of the sources | the recipe's entries | the rule's |
//! | our files at the same paths | those of the folder with the crate's name | |
//! | the common seam, `external_tls.rs` | if the recipe says `keys` | the rule has its own |
//! | `Cargo.toml` | the recipe's additions, pins, `tls-keys` | pins, `tls-keys` |
//! | what the crate says about itself | yes | yes |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use super::error::Error;
use super::method::Method;
use crate::cargo_toml::{forks, ours};
use crate::recipe::Recipe;
use crate::source::edit;
use crate::source::problem::Problem;
use crate::source::root;
use crate::source::tokens::Source;
use crate::source::tree::Tree;
use crate::upstream::release::Upstream;
use crate::{by_rule, embedded, recipe, self_description};

/// The files of our own crates that a fork folder gets, beside `src/`.
const OUR_FILES: [&str; 3] = ["Cargo.toml", "build.rs", "README.md"];

/// The crate that is forked when there is nothing else to go by.
pub(super) const TOKIO: &str = "tokio";

/// Our own crates, which lie beside the forks.
pub(super) const OUR_CRATES: [&str; 6] = [
    "tls-keys",
    "tls-keys-macros",
    "tls-slots",
    "tls-slots-build",
    "tls-slots-load",
    "tls-slots-manifest",
];

/// The Rust module that the edits of most forks call.
const SEAM: &str = "patches/common/external_tls.rs";

/// The licences of our own crates. Upstream's crates keep theirs.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What a fork needs beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// The versions that dependencies are pinned to; empty where none is known.
    pub(super) pins: BTreeMap<String, String>,
    /// The releases of the crates that are forked along.
    pub(super) along: BTreeMap<String, Version>,
}

/// Why there is no fork.
pub(super) enum Failed {
    /// The recipe or the rule does not fit the release.
    Misfit(Vec<Problem>),
    /// Something else.
    Error(Error),
}

/// The name of the folder that a release of an upstream crate is forked into.
pub(super) fn folder(name: &str, version: &Version) -> String {
    format!("{name}-{version}")
}

/// Upstream's files, forked.
///
/// All problems of all steps are collected, so that one run says everything that does not fit. A
/// step that fails does not stop the next: its result is thrown away in the end anyway.
///
/// # Errors
///
/// [`Failed::Misfit`] with all problems, [`Failed::Error`] if a file cannot be read.
pub(super) fn forked(method: &Method, release: &Upstream, needs: &Needs) -> Result<Tree, Failed> {
    let (name, version) = (&release.name, &release.version);
    let mut tree = Tree::new();
    read_tree(&release.folder, "", &mut tree).map_err(Failed::Error)?;
    // What cargo packaged beside the sources. The lock file would pin other releases of the very
    // crates that are forked.
    for name in ["Cargo.toml.orig", "Cargo.lock"] {
        tree.remove(name);
    }
    let (applied, tests) = match method {
        Method::Rule => (
            by_rule::apply::apply(name, version, &mut tree).map(drop),
            Vec::new(),
        ),
        Method::Recipe(recipe) => {
            let mut applied = recipe::apply::apply(recipe, version, &mut tree);
            let (tests, problems) = lay_over(recipe, &mut tree);
            if !problems.is_empty() {
                applied = Err([applied.err().unwrap_or_default(), problems].concat());
            }
            (applied, tests)
        }
    };
    let mut problems = applied.err().unwrap_or_default();
    if let Err(message) = edit_cargo_toml(method, release, needs, &tests, &mut tree) {
        problems.push(Problem::new("Cargo.toml", None, message));
    }
    match problems.is_empty() {
        true => Ok(tree),
        false => Err(Failed::Misfit(problems)),
    }
}

/// Lays our files over upstream's, and the common seam. Returns the tests among our files, and what
/// is in the way.
///
/// Our files lie in the repository's folder of the crate's name, at the paths that they get: the
/// file `tokio/src/external_tls.rs` becomes `src/external_tls.rs`. One that upstream has as well is
/// a problem, as an overwritten file of upstream's would escape the recipe's eyes.
fn lay_over(recipe: &Recipe, tree: &mut Tree) -> (Vec<&'static str>, Vec<Problem>) {
    let mut tests = Vec::new();
    let mut problems = Vec::new();
    // Files at the top of our folder are about the folder.
    for (path, text) in embedded::below(&recipe.name).filter(|(path, _)| path.contains('/')) {
        if tree.contains_key(path) {
            let message = "is upstream's own, and a file of ours would overwrite it";
            problems.push(Problem::new(path, None, message));
        }
        let in_tests = path.strip_prefix("tests/");
        if in_tests.is_some_and(|name| name.ends_with(".rs") && !name.contains('/')) {
            tests.push(path);
        }
        tree.insert(path.to_owned(), text.as_bytes().to_vec());
    }
    if let Some(root) = &recipe.keys
        && let Err(message) = lay_seam(root, tree)
    {
        problems.push(Problem::new(root, None, message));
    }
    (tests, problems)
}

/// Adds the seam that forks have in common, and its declaration to the crate's root.
///
/// # Errors
///
/// The end of a sentence about the root: it is not there, or the seam's file is.
fn lay_seam(root: &str, tree: &mut Tree) -> Result<(), String> {
    let seam = embedded::file(SEAM).ok_or("the common seam is missing")?;
    let text = tree.get_mut(root).ok_or("is not there")?;
    let source = String::from_utf8_lossy(text).into_owned();
    let source = Source::parse(&source).map_err(|error| error.to_string())?;
    let edited = edit::apply(source.text, root::edits(&source));
    *text = edited
        .map_err(|_| "has edits that meet in one place")?
        .into_bytes();
    let path = "src/external_tls.rs";
    match tree.insert(path.to_owned(), seam.as_bytes().to_vec()) {
        None => Ok(()),
        Some(_) => Err(format!(
            "declares a module for {path}, which is there already"
        )),
    }
}

/// Edits `Cargo.toml`, and adds what the crate says about itself. That comes last: it holds a
/// digest of all sources, those of the steps before included.
///
/// # Errors
///
/// The end of a sentence about `Cargo.toml`.
fn edit_cargo_toml(
    method: &Method,
    release: &Upstream,
    needs: &Needs,
    tests: &[&str],
    tree: &mut Tree,
) -> Result<(), String> {
    let recipe = method.recipe();
    let additions = recipe
        .and_then(|recipe| recipe.cargo_toml.as_ref())
        .filter(|edit| edit.why.applies(&release.version))
        .map(|edit| {
            let folders = needs.along.iter();
            let folders = folders.map(|(name, version)| (&**name, folder(name, version)));
            edit.additions.with_folders(&folders.collect())
        });
    let upstream = tree
        .get("Cargo.toml")
        .map(|bytes| String::from_utf8_lossy(bytes));
    let upstream = upstream.unwrap_or_default().into_owned();
    let mut known = needs.pins.clone();
    known.retain(|_, version| !version.is_empty());
    let mut text = forks::fork(&upstream, additions.as_ref(), &known, tests)?;
    if recipe.is_none_or(|recipe| recipe.keys.is_some()) {
        text = forks::depend_on_keys(&text)?;
    }
    let table = toml::from_str(&upstream).unwrap_or_default();
    if let Some(record) = self_description::record(recipe, &release.version, &table) {
        let facts = self_description::Facts {
            name: &release.name,
            version: release.version.to_string(),
            checksum: &release.checksum,
            pins: &needs.pins,
        };
        self_description::add(&facts, &record, &text, tree)?;
    }
    tree.insert("Cargo.toml".to_owned(), text.into_bytes());
    Ok(())
}

/// Reads the files of a package's folder into `tree`, each path with `prefix` before it.
///
/// What cargo and version control keep at the top (`.cargo-ok`, `.cargo_vcs_info.json`) is left
/// out, and so is a `target/` of a vendored package that somebody built in its place.
pub(super) fn read_tree(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<(), Error> {
    let reading = Error::reading(folder);
    for entry in fs::read_dir(folder).map_err(&reading)? {
        let entry = entry.map_err(&reading)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        // `.cargo-ok`, `.cargo_vcs_info.json`, `.cargo-checksum.json`.
        if prefix.is_empty() && name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        let inside = format!("{prefix}{name}");
        if path.is_dir() {
            if inside != "target" {
                read_tree(&path, &format!("{inside}/"), tree)?;
            }
        } else {
            let bytes = fs::read(&path).map_err(Error::reading(&path))?;
            tree.insert(inside, bytes);
        }
    }
    Ok(())
}

/// One of our own crates, from inside the command, and its version.
///
/// It gets its sources, its build script, its README and our licences. Tests and benches stay in
/// this repository: they need the rest of it.
///
/// # Errors
///
/// [`Error::EditCargoToml`] if its `Cargo.toml` cannot stand on its own.
pub(super) fn ours(name: &str) -> Result<(Tree, Version), Error> {
    let wrong =
        |reason: String| Error::EditCargoToml(PathBuf::from(format!("{name}/Cargo.toml")), reason);
    let mut tree = Tree::new();
    let mut version = None;
    for (path, text) in embedded::below(name) {
        if !path.starts_with("src/") && !OUR_FILES.contains(&path) {
            continue;
        }
        let mut text = text.to_owned();
        if path == "Cargo.toml" {
            let workspace = embedded::file("Cargo.toml").unwrap_or_default();
            text = ours::stand_alone(&text, workspace).map_err(wrong)?;
            version = toml::from_str::<toml::Table>(&text)
                .ok()
                .and_then(|table| table["package"].get("version")?.as_str()?.parse().ok());
        }
        tree.insert(path.to_owned(), text.into_bytes());
    }
    for name in LICENCES {
        if let Some(text) = embedded::file(name) {
            tree.insert(name.to_owned(), text.as_bytes().to_vec());
        }
    }
    match version {
        Some(version) => Ok((tree, version)),
        None => Err(wrong("has no version".to_owned())),
    }
}
