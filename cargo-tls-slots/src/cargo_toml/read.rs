//! What a published crate's `Cargo.toml` declares.
//!
//! cargo normalises the file when a crate is published, so the forms here are the few that cargo
//! writes. What is missing or has another form than expected counts as not declared: an edit of
//! the same file will complain if it matters.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// The library's root file, inside the crate.
pub(crate) fn library_root(cargo_toml: &Table) -> &str {
    let path = || cargo_toml.get("lib")?.get("path")?.as_str();
    path().unwrap_or("src/lib.rs").trim_start_matches("./")
}

/// Whether the library is a procedural macro, which runs in the compiler and is in no image.
pub(crate) fn is_procedural_macro(cargo_toml: &Table) -> bool {
    let key = |name: &str| cargo_toml.get("lib")?.get(name)?.as_bool();
    ["proc-macro", "proc_macro"]
        .iter()
        .any(|name| key(name) == Some(true))
}

/// A declaration of a dependency. A package that several platforms name has several.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The name that it has in this `Cargo.toml`.
    pub(crate) key: String,
    /// The package's own name.
    pub(crate) package: String,
    /// The requirement, such as `1.2`; a path dependency may have none.
    pub(crate) version: Option<String>,
    /// Whether a feature must ask for it.
    pub(crate) optional: bool,
    /// Whether it has a path. In a fork, those are our own crates.
    pub(crate) by_path: bool,
    /// The platform it is for: the inside of `cfg(…)`.
    pub(crate) platform: Option<String>,
}

impl Dependency {
    /// When a build has it, as the inside of a `cfg!`.
    ///
    /// | declaration | condition |
    /// | --- | --- |
    /// | `a = "1"` | `all()`, which always holds |
    /// | optional, asked for by features `x` and `y` | `any(feature = "x", feature = "y")` |
    /// | the same, below `target.'cfg(unix)'` | `all(unix, any(…))` |
    ///
    /// A feature asks for it by `dep:KEY` or by `KEY/feature`, but not by `KEY?/feature`.
    pub(crate) fn condition(&self, features: &Features) -> String {
        let asked = if self.optional {
            let (dep, with) = (format!("dep:{}", self.key), format!("{}/", self.key));
            let mut asks: Vec<String> = features
                .iter()
                .filter(|(_, enables)| {
                    let mut enables = enables.iter();
                    enables.any(|one| *one == dep || one.starts_with(&with))
                })
                .map(|(name, _)| format!("feature = {name:?}"))
                .collect();
            asks.sort();
            format!("any({})", asks.join(", "))
        } else {
            "all()".to_owned()
        };
        match &self.platform {
            Some(platform) => format!("all({platform}, {asked})"),
            None => asked,
        }
    }
}

/// All dependencies but those for builds and for development.
///
/// A platform that is a target's name instead of a `cfg(…)` counts as every platform: it has no
/// form as the inside of a `cfg!`.
pub(crate) fn dependencies(cargo_toml: &Table) -> Vec<Dependency> {
    let mut all = Vec::new();
    let mut read = |table: Option<&Value>, platform: Option<String>| {
        for (key, value) in table.and_then(Value::as_table).into_iter().flatten() {
            let get = |name: &str| value.as_table().and_then(|keys| keys.get(name));
            let text = |name: &str| get(name).and_then(Value::as_str);
            all.push(Dependency {
                key: key.clone(),
                package: text("package").unwrap_or(key).to_owned(),
                version: value.as_str().or(text("version")).map(str::to_owned),
                optional: get("optional").and_then(Value::as_bool) == Some(true),
                by_path: get("path").is_some(),
                platform: platform.clone(),
            });
        }
    };
    read(cargo_toml.get("dependencies"), None);
    let targets = cargo_toml.get("target").and_then(Value::as_table);
    for (target, tables) in targets.into_iter().flatten() {
        let cfg = target
            .strip_prefix("cfg(")
            .and_then(|rest| rest.strip_suffix(')'));
        read(tables.get("dependencies"), cfg.map(str::to_owned));
    }
    all
}

/// What each feature turns on, by its name.
pub(crate) type Features = BTreeMap<String, Vec<String>>;

/// All features, those included that optional dependencies imply: one that no feature names as
/// `dep:KEY` is a feature of its own.
pub(crate) fn features(cargo_toml: &Table, dependencies: &[Dependency]) -> Features {
    let mut features = Features::new();
    let declared = cargo_toml.get("features").and_then(Value::as_table);
    for (name, enables) in declared.into_iter().flatten() {
        let enables = enables.as_array().into_iter().flatten();
        let enables = enables.filter_map(Value::as_str).map(str::to_owned);
        features.insert(name.clone(), enables.collect());
    }
    let explicit: BTreeSet<String> = features
        .values()
        .flatten()
        .filter_map(|one| one.strip_prefix("dep:"))
        .map(str::to_owned)
        .collect();
    for one in dependencies.iter().filter(|one| one.optional) {
        if !explicit.contains(&one.key) {
            features
                .entry(one.key.clone())
                .or_insert_with(|| vec![format!("dep:{}", one.key)]);
        }
    }
    features
}

/// The names of the cfgs that the lint `unexpected_cfgs` is told of.
///
/// Cfgs with values are left out: they describe the target, not the crate.
pub(crate) fn declared_cfgs(cargo_toml: &Table) -> BTreeSet<String> {
    let list = || {
        let rust = cargo_toml.get("lints")?.get("rust")?;
        rust.get("unexpected_cfgs")?.get("check-cfg")?.as_array()
    };
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    list()
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str()?.strip_prefix("cfg(")?.strip_suffix(')'))
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_may_be_anywhere() {
        let root = |text: &str| library_root(&text.parse().unwrap()).to_owned();
        assert_eq!(root(""), "src/lib.rs");
        assert_eq!(root("[lib]\npath = './a/b.rs'"), "a/b.rs");
    }

    #[test]
    fn a_condition_names_every_feature_that_asks() {
        let text = "[features]\nx = ['dep:a']\ny = ['a/z']\n[target.'cfg(unix)'.dependencies]\n\
                    a = { version = '1', optional = true, package = 'b' }\n";
        let cargo_toml: Table = text.parse().unwrap();
        let dependencies = dependencies(&cargo_toml);
        let features = features(&cargo_toml, &dependencies);
        assert_eq!(dependencies[0].package, "b");
        assert_eq!(features.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(
            dependencies[0].condition(&features),
            "all(unix, any(feature = \"x\", feature = \"y\"))"
        );
    }
}
