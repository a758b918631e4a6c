//! The crates that two images have agreed on: their types may cross.

use std::collections::BTreeSet;

use crate::allowed::Allowed;
use crate::manifest::Manifest;

/// The crates of which both images say what they were built from, by the names that paths have
/// (`serde_json`); and those that the host trusts.
///
/// For two images that fit: [`compare`](crate::compare) has found these crates equal.
pub fn agreed(host: &Manifest, module: &Manifest, allowed: &Allowed) -> BTreeSet<String> {
    fn told(one: &Manifest) -> BTreeSet<(&str, &str)> {
        let crates = one.crates.iter().map(|one| (&*one.name, &*one.version));
        let keys = one.keys.iter().filter(|key| !key.sources.is_empty());
        crates
            .chain(keys.map(|key| (&*key.package, &*key.version)))
            .collect()
    }
    let (ours, theirs) = (told(host), told(module));
    let both = ours.intersection(&theirs).map(|(name, _)| *name);
    let trusted = allowed.sources.iter().map(String::as_str);
    both.chain(trusted)
        .map(|name| name.replace('-', "_"))
        .collect()
}
