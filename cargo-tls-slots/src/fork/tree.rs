//! What a crate's folder is to hold, made in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use super::Error;
use crate::engine::{self, Problem, Tree};
use crate::recipe::{ManifestEdit, Recipe};
use crate::upstream::Upstream;
use crate::{any, embedded, manifest, record};

/// The files of our own crates that a fork folder gets, beside `src/`.
const COMPANION_FILES: [&str; 3] = ["Cargo.toml", "build.rs", "README.md"];

/// The module that the edits of most forks call.
const SEAM: &str = "patches/common/external_tls.rs";

/// The licences of our own crates; upstream's crates keep theirs.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Upstream's files, with the recipe applied and ours laid over them.
///
/// `pins` are the versions that dependencies are pinned to; those without one are empty.
pub(super) fn forked(
    recipe: &Recipe,
    release: &Upstream,
    pins: &BTreeMap<String, String>,
) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    read_tree(&release.folder, "", &mut tree)?;
    // What cargo packaged beside the sources; the lock file would pin other releases of the
    // very crates that are forked.
    for name in ["Cargo.toml.orig", "Cargo.lock"] {
        tree.remove(name);
    }
    let applied = match recipe.automatic {
        true => any::apply(&release.name, &release.version, &mut tree).map(drop),
        false => engine::apply(recipe, &release.version, &mut tree),
    };
    let mut problems = applied.err().unwrap_or_default();

    // Our files. Those at the top of the folder are about the folder.
    let mut tests = Vec::new();
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
        && let Err(message) = lay_seam(root, &mut tree)
    {
        problems.push(Problem::new(root, None, message));
    }

    let edit = recipe
        .manifest
        .as_ref()
        .filter(|edit| edit.why.applies(&release.version));
    let manifest = tree
        .get("Cargo.toml")
        .map(|bytes| String::from_utf8_lossy(bytes));
    let upstream = manifest.unwrap_or_default().into_owned();
    let made = pinned(&upstream, edit, pins, &tests)
        .and_then(|text| match recipe.keys.is_some() || recipe.automatic {
            true => manifest::depend_on_keys(&text),
            false => Ok(text),
        })
        .and_then(|text| {
            let table = toml::from_str(&upstream).unwrap_or_default();
            if let Some(edit) = record::edit(recipe, &release.version, &table) {
                let facts = record::Facts {
                    name: &recipe.name,
                    version: release.version.to_string(),
                    checksum: &release.checksum,
                    pins,
                };
                record::add(&facts, &edit, &text, &mut tree)?;
            }
            Ok(text)
        });
    match made {
        Ok(text) => {
            tree.insert("Cargo.toml".to_owned(), text.into_bytes());
        }
        Err(message) => problems.push(Problem::new("Cargo.toml", None, message)),
    }
    let (name, version) = (recipe.name.clone(), release.version.clone());
    match recipe.automatic {
        _ if problems.is_empty() => Ok(tree),
        true => Err(Error::Unforkable {
            name,
            version,
            problems,
        }),
        false => Err(Error::Unfit {
            name,
            version,
            problems,
        }),
    }
}

/// The seam that forks have in common, and the module that declares it.
fn lay_seam(root: &str, tree: &mut Tree) -> Result<(), String> {
    let seam = embedded::file(SEAM).ok_or("the common seam is missing")?;
    let text = tree.get_mut(root).ok_or("is not there")?;
    // The 2015 edition does not know of dependencies by itself.
    text.extend_from_slice(
        b"\n#[allow(unused_extern_crates)]\nextern crate tls_keys;\n\n#[doc(hidden)]\npub mod external_tls;\n",
    );
    let path = "src/external_tls.rs";
    match tree.insert(path.to_owned(), seam.as_bytes().to_vec()) {
        None => Ok(()),
        Some(_) => Err(format!(
            "declares a module for {path}, which is there already"
        )),
    }
}

fn pinned(
    upstream: &str,
    edit: Option<&ManifestEdit>,
    pins: &BTreeMap<String, String>,
    tests: &[&str],
) -> Result<String, String> {
    let mut pins = pins.clone();
    pins.retain(|_, version| !version.is_empty());
    manifest::fork(upstream, edit, &pins, tests)
}

fn read_tree(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<(), Error> {
    let read = |source| Error::Read(folder.to_owned(), source);
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
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
            let bytes = fs::read(&path).map_err(|source| Error::Read(path.clone(), source))?;
            tree.insert(inside, bytes);
        }
    }
    Ok(())
}

/// One of our own crates, from inside the command.
pub(super) fn companion(name: &str) -> Result<(Tree, Version), Error> {
    let wrong =
        |reason: String| Error::EditManifest(PathBuf::from(format!("{name}/Cargo.toml")), reason);
    let mut tree = Tree::new();
    let mut version = None;
    for (path, text) in embedded::below(name) {
        if !path.starts_with("src/") && !COMPANION_FILES.contains(&path) {
            continue;
        }
        let mut text = text.to_owned();
        if path == "Cargo.toml" {
            let workspace = embedded::file("Cargo.toml").unwrap_or_default();
            text = manifest::stand_alone(&text, workspace).map_err(wrong)?;
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
