//! What a forked crate says about itself in the manifest of every image that links it.
//!
//! # The problem
//!
//! State can be shared only between copies that agree on its layout and its meaning. Name and
//! version of a crate do not tell that: features, cfgs, versions of dependencies and our own edits
//! change both. The images must say all of it, and what they say must be what was compiled.
//!
//! # The way
//!
//! A generated file, `tls_slots_manifest.rs` beside the crate's root, is one call of
//! `tls_keys::crate_record!`. What is known only when the crate is compiled stands in it as
//! `cfg!(…)`; what is known now stands in it as it is:
//!
//! | what | from |
//! | --- | --- |
//! | version, checksum | the release |
//! | sources | a digest of what is compiled, the recipe's edits and our files included |
//! | features | all that `Cargo.toml` declares, those that optional dependencies imply included |
//! | cfgs | conditions in the sources, `check-cfg` of `Cargo.toml`, and `debug_assertions` |
//! | dependencies | the recipe's; `Cargo.toml` pins each to the version that is told |
//! | types | a table in one of our own files, which the recipe names |
//!
//! A feature is a *group* if all it does is to turn on others: no source names it, and it adds no
//! feature to a dependency. What a group brings is told by those others, so the group itself is not
//! compared: a host with `full` and a module that lists the same features one by one fit. A feature
//! that changes nothing which is shared is treated likewise: one that is so [by
//! rule](crate::features), or that the recipe calls harmless. The rule's answer may depend on the
//! build. Then it stands in the file as a `cfg!(…)`, too.
//!
//! A crate without `[record]` in its recipe has a record too. All of its dependencies are pinned
//! then but [those](NO_TYPES) that bring no types.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use toml::Table;

use crate::cargo_toml::read::{self, Dependency, Features};
use crate::digest;
use crate::features::rule::Features as FeatureRule;
use crate::recipe::Recipe;
use crate::recipe::entry::record::Record;
use crate::recipe::why::Why;
use crate::source::cfgs;
use crate::source::layout::folder_of;
use crate::source::tokens::Source;
use crate::source::tree::Tree;

/// The Rust module that is generated.
const MODULE: &str = "tls_slots_manifest";

/// Dependencies of many crates that bring only macros, or types whose layout C or the system
/// decides.
const NO_TYPES: [&str; 8] = [
    "autocfg",
    "cfg-if",
    "libc",
    "pin-project-lite",
    "scopeguard",
    "windows-link",
    "windows-sys",
    "windows-targets",
];

/// What the record says that is not in the tree.
pub(crate) struct Facts<'a> {
    /// The crate.
    pub(crate) name: &'a str,
    /// Its release.
    pub(crate) version: String,
    /// The registry's checksum of the release.
    pub(crate) checksum: &'a str,
    /// Versions of dependencies, by package; empty for one that is not known.
    pub(crate) pins: &'a BTreeMap<String, String>,
}

/// What a recipe says about the record, or what holds for a crate whose recipe says nothing, or
/// that has none. `upstream` is upstream's `Cargo.toml`.
///
/// Returns `None` where there is no record: in a procedural macro, which is in no image, and in a
/// crate that does not depend on `tls-keys`.
pub(crate) fn record(
    recipe: Option<&Recipe>,
    version: &Version,
    upstream: &Table,
) -> Option<Record> {
    // A recipe's own dependency on the keys, which a feature turns on.
    let with_keys = recipe
        .and_then(|recipe| recipe.cargo_toml.as_ref())
        .map(|edit| &edit.additions)
        .filter(|additions| additions.dependencies.contains_key("tls-keys"));
    let has_seam = recipe.is_none_or(|recipe| recipe.keys.is_some());
    if read::is_procedural_macro(upstream) || !has_seam && with_keys.is_none() {
        return None;
    }
    match recipe.and_then(|recipe| recipe.record.as_ref()) {
        Some(edit) => edit.why.applies(version).then(|| edit.clone()),
        None => Some(Record {
            why: Why {
                reason: "what host and module must agree on".to_owned(),
                until: None,
                versions: None,
            },
            // With the common seam there is none: the macro is nothing where the keys are unshared.
            feature: with_keys.and_then(|additions| additions.features.keys().next().cloned()),
            dependencies: None,
            harmless: Vec::new(),
            types: None,
        }),
    }
}

/// The packages that are to be pinned, each with the versions that the crate can do with, as a
/// requirement for cargo.
pub(crate) fn requirements(edit: &Record, upstream: &Table) -> BTreeMap<String, String> {
    let wanted = wanted(edit, upstream);
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for one in read::dependencies(upstream) {
        if wanted.contains(&one.package) {
            let list = all.entry(one.package).or_default();
            if let Some(version) = one.version.filter(|version| !list.contains(version)) {
                list.push(version);
            }
        }
    }
    let join = |(name, list): (String, Vec<String>)| (name, list.join(", "));
    all.into_iter().map(join).collect()
}

/// Adds the generated file to a crate's tree, and the line that declares it. `cargo_toml` is the
/// text of the fork's.
///
/// # Errors
///
/// The end of a sentence whose subject is the fork's `Cargo.toml`: it is no TOML, its library is
/// not there, or a file is in the way.
pub(crate) fn add(
    facts: &Facts<'_>,
    edit: &Record,
    cargo_toml: &str,
    tree: &mut Tree,
) -> Result<(), String> {
    let cargo_toml: Table =
        toml::from_str(cargo_toml).map_err(|error| error.message().to_owned())?;
    let root = read::library_root(&cargo_toml);
    let folder = folder_of(root);
    let path = format!("{folder}{MODULE}.rs");
    if tree.contains_key(&path) {
        return Err(format!(
            "belongs to a crate with a file {path}, which `fork` would write"
        ));
    }
    let text = render(facts, edit, &cargo_toml, tree, folder);
    let Some(library) = tree.get_mut(root) else {
        return Err(format!("names the library {root}, which is not there"));
    };
    let gate = match &edit.feature {
        Some(feature) => format!("#[cfg(feature = {feature:?})]\n"),
        None => String::new(),
    };
    library.extend(format!("\n{gate}mod {MODULE};\n").bytes());
    tree.insert(path, text.into_bytes());
    Ok(())
}

/// All sources below a folder.
fn sources<'t>(tree: &'t Tree, folder: &str) -> impl Iterator<Item = (&'t str, &'t [u8])> {
    tree.iter()
        .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(".rs"))
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
}

/// The text of the generated file.
fn render(
    facts: &Facts<'_>,
    edit: &Record,
    cargo_toml: &Table,
    tree: &Tree,
    folder: &str,
) -> String {
    let mut text = String::from(
        "//! What this crate says about itself in the manifest of every image that links it.\n\
         //! \n\
         //! Generated by `cargo tls-slots fork`.\n\
         #![allow(unexpected_cfgs)] // a release may lack a feature or a cfg of another\n\n\
         ::tls_keys::crate_record! {\n",
    );
    let mut line = |line: &str| {
        text += "    ";
        text += line;
        text += "\n";
    };
    line(&format!("name: {:?},", facts.name));
    line(&format!("version: {:?},", facts.version));
    line(&format!("checksum: {:?},", facts.checksum));
    line(&format!(
        "source: {:?},",
        digest::of_files(sources(tree, folder))
    ));

    line("features: &[");
    let dependencies = read::dependencies(cargo_toml);
    let features = read::features(cargo_toml, &dependencies);
    let cfgs = cfgs(cargo_toml, tree, folder);
    for (feature, group) in groups(&features, &dependencies, edit, tree, &cfgs) {
        line(&format!(
            "    ({feature:?}, cfg!(feature = {feature:?}), {}),{}",
            group.builds, group.why_not
        ));
    }
    line("],");

    line("cfgs: &[");
    for cfg in &cfgs {
        line(&format!("    ({cfg:?}, cfg!({cfg})),"));
    }
    line("],");

    line("dependencies: &[");
    for name in wanted(edit, cargo_toml) {
        let version = facts.pins.get(&name).map_or("", String::as_str);
        let conditions: Vec<String> = dependencies
            .iter()
            .filter(|one| one.package == name)
            .map(|one| one.condition(&features))
            .collect();
        line(&format!(
            "    ({name:?}, {version:?}, cfg!(any({}))),",
            conditions.join(", ")
        ));
    }
    line("],");

    let types = edit.types.as_deref().unwrap_or("&[]");
    line(&format!("types: {types},"));
    text += "}\n";
    text
}

/// The packages whose versions are pinned and recorded: the recipe's, or else all that come from a
/// registry and may have types.
fn wanted(edit: &Record, cargo_toml: &Table) -> BTreeSet<String> {
    // A release may lack a dependency that another has.
    let wanted = |name: &String| {
        let named = edit.dependencies.as_ref();
        match named {
            Some(named) => named.contains(name),
            None => !NO_TYPES.contains(&name.as_str()),
        }
    };
    read::dependencies(cargo_toml)
        .into_iter()
        .filter(|one| !one.by_path)
        .map(|one| one.package)
        .filter(wanted)
        .collect()
}

/// The names of the cfgs that change the crate, whose sources are below `folder`.
fn cfgs(cargo_toml: &Table, tree: &Tree, folder: &str) -> BTreeSet<String> {
    let mut names = read::declared_cfgs(cargo_toml);
    names.insert("debug_assertions".to_owned());
    for (_, bytes) in sources(tree, folder) {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(source) = Source::parse(&text) {
            cfgs::collect(&source, &mut names);
        }
    }
    names
}

/// Whether a feature is left out of the comparison.
struct Group {
    /// The builds in which it is, as an expression.
    builds: String,
    /// Where it makes a difference, if that is why it is compared: a comment for people.
    why_not: String,
}

/// Every feature, and whether it is left out of the comparison: a group, or one that is harmless,
/// as the head of this file says.
fn groups(
    features: &Features,
    dependencies: &[Dependency],
    edit: &Record,
    tree: &Tree,
    cfgs: &BTreeSet<String>,
) -> BTreeMap<String, Group> {
    let crates = dependencies.iter().map(|one| one.key.replace('-', "_"));
    let rule = FeatureRule::read(tree, crates.collect(), cfgs);
    // The names of the others may stand in an answer, so these must be compared.
    let asked = features.keys().map(String::as_str);
    let asked = asked.filter(|name| !edit.harmless.iter().any(|one| one == name));
    let asked: BTreeSet<&str> = asked.collect();
    let by_rule = rule
        .as_ref()
        .map_or(BTreeMap::new(), |rule| rule.harmless(&asked));
    let group = |name: &String, enables: &[String]| {
        let is_told = enables.iter().all(|one| adds_no_type(one, dependencies));
        let builds = match by_rule.get(name).filter(|_| is_told) {
            _ if edit.harmless.contains(name) => "true".to_owned(),
            Some(builds) => builds.expression(),
            None => "false".to_owned(),
        };
        let places = rule.iter().flat_map(|rule| rule.places(name));
        let why_not = match places.collect::<Vec<_>>().as_slice() {
            [first, rest @ ..] if builds == "false" => {
                format!(" // {first}, and {} other places", rest.len())
            }
            _ => String::new(),
        };
        Group { builds, why_not }
    };
    features
        .iter()
        .map(|(name, enables)| (name.clone(), group(name, enables)))
        .collect()
}

/// Whether what a feature turns on is told by other features, or changes no type: a dependency, or
/// a feature of one that has no types of its own.
fn adds_no_type(enables: &str, dependencies: &[Dependency]) -> bool {
    let Some((key, _)) = enables.split_once('/') else {
        return true;
    };
    let key = key.trim_end_matches('?');
    let mut of = dependencies.iter().filter(|one| one.key == key).peekable();
    of.peek().is_some() && of.all(|one| NO_TYPES.contains(&one.package.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO_TOML: &str = r#"
[package]
name = "up"
[features]
default = ["a"]
a = ["net"]
full = ["a", "net"]
net = ["mio/net", "dep:slab"]
named = []
[dependencies]
mio = { version = "1", optional = true }
renamed = { version = "2", package = "real", optional = true }
always = "3"
tls-keys = { path = "../tls-keys" }
[target.'cfg(all(unstable, unix))'.dependencies]
slab = { version = "4", optional = true }
[lints.rust.unexpected_cfgs]
level = "warn"
check-cfg = ["cfg(unstable)", "cfg(os, values(\"x\"))"]
"#;

    fn generated(edit: &str) -> (String, String) {
        let edit: Record = toml::from_str(&format!("reason = 'why'\n{edit}")).unwrap();
        let mut tree = Tree::new();
        let library = b"struct A { #[cfg(feature = \"named\")] a: u8 }\n#[cfg(secret)] mod b;\n";
        let library = library.to_vec();
        tree.insert("src/lib.rs".to_owned(), library);
        tree.insert("Cargo.toml".to_owned(), CARGO_TOML.as_bytes().to_vec());
        let pins = BTreeMap::from([("mio".to_owned(), "1.2.3".to_owned())]);
        let facts = Facts {
            name: "up",
            version: "9.8.7".to_owned(),
            checksum: "c0ffee",
            pins: &pins,
        };
        add(&facts, &edit, CARGO_TOML, &mut tree).unwrap();
        let text = |path: &str| String::from_utf8(tree[path].clone()).unwrap();
        (text("src/tls_slots_manifest.rs"), text("src/lib.rs"))
    }

    #[test]
    fn the_record_says_what_cargo_toml_says() {
        let (text, library) = generated("feature = 'net'\ntypes = 'crate::TYPES'");
        for line in [
            "name: \"up\",",
            "version: \"9.8.7\",",
            "checksum: \"c0ffee\",",
            "(\"default\", cfg!(feature = \"default\"), true),",
            "(\"full\", cfg!(feature = \"full\"), true),",
            "(\"named\", cfg!(feature = \"named\"), false),",
            "(\"net\", cfg!(feature = \"net\"), false),",
            "(\"mio\", cfg!(feature = \"mio\"), true),",
            "(\"debug_assertions\", cfg!(debug_assertions)),",
            "(\"unstable\", cfg!(unstable)),",
            "(\"secret\", cfg!(secret)),",
            "(\"mio\", \"1.2.3\", cfg!(any(any(feature = \"mio\", feature = \"net\")))),",
            "(\"real\", \"\", cfg!(any(any(feature = \"renamed\")))),",
            "(\"slab\", \"\", cfg!(any(all(all(unstable, unix), any(feature = \"net\"))))),",
            "(\"always\", \"\", cfg!(any(all()))),",
            "types: crate::TYPES,",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        // What has a path is compared as a crate of its own, and a value of a target is no cfg of
        // ours.
        assert!(!text.contains("tls-keys") && !text.contains("(\"os\""));
        assert!(library.ends_with("\n#[cfg(feature = \"net\")]\nmod tls_slots_manifest;\n"));
    }

    #[test]
    fn a_recipe_names_dependencies_and_harmless_features() {
        let (text, library) = generated("dependencies = ['mio', 'gone']\nharmless = ['named']\n");
        assert!(text.contains("(\"named\", cfg!(feature = \"named\"), true),"));
        assert!(text.contains("(\"mio\", \"1.2.3\"") && !text.contains("\"always\""));
        assert!(!text.contains("gone"));
        assert!(
            library.ends_with("\nmod tls_slots_manifest;\n") && !library.contains("]\nmod tls")
        );
    }

    #[test]
    fn a_source_that_differs_is_another_digest() {
        let tree = |text: &str| Tree::from([("src/a.rs".to_owned(), text.as_bytes().to_vec())]);
        let digest = |text: &str| digest::of_files(sources(&tree(text), "src/"));
        assert_ne!(digest("a"), digest("b"));
        assert_eq!(digest("a"), digest("a"));
    }
}
