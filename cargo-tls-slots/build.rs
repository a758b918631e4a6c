//! Embeds what `fork` writes, so that the installed command needs no checkout of this repository.
//!
//! | embedded | what for |
//! | --- | --- |
//! | the recipes, and the files that are laid over upstream's | they make the forks |
//! | our own crates | they are written beside the forks |
//! | the engine, which is this crate's own text | a fork of another engine is not up to date |
//!
//! The result is one table, `embedded.rs`, of `(path from the repository's root, text)`, sorted by
//! path. `src/embedded.rs` reads it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is embedded: every text file in these folders, but for the names in [`SKIPPED`].
const FOLDERS: [&str; 14] = [
    "patches",
    "tokio",
    "tokio-macros",
    "tls-keys",
    "tls-keys-macros",
    "tls-slots",
    "tls-slots-build",
    "tls-slots-load",
    "tls-slots-manifest",
    // What decides about a fork's text. The rest of this crate does not.
    "cargo-tls-slots/src/by_rule",
    "cargo-tls-slots/src/cargo_toml",
    "cargo-tls-slots/src/features",
    "cargo-tls-slots/src/recipe",
    "cargo-tls-slots/src/source",
];

/// Single files: what our crates inherit from, their licences, and the rest of the engine.
const FILES: [&str; 5] = [
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "cargo-tls-slots/src/fork/content.rs",
    "cargo-tls-slots/src/self_description.rs",
];

/// Names of what a build leaves in a folder.
const SKIPPED: [&str; 2] = ["target", "Cargo.lock"];

fn main() {
    let repository = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&repository, Path::new(folder), &mut files);
    }
    files.extend(FILES.map(PathBuf::from));

    let mut rows = Vec::new();
    for file in &files {
        let source = repository.join(file).canonicalize().unwrap();
        println!("cargo::rerun-if-changed={}", source.display());
        // `/` on every platform: these are paths of the repository, not of a file system.
        let name = file
            .components()
            .map(|part| part.as_os_str().to_str().unwrap())
            .collect::<Vec<_>>()
            .join("/");
        rows.push((name, source));
    }
    // As texts: `src/embedded.rs` looks paths up by their text.
    rows.sort();
    let mut table = String::from("&[\n");
    for (name, source) in rows {
        writeln!(table, "    ({name:?}, include_str!({source:?})),").unwrap();
    }
    table.push_str("]\n");

    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("embedded.rs");
    fs::write(out, table).unwrap();
}

/// Adds every file below `folder`, as a path from the repository's root.
fn collect(repository: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    // A new file must be seen too, and cargo compares a folder by its newest entry.
    println!(
        "cargo::rerun-if-changed={}",
        repository.join(folder).display()
    );
    for entry in fs::read_dir(repository.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let name = name
            .to_str()
            .expect("file names in the repository are UTF-8");
        if name.starts_with('.') || SKIPPED.contains(&name) {
            continue;
        }
        let path = folder.join(name);
        if entry.file_type().unwrap().is_dir() {
            collect(repository, &path, files);
        } else {
            files.push(path);
        }
    }
}
