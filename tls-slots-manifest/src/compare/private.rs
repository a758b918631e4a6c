//! Crates whose state is shared on one side, and private on the other.
//!
//! The problem: each side is right by itself. One has a record of the fork and keys; the other
//! links the registry's release, which shares nothing. Values of the crate that cross meet two
//! copies of its state.
//!
//! The way: for each fork that one side has and the other has not, the other side's file is asked
//! whether that very state is in it. It is if a static or thread-local of the crate has the name of
//! a key of the fork. A crate whose code is there without its state does no harm, and so fits.
//!
//! What is not seen: a second release of a crate beside its fork in one image, where the other side
//! has that fork, as the file is not read then; state that has another name in the other side's
//! release; a crate that declares keys and is no fork; an image that is known in memory only. Of a
//! file without symbols only the paths of its source files are known: there the code of the crate
//! counts as its state, and a folder with the crate's name as its code.

use std::collections::BTreeSet;

use crate::allowed::Allowed;
use crate::description::Description;
use crate::manifest::{Crate, Key, Manifest};
use crate::private_state::PrivateState;

use super::crates::compatible;
use super::difference::Differences;

/// Which of the two sides has the fork.
#[derive(Clone, Copy, PartialEq)]
enum Forked {
    Host,
    Module,
}

/// What one side has of a crate that the other side shares.
struct Own<'a> {
    /// The version, where the file tells.
    version: Option<&'a str>,
    /// Whether the state itself was seen, and not only the crate's code.
    is_seen: bool,
}

/// Whether the comparison of an image with another one looks at its private state: whether the
/// other has a fork that the image has not.
///
/// To find it in a file takes time, so a reader asks first.
pub fn asks_for_private_state(image: &Manifest, other: &Manifest) -> bool {
    let lacks = |one: &Crate| {
        let mut versions = recorded(&image.crates, &one.name);
        versions.all(|own| !compatible(own, &one.version))
    };
    other.crates.iter().any(lacks)
}

/// Looks for forks of one side that are private on the other.
pub(super) fn compare(
    host: &Description,
    module: &Description,
    allowed: &Allowed,
    found: &mut Differences,
) {
    for (forked, fork, other) in [(Forked::Host, host, module), (Forked::Module, module, host)] {
        let mut seen = BTreeSet::new();
        for one in &fork.manifest.crates {
            if allowed.private.contains(&one.name) || !seen.insert((&one.name, &one.version)) {
                continue;
            }
            if let Some(own) = own(one, &fork.manifest, &other.manifest.crates, &other.private) {
                add(one, forked, &own, found);
            }
        }
    }
}

/// The crates that a host shares, and that a file without a manifest has for itself.
pub(super) fn unforked<'a>(host: &'a Manifest, file: &PrivateState) -> BTreeSet<&'a str> {
    let forks = host.crates.iter();
    let unforked = forks.filter(|one| own(one, host, &[], file).is_some());
    unforked.map(|one| one.name.as_str()).collect()
}

/// What an image has for itself of a crate that another one shares: `forks` are those that the
/// image has.
fn own<'a>(
    one: &Crate,
    fork: &Manifest,
    forks: &[Crate],
    private: &'a PrivateState,
) -> Option<Own<'a>> {
    let recorded: Vec<&str> = recorded(forks, &one.name).collect();
    let of_paths: Vec<&str> = private.versions(&one.name).collect();
    let mut unrecorded = of_paths.iter().copied().filter(|it| !recorded.contains(it));
    let version = unrecorded.find(|it| compatible(it, &one.version));
    // Some version of it must be there that shares nothing, and that cargo would take for the same.
    // A vendored crate may have any version.
    let is_vendored = !private.has_symbols() && private.folders.contains(&one.name);
    if version.is_none() && !(recorded.is_empty() && (of_paths.is_empty() || is_vendored)) {
        return None;
    }
    let is_of = |key: &&Key| key.package == one.name && key.version == one.version;
    let mut keys = fork.keys.iter().filter(is_of);
    if !private.has_symbols() {
        let is_linked = version.is_some() || is_vendored;
        return (is_linked && keys.next().is_some()).then_some(Own {
            version,
            is_seen: false,
        });
    }
    let is_there = |key: &Key| {
        let krate = key.path.split("::").next().unwrap_or_default();
        private.has(krate, &key.name)
    };
    keys.any(is_there).then_some(Own {
        version,
        is_seen: true,
    })
}

/// The versions of a crate that an image has a fork of.
fn recorded<'a>(forks: &'a [Crate], name: &str) -> impl Iterator<Item = &'a str> {
    let crates = forks.iter().filter(move |one| one.name == name);
    crates.map(|one| one.version.as_str())
}

fn add(one: &Crate, forked: Forked, own: &Own<'_>, found: &mut Differences) {
    let (name, version) = (&one.name, &one.version);
    let shared = format!("shared (fork of {version})");
    let private = match (own.version, own.is_seen) {
        (Some(own), true) => format!("its own ({own}, not the fork)"),
        (Some(own), false) => format!("linked without the fork ({own})"),
        (None, true) => "its own (not the fork)".to_owned(),
        (None, false) => "linked without the fork (version unknown)".to_owned(),
    };
    let (with, without, host, module) = match forked {
        Forked::Host => ("host", "module", shared, private),
        Forked::Module => ("module", "host", private, shared),
    };
    let why = match own.version {
        Some(own) if own != version => format!(
            "{name} is forked for the {with} only. Cargo took {own} from the registry for the \
             {without}, because the fork of {version} does not satisfy its Cargo.toml or its \
             Cargo.lock. Ask for {version} there and run `cargo update {name} --precise \
             {version}`, or fork {own} for both by `cargo tls-slots fork {name}@{own} --write`."
        ),
        _ => format!(
            "{name} is forked for the {with} only. The Cargo.toml of the {without} needs {}the \
             line for {name} under `[patch.crates-io]`, which `cargo tls-slots fork \
             {name}@{version} --write` writes.",
            match name.as_str() {
                "tokio" => "`features = [\"external-tls\"]` for tokio, and ",
                _ => "",
            }
        ),
    };
    // Without a shared tokio there is no runtime to come to: nobody wants that.
    let allow = match name.as_str() {
        "tokio" => String::new(),
        _ => format!(
            " Where no value of {name} crosses, `LoadOptions::allow_private(\"{name}\")` loads \
             the module."
        ),
    };
    let what = format!("{name}: its state");
    found.add(what, host, module, format!("{why}{allow}"));
}
