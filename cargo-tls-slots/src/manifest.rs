//! Edits of manifests, with their comments and their order kept.
//!
//! Three kinds: upstream's own manifest gets the feature and the dependencies of the fork; our
//! crates' manifests lose what ties them to this repository's workspace; a user's manifest gets
//! the patch lines.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use crate::recipe::ManifestEdit;

/// Edits upstream's manifest for the fork. An error is one sentence.
pub(crate) fn fork(
    text: &str,
    edit: Option<&ManifestEdit>,
    pins: &BTreeMap<String, String>,
    tests: &[&str],
) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let root = manifest.as_table_mut();
    if root.contains_key("workspace") {
        return Err("has a `[workspace]` already".to_owned());
    }
    if let Some(edit) = edit {
        let features = table(root, "features")?;
        for (name, enables) in &edit.features {
            if features.contains_key(name) {
                return Err(format!("has a feature `{name}` already"));
            }
            features.insert(name, Item::Value(enables.iter().collect::<Array>().into()));
        }
        let dependencies = table(root, "dependencies")?;
        for (name, keys) in &edit.dependencies {
            let dependency = match dependencies.entry(name) {
                toml_edit::Entry::Occupied(entry) => entry.into_mut(),
                toml_edit::Entry::Vacant(entry) => entry.insert(Item::Table(Table::new())),
            };
            // `name = "1.0"` must become a table first.
            if let Some(version) = dependency.as_str().map(str::to_owned) {
                let mut keys = Table::new();
                keys.insert("version", toml_edit::value(version));
                *dependency = Item::Table(keys);
            }
            let dependency = dependency
                .as_table_like_mut()
                .ok_or_else(|| format!("has a dependency `{name}` that is no table"))?;
            for (key, value) in keys {
                dependency.insert(key, Item::Value(convert(value)?));
            }
        }
        if !edit.check_cfg.is_empty() {
            let lints = table(root, "lints")?;
            let rust = child(lints, "rust")?;
            let lint = child(rust, "unexpected_cfgs")?;
            let list = lint
                .entry("check-cfg")
                .or_insert(Item::Value(Array::new().into()))
                .as_array_mut()
                .ok_or("has a `check-cfg` that is no list")?;
            list.extend(edit.check_cfg.iter());
            lint.entry("level").or_insert(toml_edit::value("warn"));
        }
    }
    pin(root, pins);
    if !tests.is_empty() {
        let targets = root
            .entry("test")
            .or_insert(Item::ArrayOfTables(toml_edit::ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or("has `test` targets that are no tables")?;
        for path in tests {
            let name = Path::new(path)
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or(path);
            let mut target = Table::new();
            target.insert("name", toml_edit::value(name));
            target.insert("path", toml_edit::value(*path));
            targets.push(target);
        }
    }
    Ok(own_workspace(manifest))
}

/// Gives a fork the dependency of the common seam: `tls-keys`, beside it, without the feature that
/// only hosts and modules turn on.
pub(crate) fn depend_on_keys(text: &str) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let dependencies = table(manifest.as_table_mut(), "dependencies")?;
    if dependencies.contains_key("tls-keys") {
        return Err("has a dependency `tls-keys` already".to_owned());
    }
    let mut keys = toml_edit::InlineTable::new();
    keys.insert("path", "../tls-keys".into());
    keys.insert("default-features", false.into());
    dependencies.insert("tls-keys", Item::Value(Value::InlineTable(keys)));
    // cargo is silent about what rustc thinks of a registry's crates; this one is a path.
    let lints = table(manifest.as_table_mut(), "lints")?;
    child(lints, "rust")?.insert("warnings", toml_edit::value("allow"));
    Ok(manifest.to_string())
}

/// Sets the versions of dependencies, by package, to one release each, for every platform: cargo then
/// takes that release or says why it cannot.
fn pin(root: &mut Table, pins: &BTreeMap<String, String>) {
    let pin_in = |dependencies: Option<&mut Item>| {
        let dependencies = dependencies.and_then(Item::as_table_like_mut);
        for (key, dependency) in dependencies.into_iter().flat_map(|table| table.iter_mut()) {
            let package = dependency.get("package").and_then(Item::as_str);
            let Some(version) = pins.get(package.unwrap_or(key.get())) else {
                continue;
            };
            let version = toml_edit::value(format!("={version}"));
            match dependency.as_table_like_mut() {
                Some(keys) => {
                    keys.insert("version", version);
                }
                None => *dependency = version,
            }
        }
    };
    pin_in(root.get_mut("dependencies"));
    let targets = root.get_mut("target").and_then(Item::as_table_like_mut);
    for (_, target) in targets.into_iter().flat_map(|table| table.iter_mut()) {
        let target = target.as_table_like_mut();
        pin_in(target.and_then(|tables| tables.get_mut("dependencies")));
    }
}

/// Makes the manifest of one of our crates stand on its own: what it inherits from `workspace`
/// (the text of this repository's root manifest) is written out, and what only makes sense in
/// the repository is left out.
pub(crate) fn stand_alone(text: &str, workspace: &str) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let workspace = parse(workspace)?;
    let root = manifest.as_table_mut();
    let shared = &workspace["workspace"]["package"];
    let package = table(root, "package")?;
    let inherited: Vec<String> = package
        .iter()
        .filter(|(_, item)| inherits(item))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in inherited {
        let value = shared
            .get(&key)
            .and_then(Item::as_value)
            .ok_or_else(|| format!("inherits `{key}`, which the workspace does not have"))?;
        package.insert(&key, Item::Value(value.clone().decorated(" ", "")));
    }
    if let Some(dependencies) = root.get("dependencies").and_then(Item::as_table_like)
        && let Some((name, _)) = dependencies.iter().find(|(_, item)| inherits(item))
    {
        return Err(format!("inherits the dependency `{name}`"));
    }
    for key in ["lints", "dev-dependencies", "test", "bench", "example"] {
        root.remove(key);
    }
    Ok(own_workspace(manifest))
}

fn inherits(item: &Item) -> bool {
    item.as_table_like()
        .and_then(|table| table.get("workspace"))
        .and_then(Item::as_bool)
        == Some(true)
}

/// Puts `lines`, pairs of a crate and the folder of its fork, into `[patch.crates-io]`.
///
/// Returns the new text; applied to it again, it changes nothing.
pub(crate) fn patch(
    text: &str,
    folder: &Path,
    lines: &[(String, PathBuf)],
) -> Result<String, String> {
    let mut manifest = parse(text)?;
    let root = manifest.as_table_mut();
    if !root.contains_key("patch") {
        let mut patch = Table::new();
        patch.set_implicit(true);
        root.insert("patch", Item::Table(patch));
    }
    let patch = table(root, "patch")?;
    let patches = child(patch, "crates-io")?;
    for (name, path) in lines {
        let path = slashes(&relative(folder, path));
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
    Ok(manifest.to_string())
}

/// A path with `/`, as manifests have it on every platform.
pub(crate) fn slashes(path: &Path) -> String {
    let text = path.display().to_string();
    if std::path::MAIN_SEPARATOR == '/' {
        text
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    }
}

/// `to` as seen from the folder `from`; both absolute. On another drive it stays absolute.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let from: Vec<Component<'_>> = from.components().collect();
    let to_parts: Vec<Component<'_>> = to.components().collect();
    let same = from
        .iter()
        .zip(&to_parts)
        .take_while(|(a, b)| a == b)
        .count();
    if same == 0 {
        return to.to_owned();
    }
    let mut path: PathBuf = from[same..].iter().map(|_| Component::ParentDir).collect();
    path.extend(&to_parts[same..]);
    if path.as_os_str().is_empty() {
        path.push(".");
    }
    path
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| format!("is no TOML: {}", error.message()))
}

fn own_workspace(mut manifest: DocumentMut) -> String {
    let mut workspace = Table::new();
    workspace.decor_mut().set_prefix(
        "\n# A workspace of its own: its types are then the same in whichever project builds it.\n",
    );
    manifest.insert("workspace", Item::Table(workspace));
    manifest.to_string()
}

fn table<'a>(root: &'a mut Table, key: &str) -> Result<&'a mut dyn TableLike, String> {
    root.entry(key)
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| format!("has a `{key}` that is no table"))
}

fn child<'a>(parent: &'a mut dyn TableLike, key: &str) -> Result<&'a mut dyn TableLike, String> {
    parent
        .entry(key)
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| format!("has a `{key}` that is no table"))
}

fn convert(value: &toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Array(list) => list
            .iter()
            .map(convert)
            .collect::<Result<Array, _>>()?
            .into(),
        other => return Err(format!("cannot take {other} as a dependency's key")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str) -> ManifestEdit {
        toml::from_str(&format!("reason = 'why'\n{text}")).unwrap()
    }

    #[test]
    fn a_fork_gets_its_feature_and_keeps_its_comments() {
        let text = "# Top.\n[package]\nname = \"up\" # named\n\n[features]\nfull = [\"a\"]\n\n[dependencies.b]\nversion = \"~2.7\"\noptional = true\n";
        let edit = edit(
            "features = { on = ['dep:c'] }\n[dependencies]\nc = { path = '../c', optional = true }\nb = { path = '../b' }\n",
        );
        let forked = fork(text, Some(&edit), &BTreeMap::new(), &["tests/ours.rs"]).unwrap();
        assert!(forked.starts_with("# Top.\n[package]\nname = \"up\" # named\n"));
        let table: toml::Table = forked.parse().unwrap();
        assert_eq!(table["features"]["on"].to_string(), "[\"dep:c\"]");
        assert_eq!(table["features"]["full"].to_string(), "[\"a\"]");
        assert_eq!(table["dependencies"]["b"]["version"].as_str(), Some("~2.7"));
        assert_eq!(table["dependencies"]["b"]["path"].as_str(), Some("../b"));
        assert_eq!(table["dependencies"]["c"]["optional"].as_bool(), Some(true));
        assert_eq!(table["test"][0]["name"].as_str(), Some("ours"));
        assert!(table["workspace"].as_table().unwrap().is_empty());
    }

    #[test]
    fn what_is_there_already_is_an_error() {
        let on = edit("features = { on = [] }");
        let text = "[features]\non = []\n";
        assert_eq!(
            fork(text, Some(&on), &BTreeMap::new(), &[]).unwrap_err(),
            "has a feature `on` already"
        );
        assert!(fork("[workspace]\n", None, &BTreeMap::new(), &[]).is_err());
        assert!(
            fork("= 1", None, &BTreeMap::new(), &[])
                .unwrap_err()
                .starts_with("is no TOML")
        );
    }

    #[test]
    fn dependencies_are_pinned_for_every_platform() {
        let text = "[dependencies]\na = \"1\"\nb = { version = \"1\", package = \"real\" } # why\n\n\
                    [dependencies.c]\nversion = \"1\"\n\n\
                    [dev-dependencies]\na = \"1\"\n\n\
                    [target.\"cfg(unix)\".dependencies.a]\nversion = \"1\"\noptional = true\n";
        let pins = [("a", "1.2.3"), ("real", "1.0.1")];
        let pins = BTreeMap::from(pins.map(|(name, version)| (name.into(), version.into())));
        let forked = fork(text, None, &pins, &[]).unwrap();
        assert!(forked.contains("# why"));
        let table: toml::Table = forked.parse().unwrap();
        let version = |item: &toml::Value| item["version"].as_str().unwrap().to_owned();
        assert_eq!(table["dependencies"]["a"].as_str(), Some("=1.2.3"));
        assert_eq!(version(&table["dependencies"]["b"]), "=1.0.1");
        assert_eq!(version(&table["dependencies"]["c"]), "1");
        assert_eq!(table["dev-dependencies"]["a"].as_str(), Some("1"));
        let unix = &table["target"]["cfg(unix)"]["dependencies"]["a"];
        assert_eq!(version(unix), "=1.2.3");
        assert_eq!(unix["optional"].as_bool(), Some(true));
    }

    #[test]
    fn the_lint_learns_names() {
        let text = "[lints.rust.unexpected_cfgs]\nlevel = \"warn\"\ncheck-cfg = [\"cfg(a)\"]\n";
        let forked = fork(
            text,
            Some(&edit("check-cfg = ['cfg(b)']")),
            &BTreeMap::new(),
            &[],
        )
        .unwrap();
        let table: toml::Table = forked.parse().unwrap();
        let list = table["lints"]["rust"]["unexpected_cfgs"]["check-cfg"]
            .as_array()
            .unwrap();
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn inherited_keys_are_written_out() {
        let root = "[workspace.package]\nversion = \"0.3.0\"\nedition = \"2024\"\n";
        let text = "[package]\nname = \"a\"\nversion.workspace = true\nedition = { workspace = true }\n\n\
                    [dev-dependencies]\nb = \"1\"\n\n[lints]\nworkspace = true\n";
        let alone: toml::Table = stand_alone(text, root).unwrap().parse().unwrap();
        assert_eq!(alone["package"]["version"].as_str(), Some("0.3.0"));
        assert_eq!(alone["package"]["edition"].as_str(), Some("2024"));
        assert!(!alone.contains_key("lints") && !alone.contains_key("dev-dependencies"));
        let text = "[package]\nname = \"a\"\nlicense.workspace = true\n";
        assert!(stand_alone(text, root).unwrap_err().contains("`license`"));
        let text = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n";
        assert!(
            stand_alone(text, root)
                .unwrap_err()
                .contains("dependency `b`")
        );
    }

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

    #[test]
    fn relative_paths() {
        let relative = |from: &str, to: &str| slashes(&relative(Path::new(from), Path::new(to)));
        assert_eq!(relative("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(relative("/a", "/a/b"), "b");
        assert_eq!(relative("/a/b", "/a"), "..");
        assert_eq!(relative("/a", "/a"), ".");
    }
}
