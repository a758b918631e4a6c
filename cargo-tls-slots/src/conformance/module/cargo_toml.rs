//! Makes the `Cargo.toml` of the conformance module from that of tokio.
//!
//! The problem: an integration test may use tokio's dependencies and dev-dependencies, and asks
//! for tokio's features by `#![cfg(feature = "full")]`. In the conformance module both belong to
//! the module.
//!
//! The way: the module has the dependencies that the tests can use as its own dependencies, and an
//! empty feature of its own for each feature of tokio that the tests are run with.

use std::collections::BTreeSet;

use semver::Version;
use toml_edit::{DocumentMut, Item, Table};

use crate::conformance::suite::FEATURES;

/// The features of tokio in host and module, as a list of TOML.
pub(super) fn features() -> String {
    let list: Vec<&str> = FEATURES.split(',').chain(["external-tls"]).collect();
    format!("{list:?}")
}

/// The module's `Cargo.toml`, from that of tokio. `patches` are the patch lines of the fork.
///
/// # Errors
///
/// If tokio's `Cargo.toml` is not TOML.
pub(super) fn of_module(
    upstream: &str,
    version: &Version,
    patches: &str,
) -> Result<String, toml_edit::TomlError> {
    let upstream: DocumentMut = upstream.parse()?;
    let (own, used) = enabled(&upstream);
    let mut cargo_toml: DocumentMut = format!(
        "[package]\nname = \"conformance-module\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [features]\ndefault = {default:?}\n{empty}\n\
         [lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n\
         [dependencies]\nconformance_macros = {{ path = \"../macros\" }}\n\
         tokio = {{ version = \"={version}\", features = {tokio} }}\n\n\
         [workspace]\n\n{patches}",
        // The files ask for tokio's features by `#![cfg(feature = "full")]`.
        default = own.iter().collect::<Vec<_>>(),
        empty = own
            .iter()
            .map(|feature| format!("{feature} = []\n"))
            .collect::<String>(),
        tokio = features(),
    )
    .parse()?;
    add_dependencies(&mut cargo_toml["dependencies"], upstream.as_item(), &used);
    if let Some(targets) = upstream.get("target").and_then(Item::as_table_like) {
        for (target, tables) in targets.iter() {
            let mut dependencies = Item::Table(Table::new());
            add_dependencies(&mut dependencies, tables, &used);
            if dependencies.as_table().is_some_and(Table::is_empty) {
                continue;
            }
            let all = cargo_toml["target"].or_insert(Item::Table(Table::new()));
            let entry = all[target].or_insert(Item::Table(Table::new()));
            entry["dependencies"] = dependencies;
        }
    }
    Ok(cargo_toml.to_string())
}

/// Adds the `dependencies` and `dev-dependencies` of `from` that a test can use. Where a crate is
/// in both, the dev-dependency counts.
fn add_dependencies(to: &mut Item, from: &Item, used: &BTreeSet<String>) {
    let Some(to) = to.as_table_like_mut() else {
        return;
    };
    for (kind, is_dev) in [("dependencies", false), ("dev-dependencies", true)] {
        let Some(from) = from.get(kind).and_then(Item::as_table_like) else {
            continue;
        };
        for (name, item) in from.iter() {
            let optional = item.get("optional").is_some();
            // tokio brings its macros itself, and tracing is for `tokio_unstable`.
            let own = name == "tokio" || name.starts_with("tokio-macros");
            if own || !is_dev && optional && !used.contains(name) {
                continue;
            }
            let mut item = item.clone();
            if let Some(table) = item.as_table_like_mut() {
                table.remove("optional");
            }
            to.insert(name, item);
        }
    }
}

/// What [`FEATURES`] turn on in tokio: features of tokio's own, and optional dependencies.
///
/// This follows the table `[features]` as cargo does. `dep:mio`, `mio` and `mio/net` turn on a
/// dependency; `mio?/net` does not.
fn enabled(upstream: &DocumentMut) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = upstream.get("features").and_then(Item::as_table_like);
    let (mut own, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<String> = FEATURES.split(',').map(str::to_owned).collect();
    while let Some(one) = open.pop() {
        match all.and_then(|all| all.get(&one)).and_then(Item::as_array) {
            Some(list) => {
                if own.insert(one) {
                    let list = list.iter().filter_map(|one| one.as_str());
                    open.extend(list.map(str::to_owned));
                }
            }
            // `bytes`, `dep:bytes` or `mio/net`; `name?/feature` turns on nothing.
            None => {
                let name = one.strip_prefix("dep:").unwrap_or(&one);
                let name = name.split('/').next().unwrap_or(name);
                if !name.ends_with('?') {
                    used.insert(name.to_owned());
                }
            }
        }
    }
    (own, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_dependencies_are_tokios_dev_dependencies() {
        let upstream = "
[package]
name = \"tokio\"
[features]
full = [\"net\", \"rt\"]
net = [\"dep:mio\", \"mio/net\", \"libc\"]
rt = []
test-util = [\"rt\"]
other = []
[dependencies]
mio = { version = \"1\", optional = true }
other = { version = \"1\", optional = true }
lite = \"2\"
[dev-dependencies.futures]
version = \"0.3\"
[dev-dependencies.tokio]
path = \".\"
[target.\"cfg(unix)\".dev-dependencies.libc]
version = \"0.2\"
[target.\"cfg(unix)\".dependencies.libc]
version = \"0.2\"
optional = true
";
        let version = Version::new(1, 2, 3);
        let text = of_module(
            upstream,
            &version,
            "[patch.crates-io]\ntokio = { path = \"x\" }\n",
        );
        let cargo_toml: DocumentMut = text.unwrap().parse().unwrap();
        let default: Vec<_> = cargo_toml["features"]["default"]
            .as_array()
            .unwrap()
            .iter()
            .collect();
        assert_eq!(default.len(), 4, "{cargo_toml}");
        assert!(cargo_toml["features"].get("net").is_some(), "{cargo_toml}");
        let dependencies = cargo_toml["dependencies"].as_table().unwrap();
        assert_eq!(dependencies["futures"]["version"].as_str(), Some("0.3"));
        assert_eq!(dependencies["tokio"]["version"].as_str(), Some("=1.2.3"));
        assert!(dependencies.contains_key("lite"), "{cargo_toml}");
        assert!(!dependencies.contains_key("other"), "{cargo_toml}");
        assert!(
            dependencies["mio"].get("optional").is_none(),
            "{cargo_toml}"
        );
        let unix = &cargo_toml["target"]["cfg(unix)"]["dependencies"];
        assert!(unix["libc"].get("optional").is_none(), "{cargo_toml}");
    }
}
