//! The user's `Cargo.toml`: the lines that put forks in the place of the registry's crates.
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "tls-slots-forks/tokio" }
//! ```
//!
//! Paths are relative to the file, so a project can be moved together with its forks. cargo reads
//! `[patch]` only from a workspace's root.

use std::path::{Path, PathBuf};

use toml_edit::{Item, Table};

use super::document::{parse, table};
use super::path::{relative, with_slashes};

/// Puts `lines`, pairs of a crate and the folder of its fork, into `[patch.crates-io]` of the
/// `Cargo.toml` in `folder`, and returns its new text.
///
/// A line of the same crate with another path is replaced. Applied to its own result, it changes
/// nothing.
///
/// # Errors
///
/// The end of a sentence whose subject is the `Cargo.toml`: it is no TOML, or its `patch` is no
/// table.
pub(crate) fn patch(
    text: &str,
    folder: &Path,
    lines: &[(String, PathBuf)],
) -> Result<String, String> {
    let mut cargo_toml = parse(text)?;
    let root = cargo_toml.as_table_mut();
    if !root.contains_key("patch") {
        let mut patch = Table::new();
        patch.set_implicit(true);
        root.insert("patch", Item::Table(patch));
    }
    let patch = table(root, "patch")?;
    let patches = table(patch, "crates-io")?;
    for (name, path) in lines {
        let path = with_slashes(&relative(folder, path));
        if patches
            .get(name)
            .and_then(Item::as_table_like)
            .and_then(|keys| keys.get("path"))
            .and_then(Item::as_str)
            == Some(&path)
        {
            continue;
        }
        let mut keys = toml_edit::InlineTable::new();
        keys.insert("path", path.into());
        patches.insert(name, toml_edit::value(keys));
    }
    Ok(cargo_toml.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_added_once_and_the_rest_stays() {
        let text = "[package]\nname = \"a\" # mine\n\n[patch.crates-io]\nother = { git = \"x\" }\n";
        let lines = [("tokio".to_owned(), PathBuf::from("/p/forks/tokio"))];
        let once = patch(text, Path::new("/p/host"), &lines).unwrap();
        assert_eq!(
            once,
            format!("{text}tokio = {{ path = \"../forks/tokio\" }}\n")
        );
        assert_eq!(patch(&once, Path::new("/p/host"), &lines).unwrap(), once);
        // A patch of the same crate elsewhere is replaced.
        let moved = patch(&once, Path::new("/p"), &lines).unwrap();
        assert!(moved.contains("tokio = { path = \"forks/tokio\" }"));
        let fresh = patch("[package]\nname = \"a\"\n", Path::new("/p"), &lines).unwrap();
        assert!(
            fresh.ends_with("\n[patch.crates-io]\ntokio = { path = \"forks/tokio\" }\n"),
            "{fresh}"
        );
    }
}
