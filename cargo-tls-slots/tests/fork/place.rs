//! A project whose registry is a folder with crates of the test's own.
//!
//! Recipes that have no edits fit any release whose statics they name, so a crate of two lines in
//! the place of `foldhash` is forked as the real one is, in a moment and without a network.

use std::fs;
use std::path::{Path, PathBuf};

use snapbox::cmd::Command;

use crate::common::command;

/// The source of crates.io in lock files.
pub(crate) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A static that no recipe names.
pub(crate) const NEW_STATE: &str =
    "use std::sync::Mutex;\n\npub static NEW: Mutex<u8> = Mutex::new(1);\n";

/// A folder with projects and a registry.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder whose registry has these releases, `name@version` and the library's text.
    pub(crate) fn with(crates: &[(&str, &str)]) -> Self {
        let place = Place {
            folder: tempfile::tempdir().unwrap(),
        };
        place.write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = 'vendored'\n\
             [source.vendored]\ndirectory = 'vendor'\n",
        );
        fs::create_dir(place.path("vendor")).unwrap();
        for (spec, text) in crates {
            let (name, version) = spec.split_once('@').unwrap();
            let folder = format!("vendor/{name}-{version}");
            place.package(&folder, name, version, "", text);
            place.write(
                &format!("{folder}/.cargo-checksum.json"),
                &format!("{{\"files\":{{}},\"package\":\"{}\"}}", checksum(spec)),
            );
        }
        place
    }

    /// A path in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.path(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether there is something at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Writes a package. `more` is the rest of its `Cargo.toml`.
    pub(crate) fn package(&self, folder: &str, name: &str, version: &str, more: &str, text: &str) {
        self.write(
            &format!("{folder}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n{more}"
            ),
        );
        self.write(&format!("{folder}/src/lib.rs"), text);
    }

    /// Writes a project that is a workspace of its own, and its lock file if `locked` is not empty:
    /// `name@version` for a release of the registry, other packages as they are.
    pub(crate) fn project(&self, folder: &str, dependencies: &str, locked: &[&str]) {
        let more = format!("\n[workspace]\n\n[dependencies]\n{dependencies}");
        self.package(folder, "user", "0.0.0", &more, "");
        if !locked.is_empty() {
            self.write(&format!("{folder}/Cargo.lock"), &lock(locked));
        }
    }

    /// `cargo tls-slots` in a folder.
    pub(crate) fn command(&self, folder: &str, args: &[&str]) -> Command {
        command(&self.path(folder))
            .env("CARGO_HOME", self.path("empty-home"))
            .env("CARGO_NET_OFFLINE", "true")
            .args(args)
    }

    /// The names in a folder, sorted, but for hidden ones.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Has cargo resolve a project, as the next build would, and returns its lock file.
    pub(crate) fn resolve(&self, folder: &str) -> String {
        self.cargo(folder, &["metadata", "--format-version", "1"]);
        self.read(&format!("{folder}/Cargo.lock"))
    }

    /// Runs cargo in a folder, where it must succeed.
    pub(crate) fn cargo(&self, folder: &str, args: &[&str]) {
        let output = std::process::Command::new(env!("CARGO"))
            .args(args)
            .arg("--offline")
            .current_dir(self.path(folder))
            .env("CARGO_HOME", self.path("empty-home"))
            .output()
            .unwrap();
        let says = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{says}");
    }
}

/// The checksum of a release in the registry.
pub(crate) fn checksum(spec: &str) -> String {
    let mut sum = String::new();
    while sum.len() < 64 {
        sum += &format!(
            "{:02x}",
            spec.bytes()
                .fold(7_u8, |sum, byte| sum.rotate_left(3) ^ byte)
        );
    }
    sum
}

/// A lock file: `name@version` for a release of the registry, other packages as they are.
pub(crate) fn lock(locked: &[&str]) -> String {
    let mut text = "version = 4\n".to_owned();
    for one in locked {
        text += "\n[[package]]\n";
        text += &match one.split_once('@') {
            Some((name, version)) if !one.contains('\n') => format!(
                "name = \"{name}\"\nversion = \"{version}\"\nsource = \"{CRATES_IO}\"\n\
                 checksum = \"{}\"\n",
                checksum(one)
            ),
            _ => (*one).to_owned(),
        };
    }
    text
}

/// Whether a folder or file is as old as it was.
pub(crate) fn time(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}
