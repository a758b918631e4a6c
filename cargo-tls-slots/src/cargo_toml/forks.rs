//! What a fork's `Cargo.toml` has that upstream's does not.
//!
//! | change | why |
//! | --- | --- |
//! | features and dependencies of a recipe | the switch that turns sharing on, and what it needs |
//! | `tls-keys` as a dependency | the keys that the edits of the sources declare |
//! | versions of dependencies, pinned to one release | see [`fork::pins`](crate::fork) |
//! | `[[test]]` for each test of ours | cargo looks for none by itself in a published package |
//! | `[workspace]` | the types are the same in whichever project builds the fork |

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml_edit::{Array, ArrayOfTables, Item, Table, TableLike, Value};

use super::document::{parse, table, value, with_own_workspace};

/// What a recipe adds to upstream's `Cargo.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Additions {
    /// New features. An existing one is never changed.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// New dependencies, and keys set in existing ones.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, toml::Table>,
    /// More entries for the lint `unexpected_cfgs`.
    #[serde(default, rename = "check-cfg")]
    pub(crate) check_cfg: Vec<String>,
}

impl Additions {
    /// The same, with the paths of crates that are forked along leading to their folders. A recipe
    /// says `{ path = "../NAME" }` of them, and does not know their releases.
    pub(crate) fn with_folders(&self, folders: &BTreeMap<&str, String>) -> Self {
        let mut additions = self.clone();
        for (name, keys) in &mut additions.dependencies {
            if let Some(folder) = folders.get(&**name)
                && let Some(path) = keys.get_mut("path")
            {
                *path = toml::Value::String(format!("../{folder}"));
            }
        }
        additions
    }

    /// Puts them into the root table of a `Cargo.toml`. The errors are ends of a sentence about it.
    fn add_to(&self, root: &mut Table) -> Result<(), String> {
        let features = table(root, "features")?;
        for (name, enables) in &self.features {
            if features.contains_key(name) {
                return Err(format!("has a feature `{name}` already"));
            }
            features.insert(name, Item::Value(enables.iter().collect::<Array>().into()));
        }
        let dependencies = table(root, "dependencies")?;
        for (name, keys) in &self.dependencies {
            set_keys(dependencies, name, keys)?;
        }
        if self.check_cfg.is_empty() {
            return Ok(());
        }
        let lints = table(root, "lints")?;
        let rust = table(lints, "rust")?;
        let lint = table(rust, "unexpected_cfgs")?;
        let list = lint
            .entry("check-cfg")
            .or_insert(Item::Value(Array::new().into()))
            .as_array_mut()
            .ok_or("has a `check-cfg` that is no list")?;
        list.extend(self.check_cfg.iter());
        lint.entry("level").or_insert(toml_edit::value("warn"));
        Ok(())
    }
}

/// Sets keys of the dependency `name`, which is made if it is not there. Keys of one that is there
/// stay unless they are set: `{ path = "../b" }` leaves its version, which cargo then compares with
/// the fork's.
fn set_keys(
    dependencies: &mut dyn TableLike,
    name: &str,
    keys: &toml::Table,
) -> Result<(), String> {
    // `name = "1.0"` must become a table first.
    if let Some(dependency) = dependencies.get_mut(name)
        && let Some(version) = dependency.as_str().map(str::to_owned)
    {
        let mut keys = Table::new();
        keys.insert("version", toml_edit::value(version));
        *dependency = Item::Table(keys);
    }
    let dependency = dependencies
        .entry(name)
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| format!("has a dependency `{name}` that is no table"))?;
    for (key, new) in keys {
        dependency.insert(key, Item::Value(value(new)?));
    }
    Ok(())
}

/// Makes the `Cargo.toml` of a fork from the text of upstream's.
///
/// `additions` come from the recipe. `pins` are releases by package; `tests` are paths of test
/// files of ours, inside the crate.
///
/// # Errors
///
/// The end of a sentence whose subject is upstream's `Cargo.toml`: it is no TOML, or it has already
/// what would be added.
pub(crate) fn fork(
    text: &str,
    additions: Option<&Additions>,
    pins: &BTreeMap<String, String>,
    tests: &[&str],
) -> Result<String, String> {
    let mut cargo_toml = parse(text)?;
    let root = cargo_toml.as_table_mut();
    if let Some(additions) = additions {
        additions.add_to(root)?;
    }
    pin(root, pins);
    if !tests.is_empty() {
        add_tests(root, tests)?;
    }
    Ok(with_own_workspace(cargo_toml))
}

/// Adds a `[[test]]` for each path, named after its file.
fn add_tests(root: &mut Table, tests: &[&str]) -> Result<(), String> {
    let targets = root
        .entry("test")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or("has `test` targets that are no tables")?;
    for path in tests {
        let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str());
        let mut target = Table::new();
        target.insert("name", toml_edit::value(stem.unwrap_or(path)));
        target.insert("path", toml_edit::value(*path));
        targets.push(target);
    }
    Ok(())
}

/// Makes a fork depend on `tls-keys`, which lies beside it, without the feature `shared`: only
/// hosts and modules turn that on.
///
/// Upstream's lints go. cargo caps those of a registry's crate, but a fork is a path dependency:
/// one that upstream denies would break the fork under a newer compiler. What stays are the cfgs
/// that the crate declares by them.
///
/// # Errors
///
/// If the text is no TOML, or has a dependency of that name.
pub(crate) fn depend_on_keys(text: &str) -> Result<String, String> {
    let mut cargo_toml = parse(text)?;
    let dependencies = table(cargo_toml.as_table_mut(), "dependencies")?;
    if dependencies.contains_key("tls-keys") {
        return Err("has a dependency `tls-keys` already".to_owned());
    }
    let mut keys = toml_edit::InlineTable::new();
    keys.insert("path", "../tls-keys".into());
    keys.insert("default-features", false.into());
    dependencies.insert("tls-keys", Item::Value(Value::InlineTable(keys)));
    let lints = table(cargo_toml.as_table_mut(), "lints")?;
    let cfgs = lints
        .get_mut("rust")
        .and_then(Item::as_table_like_mut)
        .and_then(|rust| rust.remove("unexpected_cfgs"));
    lints.clear();
    let rust = table(lints, "rust")?;
    rust.insert("warnings", toml_edit::value("allow"));
    if let Some(mut cfgs) = cfgs {
        if let Some(keys) = cfgs.as_table_like_mut() {
            keys.insert("level", toml_edit::value("allow"));
        }
        rust.insert("unexpected_cfgs", cfgs);
    }
    Ok(cargo_toml.to_string())
}

/// Sets the versions of dependencies, by package, to one release each, for every platform.
///
/// cargo then takes that release or says why it cannot. Development dependencies stay open: a
/// fork's user does not get them.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn additions(text: &str) -> Additions {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_fork_gets_its_feature_and_keeps_its_comments() {
        let text = "# Top.\n[package]\nname = \"up\" # named\n\n[features]\nfull = [\"a\"]\n\n[dependencies.b]\nversion = \"~2.7\"\noptional = true\n";
        let added = additions(
            "features = { on = ['dep:c'] }\n[dependencies]\nc = { path = '../c', optional = true }\nb = { path = '../b' }\n",
        );
        let forked = fork(text, Some(&added), &BTreeMap::new(), &["tests/ours.rs"]).unwrap();
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
    fn what_is_forked_along_lies_in_the_folder_of_its_release() {
        let added = additions("[dependencies]\nb = { path = '../b' }\nc = { path = '../c' }\n");
        let folders = BTreeMap::from([("b", "b-1.2.3".to_owned())]);
        let added = added.with_folders(&folders).dependencies;
        assert_eq!(added["b"]["path"].as_str(), Some("../b-1.2.3"));
        assert_eq!(added["c"]["path"].as_str(), Some("../c"));
    }

    #[test]
    fn what_is_there_already_is_an_error() {
        let on = additions("features = { on = [] }");
        let text = "[features]\non = []\n";
        assert_eq!(
            fork(text, Some(&on), &BTreeMap::new(), &[]).unwrap_err(),
            "has a feature `on` already"
        );
        assert!(
            fork("= 1", None, &BTreeMap::new(), &[])
                .unwrap_err()
                .starts_with("is no TOML")
        );
    }

    #[test]
    fn a_fork_is_no_root_of_upstreams_workspace() {
        let text = "[workspace]\nmembers = [\"macros\"]\n[package]\nname = \"up\"\n";
        let forked = fork(text, None, &BTreeMap::new(), &[]).unwrap();
        let table: toml::Table = forked.parse().unwrap();
        assert!(table["workspace"].as_table().unwrap().is_empty());
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
    fn lints_of_upstream_do_not_hold_for_a_fork() {
        let text = "[lints.rust]\nunsafe_code = \"forbid\"\n\
                    unused = { level = \"deny\", priority = -1 }\n\
                    unexpected_cfgs = { level = \"deny\", check-cfg = [\"cfg(a)\"] }\n\
                    [lints.clippy]\nall = \"deny\"\n";
        let table: toml::Table = depend_on_keys(text).unwrap().parse().unwrap();
        let expected = "[rust]\nwarnings = \"allow\"\n\
                        unexpected_cfgs = { level = \"allow\", check-cfg = [\"cfg(a)\"] }\n";
        assert_eq!(
            table["lints"],
            toml::from_str::<toml::Value>(expected).unwrap()
        );
    }

    #[test]
    fn the_lint_learns_names() {
        let text = "[lints.rust.unexpected_cfgs]\nlevel = \"warn\"\ncheck-cfg = [\"cfg(a)\"]\n";
        let forked = fork(
            text,
            Some(&additions("check-cfg = ['cfg(b)']")),
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
}
