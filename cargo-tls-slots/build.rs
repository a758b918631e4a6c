//! Embeds what `fork` writes, so that the installed command needs no checkout of this
//! repository: the recipes, the files we lay over upstream's, and our own five crates.
//!
//! The result is one table, `embedded.rs`, of `(path from the repository's root, text)`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is embedded: every text file below these, but for the names in [`SKIPPED`].
const ROOTS: [&str; 8] = [
    "patches",
    "tokio",
    "tokio-macros",
    "tls-keys",
    "tls-slots",
    "tls-slots-build",
    "tls-slots-load",
    "tls-slots-manifest",
];

/// Build products, and tests that only make sense inside this repository.
const SKIPPED: [&str; 2] = ["target", "Cargo.lock"];

fn main() {
    let repository = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let mut files = Vec::new();
    for root in ROOTS {
        collect(&repository, Path::new(root), &mut files);
    }
    // The root's manifest is for what our crates inherit from it.
    for name in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT"] {
        if repository.join(name).is_file() {
            files.push(PathBuf::from(name));
        }
    }
    files.sort();

    let mut table = String::from("&[\n");
    for file in &files {
        let source = repository.join(file).canonicalize().unwrap();
        println!("cargo::rerun-if-changed={}", source.display());
        // `/` on every platform: these are paths of the repository, not of a file system.
        let name = file
            .components()
            .map(|part| part.as_os_str().to_str().unwrap())
            .collect::<Vec<_>>()
            .join("/");
        writeln!(table, "    ({name:?}, include_str!({source:?})),").unwrap();
    }
    table.push_str("]\n");

    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("embedded.rs");
    fs::write(out, table).unwrap();
}

fn collect(repository: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    // A new file must be seen too, and cargo compares a folder by its newest entry.
    println!(
        "cargo::rerun-if-changed={}",
        repository.join(folder).display()
    );
    let Ok(entries) = fs::read_dir(repository.join(folder)) else {
        return;
    };
    for entry in entries {
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
