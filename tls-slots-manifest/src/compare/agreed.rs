//! The crates that two images have agreed on: their types may cross.

use std::collections::{BTreeMap, BTreeSet};

use crate::allowed::Allowed;
use crate::manifest::{Key, Manifest};

use super::crates;
use super::difference::Differences;

/// What two images that fit have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The crates of which both images say what they were built from, by the names that paths have
    /// (`serde_json`); and those that the host trusts. [`compare`](crate::compare) has found these
    /// crates equal. Each image has one version of each.
    pub crates: BTreeSet<String>,
    /// Whether equal ids of the compiler's count for types of other crates. They do not where
    /// sources that ask for features of the target, or for a cfg of `RUSTFLAGS`, get another answer
    /// in each image: no id shows that. A loader may be stricter.
    pub ids_count: bool,
}

/// What the two images have agreed on.
pub fn agreed(host: &Manifest, module: &Manifest, allowed: &Allowed) -> Agreed {
    let (ours, theirs) = (told(host), told(module));
    let pairs = crates::pairs(host, module, &mut Differences::default());
    let paired = |name: &str| pairs.iter().any(|pair| pair.host.name == name);
    let with_keys = |lib: &str| {
        let has_keys = |one: &Manifest| {
            let mut keys = one.keys.iter();
            keys.any(|key| lib_of(key) == lib && !key.sources.is_empty())
        };
        has_keys(host) && has_keys(module)
    };
    let both = theirs.iter().filter(|(lib, packages)| {
        let mut names = packages.iter().map(|(name, _)| name);
        packages.len() == 1
            && ours.get(*lib) == Some(*packages)
            && (names.any(|name| paired(name)) || with_keys(lib))
    });
    let trusted = |package: &str| {
        let of_package =
            |packages: &Packages<'_>| packages.iter().any(|(name, _)| *name == package);
        let libs = ours.iter().chain(&theirs);
        let libs = libs.filter(move |(_, packages)| of_package(packages));
        let libs: Vec<String> = libs.map(|(lib, _)| lib.to_string()).collect();
        // Of a package without a record nobody knows more than that cargo takes `_` for `-`.
        libs.into_iter().chain([package.replace('-', "_")])
    };
    let trusted = allowed.sources.iter().flat_map(|name| trusted(name));
    Agreed {
        crates: both
            .map(|(lib, _)| lib.to_string())
            .chain(trusted)
            .collect(),
        ids_count: host.compiler.asked_for == module.compiler.asked_for,
    }
}

/// Packages, by name and version.
type Packages<'a> = BTreeSet<(&'a str, &'a str)>;

/// The packages that an image tells of, by the name that their crate has in Rust.
fn told(one: &Manifest) -> BTreeMap<&str, Packages<'_>> {
    let mut told = BTreeMap::<_, Packages<'_>>::new();
    let crates = one.crates.iter();
    let crates = crates.map(|one| (&*one.lib, (&*one.name, &*one.version)));
    let keys = one.keys.iter();
    let keys = keys.map(|key| (lib_of(key), (&*key.package, &*key.version)));
    for (lib, package) in crates.chain(keys) {
        told.entry(lib).or_default().insert(package);
    }
    told
}

/// The name in Rust of the crate that declares a key.
fn lib_of(key: &Key) -> &str {
    key.path.split("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{host, own};
    use super::*;

    fn crates(host: &Manifest, module: &Manifest) -> Vec<String> {
        let agreed = agreed(host, module, &Allowed::default());
        agreed.crates.into_iter().collect()
    }

    #[test]
    fn what_both_tell_in_one_version() {
        assert_eq!(crates(&host(), &host()), ["app", "tokio"]);
        // A second version in one of them: a path does not tell which is meant.
        let mut module = host();
        module.keys.push(own("0.2.0", "OTHER"));
        assert_eq!(crates(&host(), &module), ["tokio"]);
        // Two records of one version that differ are compared with nothing.
        let mut module = host();
        let mut twice = module.crates[0].clone();
        twice.source = "another".to_owned();
        module.crates.push(twice);
        assert_eq!(crates(&host(), &module), ["app"]);
        // A record that tells nothing.
        let untold = || {
            let mut image = host();
            image.crates[0].checksum.clear();
            image.crates[0].source.clear();
            image
        };
        assert_eq!(crates(&untold(), &untold()), ["app"]);
        // The library need not have the package's name.
        let renamed = || {
            let mut image = host();
            image.crates[0].lib = "asynchronous".to_owned();
            image.keys.retain(|key| key.package != "tokio");
            image
        };
        assert_eq!(crates(&renamed(), &renamed()), ["app", "asynchronous"]);
        assert_eq!(crates(&host(), &renamed()), ["app"]);
        let mut allowed = Allowed::default();
        allowed.sources.insert("tokio".to_owned());
        let trusted = agreed(&host(), &renamed(), &allowed).crates;
        assert!(trusted.contains("asynchronous") && trusted.contains("tokio"));
        let mut allowed = Allowed::default();
        allowed.sources.insert("serde-json".to_owned());
        let agreed = agreed(&host(), &host(), &allowed);
        assert!(agreed.crates.contains("serde_json") && agreed.ids_count);
    }

    #[test]
    fn other_answers() {
        let mut module = host();
        module.compiler.asked_for = "avx2 sse2".to_owned();
        assert!(!agreed(&host(), &module, &Allowed::default()).ids_count);
    }
}
