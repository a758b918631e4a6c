//! The forked crates that both have: which those are, and how each was built.

use std::collections::{BTreeMap, BTreeSet};

use crate::allowed::Allowed;
use crate::manifest::{Crate, Manifest};

use super::difference::{Differences, MOST, on_or_off};

/// A forked crate that both have in the same version.
pub(super) struct Pair<'a> {
    pub(super) host: &'a Crate,
    pub(super) module: &'a Crate,
}

/// The forked crates that both have. A crate that both have in different versions is a difference,
/// if cargo would take the versions as one.
///
/// A crate that an image links twice in one version shares nothing, as its keys are ambiguous: see
/// the registry of `tls-slots`. It makes no pair.
pub(super) fn pairs<'a>(
    host: &'a Manifest,
    module: &'a Manifest,
    found: &mut Differences,
) -> Vec<Pair<'a>> {
    let (ours, theirs) = (by_name(host), by_name(module));
    let mut pairs = Vec::new();
    for (name, versions) in &theirs {
        let Some(ours) = ours.get(name) else {
            continue;
        };
        for (version, theirs) in versions {
            match (ours.get(version), theirs) {
                (Some(Some(host)), Some(module)) => pairs.push(Pair { host, module }),
                (Some(_), _) => {}
                (None, _) => {
                    // Cargo links 0.8 and 0.9 of a crate into one program, where they share
                    // nothing.
                    let mut ours = ours.keys();
                    let Some(ours) = ours.find(|ours| compatible(ours, version)) else {
                        continue;
                    };
                    let fix = match theirs.is_some_and(is_own) {
                        true => format!("Build both with one version of {name}."),
                        false => format!(
                            "Use {name} {ours} in the module, as in the host: `cargo update {name} \
                             --precise {ours}`, with the fork of that version."
                        ),
                    };
                    found.add(format!("{name}: version"), *ours, *version, fix);
                }
            }
        }
    }
    pairs
}

/// Whether the record is that of a crate of the user's own (`agree!` of `tls-keys`). A fork has a
/// checksum.
fn is_own(one: &Crate) -> bool {
    one.checksum.is_empty()
}

/// What to do where the sources of a crate of the user's own differ.
pub(super) fn other_sources(name: &str, version: &str) -> String {
    format!(
        "Build both from the same sources of {name} {version}: one side was built before or after \
         a change of them. Comments do not count. If you know that the change is harmless: \
         `LoadOptions::trust_sources(\"{name}\")`."
    )
}

/// Crates by name and version; `None` where there are several that differ.
///
/// A crate may have several records that are equal, as `agree!` in two files gives them. A record
/// without a digest tells nothing: that of `agree!` in a crate that is forked as well.
fn by_name(manifest: &Manifest) -> BTreeMap<&str, BTreeMap<&str, Option<&Crate>>> {
    let mut crates = BTreeMap::<_, BTreeMap<_, Option<&Crate>>>::new();
    let told = |one: &&Crate| !(one.checksum.is_empty() && one.source.is_empty());
    for one in manifest.crates.iter().filter(told) {
        let versions = crates.entry(one.name.as_str()).or_default();
        versions
            .entry(one.version.as_str())
            .and_modify(|known| *known = known.filter(|known| *known == one))
            .or_insert(Some(one));
    }
    crates
}

/// Whether cargo links only one of two versions into a program.
pub(super) fn compatible(one: &str, other: &str) -> bool {
    /// The numbers up to the first that is not zero.
    fn significant(version: &str) -> Vec<&str> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        let mut parts = Vec::new();
        for part in release.split('.') {
            parts.push(part);
            if part != "0" {
                break;
            }
        }
        parts
    }
    significant(one) == significant(other)
}

/// What the sources of a crate ask for, if they ask for a feature of the target.
pub(super) const TARGET_FEATURE: &str = "target_feature";

/// The two images' features of the target, for a crate whose sources ask for one.
pub(super) fn compare_answers(name: &str, answers: [&str; 2], found: &mut Differences) {
    let [ours, theirs] = answers;
    if ours != theirs {
        let fix = format!(
            "Build both with the same `-C target-cpu`, `-C target-feature` and `--cfg`s: the sources \
             of {name} ask for features of the target."
        );
        found.add(format!("{name}: features of the target"), ours, theirs, fix);
    }
}

/// Compares how a crate was built. `same_profile`: the debug assertions of the whole images are the
/// same, so those of the crate are news. `answers`: what the images' compilers answer to sources
/// that ask for features of the target.
pub(super) fn compare(
    pair: &Pair<'_>,
    same_profile: bool,
    answers: [&str; 2],
    allowed: &Allowed,
    found: &mut Differences,
) {
    if !allowed.sources.contains(&pair.host.name) {
        compare_sources(pair, found);
    }
    compare_features(pair, found);
    compare_cfgs(pair, same_profile, answers, found);
    compare_dependencies(pair, found);
}

fn compare_sources(pair: &Pair<'_>, found: &mut Differences) {
    let Pair { host, module } = pair;
    let (name, version) = (&host.name, &host.version);
    if host.checksum != module.checksum {
        found.add(
            format!("{name}: checksum"),
            &host.checksum,
            &module.checksum,
            format!(
                "Fork {name} {version} from the same registry for both: one side's release was \
                 changed."
            ),
        );
    } else if host.source != module.source {
        let fix = match is_own(host) {
            true => other_sources(name, version),
            false => format!(
                "Fork {name} {version} for both with the same version of cargo-tls-slots, and do \
                 not edit the fork."
            ),
        };
        let what = format!("{name}: sources");
        found.add(what, &host.source, &module.source, fix);
    }
}

fn compare_features(pair: &Pair<'_>, found: &mut Differences) {
    let name = &pair.host.name;
    let ours: BTreeSet<&str> = pair.host.enabled_features().collect();
    let theirs: BTreeSet<&str> = pair.module.enabled_features().collect();
    for feature in ours.symmetric_difference(&theirs).take(MOST) {
        let host_has_it = ours.contains(feature);
        let (lacks, has) = match host_has_it {
            true => ("module", "host"),
            false => ("host", "module"),
        };
        found.add(
            format!("{name}: feature `{feature}`"),
            on_or_off(host_has_it),
            on_or_off(!host_has_it),
            format!(
                "Enable the feature `{feature}` of {name} in the {lacks}, or disable it in the \
                 {has}."
            ),
        );
    }
}

fn compare_cfgs(pair: &Pair<'_>, same_profile: bool, answers: [&str; 2], found: &mut Differences) {
    fn set(one: &Crate) -> BTreeSet<&str> {
        let set = one.cfgs.iter().filter(|cfg| cfg.enabled);
        set.map(|cfg| cfg.name.as_str()).collect()
    }
    let name = &pair.host.name;
    let (ours, theirs) = (set(pair.host), set(pair.module));
    if ours.contains(TARGET_FEATURE) {
        compare_answers(name, answers, found);
    }
    for cfg in ours.symmetric_difference(&theirs).take(MOST) {
        let fix = match *cfg {
            "debug_assertions" if !same_profile => continue,
            "debug_assertions" => format!(
                "Build {name} with the same debug assertions on both sides: see RUSTFLAGS, and \
                 `[profile.….package.{name}]`."
            ),
            cfg => format!("Build both with `--cfg {cfg}` in RUSTFLAGS, or both without it."),
        };
        let host_has_it = ours.contains(cfg);
        found.add(
            format!("{name}: cfg `{cfg}`"),
            on_or_off(host_has_it),
            on_or_off(!host_has_it),
            fix,
        );
    }
}

/// A dependency that a build does not ask for is not there, whatever version the fork is pinned to.
/// Features and cfgs ask for it, which are compared above.
fn compare_dependencies(pair: &Pair<'_>, found: &mut Differences) {
    fn used(one: &Crate) -> BTreeMap<&str, &str> {
        let used = one.dependencies.iter().filter(|one| one.enabled);
        used.filter(|one| !one.version.is_empty())
            .map(|one| (one.name.as_str(), one.version.as_str()))
            .collect()
    }
    let name = &pair.host.name;
    let theirs = used(pair.module);
    for (dependency, ours) in used(pair.host) {
        let Some(theirs) = theirs.get(dependency).filter(|theirs| **theirs != ours) else {
            continue;
        };
        found.add(
            format!("{name}: dependency {dependency}"),
            ours,
            *theirs,
            format!(
                "Use {dependency} {ours} in the module, as in the host: build both with one fork \
                 of {name}, or fork with `--lockfile` of the host's Cargo.lock."
            ),
        );
    }
}
