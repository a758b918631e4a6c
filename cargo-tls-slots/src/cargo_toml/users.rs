//! The user's `Cargo.toml`: the lines that put forks in the place of the registry's crates.
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "tls-slots-forks/tokio-1.54.1" }
//! foldhash_0_1 = { package = "foldhash", path = "tls-slots-forks/foldhash-0.1.5" }
//! foldhash_0_2 = { package = "foldhash", path = "tls-slots-forks/foldhash-0.2.0" }
//! ```
//!
//! A key is the crate's name, unless several releases of it are patched: then `package` says the
//! name. Paths are relative to the file, so a project can be moved together with its forks. cargo
//! reads `[patch]` only from a workspace's root.

use std::path::{Path, PathBuf};

use toml_edit::{InlineTable, Item, Table, TableLike};

use super::document::{parse, table};
use super::path::{relative, with_slashes};

/// The two names that cargo knows crates.io by in `[patch]`.
const REGISTRIES: [&str; 2] = ["crates-io", "https://github.com/rust-lang/crates.io-index"];

/// What some editors put at the start of a file in UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A line of `[patch.crates-io]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatchLine {
    /// Its key.
    pub(crate) key: String,
    /// The crate that it patches.
    pub(crate) package: String,
    /// The folder that it leads to, absolute if the file's folder is. `None` if it leads to
    /// something else, such as a repository.
    pub(crate) path: Option<PathBuf>,
    /// Its text.
    pub(crate) text: String,
}

/// The patches of crates.io in the text of a `Cargo.toml` in `folder`.
///
/// # Errors
///
/// The end of a sentence whose subject is the file: it is no TOML.
pub(crate) fn lines(text: &str, folder: &Path) -> Result<Vec<PatchLine>, String> {
    let cargo_toml = parse(text)?;
    let patch = cargo_toml.get("patch").and_then(Item::as_table_like);
    let tables = REGISTRIES
        .iter()
        .filter_map(|registry| patch?.get(registry)?.as_table_like());
    Ok(tables
        .flat_map(TableLike::iter)
        .map(|(key, item)| {
            let part = |name: &str| item.as_table_like()?.get(name)?.as_str();
            PatchLine {
                key: key.to_owned(),
                package: part("package").unwrap_or(key).to_owned(),
                path: part("path").map(|path| folder.join(path)),
                text: format!("{key} = {}", item.to_string().trim()),
            }
        })
        .collect())
}

/// A line that patches a crate to the folder of its fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLine {
    /// Its key.
    pub(crate) key: String,
    /// The crate.
    pub(crate) package: String,
    /// The folder, absolute.
    pub(crate) path: PathBuf,
}

impl NewLine {
    /// What stands behind the key, in a file that is in `folder`.
    fn value(&self, folder: &Path) -> InlineTable {
        let mut keys = InlineTable::new();
        if self.key != self.package {
            keys.insert("package", (&*self.package).into());
        }
        keys.insert("path", with_slashes(&relative(folder, &self.path)).into());
        keys
    }
}

/// Takes the lines with the keys `old` out of the patches of crates.io, puts `new` in, and returns
/// the new text of the `Cargo.toml` in `folder`. A line that says the same already stays as it is.
///
/// Applied to its own result, it changes nothing. A byte order mark at the start stays, and so do
/// line ends of CR and LF, if all are of that kind.
///
/// # Errors
///
/// The end of a sentence whose subject is the `Cargo.toml`: it is no TOML, or its `patch` is no
/// table.
pub(crate) fn patch(
    text: &str,
    folder: &Path,
    old: &[String],
    new: &[NewLine],
) -> Result<String, String> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (BYTE_ORDER_MARK, body),
        None => ("", text),
    };
    let has_crlf =
        body.contains('\n') && body.matches('\n').count() == body.matches("\r\n").count();
    let patched = mark.to_owned() + &patch_body(body, folder, old, new)?;
    Ok(match has_crlf {
        true => patched.replace("\r\n", "\n").replace('\n', "\r\n"),
        false => patched,
    })
}

/// [`patch`], without regard to marks and line ends.
fn patch_body(
    text: &str,
    folder: &Path,
    old: &[String],
    new: &[NewLine],
) -> Result<String, String> {
    let mut cargo_toml = parse(text)?;
    let root = cargo_toml.as_table_mut();
    if !root.contains_key("patch") {
        if new.is_empty() {
            return Ok(text.to_owned());
        }
        let mut patch = Table::new();
        patch.set_implicit(true);
        root.insert("patch", Item::Table(patch));
    }
    let patch = table(root, "patch")?;
    for registry in REGISTRIES {
        let Some(patches) = patch.get_mut(registry).and_then(Item::as_table_like_mut) else {
            continue;
        };
        let stays =
            |key: &String| registry == REGISTRIES[0] && new.iter().any(|line| line.key == *key);
        let mut removed = false;
        for key in old.iter().filter(|key| !stays(key)) {
            removed |= patches.remove(key).is_some();
        }
        if removed && patches.is_empty() && (registry != REGISTRIES[0] || new.is_empty()) {
            patch.remove(registry);
        }
    }
    if new.is_empty() {
        return Ok(cargo_toml.to_string());
    }
    let patches = table(patch, REGISTRIES[0])?;
    for line in new {
        let value = line.value(folder);
        let same = |keys: &dyn TableLike| {
            keys.len() == value.len()
                && value
                    .iter()
                    .all(|(key, value)| keys.get(key).and_then(Item::as_str) == value.as_str())
        };
        let there = patches.get(&line.key).and_then(Item::as_table_like);
        if !there.is_some_and(same) {
            patches.insert(&line.key, toml_edit::value(value));
        }
    }
    Ok(cargo_toml.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str, package: &str, path: &str) -> NewLine {
        NewLine {
            key: key.to_owned(),
            package: package.to_owned(),
            path: PathBuf::from(path),
        }
    }

    #[test]
    fn patches_are_added_once_and_the_rest_stays() {
        let text = "[package]\nname = \"a\" # mine\n\n[patch.crates-io]\nother = { git = \"x\" }\n";
        let tokio = [line("tokio", "tokio", "/p/forks/tokio-1.2.3")];
        let patch = |text: &str, folder: &str, old: &[&str], new: &[NewLine]| {
            let old: Vec<String> = old.iter().map(|&key| key.to_owned()).collect();
            patch(text, Path::new(folder), &old, new).unwrap()
        };
        let once = patch(text, "/p/host", &[], &tokio);
        assert_eq!(
            once,
            format!("{text}tokio = {{ path = \"../forks/tokio-1.2.3\" }}\n")
        );
        assert_eq!(patch(&once, "/p/host", &["tokio"], &tokio), once);
        let moved = patch(&once, "/p", &["tokio"], &tokio);
        assert!(moved.contains("tokio = { path = \"forks/tokio-1.2.3\" }"));
        // A line that is taken out leaves nothing behind.
        assert_eq!(patch(&once, "/p/host", &["tokio"], &[]), text);
        let plain = "[package]\nname = \"a\"\n";
        let fresh = patch(plain, "/p", &[], &tokio);
        assert!(
            fresh.ends_with("\n[patch.crates-io]\ntokio = { path = \"forks/tokio-1.2.3\" }\n"),
            "{fresh}"
        );
        assert_eq!(
            patch(&fresh, "/p", &["tokio"], &[]).trim_end(),
            plain.trim_end()
        );
        assert_eq!(patch(plain, "/p", &[], &[]), plain);
    }

    #[test]
    fn line_ends_and_a_mark_stay() {
        let text = "\u{feff}[package]\r\nname = \"a\" # mine\r\n";
        let new = [line("b", "b", "/p/f/b-1.0.0")];
        let once = patch(text, Path::new("/p"), &[], &new).unwrap();
        let lines = "\r\n[patch.crates-io]\r\nb = { path = \"f/b-1.0.0\" }\r\n";
        assert_eq!(once, format!("{text}{lines}"));
        let again = patch(&once, Path::new("/p"), &["b".to_owned()], &new);
        assert_eq!(again.unwrap(), once);
        // One line end of the other kind: which one is meant is not known.
        let mixed = "[package]\nname = \"a\"\r\n";
        let text = patch(mixed, Path::new("/p"), &[], &new).unwrap();
        assert!(text.contains("[package]\n"), "{text:?}");
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let new = [line("a_0_1", "a", "/p/f/a-0.1.0"), line("b", "b", "/p/f/b")];
        let text = patch("", Path::new("/p"), &[], &new).unwrap();
        let read = lines(&text, Path::new("/p")).unwrap();
        assert_eq!(read[0].key, "a_0_1");
        assert_eq!(read[0].package, "a");
        assert_eq!(read[1].path.as_deref(), Some(Path::new("/p/f/b")));
        let git = "[patch.'https://github.com/rust-lang/crates.io-index']\nc = { git = 'x' }\n";
        let read = lines(git, Path::new("/p")).unwrap();
        assert_eq!(read[0].path, None);
        assert_eq!(read[0].text, "c = { git = 'x' }");
    }
}
