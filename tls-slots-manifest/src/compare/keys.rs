//! Keys: those that both have, those that the host must have, and those that a module must not
//! have.

use std::collections::BTreeMap;

use crate::manifest::{Key, KeyKind, Manifest};

use super::crates::Pair;
use super::difference::{Differences, sized};

/// The package that makes a program a host. It declares a key, so that a manifest shows whether an
/// image links it.
const HOST_HALF: &str = "tls-slots";

/// A module must not link the host's half.
pub(super) fn compare_host_half(module: &Manifest, found: &mut Differences) {
    if module.keys.iter().any(|key| key.package == HOST_HALF) {
        found.add(
            HOST_HALF,
            "linked",
            "linked, too",
            "Take `tls-slots` out of the module's dependencies: it is the host's half, and a \
             process has one host. Under `[dev-dependencies]` it does no harm.",
        );
    }
}

/// Compares the keys that both have, and those of the crates that both have.
pub(super) fn compare(
    host: &Manifest,
    module: &Manifest,
    pairs: &[Pair<'_>],
    found: &mut Differences,
) {
    let (ours, theirs) = (by_identity(host), by_identity(module));
    for (identity, theirs) in theirs {
        let (kind, package, version, path, name, ..) = identity;
        let what = format!("{kind} {path}::{name}");
        match (ours.get(&identity), theirs) {
            (Some(Some(ours)), Some(theirs)) => compare_key(what, ours, theirs, found),
            // An image that has two keys of one identity shares neither.
            (Some(_), _) => {}
            (None, _) => {
                let is_shared =
                    |pair: &Pair<'_>| pair.host.name == package && pair.host.version == version;
                if pairs.iter().any(is_shared) {
                    let fix = format!(
                        "Build the host again, with the fork of {package} that the module is built \
                         with: what {package} shares must be there in the host."
                    );
                    found.add(what, "is not there", "is there", fix);
                }
            }
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

/// What makes two keys the same, as far as a manifest says. Two keys that stand in different
/// functions have one identity here; the registry of `tls-slots` knows more.
type Identity<'a> = (KeyKind, &'a str, &'a str, &'a str, &'a str, u32, u32);

fn identity(key: &Key) -> Identity<'_> {
    (
        key.kind,
        &key.package,
        &key.version,
        &key.path,
        &key.name,
        key.line,
        key.column,
    )
}

/// Keys by identity; `None` where several have it.
fn by_identity(manifest: &Manifest) -> BTreeMap<Identity<'_>, Option<&Key>> {
    let mut keys = BTreeMap::new();
    for key in &manifest.keys {
        keys.entry(identity(key))
            .and_modify(|known| *known = None)
            .or_insert(Some(key));
    }
    keys
}
