//! The rules. Each function returns what breaks its rule: a sentence with file and line for each.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use crate::arrows;
use crate::layers::Layers;
use crate::rooms::Room;
use crate::sources::Sources;
use crate::texts;

/// The most lines of a file, and of a function.
const FILE: usize = 500;
const FUNCTION: usize = 80;

/// The most lines of code in `tls-slots`.
const CORE: usize = 2500;

/// The least documentation and comments for a line of code in `cargo-tls-slots`.
const WORDS: f64 = 0.35;

/// What packages may depend on; others may depend on anything.
const DEPENDENCIES: [(&str, &[&str]); 3] = [
    ("tls-keys", &["tls-keys-macros"]),
    ("tls-keys-macros", &[]),
    ("tls-slots", &["tls-keys", "tls-slots-manifest"]),
];

/// No arrow runs up.
pub(crate) fn layers(sources: &Sources) -> Vec<String> {
    let drawn = Layers::all(sources.get("ARCHITECTURE.md").unwrap_or_default());
    let nothing = Layers::default();
    let mut complaints = Vec::new();
    for room in Room::all(sources) {
        let name = &room.package.name;
        let files: BTreeSet<&str> = room.files().map(|file| &*file.name).collect();
        let layers = drawn.get(name).unwrap_or(&nothing);
        let found = layers.complaints(&files, &room.arrows());
        complaints.extend(found.iter().map(|complaint| format!("{name}: {complaint}")));
    }
    complaints
}

/// Every file of `src/` is a Rust module of its crate: what nobody reads breaks no rule. A `mod` in
/// a macro's tokens, or an `include!`, would hide a file from the other rules.
pub(crate) fn reached(sources: &Sources) -> Vec<String> {
    let rooms = Room::all(sources);
    let reached: BTreeSet<&str> = rooms
        .iter()
        .flat_map(Room::files)
        .map(|file| &*file.path)
        .collect();
    let folders: Vec<String> = rooms
        .iter()
        .map(|room| format!("{}/src/", room.package.folder))
        .collect();
    let mut complaints: Vec<String> = sources
        .code()
        .map(|(path, _, _)| path)
        .filter(|path| folders.iter().any(|folder| path.starts_with(folder)))
        .filter(|path| !reached.contains(path))
        .map(|path| format!("{path} is no Rust module of its crate"))
        .collect();
    // In an empty repository all rules hold.
    if !rooms.iter().any(|room| room.package.name == "tls-slots") {
        complaints.push("there is no package `tls-slots`".to_owned());
    }
    complaints
}

/// No files use each other in a circle.
pub(crate) fn circles(sources: &Sources) -> Vec<String> {
    let rooms = Room::all(sources);
    let complaints = rooms.iter().flat_map(|room| {
        let found = arrows::circles(&room.arrows()).into_iter();
        found.map(|complaint| format!("{}: {complaint}", room.package.name))
    });
    complaints.collect()
}

/// No file and no function outside of tests is too long.
pub(crate) fn sizes(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text, parsed) in sources.code() {
        let lines = text.lines().count();
        if lines > FILE {
            complaints.push(format!("{path}: {lines} lines"));
        }
        for function in &parsed.functions {
            let (start, lines) = (function.lines.start(), function.lines.clone().count());
            if lines > FUNCTION {
                complaints.push(format!(
                    "{path}:{start}: `{}` has {lines} lines",
                    function.name
                ));
            }
        }
    }
    complaints
}

/// Comments wrap, in Rust and in recipes.
pub(crate) fn comments(sources: &Sources) -> Vec<String> {
    let files = sources.ending(".rs").chain(sources.ending(".toml"));
    files
        .flat_map(|(path, text)| texts::wide_comments(path, text))
        .collect()
}

/// `SAFETY: as above` stands beside what it means.
pub(crate) fn safety(sources: &Sources) -> Vec<String> {
    sources
        .ending(".rs")
        .flat_map(|(path, text)| texts::far_safety(path, text))
        .collect()
}

/// One file of a package knows what to do with a lock that somebody panicked under.
pub(crate) fn locks(sources: &Sources) -> Vec<String> {
    let mut packages = BTreeMap::<&str, Vec<String>>::new();
    for (path, text, parsed) in sources.code() {
        if let (Some((package, _)), [line, ..]) = (
            path.split_once("/src/"),
            &texts::poisoned_locks(text, parsed)[..],
        ) {
            packages
                .entry(package)
                .or_default()
                .push(format!("{path}:{line}"));
        }
    }
    let several = packages.into_iter().filter(|(_, files)| files.len() > 1);
    several
        .map(|(package, files)| {
            format!(
                "{package}: poisoned locks in {} files: {}",
                files.len(),
                files.join(", ")
            )
        })
        .collect()
}

/// The core is tiny, and the keys stand on nothing.
pub(crate) fn core(sources: &Sources) -> Vec<String> {
    let mut complaints = Vec::new();
    for room in Room::all(sources) {
        let name = &*room.package.name;
        if let Some((_, allowed)) = DEPENDENCIES.iter().find(|(one, _)| *one == name) {
            let others = dependencies(&room.package.cargo_toml);
            let others = others
                .iter()
                .filter(|other| !allowed.contains(&other.as_str()));
            complaints.extend(others.map(|other| format!("{name}: depends on `{other}`")));
        }
        if name != "tls-slots" {
            continue;
        }
        let lines = room.lines(sources).code;
        if lines > CORE {
            complaints.push(format!(
                "{name}: {lines} lines of code, and {CORE} are the most"
            ));
        }
        for file in room.files() {
            let text = sources.get(&file.path).expect("it has been read");
            let names = texts::linker_names(text, file.parsed).into_iter();
            let foreign = names.filter(|(_, name)| !name.starts_with("tls_slots_"));
            complaints.extend(foreign.map(|(line, name)| {
                format!(
                    "{}:{line}: `{name}` is not this project's own name",
                    file.path
                )
            }));
        }
    }
    complaints
}

/// The command's code is explained.
pub(crate) fn words(sources: &Sources) -> Vec<String> {
    let rooms = Room::all(sources);
    let command = rooms
        .iter()
        .find(|room| room.package.name == "cargo-tls-slots");
    let ratio = command.map(|room| room.lines(sources).ratio());
    ratio
        .filter(|ratio| *ratio < WORDS)
        .map(|ratio| format!("cargo-tls-slots: {ratio:.2} lines of words for a line of code"))
        .into_iter()
        .collect()
}

/// What a package is linked with, on whatever target; not what its tests need.
fn dependencies(cargo_toml: &Table) -> BTreeSet<String> {
    let targets = cargo_toml
        .get("target")
        .and_then(|targets| targets.as_table());
    let targets = targets.into_iter().flat_map(|targets| targets.values());
    let targets = targets.filter_map(|target| target.as_table());
    let tables = std::iter::once(cargo_toml).chain(targets);
    let dependencies = tables.filter_map(|table| table.get("dependencies")?.as_table());
    dependencies
        .flat_map(|table| table.keys().cloned())
        .collect()
}
