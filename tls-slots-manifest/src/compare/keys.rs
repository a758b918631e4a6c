//! Keys: those that both have, those that the host must have, and those that a module must not
//! have; and the crates of the user's own that declare them.
//!
//! A forked crate has a record. Of any other crate with keys the records of its keys tell which
//! version it is, which sources it was compiled from, and with which features and cfgs.

use std::collections::{BTreeMap, BTreeSet};

use crate::allowed::Allowed;
use crate::manifest::{Key, KeyKind, Manifest};

use super::crates::{Pair, TARGET_FEATURE, compare_answers, compatible, other_sources};
use super::difference::{Differences, MOST, on_or_off, sized};

/// The package that everybody links. The version of its binary interface is compared instead.
const KEYS: &str = "tls-keys";

/// Compares the crates with keys that are no forks: version, sources, features and cfgs.
///
/// A package may be several crates of an image, as its library and its program, and each has
/// sources of its own. What the module has must be there in the host.
pub(super) fn compare_packages(
    host: &Manifest,
    module: &Manifest,
    allowed: &Allowed,
    found: &mut Differences,
) {
    let (ours, theirs) = (packages(host), packages(module));
    for (name, versions) in &theirs {
        let Some(ours) = ours.get(name) else {
            continue;
        };
        for (version, theirs) in versions {
            match ours.get(version) {
                Some(_) if allowed.sources.contains(*name) => {}
                Some(ours) => {
                    compare_sources(name, version, ours, theirs, found);
                    let mut cfgs = ours.values().flatten();
                    if cfgs.any(|cfg| *cfg == TARGET_FEATURE) {
                        let answers = [host, module].map(|one| one.compiler.asked_for.as_str());
                        compare_answers(name, answers, found);
                    }
                }
                None if allowed.private.contains(*name) => {}
                None => {
                    let mut ours = ours.keys();
                    let Some(ours) = ours.find(|ours| compatible(ours, version)) else {
                        continue;
                    };
                    let fix = format!(
                        "Build both with one version of {name}: its keys would be two in the \
                         process, one for each version. If that is meant: \
                         `LoadOptions::allow_private(\"{name}\")`."
                    );
                    found.add(format!("{name}: version"), *ours, *version, fix);
                }
            }
        }
    }
}

/// How each crate of a package was compiled: its digest, and its features and cfgs.
type Compiled<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Packages with keys that are no forks, by name and version.
fn packages(manifest: &Manifest) -> BTreeMap<&str, BTreeMap<&str, Compiled<'_>>> {
    let mut packages = BTreeMap::<_, BTreeMap<_, Compiled<'_>>>::new();
    let told = |key: &&Key| !key.sources.is_empty() && key.package != KEYS;
    for key in manifest.keys.iter().filter(told) {
        let versions = packages.entry(key.package.as_str()).or_default();
        let compiled = versions.entry(key.version.as_str()).or_default();
        let cfgs = key.cfgs.iter().map(String::as_str);
        compiled
            .entry(key.sources.as_str())
            .or_default()
            .extend(cfgs);
    }
    packages
}

fn compare_sources(
    name: &str,
    version: &str,
    ours: &Compiled<'_>,
    theirs: &Compiled<'_>,
    found: &mut Differences,
) {
    for (digest, theirs) in theirs {
        let Some(cfgs) = ours.get(digest) else {
            let ours: Vec<&str> = ours.keys().copied().collect();
            let fix = other_sources(name, version);
            found.add(format!("{name}: sources"), ours.join(", "), *digest, fix);
            continue;
        };
        for cfg in cfgs.symmetric_difference(theirs).take(MOST) {
            let host_has_it = cfgs.contains(cfg);
            let what = match cfg.strip_prefix("feature=") {
                Some(feature) => format!("feature `{}`", feature.trim_matches('"')),
                None => format!("cfg `{cfg}`"),
            };
            let fix = format!("Build {name} with its {what} on both sides, or on neither.");
            let (ours, theirs) = (on_or_off(host_has_it), on_or_off(!host_has_it));
            found.add(format!("{name}: {what}"), ours, theirs, fix);
        }
    }
}

/// Compares the keys that both have, and those of the crates that both have.
///
/// Where keys of the module are missing in the host, nobody would know that they are private.
pub(super) fn compare(
    host: &Manifest,
    module: &Manifest,
    pairs: &[Pair<'_>],
    allowed: &Allowed,
    found: &mut Differences,
) {
    let (ours, theirs) = (by_identity(host), by_identity(module));
    // A fork may be linked twice, as in the unit tests of a crate that its own dependencies use.
    let own = module.keys.iter().filter(|key| !key.sources.is_empty());
    let own: BTreeSet<&str> = own.map(|key| key.package.as_str()).collect();
    let may_be_private = |package: &str, path: &str| {
        allowed.private.contains(package) || allowed.private.contains(path)
    };
    let with_keys: BTreeSet<(&str, &str)> = host
        .keys
        .iter()
        .map(|key| (key.package.as_str(), key.version.as_str()))
        .chain(
            pairs
                .iter()
                .map(|pair| (&*pair.host.name, &*pair.host.version)),
        )
        .collect();
    for (identity, theirs) in theirs {
        let (kind, package, version, path, name, _) = identity;
        let path = format!("{path}::{name}");
        let what = format!("{kind} {path}");
        let is_of_fork = !own.contains(package);
        match (ours.get(&identity), theirs) {
            (Some(Some(ours)), Some(theirs)) => compare_key(what, ours, theirs, found),
            // An image that has two keys of one identity shares neither.
            (Some(ours), theirs) if !is_of_fork && !may_be_private(package, &path) => {
                let times = |key: &Option<&Key>| match key {
                    Some(_) => "is there once",
                    None => "is there twice",
                };
                let fix = format!(
                    "Declare the key in one crate of {package}, such as its library, and let the \
                     package's program use that one: two keys of one name are shared with nobody. If \
                     that is meant: `LoadOptions::allow_private(\"{path}\")`."
                );
                found.add(what, times(ours), times(&theirs), fix);
            }
            (Some(_), _) => {}
            (None, _)
                if with_keys.contains(&(package, version)) && !may_be_private(package, &path) =>
            {
                let fix = format!(
                    "Build the host again, with the {package} that the module is built with: what \
                     {package} shares must be there in the host. If the key is meant to be the \
                     module's own: `LoadOptions::allow_private(\"{path}\")`."
                );
                found.add(what, "is not there", "is there", fix);
            }
            (None, _) => {}
        }
    }
}

fn compare_key(what: String, ours: &Key, theirs: &Key, found: &mut Differences) {
    let same_type = ours.type_text == theirs.type_text;
    if same_type && (ours.size, ours.align) == (theirs.size, theirs.align) {
        return;
    }
    let describe = |key: &Key| {
        let size = sized(key.size, key.align);
        match same_type {
            true => size,
            false => format!("{}: {size}", key.type_text),
        }
    };
    found.add(
        what,
        describe(ours),
        describe(theirs),
        format!(
            "Build both with the same features of {} {}, the same cfgs and the same versions of \
             its dependencies.",
            ours.package, ours.version
        ),
    );
}

/// What makes two keys the same, as far as a manifest says: kind, package, version, path, name, and
/// how many keys of these stand before it in the source. Lines and columns change with each
/// comment.
type Identity<'a> = (KeyKind, &'a str, &'a str, &'a str, &'a str, usize);

/// Keys by identity; `None` where several have it, as they stand in one place.
fn by_identity(manifest: &Manifest) -> BTreeMap<Identity<'_>, Option<&Key>> {
    let mut places = BTreeMap::<_, BTreeMap<_, Option<&Key>>>::new();
    for key in &manifest.keys {
        let path = (&*key.package, &*key.version, &*key.path, &*key.name);
        places
            .entry((key.kind, path))
            .or_default()
            .entry((key.line, key.column))
            .and_modify(|known| *known = None)
            .or_insert(Some(key));
    }
    // Keys of two crates of one package: their order in the sources tells nothing.
    for places in places.values_mut() {
        let sources: BTreeSet<&str> = places.values().flatten().map(|key| &*key.sources).collect();
        if sources.len() > 1 {
            places.values_mut().for_each(|key| *key = None);
        }
    }
    let keys = places.into_iter().flat_map(|((kind, path), places)| {
        let (package, version, module, name) = path;
        let identity = move |ordinal| (kind, package, version, module, name, ordinal);
        let keys = places.into_values().enumerate();
        keys.map(move |(ordinal, key)| (identity(ordinal), key))
    });
    keys.collect()
}
